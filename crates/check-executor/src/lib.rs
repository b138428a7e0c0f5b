//! The check executor: judges windows.
//!
//! It takes [`CHECK_EXECUTE_REQ`], which the check scheduler sends, and sends
//! nothing. For each message: the rules in effect ([`rules`], kept by revision), the series that they need, a verdict for
//! each rule and host ([`window`], by `aops_check_rule`), findings saved with the data center, acknowledged
//! ([`consume`]). A message that comes again has the same effect once more, which changes nothing: a save replaces what
//! was said of its window.
//!
//! It keeps no state but caches: the rules of shards, and what the next window of a shard needs of those before
//! ([`memories`]), so that only new samples are fetched and judged. Several may run, and share the shards by the bus's
//! order per key; whoever meets a shard for the first time fetches its history once.

mod config;
mod consume;
mod error;
mod memories;
mod metrics;
mod request;
mod rules;
mod window;

use std::sync::Arc;

use aops_api::message::CHECK_EXECUTE_REQ;
use aops_bus::Bus;
use aops_bus::metrics::watch_lag;
use aops_client::DataCenter;
use aops_service::{Clock, Service, Shutdown};

pub use config::Config;
pub use error::ExecutorError;

/// What the service stands on.
#[derive(Clone)]
pub struct Dependencies {
    /// Owner of rules, series and findings.
    pub data_center: DataCenter,
    /// Where messages come from.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
}

/// The service, not yet running. Refuses a config that makes no sense.
pub fn build(config: Config, dependencies: Dependencies) -> Result<Service, ExecutorError> {
    config.check()?;
    let parallel = config.parallel;
    let (bus, group) = (dependencies.bus.clone(), config.group.clone());
    let show_lag = async move |shutdown: Shutdown| {
        let watch = watch_lag(&bus, CHECK_EXECUTE_REQ, &group);
        shutdown.run_until_cancelled(watch).await;
    };
    let executor = Arc::new(consume::Executor::new(config, dependencies));
    let consume = move |shutdown| consume::run(executor, parallel, shutdown);
    Ok(Service::new("check-executor")
        .with_loop("consume", consume)
        .with_loop("lag", show_lag))
}
