//! Properties of [`plan`] over sequences of saves, against models that know nothing of intervals.

use std::collections::BTreeMap;

use aops_api::Labels;
use aops_api::finding::{DecidingSample, Evidence, ExpressionValue, FindingValue};
use proptest::prelude::*;

use super::*;

const HORIZON_MS: i64 = 40;
const MAX_GAP_MS: i64 = 6;

/// What is stored of one key on one host, given to `plan` no more generously than the tables do.
#[derive(Clone, Debug, Default)]
struct Stored {
    spans: Vec<Span>,
    findings: BTreeMap<ResultId, KnownFinding>,
    told: BTreeMap<ResultId, KnownFinding>,
    changes: Vec<ResultChange>,
}

impl Stored {
    fn around(&self, window: TimeRange) -> Known {
        let touches = |range: TimeRange| range.start_ms <= window.end_ms && range.end_ms >= window.start_ms;
        let spans = self.spans.iter().filter(|span| touches(span.range));
        let findings = self
            .findings
            .values()
            .filter(|known| touches(known.finding.range));
        Known {
            spans: spans.cloned().collect(),
            findings: findings.cloned().collect(),
        }
    }

    fn save(&mut self, save: &JudgedWindow, settle_before_ms: i64) {
        check(save).expect("a valid save");
        let changes = plan(&self.around(save.window), save, settle_before_ms);
        self.spans.retain(|span| !changes.spans_removed.contains(span));
        self.spans.extend(changes.spans_added);
        self.spans.sort_by_key(|span| span.range);
        for id in &changes.findings_removed {
            assert!(self.findings.remove(id).is_some(), "removes what is there");
        }
        for added in changes.findings_added {
            let old = self.findings.insert(added.result_id.clone(), added);
            assert!(old.is_none(), "adds what is not there");
        }
        for changed in changes.findings_changed {
            let old = self.findings.insert(changed.result_id.clone(), changed);
            assert!(old.is_some(), "changes what is there");
        }
        for change in &changes.transitions {
            let id = change.result.result_id.clone();
            match change.transition {
                Transition::Removed => assert!(self.told.remove(&id).is_some()),
                Transition::Opened => assert!(self.told.insert(id, change.result.clone()).is_none()),
                _ => assert!(self.told.insert(id, change.result.clone()).is_some()),
            }
        }
        self.changes.extend(changes.transitions);
        self.assert_sound();
    }

    /// Spans and findings are in their one shortest form, and who listened to the transitions knows all.
    fn assert_sound(&self) {
        for pair in self.spans.windows(2) {
            assert!(pair[0].range.end_ms <= pair[1].range.start_ms, "{pair:?}");
            let same = pair[0].as_of_ms == pair[1].as_of_ms && pair[0].judged == pair[1].judged;
            assert!(
                !(same && pair[0].range.end_ms == pair[1].range.start_ms),
                "{pair:?}"
            );
        }
        let findings = self.sorted_findings();
        for pair in findings
            .windows(2)
            .filter(|pair| pair[0].labels == pair[1].labels)
        {
            assert!(pair[0].range.end_ms <= pair[1].range.start_ms, "{pair:?}");
            let touching = pair[0].range.end_ms == pair[1].range.start_ms;
            assert!(!(touching && pair[0].value == pair[1].value), "{pair:?}");
        }
        assert_eq!(self.told, self.findings);
        for known in self.findings.values() {
            let covered = self.covered(known.finding.range.end_ms);
            assert_eq!(known.closed, covered, "{known:?}");
        }
    }

    fn sorted_findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> = self
            .findings
            .values()
            .map(|known| known.finding.clone())
            .collect();
        findings.sort_by(|left, right| (&left.labels, left.range).cmp(&(&right.labels, right.range)));
        findings
    }

    fn covered(&self, time_ms: i64) -> bool {
        self.spans
            .iter()
            .any(|span| span.judged.is_some() && span.range.contains(time_ms))
    }

    /// Maximal covered stretches.
    fn covered_runs(&self) -> Vec<TimeRange> {
        let mut runs: Vec<TimeRange> = Vec::new();
        for span in self.spans.iter().filter(|span| span.judged.is_some()) {
            match runs.last_mut() {
                Some(last) if last.end_ms == span.range.start_ms => last.end_ms = span.range.end_ms,
                _ => runs.push(span.range),
            }
        }
        runs
    }
}

