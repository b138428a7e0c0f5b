//! Any condition over any samples: it is judged, and the same in two windows, from memory or not, as in one.

use std::sync::Arc;

use aops_api::finding::{Finding, JudgedWindow};
use aops_api::rule::CheckItem;
use aops_api::series::{FetchedSeries, SeriesFetchAnswer, SeriesSelector};
use aops_api::{HostId, Labels, TimeRange};
use aops_check_rule::{FetchPlan, Memory, Rule, SeriesSet};

const INTERVAL_MS: i64 = 5_000;
const WINDOW: TimeRange = TimeRange::new(100_000, 200_000);

/// The body of the fuzz target of this name: the condition, a line feed, and samples as bytes: one for the time since the
/// sample before, one for the value.
pub(crate) fn rule_evaluate(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let (Some(condition), Some(main), Some(other)) = (parts.next(), parts.next(), parts.next()) else {
        return;
    };
    let Ok(condition) = std::str::from_utf8(condition) else {
        return;
    };
    let text = r#"{"check_item":"r","data_list":[{"name":"m"},{"name":"n"}],"condition":""}"#;
    let mut item: CheckItem = serde_json::from_str(text).expect("a check item");
    item.condition = condition.to_owned();
    let Ok(rule) = Rule::compile(&item) else { return };
    let rule = Arc::new(rule);
    let world = [samples(main), samples(other)];
    let whole = apart(&world, &rule, WINDOW);
    let cut_ms = WINDOW.start_ms + i64::from(bytes.len() as u8) * 390;
    let halves = [
        TimeRange::new(WINDOW.start_ms, cut_ms),
        TimeRange::new(cut_ms, WINDOW.end_ms),
    ];
    let in_two = halves.map(|half| apart(&world, &rule, half));
    assert_eq!(joined(&in_two), spans(&whole.findings));
    let mut memory = Memory::default();
    let remembered = halves.map(|half| from_memory(&world, &rule, half, &mut memory));
    assert_eq!(joined(&remembered), spans(&whole.findings));
}

type Samples = Vec<(i64, f64)>;

fn samples(bytes: &[u8]) -> Samples {
    let mut time_ms = WINDOW.start_ms - 60_000;
    bytes
        .chunks_exact(2)
        .map(|pair| {
            time_ms += 1 + i64::from(pair[0]) * 100;
            let value = match pair[1] {
                255 => f64::NAN,
                254 => f64::INFINITY,
                253 => 1e300,
                value => f64::from(value) - 100.0,
            };
            (time_ms, value)
        })
        .collect()
}

fn fetch(world: &[Samples], selectors: &[SeriesSelector]) -> SeriesFetchAnswer {
    let mut answer = SeriesFetchAnswer::default();
    for (number, selector) in selectors.iter().enumerate() {
        let all = &world[usize::from(selector.name == "n")];
        let inside = all
            .iter()
            .filter(|(time_ms, _)| selector.range.contains(*time_ms));
        let (times_ms, values) = inside.copied().unzip();
        answer.series.push(FetchedSeries {
            selector: number,
            host_id: HostId::from("h"),
            labels: Labels::new(),
            interval_ms: INTERVAL_MS,
            times_ms,
            values,
            texts: Vec::new(),
        });
    }
    answer
}

fn apart(world: &[Samples], rule: &Arc<Rule>, window: TimeRange) -> JudgedWindow {
    let plan = FetchPlan::new(vec![Arc::clone(rule)], window, INTERVAL_MS);
    let answer = fetch(world, plan.selectors());
    plan.judge(0, &HostId::from("h"), &SeriesSet::new(&answer), window)
}

fn from_memory(world: &[Samples], rule: &Arc<Rule>, window: TimeRange, memory: &mut Memory) -> JudgedWindow {
    let host = HostId::from("h");
    let plan = FetchPlan::new(vec![Arc::clone(rule)], window, INTERVAL_MS);
    let plan = memory.plan(plan, std::slice::from_ref(&host));
    let answer = fetch(world, plan.fetch().selectors());
    let mut judged = memory.judge(&plan, &[0], &host, &SeriesSet::new(&answer));
    judged.remove(0)
}

/// Value, range and reason of each finding.
type Span = (&'static str, TimeRange, String);

fn spans(findings: &[Finding]) -> Vec<Span> {
    findings
        .iter()
        .map(|finding| (finding.value.text(), finding.range, finding.reason.clone()))
        .collect()
}

/// What a store makes of findings of neighbouring windows.
fn joined(pieces: &[JudgedWindow]) -> Vec<Span> {
    let mut joined: Vec<Span> = Vec::new();
    for (value, range, reason) in pieces.iter().flat_map(|piece| spans(&piece.findings)) {
        match joined.last_mut() {
            Some(last) if last.0 == value && last.1.end_ms == range.start_ms => {
                last.1.end_ms = range.end_ms;
                last.2 = reason;
            }
            _ => joined.push((value, range, reason)),
        }
    }
    joined
}
