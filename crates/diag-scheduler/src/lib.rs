//! The diagnosis scheduler: fault trees, diagnoses and reports for users (`/diag`).
//!
//! - Routes ([`routes`]) check what a caller sends and pass it to the data center on the caller's behalf. An execute
//!   ([`plan`]) becomes a task that pins the trees, and the caller's rules that they name, as they are at that moment.
//! - The loop `publish` ([`publish`]) cuts saved tasks into jobs ([`jobs`]), one for each host and tree, publishes them
//!   and marks the task. It is the only publisher: a task that was acknowledged is published, whatever fails in between.
//!
//! It sends [`DIAGNOSE_EXECUTE_REQ`](aops_api::message::DIAGNOSE_EXECUTE_REQ), which the diagnosis executor takes, and
//! calls the data center. It takes no message and keeps no state of its own.

mod config;
mod error;
mod import;
mod jobs;
mod plan;
mod publish;
mod routes;

use std::sync::Arc;

use aops_bus::Bus;
use aops_client::DataCenter;
use aops_service::{Clock, Service};
use tokio::sync::Notify;

pub use config::Config;
pub use error::DiagSchedulerError;

/// What the service stands on.
#[derive(Clone)]
pub struct Dependencies {
    /// Owner of hosts, trees, rules, tasks and reports.
    pub data_center: DataCenter,
    /// Where jobs are published.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
}

/// The service, not yet running. Refuses a config that makes no sense.
pub fn build(config: Config, dependencies: Dependencies) -> Result<Service, DiagSchedulerError> {
    config.check()?;
    let saved = Arc::new(Notify::new());
    let configure = routes::configure(&config, &dependencies, saved.clone());
    let publisher = publish::Publisher::new(config, dependencies, saved);
    let service = Service::new("diag-scheduler").public(configure);
    Ok(service.with_loop("publish", |shutdown| publisher.run(shutdown)))
}
