//! Reading results page by page, against a model that holds all rows in a list.

use aops_api::finding::{Evidence, FindingValue};
use aops_api::page::{Direction, Page};
use aops_api::result::{CountSort, ResultGetAnswer, ResultRow, ResultSort};
use aops_api::{EvaluationKey, HostId, Labels, ResultId, TimeRange};
use aops_data_center::documents::{Document, Documents, DocumentsConfig, Kind};
use aops_data_center::results::{ResultDocument, ResultFilter, count_results, read_results, rows_of};
use aops_data_center::store::{KeyPeriod, RuleHistory};

use crate::tables::rule;

fn history(name: &str, keys: &[(&str, Option<i64>, Option<i64>)]) -> RuleHistory {
    let period = |(key, from_ms, to_ms): &(&str, Option<i64>, Option<i64>)| KeyPeriod {
        key: EvaluationKey::from(*key),
        item: rule(name, "unused").item,
        hosts: None,
        from_ms: *from_ms,
        to_ms: *to_ms,
    };
    RuleHistory {
        item: rule(name, "unused").item,
        keys: keys.iter().map(period).collect(),
    }
}

fn scoped(name: &str, key: &str, hosts: &[&str]) -> RuleHistory {
    let mut history = history(name, &[(key, None, None)]);
    history.keys[0].hosts = Some(hosts.iter().map(|host| HostId::from(*host)).collect());
    history
}

/// Rules of which some share keys, some have changed, one has come back to its first key, some
/// are in effect on few hosts or on none.
fn rules() -> Vec<RuleHistory> {
    vec![
        history("d", &[("k1", None, None)]),
        history("b", &[("k2", None, Some(40_000)), ("k3", Some(40_000), None)]),
        history(
            "c",
            &[
                ("k1", None, Some(30_000)),
                ("k2", Some(30_000), Some(60_000)),
                ("k1", Some(60_000), None),
            ],
        ),
        history("a", &[("k4", None, None)]),
        history("e", &[("k3", None, None)]),
        scoped("f", "k1", &["h1"]),
        scoped("g", "k5", &[]),
        history("never enabled", &[]),
    ]
}

fn result(number: i64) -> (ResultId, ResultDocument) {
    let values = [
        FindingValue::Abnormal,
        FindingValue::Abnormal,
        FindingValue::NoData,
    ];
    let start_ms = number * 7_919 % 90_000;
    let document = ResultDocument {
        key: EvaluationKey::new(format!("k{}", number % 5 + 1)),
        host_id: HostId::new(format!("h{}", number % 3)),
        labels: Labels::new(),
        value: values[usize::try_from(number % 3).expect("small")],
        start_ms,
        end_ms: start_ms + 1 + number * 4_733 % 20_000,
        evidence: Evidence::default(),
        reason: String::new(),
        closed: true,
    };
    (ResultId::new(format!("{number:03}")), document)
}

struct Results {
    _folder: tempfile::TempDir,
    documents: Documents,
    all: Vec<(ResultId, ResultDocument)>,
}

impl Results {
    async fn stored() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("documents.db");
        let documents = Documents::open(&DocumentsConfig::default(), &file)
            .await
            .expect("opened");
        let all: Vec<_> = (0..60).map(result).collect();
        let stored = all.iter().map(|(id, body)| Document {
            kind: Kind::Result,
            id: id.as_str().to_owned(),
            revision: 1,
            body: serde_json::to_value(body).expect("JSON"),
        });
        documents.put(stored.collect()).await.expect("stored");
        Self {
            _folder: folder,
            documents,
            all,
        }
    }

    async fn read(&self, rules: &[RuleHistory], filter: &ResultFilter) -> ResultGetAnswer {
        read_results(&self.documents, rules, filter).await.expect("read")
    }

    /// All rows, in order of id.
    fn model(&self, rules: &[RuleHistory], filter: &ResultFilter) -> Vec<ResultRow> {
        let matching = self.all.iter().filter(|(_, document)| {
            let range = TimeRange::new(document.start_ms, document.end_ms);
            filter.hosts.contains(&document.host_id)
                && filter.value.is_none_or(|value| value == document.value)
                && filter.range.is_none_or(|asked| asked.overlaps(range))
        });
        matching
            .flat_map(|(id, document)| rows_of(id, document, rules))
            .collect()
    }
}

fn filters() -> Vec<ResultFilter> {
    let hosts = |numbers: &[i64]| {
        numbers
            .iter()
            .map(|number| HostId::new(format!("h{number}")))
            .collect()
    };
    let all = ResultFilter {
        hosts: hosts(&[0, 1, 2]),
        ..ResultFilter::default()
    };
    let some = ResultFilter {
        hosts: hosts(&[1, 2]),
        range: Some(TimeRange::new(20_000, 50_000)),
        value: Some(FindingValue::Abnormal),
        ..ResultFilter::default()
    };
    vec![all, some, ResultFilter::default()]
}

fn sorted_by_id(mut rows: Vec<ResultRow>) -> Vec<ResultRow> {
    rows.sort_by(|left, right| {
        (&left.result_id, &left.check_item).cmp(&(&right.result_id, &right.check_item))
    });
    rows
}

