//! Reports: their ids, their content, how many go into one request. Pure.

use std::collections::BTreeMap;
use std::fmt::Write;

use aops_api::diagnosis::Report;
use aops_api::{EvaluationKey, HostId, ReportId, TaskId, TimeRange};
use aops_fault_tree::{Diagnosis, LeafInput};
use sha2::{Digest, Sha256};

use crate::job::Job;
use crate::verdicts::Verdicts;

/// What is known of each rule of a job.
pub(crate) type VerdictsByKey = BTreeMap<EvaluationKey, Verdicts>;

/// The reports of the first slices, at least of one: as many as make up about `bytes`, so that no more than that waits to
/// be saved.
pub(crate) fn of_first(
    job: &Job,
    verdicts: &VerdictsByKey,
    slices: &[TimeRange],
    bytes: usize,
) -> Vec<Report> {
    let mut reports = Vec::new();
    let mut filled = 0;
    for slice in slices {
        let report = diagnosed(job, verdicts, *slice);
        filled += size(&report);
        reports.push(report);
        if filled >= bytes {
            break;
        }
    }
    reports
}

fn size(report: &Report) -> usize {
    serde_json::to_vec(report).map_or(0, |text| text.len())
}

/// The report of a slice.
pub(crate) fn diagnosed(job: &Job, verdicts: &VerdictsByKey, slice: TimeRange) -> Report {
    let tree = match &job.tree {
        Ok(tree) => tree,
        Err(error) => return failed(job, slice, &error.to_string()),
    };
    let leaves: BTreeMap<String, LeafInput> = job
        .rules
        .iter()
        .filter_map(|rule| {
            let known = verdicts.get(&rule.key)?;
            Some((rule.check_item.clone(), known.leaf_input(&rule.condition, slice)))
        })
        .collect();
    report(job, slice, tree.diagnose(&leaves))
}

/// The report of a slice that could not be diagnosed: it counts all the same.
pub(crate) fn failed(job: &Job, slice: TimeRange, reason: &str) -> Report {
    report(job, slice, Diagnosis::failed(reason))
}

fn report(job: &Job, slice: TimeRange, diagnosis: Diagnosis) -> Report {
    Report {
        report_id: report_id(&job.task_id, &job.host_id, &job.tree_name, slice),
        task_id: job.task_id.clone(),
        host_id: job.host_id.clone(),
        tree_name: job.tree_name.clone(),
        start: slice.start_ms.div_euclid(1_000),
        end: slice.end_ms.div_euclid(1_000) + i64::from(slice.end_ms.rem_euclid(1_000) > 0),
        report: diagnosis.report,
        explanation: diagnosis.explanation,
    }
}