/// A truth: samples of some label sets, each with a margin; above 0 is abnormal. No sample for `MAX_GAP_MS` is
/// `No data`.
#[derive(Clone, Debug)]
struct Truth {
    samples: BTreeMap<Labels, BTreeMap<i64, i64>>,
}

impl Truth {
    fn verdict(&self, labels: &Labels, time_ms: i64) -> Option<(FindingValue, Evidence)> {
        let newest = self.samples[labels].range(..=time_ms).next_back();
        let Some((sample_ms, margin)) = newest.filter(|(at, _)| time_ms - **at < MAX_GAP_MS) else {
            return Some((FindingValue::NoData, Evidence::default()));
        };
        let sample = DecidingSample {
            time_ms: *sample_ms,
            margin: Some(*margin as f64),
            values: vec![ExpressionValue {
                expression: "$0".to_owned(),
                value: margin.to_string(),
            }],
        };
        (*margin > 0).then(|| (FindingValue::Abnormal, Evidence::of(sample)))
    }

    /// What an executor would find in the window.
    fn findings(&self, window: TimeRange) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        for labels in self.samples.keys() {
            let mut open: Option<Finding> = None;
            for time_ms in window.start_ms..window.end_ms {
                let verdict = self.verdict(labels, time_ms);
                open = match (open, verdict) {
                    (Some(mut finding), Some((value, evidence))) if finding.value == value => {
                        finding.range.end_ms = time_ms + 1;
                        finding.evidence.merge(&evidence);
                        Some(finding)
                    }
                    (ended, verdict) => {
                        findings.extend(ended);
                        verdict.map(|(value, evidence)| Finding {
                            labels: labels.clone(),
                            value,
                            range: TimeRange::new(time_ms, time_ms + 1),
                            evidence,
                            reason: String::new(),
                        })
                    }
                };
            }
            findings.extend(open);
        }
        findings
    }

    fn judged(&self) -> Vec<Labels> {
        self.samples.keys().cloned().collect()
    }
}

#[derive(Clone, Debug)]
struct Reading {
    window: TimeRange,
    as_of_ms: i64,
    covered: bool,
    truth: usize,
}

impl Reading {
    fn save(&self, truths: &[Truth]) -> JudgedWindow {
        let truth = &truths[self.truth];
        let findings = if self.covered {
            truth.findings(self.window)
        } else {
            vec![self.failure()]
        };
        JudgedWindow {
            key: EvaluationKey::from("key"),
            host_id: HostId::from("host"),
            window: self.window,
            as_of_ms: self.as_of_ms,
            covered: self.covered,
            judged: if self.covered { truth.judged() } else { Vec::new() },
            findings,
        }
    }

    fn failure(&self) -> Finding {
        Finding {
            labels: Labels::new(),
            value: FindingValue::InternalError,
            range: self.window,
            evidence: Evidence::default(),
            reason: "away".to_owned(),
        }
    }
}

fn label_set(name: &str) -> Labels {
    Labels::from([("cpu".to_owned(), name.to_owned())])
}

fn truth(label_names: &'static [&'static str]) -> impl Strategy<Value = Truth> {
    let samples = || proptest::collection::btree_map(0..HORIZON_MS, -2_i64..3, 0..14);
    proptest::collection::vec(samples(), label_names.len()).prop_map(|all| Truth {
        samples: label_names.iter().map(|name| label_set(name)).zip(all).collect(),
    })
}

fn window() -> impl Strategy<Value = TimeRange> {
    (0..HORIZON_MS, 1_i64..15)
        .prop_map(|(start_ms, length)| TimeRange::new(start_ms, (start_ms + length).min(HORIZON_MS)))
}

/// Readings, each as old as no other.
fn readings(truths: usize, with_failures: bool) -> impl Strategy<Value = Vec<Reading>> {
    let reading = (window(), 0..truths, proptest::bool::weighted(0.75));
    proptest::collection::vec(reading, 1..14)
        .prop_map(move |list| {
            let reading = |(index, (window, truth, covered))| Reading {
                window,
                as_of_ms: 1_000 + index as i64,
                covered: covered || !with_failures,
                truth,
            };
            list.into_iter().enumerate().map(reading).collect::<Vec<_>>()
        })
        .prop_shuffle()
}

