//! Rules judged on every host of a recording.

use std::sync::Arc;

use aops_api::finding::Finding;
use aops_api::{HostId, TimeRange};
use aops_check_rule::{FetchPlan, Rule, SeriesSet};

use super::recording::Recording;
use super::store::Store;

/// What a rule found on a host.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) host: String,
    pub(crate) check_item: String,
    pub(crate) finding: Finding,
}

/// Judges rules in a window, on every host. What lies before the window is history for the rules that look back. The
/// outcome is sorted by host, rule, start, labels.
pub(crate) fn judge(
    rules: &[Arc<Rule>],
    recording: &Recording,
    window: TimeRange,
    sample_period_ms: i64,
) -> Vec<Found> {
    let plan = FetchPlan::new(rules.to_vec(), window, sample_period_ms);
    let store = Store::new(plan.selectors(), sample_period_ms, window.end_ms);
    let mut all = Vec::new();
    for (host, series) in &recording.hosts {
        let host_id = HostId::from(host.as_str());
        let answer = store.fetch(&host_id, series);
        let set = SeriesSet::new(&answer);
        for (index, rule) in plan.rules().enumerate() {
            let judged = plan.judge(index, &host_id, &set, window);
            all.extend(judged.findings.into_iter().map(|finding| Found {
                host: host.clone(),
                check_item: rule.item().check_item.clone(),
                finding,
            }));
        }
    }
    all.sort_by(|left, right| order(left).cmp(&order(right)));
    all
}

fn order(found: &Found) -> (&str, &str, i64, &aops_api::Labels) {
    let Finding { labels, range, .. } = &found.finding;
    (&found.host, &found.check_item, range.start_ms, labels)
}
