//! The loop that finds out when machines had their first sample, where another program scrapes them.
//!
//! Our own scraper knows by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use aops_api::rule::DataKind;
use aops_api::series::{SeriesFetchRequest, SeriesSelector};
use aops_api::{HostId, TimeRange};
use aops_service::{Clock, Shutdown};

use super::Series;

/// A new machine is judged from its first sample on: nobody should wait long for it.
const PAUSE: Duration = Duration::from_secs(5);
/// How far back is looked: what was before is not judged.
const HORIZON_MS: i64 = 24 * 3_600_000;
/// Hosts in one look: a day of samples of each is read.
const HOSTS_AT_A_TIME: usize = 50;

/// Which machines to look for, and where to write what was found.
pub trait FirstSamples: Send + Sync + 'static {
    /// Machines of which no sample is known.
    fn without(&self) -> impl Future<Output = Result<Vec<HostId>, String>> + Send;

    /// The first sample of a machine.
    fn found(&self, host_id: &HostId, time_ms: i64) -> impl Future<Output = Result<(), String>> + Send;
}

/// Looks now and then, until shutdown.
pub async fn run(series: Series, machines: impl FirstSamples, clock: Clock, shutdown: Shutdown) {
    let mut was_well = true;
    loop {
        let outcome = tokio::select! {
            () = shutdown.cancelled() => return,
            outcome = look(&series, &machines, clock.now_ms()) => outcome,
        };
        // Once when it begins: the engine itself says the rest.
        match (&outcome, was_well) {
            (Err(reason), true) => tracing::warn!(reason, "the first samples of new machines are not known"),
            (Ok(()), false) => tracing::info!("the first samples of new machines are known again"),
            _ => {}
        }
        was_well = outcome.is_ok();
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(PAUSE) => {}
        }
    }
}

/// Looks for the first samples of machines that have none yet.
async fn look(series: &Series, machines: &impl FirstSamples, now_ms: i64) -> Result<(), String> {
    let hosts = machines.without().await?;
    for hosts in hosts.chunks(HOSTS_AT_A_TIME) {
        let request = SeriesFetchRequest {
            hosts: hosts.to_vec(),
            selectors: vec![SeriesSelector {
                name: "up".to_owned(),
                kind: DataKind::Kpi,
                matchers: Vec::new(),
                range: TimeRange::new(now_ms.saturating_sub(HORIZON_MS), now_ms.saturating_add(1)),
                want_never_had: false,
            }],
        };
        let answer = series.fetch(&request, now_ms).await;
        let mut first: BTreeMap<HostId, i64> = BTreeMap::new();
        for series in answer.series {
            let samples = series.times_ms.iter().zip(&series.values);
            let answered = samples
                .filter(|(_, up)| **up > 0.0)
                .map(|(time_ms, _)| *time_ms)
                .next();
            if let Some(time_ms) = answered {
                let earliest = first.entry(series.host_id).or_insert(time_ms);
                *earliest = time_ms.min(*earliest);
            }
        }
        for (host_id, time_ms) in first {
            machines.found(&host_id, time_ms).await?;
        }
        if let Some(failed) = answer.failed.into_iter().next() {
            return Err(failed.reason);
        }
    }
    Ok(())
}
