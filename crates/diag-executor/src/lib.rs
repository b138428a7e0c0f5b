//! The diagnosis executor: carries out the jobs of diagnoses.
//!
//! It takes [`DIAGNOSE_EXECUTE_REQ`], which the diagnosis scheduler sends, and
//! sends nothing. For each message ([`consume`], [`request`]): the task with its pinned trees and rules ([`job`]); what
//! is known of the rules on the host, and, where nothing is, their verdict over the series ([`evaluate`]); from both
//! what each leaf reads in each slice ([`verdicts`]); the diagnosed trees, saved as reports ([`report`], [`diagnose`]);
//! then the acknowledgement. A message that comes again saves reports with the same ids, which changes nothing.
//!
//! What it evaluates it does not save: findings are the check executor's. It keeps no state; several may run.

mod config;
mod consume;
mod diagnose;
mod error;
mod evaluate;
mod job;
mod metrics;
mod report;
mod request;
mod verdicts;

use std::sync::Arc;

use aops_api::message::DIAGNOSE_EXECUTE_REQ;
use aops_bus::Bus;
use aops_bus::metrics::watch_lag;
use aops_client::DataCenter;
use aops_service::{Clock, Service, Shutdown};

pub use config::Config;
pub use error::DiagExecutorError;

/// What the service stands on.
#[derive(Clone)]
pub struct Dependencies {
    /// Owner of tasks, findings, series and reports.
    pub data_center: DataCenter,
    /// Where jobs come from.
    pub bus: Bus,
    /// The time.
    pub clock: Clock,
}

/// The service, not yet running. Refuses a config that makes no sense.
pub fn build(config: Config, dependencies: Dependencies) -> Result<Service, DiagExecutorError> {
    config.check()?;
    let (bus, group) = (dependencies.bus.clone(), config.group.clone());
    let show_lag = async move |shutdown: Shutdown| {
        let watch = watch_lag(&bus, DIAGNOSE_EXECUTE_REQ, &group);
        shutdown.run_until_cancelled(watch).await;
    };
    let executor = Arc::new(consume::Executor::new(config, dependencies));
    let consume = |shutdown| consume::run(executor, shutdown);
    Ok(Service::new("diag-executor")
        .with_loop("consume", consume)
        .with_loop("lag", show_lag))
}
