//! `/data/series` and `/data/data`: samples.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::web::Data;
use aops_api::read::Integer;
use aops_api::rule::{DataItem, DataKind, LabelValue};
use aops_api::series::{
    FetchedSeries, LabelMatcher, MatchOperator, SeriesFetchAnswer, SeriesFetchRequest, SeriesSelector,
};
use aops_api::{Code, HostId, Labels, TimeRange};
use aops_service::http::{Lenient, ServiceName};
use aops_service::{ApiError, ApiResult, answer, answer_with};
use serde::{Deserialize, Serialize};

use super::State;
use crate::logs::{self, Logs};
use crate::series::{INSTANCE, JOB, Series};

pub(super) async fn fetch(
    _: ServiceName,
    Lenient(request): Lenient<SeriesFetchRequest>,
    state: Data<State>,
) -> ApiResult<SeriesFetchAnswer> {
    answer(Stores::in_background(&state).fetch(&request).await)
}

/// Where samples and lines are read.
struct Stores<'a> {
    state: &'a State,
    series: Series,
    logs: Logs,
}

impl<'a> Stores<'a> {
    /// For checks and diagnoses, which wait for no more than they are told.
    fn in_background(state: &'a State) -> Self {
        Self {
            state,
            series: state.series.clone(),
            logs: state.logs.clone(),
        }
    }

    /// For a request that somebody waits for: all that is fetched for it shares one time.
    fn for_request(state: &'a State) -> Self {
        Self {
            state,
            series: state.series.for_request(),
            logs: state.logs.for_request(),
        }
    }

    async fn fetch(&self, request: &SeriesFetchRequest) -> SeriesFetchAnswer {
        let now_ms = self.state.now_ms();
        logs::fetch_with_series(&self.series, &self.logs, &self.state.tables, request, now_ms).await
    }
}

/// POST /data/data/get (design 3.9.2.30)
#[derive(Deserialize)]
pub(super) struct DataGetRequest {
    /// Two seconds `[s, e)`.
    time_range: Vec<Integer>,
    /// Data items by address or id of the host.
    data_infos: BTreeMap<String, Vec<DataItem>>,
}

/// Answer of /data/data/get.
#[derive(Serialize)]
pub(super) struct DataGetAnswer {
    /// Under the same names as asked for.
    result: BTreeMap<String, HostData>,
}

/// Data of one host.
#[derive(Default, Serialize)]
struct HostData {
    succeed_list: Vec<FoundData>,
    fail_list: Vec<DataItem>,
}

/// One series of a data item.
#[derive(Serialize)]
struct FoundData {
    name: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    label: Labels,
    /// Seconds, and the value as text.
    values: Vec<(f64, String)>,
}

pub(super) async fn get(
    _: ServiceName,
    Lenient(request): Lenient<DataGetRequest>,
    state: Data<State>,
) -> ApiResult<DataGetAnswer> {
    let [start, end] = request.time_range.as_slice() else {
        let count = request.time_range.len();
        return Err(ApiError::param(format!("time_range: {count} elements, not 2")));
    };
    let range = TimeRange::new(start.0.saturating_mul(1_000), end.0.saturating_mul(1_000));
    let machines = state.tables.machines().await?;
    let host_named = |name: &str| {
        let by_id = machines.iter().find(|machine| machine.host_id.as_str() == name);
        by_id.or_else(|| machines.iter().find(|machine| machine.address == name))
    };
    let stores = Stores::for_request(&state);
    let mut result = BTreeMap::new();
    for (name, items) in request.data_infos {
        let data = match host_named(&name) {
            Some(machine) => data_of_host(&stores, &machine.host_id, items, range).await,
            None => HostData {
                fail_list: items,
                ..HostData::default()
            },
        };
        result.insert(name, data);
    }
    answer_with(code_of(&result), "", DataGetAnswer { result })
}

