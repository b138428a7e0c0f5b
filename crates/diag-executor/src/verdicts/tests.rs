use aops_api::finding::{CoveredSpan, DecidingSample, StoredFinding};
use aops_api::{EvaluationKey, ResultId};
use proptest::prelude::*;

use super::*;

fn range(start_ms: i64, end_ms: i64) -> TimeRange {
    TimeRange::new(start_ms, end_ms)
}

fn sample(time_ms: i64, margin: f64) -> DecidingSample {
    DecidingSample {
        time_ms,
        margin: Some(margin),
        values: Vec::new(),
    }
}

fn finding(value: FindingValue, start_ms: i64, end_ms: i64) -> Finding {
    Finding {
        labels: Labels::new(),
        value,
        range: range(start_ms, end_ms),
        evidence: Evidence::of(sample(start_ms, 1.0)),
        reason: String::new(),
    }
}

fn known(coverage: &[(i64, i64)], findings: Vec<Finding>) -> KnownOfKey {
    let span = |(start_ms, end_ms): &(i64, i64)| CoveredSpan {
        range: range(*start_ms, *end_ms),
        judged: vec![Labels::new()],
    };
    let stored = |finding| StoredFinding {
        result_id: ResultId::from("r"),
        finding,
    };
    KnownOfKey {
        key: EvaluationKey::from("k"),
        coverage: coverage.iter().map(span).collect(),
        findings: findings.into_iter().map(stored).collect(),
    }
}

fn values(input: &LeafInput) -> Vec<(FindingValue, i64, i64)> {
    let findings = input.findings.iter();
    findings
        .map(|finding| (finding.value, finding.range.start_ms, finding.range.end_ms))
        .collect()
}

#[test]
fn stored_findings_count_where_they_cover() {
    // The internal error was saved without coverage: it says nothing, evaluating again does.
    let findings = vec![
        finding(FindingValue::Abnormal, 5, 25),
        finding(FindingValue::InternalError, 30, 40),
    ];
    let mut verdicts = Verdicts::stored(known(&[(0, 10), (10, 20), (50, 60)], findings), range(0, 55));
    assert_eq!(verdicts.uncovered(range(0, 55)), [range(20, 50)]);
    verdicts.add([finding(FindingValue::Abnormal, 20, 30)]);
    verdicts.join();

    let whole = verdicts.leaf_input("$0 > 1", range(0, 55));
    assert_eq!(whole.condition, "$0 > 1");
    assert_eq!(values(&whole), [(FindingValue::Abnormal, 5, 30)]);
    for (slice, source) in [
        (range(0, 20), LeafSource::Findings),
        (range(20, 50), LeafSource::Evaluated),
        (range(10, 30), LeafSource::Both),
    ] {
        assert_eq!(verdicts.leaf_input("", slice).source, source, "{slice:?}");
    }
}

#[test]
fn the_future_is_not_evaluated() {
    let mut verdicts = Verdicts::stored(known(&[(0, 10)], Vec::new()), range(0, 60));
    verdicts.add_future(range(0, 60), 30);
    verdicts.join();
    for (slice, source, uncovered) in [
        (range(30, 40), LeafSource::Findings, vec![]),
        (range(20, 40), LeafSource::Evaluated, vec![range(20, 30)]),
        (range(0, 40), LeafSource::Both, vec![range(10, 30)]),
    ] {
        let input = verdicts.leaf_input("", slice);
        assert_eq!((input.source, input.uncovered), (source, uncovered), "{slice:?}");
        assert_eq!(input.findings[0].reason, "not yet happened");
    }
}

#[test]
fn findings_are_clipped_to_the_slice() {
    let mut verdicts = Verdicts::default();
    verdicts.add([finding(FindingValue::NoData, 5, 25)]);
    verdicts.join();
    let of = |start_ms, end_ms| values(&verdicts.leaf_input("", range(start_ms, end_ms)));
    assert_eq!(of(0, 5), []);
    assert_eq!(of(0, 10), [(FindingValue::NoData, 5, 10)]);
    assert_eq!(of(10, 20), [(FindingValue::NoData, 10, 20)]);
    assert_eq!(of(20, 30), [(FindingValue::NoData, 20, 25)]);
    assert_eq!(of(25, 30), []);
}

#[test]
fn label_sets_count_where_they_were_judged() {
    let device = |name: &str| Labels::from([("device".to_owned(), name.to_owned())]);
    let mut stored = known(&[(0, 10), (10, 20)], Vec::new());
    stored.coverage[0].judged = vec![device("sda"), device("sdb")];
    stored.coverage[1].judged = vec![device("sdb")];
    let mut verdicts = Verdicts::stored(stored, range(0, 40));
    verdicts.add_judged([CoveredSpan {
        range: range(20, 30),
        judged: vec![device("sdc"), device("sdb")],
    }]);
    verdicts.join();
    for (slice, names) in [
        (range(0, 10), vec!["sda", "sdb"]),
        (range(10, 20), vec!["sdb"]),
        (range(5, 25), vec!["sda", "sdb", "sdc"]),
        (range(30, 40), vec![]),
    ] {
        let input = verdicts.leaf_input("", slice);
        let expected: Vec<Labels> = names.into_iter().map(device).collect();
        assert_eq!(input.judged, expected, "{slice:?}");
    }
    assert_eq!(verdicts.leaf_input("", range(15, 40)).uncovered, [range(20, 40)]);
}