/// What holds at each millisecond: readings that could be read before those that could not, then the latest.
fn model(readings: &[Reading], truths: &[Truth]) -> BTreeMap<(Labels, i64), FindingValue> {
    let mut holds = BTreeMap::new();
    for time_ms in 0..HORIZON_MS {
        let decides = readings
            .iter()
            .filter(|reading| reading.window.contains(time_ms))
            .max_by_key(|reading| (reading.covered, reading.as_of_ms));
        let Some(reading) = decides else { continue };
        if !reading.covered {
            holds.insert((Labels::new(), time_ms), FindingValue::InternalError);
            continue;
        }
        for labels in truths[reading.truth].judged() {
            if let Some((value, _)) = truths[reading.truth].verdict(&labels, time_ms) {
                holds.insert((labels, time_ms), value);
            }
        }
    }
    holds
}

fn expand(stored: &Stored) -> BTreeMap<(Labels, i64), FindingValue> {
    let findings = stored.sorted_findings();
    let each = |finding: &Finding| {
        let (labels, value) = (finding.labels.clone(), finding.value);
        (finding.range.start_ms..finding.range.end_ms).map(move |time_ms| ((labels.clone(), time_ms), value))
    };
    findings.iter().flat_map(each).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// One truth, saved in any cut, any order, any repetition: exactly what one look at each covered stretch gives.
    #[test]
    fn of_one_truth_only_the_covered_stretches_matter(
        truths in truth(&["0", "1"]).prop_map(|truth| vec![truth]),
        readings in readings(1, false),
        again in proptest::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut stored = Stored::default();
        let repeated = again.iter().map(|index| index.get(&readings));
        for reading in readings.iter().chain(repeated) {
            stored.save(&reading.save(&truths), i64::MIN);
        }
        let mut expected: Vec<Finding> = stored
            .covered_runs()
            .into_iter()
            .flat_map(|run| truths[0].findings(run))
            .collect();
        expected.sort_by(|left, right| (&left.labels, left.range).cmp(&(&right.labels, right.range)));
        prop_assert_eq!(stored.sorted_findings(), expected);
        for time_ms in 0..HORIZON_MS {
            let saved = readings.iter().any(|reading| reading.window.contains(time_ms));
            prop_assert_eq!(stored.covered(time_ms), saved);
        }
    }

    /// Several truths: at every millisecond the later reading holds, whatever arrived first.
    #[test]
    fn the_later_reading_wins_in_any_order(
        truths in (truth(&["0", "1"]), truth(&["1"]), truth(&["0", "2"])),
        readings in readings(3, true),
    ) {
        let truths = [truths.0, truths.1, truths.2];
        let mut stored = Stored::default();
        for reading in &readings {
            stored.save(&reading.save(&truths), i64::MIN);
        }
        prop_assert_eq!(expand(&stored), model(&readings, &truths));
        for time_ms in 0..HORIZON_MS {
            let decides = readings
                .iter()
                .filter(|reading| reading.covered && reading.window.contains(time_ms))
                .max_by_key(|reading| reading.as_of_ms);
            let span = stored.spans.iter().find(|span| span.judged.is_some() && span.range.contains(time_ms));
            let judged = decides.map(|reading| LabelSets::of(&truths[reading.truth].judged()).hash().clone());
            prop_assert_eq!(span.and_then(|span| span.judged.clone()), judged);
        }

        // The same again changes nothing and tells nothing.
        let before = stored.clone();
        for reading in &readings {
            stored.save(&reading.save(&truths), i64::MIN);
        }
        prop_assert_eq!(expand(&stored), expand(&before));
        prop_assert_eq!(&stored.spans, &before.spans);
    }

    /// Joining old spans loses no covered millisecond and no label set, and leaves findings alone.
    #[test]
    fn settling_changes_neither_coverage_nor_findings(
        truths in (truth(&["0"]), truth(&["0", "1"])),
        mut readings in readings(2, true),
        before_ms in 1_000_i64..1_016,
    ) {
        let truths = [truths.0, truths.1];
        readings.sort_by_key(|reading| reading.as_of_ms);
        let (mut plain, mut settled) = (Stored::default(), Stored::default());
        for reading in &readings {
            plain.save(&reading.save(&truths), i64::MIN);
            settled.save(&reading.save(&truths), before_ms);
        }
        settled.spans = settle(settled.spans, before_ms);
        prop_assert_eq!(settled.sorted_findings(), plain.sorted_findings());
        for time_ms in 0..HORIZON_MS {
            let judged = |stored: &Stored| {
                let span = stored.spans.iter().find(|span| span.range.contains(time_ms));
                span.map(|span| span.judged.clone())
            };
            prop_assert_eq!(judged(&settled), judged(&plain));
        }
        for pair in settled.spans.windows(2) {
            let old = pair.iter().all(|span| span.as_of_ms < before_ms);
            let touching = pair[0].range.end_ms == pair[1].range.start_ms;
            prop_assert!(!(old && touching && pair[0].judged == pair[1].judged));
        }
    }
}