#[tokio::test]
async fn every_row_is_on_one_page_in_order() {
    let results = Results::stored().await;
    let all_rules = rules();
    let rule_sets = [
        &all_rules[..],
        &all_rules[..2],
        &all_rules[3..4],
        &all_rules[7..],
        &[],
    ];
    let sorts = [
        None,
        Some(ResultSort::Start),
        Some(ResultSort::End),
        Some(ResultSort::CheckItem),
    ];
    for (rules, mut filter) in rule_sets
        .into_iter()
        .flat_map(|rules| filters().into_iter().map(move |filter| (rules, filter)))
    {
        let expected = sorted_by_id(results.model(rules, &filter));
        for (sort, direction) in sorts
            .iter()
            .flat_map(|sort| [Direction::Asc, Direction::Desc].map(|direction| (*sort, direction)))
        {
            (filter.sort, filter.direction, filter.page) = (sort, Some(direction), None);
            let whole = results.read(rules, &filter).await;
            assert_eq!(whole.total_count, expected.len() as u64);
            assert_eq!(sorted_by_id(whole.check_result.clone()), expected);
            assert_in_order(&whole.check_result, sort, direction);

            let mut paged = Vec::new();
            for page in 1..=whole.total_count.div_ceil(7) + 1 {
                filter.page = Some(Page { page, per_page: 7 });
                let answer = results.read(rules, &filter).await;
                assert_eq!(answer.total_count, whole.total_count);
                assert_eq!(answer.total_page, whole.total_count.div_ceil(7));
                paged.extend(answer.check_result);
            }
            assert_eq!(paged, whole.check_result);
        }
    }
}

fn assert_in_order(rows: &[ResultRow], sort: Option<ResultSort>, direction: Direction) {
    let in_order = |least: &ResultRow, most: &ResultRow| match sort {
        Some(ResultSort::CheckItem) => least.check_item <= most.check_item,
        // A row that is cut where its rule changed stands where the whole would.
        _ => true,
    };
    for pair in rows.windows(2) {
        let (least, most) = match direction {
            Direction::Asc => (&pair[0], &pair[1]),
            Direction::Desc => (&pair[1], &pair[0]),
        };
        assert!(in_order(least, most), "{pair:?}");
    }
}

#[tokio::test]
async fn whole_results_are_sorted_by_time() {
    let results = Results::stored().await;
    let rules = [
        history("a", &[("k1", None, None)]),
        history("b", &[("k2", None, None)]),
    ];
    let mut filter = filters().remove(0);
    let starts = |answer: ResultGetAnswer| {
        answer
            .check_result
            .into_iter()
            .map(|row| row.start)
            .collect::<Vec<_>>()
    };
    let ends = |answer: ResultGetAnswer| {
        answer
            .check_result
            .into_iter()
            .map(|row| row.end)
            .collect::<Vec<_>>()
    };
    filter.sort = Some(ResultSort::Start);
    assert!(starts(results.read(&rules, &filter).await).is_sorted());
    filter.direction = Some(Direction::Desc);
    assert!(starts(results.read(&rules, &filter).await).is_sorted_by(|left, right| left >= right));
    filter.sort = Some(ResultSort::End);
    assert!(ends(results.read(&rules, &filter).await).is_sorted_by(|left, right| left >= right));
}

#[tokio::test]
async fn a_rule_may_have_changed_thousands_of_times() {
    let results = Results::stored().await;
    let mut often = history("a", &[("k1", None, Some(1))]);
    let template = often.keys[0].clone();
    often.keys.extend((1..5_000).map(|number| KeyPeriod {
        key: EvaluationKey::new(format!("k{}", number % 9)),
        from_ms: Some(number * 20),
        to_ms: Some(number * 20 + 20),
        ..template.clone()
    }));
    let rules = [often];
    let filter = filters().remove(0);
    let expected = results.model(&rules, &filter);
    assert_eq!(expected.len(), 60);
    let read = results.read(&rules, &filter).await;
    assert_eq!(sorted_by_id(read.check_result), sorted_by_id(expected));
    let counts = count_results(&results.documents, &rules, filter.hosts, None, None, None);
    assert_eq!(counts.await.expect("counted").total_count, 2);
}

#[tokio::test]
async fn anomalies_are_counted_by_host() {
    let results = Results::stored().await;
    let rules = rules();
    let mut filter = filters().remove(0);
    filter.value = Some(FindingValue::Abnormal);
    let rows = results.model(&rules, &filter);
    let count = |sort, direction, page| {
        count_results(
            &results.documents,
            &rules,
            filter.hosts.clone(),
            sort,
            direction,
            page,
        )
    };
    let counts = count(None, None, None).await.expect("counted");
    assert_eq!(counts.total_count, 2, "the third host has only gaps");
    for host in &counts.results {
        let expected = rows.iter().filter(|row| row.host_id == host.host_id).count() as u64;
        assert_eq!(host.count, expected, "{host:?}");
    }
    let page = Some(Page { page: 1, per_page: 1 });
    let most = count(Some(CountSort::Count), Some(Direction::Desc), page)
        .await
        .expect("counted");
    let expected = counts.results.iter().map(|host| host.count).max();
    assert_eq!(
        (most.total_page, most.results.first().map(|host| host.count)),
        (2, expected)
    );
    assert_eq!(
        count_results(&results.documents, &[], filter.hosts.clone(), None, None, None)
            .await
            .expect("counted")
            .total_count,
        0
    );
}
