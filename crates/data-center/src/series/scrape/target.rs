//! The loop of one target.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aops_api::Labels;
use aops_service::Shutdown;

use super::metrics::{DROPPED, SCRAPES};
use super::request::{ScrapeError, Scraped, attach, scrape};
use super::{Inventory, Shared, Target};
use crate::series::Sample;

/// What has been said already, so that it is said once and not every scrape.
#[derive(Debug, Default)]
struct Said {
    is_down: bool,
    is_dropping: bool,
    is_not_stored: bool,
    first_sample: bool,
}

pub(super) async fn run<I: Inventory>(shared: Arc<Shared<I>>, target: Target, stop: Shutdown) {
    let mut said = Said::default();
    let mut last = None;
    loop {
        let pause = pause(
            &target,
            shared.clock.now_ms(),
            last.as_ref().map(Instant::elapsed),
        );
        // Only what has not begun to be written is given up on shutdown.
        let scraped = tokio::select! {
            () = stop.cancelled() => return,
            scraped = wait_and_scrape(&shared, &target, pause) => scraped,
        };
        last = Some(scraped.begun);
        store(&shared, &target, scraped, &mut said).await;
    }
}

/// The outcome of one scrape.
struct Outcome {
    time_ms: i64,
    begun: Instant,
    took: Duration,
    result: Result<Scraped, ScrapeError>,
}

async fn wait_and_scrape<I: Inventory>(shared: &Shared<I>, target: &Target, pause: Duration) -> Outcome {
    shared.clock.sleep(pause).await;
    let _permit = shared.permits.acquire().await.expect("never closed");
    let time_ms = shared.clock.now_ms();
    let begun = Instant::now();
    let result = scrape(&shared.client, target, &shared.limits, time_ms).await;
    Outcome {
        time_ms,
        begun,
        took: begun.elapsed(),
        result,
    }
}

/// Time to the next scrape. A clock that is being set right can put the next moment just after the last scrape;
/// that one is left out.
fn pause(target: &Target, now_ms: i64, since_last: Option<Duration>) -> Duration {
    let pause = until_due(target, now_ms);
    let is_too_soon = since_last.is_some_and(|since_last| since_last + pause < target.interval / 2);
    if is_too_soon {
        pause + target.interval
    } else {
        pause
    }
}

/// Time to the next moment of the target's phase, more than nothing.
fn until_due(target: &Target, now_ms: i64) -> Duration {
    let interval_ms = i64::try_from(target.interval.as_millis())
        .unwrap_or(i64::MAX)
        .max(1);
    let mut hasher = DefaultHasher::new();
    (&target.host_id, &target.address).hash(&mut hasher);
    let phase_ms = (hasher.finish() % interval_ms.unsigned_abs()).cast_signed();
    let since_due_ms = now_ms.wrapping_sub(phase_ms).rem_euclid(interval_ms);
    Duration::from_millis((interval_ms - since_due_ms).unsigned_abs())
}

async fn store<I: Inventory>(shared: &Shared<I>, target: &Target, outcome: Outcome, said: &mut Said) {
    let is_up = outcome.result.is_ok();
    say_whether_up(target, &outcome.result, said);
    let scraped = outcome.result.unwrap_or_default();
    say_what_is_dropped(target, &scraped, said);
    let mut samples = scraped.samples;
    let scraped_count = samples.len() + scraped.dropped;
    for (name, value) in [
        ("up", if is_up { 1.0 } else { 0.0 }),
        ("scrape_duration_seconds", outcome.took.as_secs_f64()),
        ("scrape_samples_scraped", scraped_count as f64),
        ("scrape_samples_dropped", scraped.dropped as f64),
    ] {
        samples.push(own_sample(target, name, outcome.time_ms, value));
    }

    if let Err(error) = shared.series.append(target.host_id.clone(), samples).await {
        SCRAPES.with_label_values(&["not_stored"]).inc();
        if !said.is_not_stored {
            tracing::error!(%error, host_id = %target.host_id, "scraped samples are not stored");
        }
        said.is_not_stored = true;
        return;
    }
    if said.is_not_stored {
        tracing::info!(host_id = %target.host_id, "scraped samples are stored again");
    }
    said.is_not_stored = false;
    SCRAPES
        .with_label_values(&[if is_up { "up" } else { "down" }])
        .inc();
    if is_up && !said.first_sample {
        report_first_sample(shared, target, outcome.time_ms, said).await;
    }
}

