//! The check scheduler: rules and results for users (`/check`), and the timer that has every window checked.
//!
//! - Routes ([`routes`]) check what a caller sends, compile rules, and pass the rest to the data center on the caller's
//!   behalf.
//! - The loop `forward` ([`forward`]) decides which windows are due ([`plan`]), publishes them, and moves the cursors.
//!
//! It sends [`CHECK_EXECUTE_REQ`](aops_api::message::CHECK_EXECUTE_REQ), which the check executor takes, and calls the
//! data center. It takes no message and keeps no state of its own: several may run. A window is published once or more:
//! two schedulers may publish it both, and one that ends before its cursor has moved publishes it again. That is harmless,
//! because the findings of a window replace what was there.

mod config;
mod error;
mod forward;
mod import;
pub mod plan;
mod routes;

use aops_bus::Bus;
use aops_client::DataCenter;
use aops_service::{Clock, Service};

pub use config::Config;
pub use error::SchedulerError;

/// What the service stands on.
#[derive(Clone)]
pub struct Dependencies {
    /// Owner of rules, results, machines and cursors.
    pub data_center: DataCenter,
    /// Where windows are published.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
}

/// The service, not yet running. Refuses a config that makes no sense.
pub fn build(config: Config, dependencies: Dependencies) -> Result<Service, SchedulerError> {
    config.check()?;
    let configure = routes::configure(dependencies.data_center.clone());
    let service = Service::new("check-scheduler").public(configure);
    let forward = forward::Forward::new(config, dependencies);
    Ok(service.with_loop("forward", |shutdown| forward.run(shutdown)))
}
