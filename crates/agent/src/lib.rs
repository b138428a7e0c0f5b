//! The node agent: what a machine says of itself, on `GET /metrics` and `GET /facts`.
//!
//! Names, labels, units and help texts are node_exporter's, so that rules and dashboards written for it work as they
//! are. Everything is read at the moment of the scrape; the agent keeps no history.
//!
//! Neighbours: the data center's scraper (or Prometheus) asks it; it asks nobody. It sends and takes no messages.
//!
//! Each thing to read is a collector with a file of its own under `collectors`. One that fails leaves its metrics out
//! and says so in `node_scrape_collector_success`; the others are not touched.
//!
//! What the machine is made of (design 3.7.3, rows 5 to 10) is found under `facts`, at most every ten minutes, and served as
//! JSON: [`aops_api::facts::HostFacts`].

mod collectors;
mod error;
mod facts;
mod family;
mod gatherer;
mod routes;

use std::path::PathBuf;
use std::sync::Arc;

use aops_service::{Clock, Service};

use crate::facts::Facts;
use crate::gatherer::Gatherer;

/// What the agent needs to know.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    /// Where procfs is mounted: `/proc`, or another place in a container and in tests.
    pub proc_root: PathBuf,
    /// Where sysfs is mounted.
    pub sys_root: PathBuf,
    /// Where `os-release` is.
    pub etc_root: PathBuf,
    /// Where programs share data: the list of makers of devices is below it.
    pub share_root: PathBuf,
    /// Time, for `node_time_seconds` and the age of the facts.
    pub clock: Clock,
}

impl Default for AgentConfig {
    /// The machine that the process runs on.
    fn default() -> Self {
        Self {
            proc_root: PathBuf::from("/proc"),
            sys_root: PathBuf::from("/sys"),
            etc_root: PathBuf::from("/etc"),
            share_root: PathBuf::from("/usr/share"),
            clock: Clock::system(),
        }
    }
}

/// The agent, not yet running.
///
/// It needs a listener of its own, for [`aops_service::server::Audience::Agent`].
pub fn build(config: AgentConfig) -> Service {
    let gatherer = Arc::new(Gatherer::new(collectors::all(&config)));
    let facts = Arc::new(Facts::new(&config));
    Service::new("agent").public(move |routes| routes::configure(routes, &gatherer, &facts))
}