fn own_sample(target: &Target, name: &str, time_ms: i64, value: f64) -> Sample {
    let mut labels = Labels::new();
    attach(&mut labels, target);
    Sample {
        name: name.to_owned(),
        labels,
        time_ms,
        value,
    }
}

fn say_whether_up(target: &Target, result: &Result<Scraped, ScrapeError>, said: &mut Said) {
    let Target { host_id, address, .. } = target;
    match result {
        Ok(_) if said.is_down => tracing::info!(%host_id, address, "metrics can be read again"),
        Err(error) if !said.is_down => tracing::warn!(%error, %host_id, address, "metrics cannot be read"),
        _ => {}
    }
    said.is_down = result.is_err();
}

fn say_what_is_dropped(target: &Target, scraped: &Scraped, said: &mut Said) {
    let is_dropping = scraped.dropped > 0;
    DROPPED.inc_by(scraped.dropped as u64);
    if is_dropping && !said.is_dropping {
        let Target { host_id, address, .. } = target;
        let (kept, dropped) = (scraped.samples.len(), scraped.dropped);
        tracing::warn!(%host_id, address, kept, dropped, "more samples than a scrape may bring; the last are dropped");
    }
    said.is_dropping = is_dropping;
}

async fn report_first_sample<I: Inventory>(
    shared: &Shared<I>,
    target: &Target,
    time_ms: i64,
    said: &mut Said,
) {
    match shared.inventory.first_sample(&target.host_id, time_ms).await {
        Ok(()) => said.first_sample = true,
        Err(error) => tracing::error!(%error, host_id = %target.host_id, "the first sample was not noted"),
    }
}

#[cfg(test)]
mod tests {
    use aops_api::HostId;
    use proptest::prelude::*;

    use super::*;

    fn target(host: &str, interval_ms: u64) -> Target {
        Target {
            host_id: HostId::from(host),
            address: "127.0.0.1:1".to_owned(),
            job: "node".to_owned(),
            interval: Duration::from_millis(interval_ms),
        }
    }

    proptest! {
        #[test]
        fn scrapes_keep_their_phase(host in "[a-z]{1,8}", interval_ms in 1..100_000_u64, now_ms in 0..i64::MAX / 2) {
            let target = target(&host, interval_ms);
            let pause = until_due(&target, now_ms);
            prop_assert!(pause > Duration::ZERO && pause <= target.interval);
            let due_ms = now_ms + pause.as_millis() as i64;
            prop_assert_eq!(until_due(&target, due_ms), target.interval, "the next one is an interval later");
        }
    }

    #[test]
    fn no_scrape_follows_at_once() {
        let target = target("h", 15_000);
        let due_ms = until_due(&target, 0).as_millis() as i64;
        let soon = Duration::from_millis(3);
        assert_eq!(pause(&target, due_ms - 3, None), soon);
        assert_eq!(pause(&target, due_ms - 3, Some(soon)), soon + target.interval);
        assert_eq!(pause(&target, due_ms - 3, Some(target.interval)), soon);
    }

    #[test]
    fn hosts_have_different_phases() {
        let pauses: std::collections::HashSet<Duration> = (0..50)
            .map(|number| until_due(&target(&format!("h{number}"), 15_000), 0))
            .collect();
        assert!(pauses.len() > 40, "{}", pauses.len());
    }
}