async fn data_of_host(
    stores: &Stores<'_>,
    host_id: &HostId,
    items: Vec<DataItem>,
    range: TimeRange,
) -> HostData {
    let request = SeriesFetchRequest {
        hosts: vec![host_id.clone()],
        selectors: items.iter().map(|item| selector(item, range)).collect(),
    };
    let mut fetched: Vec<Vec<FoundData>> = items.iter().map(|_| Vec::new()).collect();
    let answer = stores.fetch(&request).await;
    for series in answer.series {
        if let (Some(found), Some(item)) = (fetched.get_mut(series.selector), items.get(series.selector)) {
            found.push(found_data(item, series));
        }
    }
    let mut data = HostData::default();
    // Silence of a log is normal, unless it is not known what was logged.
    let failed = answer.failed.iter().map(|failed| failed.selector);
    let never_had = answer.never_had.iter().map(|never_had| never_had.selector);
    let unknown: BTreeSet<usize> = failed.chain(never_had).collect();
    for (place, (item, mut found)) in items.into_iter().zip(fetched).enumerate() {
        let is_silent = item.kind == DataKind::Log && !unknown.contains(&place);
        if found.is_empty() && is_silent {
            found.push(silence(&item));
        }
        if found.is_empty() {
            data.fail_list.push(item);
            continue;
        }
        found.sort_by(|left, right| left.label.cmp(&right.label));
        data.succeed_list.append(&mut found);
    }
    data
}

fn selector(item: &DataItem, range: TimeRange) -> SeriesSelector {
    SeriesSelector {
        name: item.name.clone(),
        kind: item.kind,
        matchers: item.label.iter().filter_map(matcher).collect(),
        range,
        want_never_had: item.kind == DataKind::Log,
    }
}

/// A starred label may have any value.
fn matcher((name, value): (&String, &LabelValue)) -> Option<LabelMatcher> {
    let (operator, value) = match value {
        LabelValue::Each => return None,
        LabelValue::Text(text) => (MatchOperator::Equal, text),
        LabelValue::Pattern {
            pattern,
            negated: false,
            ..
        } => (MatchOperator::Regex, pattern),
        LabelValue::Pattern { pattern, .. } => (MatchOperator::NotRegex, pattern),
    };
    Some(LabelMatcher {
        name: name.clone(),
        operator,
        value: value.clone(),
    })
}

fn found_data(item: &DataItem, series: FetchedSeries) -> FoundData {
    let mut label = series.labels;
    label.remove(JOB);
    label.remove(INSTANCE);
    let times = series.times_ms.iter().map(|time_ms| *time_ms as f64 / 1_000.0);
    let texts = match series.texts.is_empty() {
        true => series.values.iter().map(|value| value_text(*value)).collect(),
        false => series.texts,
    };
    FoundData {
        name: item.name.clone(),
        label,
        values: times.zip(texts).collect(),
    }
}

/// A log without a line.
fn silence(item: &DataItem) -> FoundData {
    FoundData {
        name: item.name.clone(),
        label: Labels::new(),
        values: Vec::new(),
    }
}

/// As Prometheus writes them.
fn value_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    value.to_string()
}

/// 200 when nothing failed, 206 when some did, 1104 when all did.
fn code_of(result: &BTreeMap<String, HostData>) -> Code {
    let some_failed = result.values().any(|data| !data.fail_list.is_empty());
    let some_succeeded = result.values().any(|data| !data.succeed_list.is_empty());
    match (some_failed, some_succeeded) {
        (false, _) => Code::Succeed,
        (true, true) => Code::PartialSucceed,
        (true, false) => Code::DatabaseQueryError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_as_prometheus_writes_them() {
        let texts = [1.0, 0.1, f64::NAN, f64::INFINITY, f64::NEG_INFINITY].map(value_text);
        assert_eq!(texts, ["1", "0.1", "NaN", "+Inf", "-Inf"]);
    }

    #[test]
    fn the_outcome_says_how_much_failed() {
        let item: DataItem = serde_json::from_str(r#"{"name":"m"}"#).expect("an item");
        let found = || FoundData {
            name: "m".to_owned(),
            label: Labels::new(),
            values: Vec::new(),
        };
        let data = |failed: bool, succeeded: bool| HostData {
            fail_list: failed.then(|| item.clone()).into_iter().collect(),
            succeed_list: succeeded.then(found).into_iter().collect(),
        };
        let code = |data| code_of(&BTreeMap::from([("h".to_owned(), data)]));
        assert_eq!(code(data(false, true)), Code::Succeed);
        assert_eq!(code(data(true, true)), Code::PartialSucceed);
        assert_eq!(code(data(true, false)), Code::DatabaseQueryError);
        assert_eq!(code(HostData::default()), Code::Succeed);
    }
}
