//! The scraper: reads the metrics of every machine that has an address for them, and appends them to the series.
//!
//! Each target has its own phase within its interval, so that a fleet does not answer all at once. A target that does
//! not answer has `up` 0; what it had before stays as it is. Every scrape also writes `scrape_duration_seconds`,
//! `scrape_samples_scraped` and `scrape_samples_dropped`.

mod exposition;
mod metrics;
mod request;
mod target;

use std::collections::HashMap;
use std::error::Error;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aops_api::HostId;
use aops_service::{Clock, Shutdown};
use reqwest::Client;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Series;
use crate::agent_request::agent_client;

/// How often a target is scraped unless its job says otherwise.
pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(15);

/// A machine's metrics.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Target {
    /// Whose they are.
    pub host_id: HostId,
    /// `host:port`; the path is `/metrics`.
    pub address: String,
    /// Name of the scrape job.
    pub job: String,
    /// From one scrape to the next.
    pub interval: Duration,
}

/// What the scraper must know of the machines, and tells of them.
pub trait Inventory: Send + Sync + 'static {
    /// The targets as of now.
    fn targets(&self) -> impl Future<Output = Result<Vec<Target>, InventoryError>> + Send;

    /// The first sample of a host since this process started is stored; called again after a failure. The inventory
    /// keeps the earliest moment it hears.
    fn first_sample(
        &self,
        host_id: &HostId,
        time_ms: i64,
    ) -> impl Future<Output = Result<(), InventoryError>> + Send;
}

/// Why the inventory did not answer; the scraper only logs it.
pub type InventoryError = Box<dyn Error + Send + Sync>;

/// Bounds of scraping.
#[derive(Clone, Debug)]
pub struct ScrapeLimits {
    /// A scrape that takes longer fails; never more than four fifths of the interval.
    pub timeout: Duration,
    /// A longer answer fails.
    pub maximum_body_bytes: usize,
    /// Samples over this are dropped, counted and shown.
    pub maximum_samples: usize,
    /// Scrapes at the same time.
    pub concurrency: usize,
    /// From one look at the targets to the next.
    pub refresh: Duration,
}

impl Default for ScrapeLimits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            maximum_body_bytes: 8 * 1024 * 1024,
            maximum_samples: 20_000,
            concurrency: 64,
            refresh: Duration::from_secs(5),
        }
    }
}

/// The scraper, not yet running.
pub struct Scraper<I> {
    shared: Arc<Shared<I>>,
}

/// What the loops of all targets use.
struct Shared<I> {
    series: Series,
    inventory: I,
    limits: ScrapeLimits,
    clock: Clock,
    client: Client,
    permits: Semaphore,
}

impl<I: Inventory> Scraper<I> {
    /// A scraper that appends to `series` what the targets of `inventory` answer.
    pub fn new(
        series: Series,
        inventory: I,
        limits: ScrapeLimits,
        clock: Clock,
    ) -> Result<Self, reqwest::Error> {
        let permits = Semaphore::new(limits.concurrency);
        let client = agent_client()?;
        let shared = Shared {
            series,
            inventory,
            limits,
            clock,
            client,
            permits,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Scrapes until shutdown; then gives up what has not been answered, and finishes what is being written.
    pub async fn run(self, shutdown: Shutdown) {
        let mut running = Running {
            shared: self.shared,
            stops: HashMap::new(),
            loops: JoinSet::new(),
        };
        loop {
            match running.shared.inventory.targets().await {
                Ok(targets) => running.follow(targets, &shutdown),
                Err(error) => {
                    tracing::error!(%error, "the targets to scrape are not known; the old ones stay")
                }
            }
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = running.shared.clock.sleep(running.shared.limits.refresh) => {}
            }
        }
        while running.loops.join_next().await.is_some() {}
    }
}

/// The loops of the targets.
struct Running<I> {
    shared: Arc<Shared<I>>,
    stops: HashMap<Target, Shutdown>,
    loops: JoinSet<()>,
}

impl<I: Inventory> Running<I> {
    /// Starts loops of new targets and stops those of targets that are gone; a changed one is both.
    fn follow(&mut self, targets: Vec<Target>, shutdown: &Shutdown) {
        let mut stops = HashMap::new();
        for target in targets {
            if stops.contains_key(&target) {
                continue;
            }
            let stop = match self.stops.remove(&target) {
                Some(stop) => stop,
                None => self.start(target.clone(), shutdown),
            };
            stops.insert(target, stop);
        }
        let gone = std::mem::replace(&mut self.stops, stops);
        for stop in gone.into_values() {
            stop.cancel();
        }
        // Those that have ended are let go.
        while self.loops.try_join_next().is_some() {}
    }

    fn start(&mut self, target: Target, shutdown: &Shutdown) -> Shutdown {
        let stop = shutdown.child_token();
        let shared = Arc::clone(&self.shared);
        self.loops.spawn(target::run(shared, target, stop.clone()));
        stop
    }
}