#[test]
fn the_future_is_no_data() {
    let mut verdicts = Verdicts::default();
    verdicts.add_future(range(0, 100), 60);
    verdicts.join();
    assert_eq!(verdicts.leaf_input("", range(50, 60)).findings, []);
    let input = verdicts.leaf_input("", range(50, 70));
    assert_eq!(values(&input), [(FindingValue::NoData, 60, 70)]);
    assert_eq!(input.findings[0].reason, "not yet happened");

    let mut past = Verdicts::default();
    past.add_future(range(0, 100), 100);
    assert_eq!(past, Verdicts::default());
}

#[test]
fn evidence_is_of_the_slice_or_of_before() {
    let mut long = finding(FindingValue::Abnormal, 0, 100);
    long.evidence = Evidence {
        first: Some(sample(1, 5.0)),
        worst: Some(sample(2, 9.0)),
        last: Some(sample(90, 1.0)),
    };
    let mut verdicts = Verdicts::default();
    verdicts.add([long.clone()]);
    verdicts.join();
    let evidence = |slice| verdicts.leaf_input("", slice).findings[0].evidence.clone();
    assert_eq!(evidence(range(80, 100)), Evidence::of(sample(90, 1.0)));
    let early = Evidence {
        last: Some(sample(2, 9.0)),
        ..long.evidence.clone()
    };
    assert_eq!(evidence(range(0, 10)), early);
    // Nothing in the slice: what opened the finding, and nothing that came later.
    assert_eq!(evidence(range(40, 50)), early);
}

#[test]
fn findings_of_different_reasons_or_labels_are_not_joined() {
    let mut other_labels = finding(FindingValue::Abnormal, 20, 30);
    other_labels.labels.insert("cpu".to_owned(), "0".to_owned());
    let mut other_reason = finding(FindingValue::NoData, 40, 50);
    other_reason.reason = "gone".to_owned();
    let all = [
        finding(FindingValue::Abnormal, 10, 20),
        other_labels,
        finding(FindingValue::NoData, 30, 40),
        other_reason,
    ];
    let mut verdicts = Verdicts::default();
    verdicts.add(all.clone());
    verdicts.join();
    assert_eq!(verdicts.findings, all);
}

/// Cuts `[0, 100)` at some moments.
fn cuts() -> impl Strategy<Value = Vec<TimeRange>> {
    prop::collection::btree_set(1_i64..100, 0..8).prop_map(|moments| {
        let mut borders = vec![0];
        borders.extend(moments);
        borders.push(100);
        borders.windows(2).map(|pair| range(pair[0], pair[1])).collect()
    })
}

proptest! {
    #[test]
    fn covered_and_uncovered_make_the_whole(
        coverage in prop::collection::vec((0_i64..120, 0_i64..40), 0..6)
    ) {
        let spans: Vec<(i64, i64)> = coverage.iter().map(|(start, length)| (*start, start + length)).collect();
        let verdicts = Verdicts::stored(known(&spans, Vec::new()), range(0, 100));
        let uncovered = verdicts.uncovered(range(0, 100));
        for moment in 0..100 {
            let is_covered = spans.iter().any(|(start, end)| range(*start, *end).contains(moment));
            let in_uncovered = uncovered.iter().filter(|hole| hole.contains(moment)).count();
            prop_assert_eq!(in_uncovered, usize::from(!is_covered), "at {}", moment);
        }
    }

    /// However a truth is cut into stored and evaluated pieces, and in whatever order they come: a slice reads the same.
    #[test]
    fn the_way_it_was_cut_does_not_matter(pieces in cuts(), slices in cuts(), stored in any::<u8>(), turn in 0_usize..8) {
        let truth = [finding(FindingValue::Abnormal, 7, 43), finding(FindingValue::NoData, 60, 88)];
        let mut whole = Verdicts::default();
        whole.add(truth.clone());
        whole.join();

        let is_stored = |index: usize| stored & (1 << (index % 8)) != 0;
        let mut coverage = Vec::new();
        let mut stored_findings = Vec::new();
        let mut evaluated = Vec::new();
        for (index, piece) in pieces.iter().enumerate() {
            let parts = truth.iter().filter_map(|finding| clip(finding, *piece));
            if is_stored(index) {
                coverage.push((piece.start_ms, piece.end_ms));
                stored_findings.extend(parts);
            } else {
                evaluated.extend(parts);
            }
        }
        let turned = if evaluated.is_empty() { 0 } else { turn % evaluated.len() };
        evaluated.rotate_left(turned);
        let mut cut = Verdicts::stored(known(&coverage, stored_findings), range(0, 100));
        cut.add(evaluated);
        cut.join();

        prop_assert_eq!(&cut.findings, &whole.findings);
        for slice in slices {
            prop_assert_eq!(cut.leaf_input("", slice).findings, whole.leaf_input("", slice).findings);
        }
    }
}
