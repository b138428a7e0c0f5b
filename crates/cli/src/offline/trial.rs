//! Rules judged on every host of a recording.

use std::sync::Arc;

use aops_api::finding::{Evidence, Finding};
use aops_api::{HostId, TimeRange};
use aops_check_rule::{FetchPlan, Rule, SeriesSet};

use super::recording::Recording;
use super::store::Store;

/// What a rule found on a host.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) host: Arc<str>,
    pub(crate) rule: Arc<Rule>,
    pub(crate) finding: Finding,
}

impl Found {
    pub(crate) fn check_item(&self) -> &str {
        &self.rule.item().check_item
    }
}

/// Whether the samples that decided are kept, which take most of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Verdicts,
    VerdictsAndEvidence,
}

/// Judges rules in a window, on every host. What lies before the window is history for the rules that look back. The
/// outcome is sorted by host, rule, start, labels.
pub(crate) fn judge(
    rules: &[Arc<Rule>],
    recording: &Recording,
    window: TimeRange,
    sample_period_ms: i64,
    keep: Keep,
) -> Vec<Found> {
    let plan = FetchPlan::new(rules.to_vec(), window, sample_period_ms);
    let store = Store::new(plan.selectors(), sample_period_ms, window.end_ms);
    let mut all = Vec::new();
    for (host, series) in &recording.hosts {
        let host_id = HostId::from(host.as_str());
        let host: Arc<str> = Arc::from(host.as_str());
        let answer = store.fetch(&host_id, series);
        let set = SeriesSet::new(&answer);
        for (index, rule) in plan.rules().enumerate() {
            let judged = plan.judge(index, &host_id, &set, window);
            all.extend(judged.findings.into_iter().map(|mut finding| {
                if keep == Keep::Verdicts {
                    finding.evidence = Evidence::default();
                }
                Found {
                    host: Arc::clone(&host),
                    rule: Arc::clone(rule),
                    finding,
                }
            }));
        }
    }
    all.sort_by(|left, right| order(left).cmp(&order(right)));
    all
}

fn order(found: &Found) -> (&str, &str, i64, &aops_api::Labels) {
    let Finding { labels, range, .. } = &found.finding;
    (&found.host, found.check_item(), range.start_ms, labels)
}
