//! What is carried from window to window, so that only what is new is fetched and judged.

use std::collections::HashMap;
use std::sync::Arc;

use aops_api::finding::JudgedWindow;
use aops_api::series::{FetchedSeries, SeriesFetchAnswer};
use aops_api::{HostId, TimeRange};

use crate::host_state::HostState;
use crate::judge::Continuity;
use crate::plan::{FetchPlan, Visit};
use crate::rule::Rule;
use crate::series_set::{HostSeries, SeriesSet};

/// What is known of hosts after a window, for the window that follows: recent samples, running windows, and where every
/// rule stands. All of it can be built anew from the history that a [`FetchPlan`] fetches, and it is where it cannot be
/// continued: for a window that does not follow, a host that is new, other rules, another scrape interval.
///
/// A sample that comes late, after the window that it belongs to was judged, is not seen by later windows until the
/// memory of the host is [forgotten](Memory::forget).
#[derive(Default)]
pub struct Memory {
    hosts: HashMap<HostId, HostMemory>,
}

struct HostMemory {
    /// All before is known.
    until_ms: i64,
    /// By which numbers rules and streams are meant.
    rules: Arc<[Arc<Rule>]>,
    assumed_interval_ms: i64,
    state: HostState<'static>,
}

/// A plan that knows what is remembered.
pub struct ContinuedPlan {
    plan: FetchPlan,
    /// Only what is in the window is fetched.
    is_continued: bool,
}

impl ContinuedPlan {
    /// What to fetch.
    pub fn fetch(&self) -> &FetchPlan {
        &self.plan
    }
}

impl Memory {
    /// Plans a window for some hosts: only what is new is fetched if all before is known of every one of them.
    pub fn plan(&self, plan: FetchPlan, hosts: &[HostId]) -> ContinuedPlan {
        let is_continued = !hosts.is_empty() && hosts.iter().all(|host| self.continues(host, &plan));
        ContinuedPlan {
            plan: if is_continued { plan.continued() } else { plan },
            is_continued,
        }
    }

    fn continues(&self, host: &HostId, plan: &FetchPlan) -> bool {
        let Some(known) = self.hosts.get(host) else {
            return false;
        };
        known.until_ms == plan.window().start_ms
            && known.assumed_interval_ms == plan.assumed_interval_ms()
            && known.rules.len() == plan.rules().len()
            && known
                .rules
                .iter()
                .zip(plan.rules())
                .all(|(known, planned)| Arc::ptr_eq(known, planned))
    }

    /// Whether what was fetched can be judged on what is remembered. Where it cannot, because a series comes at another
    /// interval than it did, its host is forgotten: plan and fetch again.
    pub fn suffices(&mut self, plan: &ContinuedPlan, answer: &SeriesFetchAnswer) -> bool {
        if !plan.is_continued {
            return true;
        }
        let streams = plan.plan.streams();
        let is_changed = |series: &&FetchedSeries| {
            let known = self.hosts.get(&series.host_id);
            known.is_some_and(|known| !known.state.keeps_interval(streams, series))
        };
        let changed: Vec<&HostId> = answer
            .series
            .iter()
            .filter(is_changed)
            .map(|series| &series.host_id)
            .collect();
        for host in &changed {
            self.hosts.remove(*host);
        }
        changed.is_empty()
    }

    /// Judges some rules, by their indices, on one host in the window of the plan, over what was fetched with it, and
    /// remembers what the next window needs. One answer for each rule, in the order given. The same rules are judged on a
    /// host in every window of a plan of equal rules.
    pub fn judge(
        &mut self,
        plan: &ContinuedPlan,
        rules: &[usize],
        host_id: &HostId,
        set: &SeriesSet<'_>,
    ) -> Vec<JudgedWindow> {
        let nothing = HostSeries::default();
        let host = set.host(host_id).unwrap_or(&nothing);
        let known = self.hosts.remove(host_id);
        let fetch = &plan.plan;
        let mut state = match known {
            Some(mut known) if plan.is_continued => {
                known.state.extend(fetch.streams(), host);
                known.state
            }
            _ => HostState::first(&fetch.streams_of(rules), fetch.streams(), host),
        };
        let visit = Visit {
            host_id,
            host,
            window: fetch.window(),
            as_of_ms: set.as_of_ms(),
        };
        let judged = fetch.judge_over(rules, &visit, &mut state, Continuity::Carried);
        // What could not be read is missing: nothing can be built on it.
        if !host.has_failure() {
            self.remember(fetch, host_id, fetch.window(), state);
        }
        judged
    }

    fn remember(
        &mut self,
        plan: &FetchPlan,
        host_id: &HostId,
        window: TimeRange,
        mut state: HostState<'static>,
    ) {
        state.forget_before(window.end_ms, plan.streams());
        let memory = HostMemory {
            until_ms: window.end_ms,
            rules: plan.listed(),
            assumed_interval_ms: plan.assumed_interval_ms(),
            state,
        };
        self.hosts.insert(host_id.clone(), memory);
    }

    /// Forgets a host.
    pub fn forget(&mut self, host_id: &HostId) {
        self.hosts.remove(host_id);
    }

    /// Forgets hosts that no window that ends at or after `until_ms` has met.
    pub fn forget_before(&mut self, until_ms: i64) {
        self.hosts.retain(|_, known| known.until_ms >= until_ms);
    }

    /// How many hosts are remembered.
    pub fn hosts(&self) -> usize {
        self.hosts.len()
    }

    /// Memory in use, in bytes, about.
    pub fn bytes(&self) -> usize {
        let each = |memory: &HostMemory| memory.state.bytes() + size_of::<HostMemory>();
        self.hosts.values().map(each).sum()
    }
}