/// A truth that is abnormal in exactly these stretches.
fn abnormal(stretches: &[(i64, i64)]) -> Vec<Truth> {
    let times = 0..HORIZON_MS;
    let margin = |time_ms: i64| {
        i64::from(
            stretches
                .iter()
                .any(|(start, end)| (*start..*end).contains(&time_ms)),
        )
    };
    let samples = times.map(|time_ms| (time_ms, margin(time_ms))).collect();
    vec![Truth {
        samples: BTreeMap::from([(label_set("0"), samples)]),
    }]
}

fn reading(start_ms: i64, end_ms: i64, as_of_ms: i64) -> Reading {
    Reading {
        window: TimeRange::new(start_ms, end_ms),
        as_of_ms,
        covered: true,
        truth: 0,
    }
}

fn told(stored: &Stored) -> Vec<(Transition, i64, i64)> {
    let range = |change: &ResultChange| change.result.finding.range;
    stored
        .changes
        .iter()
        .map(|change| (change.transition, range(change).start_ms, range(change).end_ms))
        .collect()
}

#[test]
fn an_anomaly_opens_grows_and_closes() {
    let truths = abnormal(&[(5, 25)]);
    let mut stored = Stored::default();
    for (start_ms, end_ms) in [(0, 10), (10, 20), (20, 30), (30, 40)] {
        stored.save(&reading(start_ms, end_ms, end_ms).save(&truths), i64::MIN);
    }
    assert_eq!(
        told(&stored),
        [
            (Transition::Opened, 5, 10),
            (Transition::Extended, 5, 20),
            (Transition::Closed, 5, 25),
        ]
    );
}

#[test]
fn an_anomaly_that_ends_with_a_window_closes_with_the_next() {
    let truths = abnormal(&[(5, 10)]);
    let mut stored = Stored::default();
    stored.save(&reading(0, 10, 10).save(&truths), i64::MIN);
    stored.save(&reading(10, 20, 20).save(&truths), i64::MIN);
    assert_eq!(
        told(&stored),
        [(Transition::Opened, 5, 10), (Transition::Closed, 5, 10)]
    );
}

#[test]
fn an_anomaly_within_a_window_opens_and_closes() {
    let truths = abnormal(&[(2, 4)]);
    let mut stored = Stored::default();
    stored.save(&reading(0, 10, 10).save(&truths), i64::MIN);
    assert_eq!(
        told(&stored),
        [(Transition::Opened, 2, 4), (Transition::Closed, 2, 4)]
    );
}

#[test]
fn a_start_that_moves_is_another_result() {
    let truths = abnormal(&[(5, 15)]);
    let mut stored = Stored::default();
    stored.save(&reading(10, 20, 20).save(&truths), i64::MIN);
    stored.save(&reading(0, 10, 21).save(&truths), i64::MIN);
    assert_eq!(
        told(&stored)[2..],
        [
            (Transition::Removed, 10, 15),
            (Transition::Opened, 5, 15),
            (Transition::Closed, 5, 15),
        ]
    );
}

#[test]
fn a_repetition_tells_nothing() {
    let truths = abnormal(&[(5, 25)]);
    let mut stored = Stored::default();
    let save = reading(0, 30, 30).save(&truths);
    stored.save(&save, i64::MIN);
    let told_before = stored.changes.len();
    stored.save(&save, i64::MIN);
    assert_eq!(stored.changes.len(), told_before);
}

#[test]
fn wrong_windows_are_refused() {
    let truths = abnormal(&[(5, 25)]);
    let good = reading(0, 30, 30).save(&truths);
    assert_eq!(check(&good), Ok(()));
    let mut empty = good.clone();
    empty.window = TimeRange::new(3, 3);
    let mut outside = good.clone();
    outside.window = TimeRange::new(0, 24);
    let mut doubled = good.clone();
    doubled.findings.push(good.findings[0].clone());
    for wrong in [empty, outside, doubled] {
        assert!(check(&wrong).is_err(), "{wrong:?}");
    }
}