/// The first 32 hexadecimal digits of SHA-256 over what the report is about. Parts are told apart by their lengths.
fn report_id(task_id: &TaskId, host_id: &HostId, tree_name: &str, slice: TimeRange) -> ReportId {
    let mut hasher = Sha256::new();
    for part in [task_id.as_str(), host_id.as_str(), tree_name] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.update(slice.start_ms.to_be_bytes());
    hasher.update(slice.end_ms.to_be_bytes());
    let digest = hasher.finalize();
    let text = digest
        .iter()
        .take(16)
        .fold(String::with_capacity(32), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
    ReportId::new(text)
}

/// Cuts reports into batches of about `bytes`, at least one report each, in order.
pub(crate) fn batches(reports: Vec<Report>, bytes: usize) -> Vec<Vec<Report>> {
    let mut batches: Vec<Vec<Report>> = Vec::new();
    let mut filled = 0;
    for report in reports {
        let size = size(&report);
        match batches.last_mut() {
            Some(batch) if filled + size <= bytes => {
                filled += size;
                batch.push(report);
            }
            _ => {
                filled = size;
                batches.push(vec![report]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use aops_api::Labels;
    use aops_api::diagnosis::{LeafSource, Outcome};
    use aops_api::finding::{Evidence, Finding, FindingValue};
    use serde_json::json;

    use super::*;
    use crate::job::tests::{job, task};

    fn abnormal(start_ms: i64, end_ms: i64) -> Verdicts {
        let mut verdicts = Verdicts::default();
        verdicts.add([Finding {
            labels: Labels::new(),
            value: FindingValue::Abnormal,
            range: TimeRange::new(start_ms, end_ms),
            evidence: Evidence::default(),
            reason: String::new(),
        }]);
        verdicts.join();
        verdicts
    }

    #[test]
    fn a_slice_is_diagnosed_from_what_its_leaves_read() {
        let owned = task(|task| {
            let rules = task["rules"].as_array_mut().expect("a list");
            rules.pop();
        });
        let job = job(&owned, TimeRange::new(0, 20_000), 10_000);
        let verdicts = VerdictsByKey::from([(EvaluationKey::from("k1"), abnormal(12_000, 15_500))]);

        let quiet = diagnosed(&job, &verdicts, TimeRange::new(0, 10_000));
        assert_eq!(quiet.explanation.outcome, Outcome::CauseNotFound);
        assert_eq!((quiet.start, quiet.end), (0, 10));

        let slow = diagnosed(&job, &verdicts, TimeRange::new(10_000, 20_000));
        assert_eq!(slow.explanation.outcome, Outcome::CauseFound);
        assert_eq!(slow.report["value"], json!(true));
        assert_eq!(slow.report["children"][0]["value"], json!(true));
        assert_eq!(slow.report["children"][1]["msg"], json!("No data"));
        let [cpu, ram] = slow.explanation.leaves.as_slice() else {
            panic!("two leaves: {:?}", slow.explanation.leaves);
        };
        assert_eq!(
            (cpu.condition.as_str(), cpu.source),
            ("$0 > 1", LeafSource::Evaluated)
        );
        assert_eq!(cpu.findings[0].range, TimeRange::new(12_000, 15_500));
        assert_eq!(ram.source, LeafSource::NoRule);
        assert_ne!(quiet.report_id, slow.report_id);
    }

    #[test]
    fn a_tree_that_cannot_be_read_fails_every_slice() {
        let owned = task(|task| task["trees"][0]["tree_content"] = json!({}));
        let job = job(&owned, TimeRange::new(0, 20_000), 10_000);
        let report = diagnosed(&job, &VerdictsByKey::new(), TimeRange::new(0, 10_000));
        assert_eq!(report.report, json!({}));
        assert_eq!(report.explanation.outcome, Outcome::Failed);
        assert_eq!(report.explanation.reason, "(root): \"node name\" is missing");
    }

    #[test]
    fn the_id_of_a_report_never_changes_and_tells_reports_apart() {
        let id = |task: &str, host: &str, tree: &str, start_ms| {
            let slice = TimeRange::new(start_ms, 10);
            report_id(&TaskId::from(task), &HostId::from(host), tree, slice)
        };
        // Progress counts ids: a change of the hash would count the reports of a running task twice.
        assert_eq!(
            id("t", "h", "slow", 0).as_str(),
            "71098f0fa6eaf4ceb4c8a20162707a9c"
        );
        for other in [
            id("th", "", "slow", 0),
            id("t", "hs", "low", 0),
            id("t", "h", "slow", 1),
        ] {
            assert_ne!(other, id("t", "h", "slow", 0));
        }
    }

    #[test]
    fn no_more_is_diagnosed_at_once_than_is_saved_at_once() {
        let owned = task(|_| ());
        let job = job(&owned, TimeRange::new(0, 50_000), 10_000);
        let slices: Vec<TimeRange> = aops_api::diagnosis::slices(job.range, job.interval_ms).collect();
        let known = VerdictsByKey::new();
        let one = size(&diagnosed(&job, &known, slices[0]));
        for (bytes, count) in [(0, 1), (one, 1), (one + 1, 2), (usize::MAX, slices.len())] {
            assert_eq!(of_first(&job, &known, &slices, bytes).len(), count, "{bytes}");
        }
    }

    #[test]
    fn batches_keep_order_and_size() {
        let owned = task(|_| ());
        let job = job(&owned, TimeRange::new(0, 5_000), 1_000);
        let reports: Vec<Report> = (0..5)
            .map(|second| failed(&job, TimeRange::new(second * 1_000, second * 1_000 + 1_000), ""))
            .collect();
        let size = serde_json::to_vec(&reports[0]).expect("JSON").len();
        let lengths = |bytes| -> Vec<usize> {
            let batches = batches(reports.clone(), bytes);
            assert_eq!(batches.concat(), reports);
            batches.iter().map(Vec::len).collect()
        };
        assert_eq!(lengths(1), [1, 1, 1, 1, 1]);
        assert_eq!(lengths(2 * size), [2, 2, 1]);
        assert_eq!(lengths(usize::MAX), [5]);
        assert_eq!(batches(Vec::new(), 1), Vec::<Vec<Report>>::new());
    }
}
