//! What tests of one service or of the command line stand on, without a platform around them.
//!
//! - [`FakeServer`] plays the other side of an HTTP call (the data center for a service, the platform for the command
//!   line): it answers from a script and remembers what it was asked.
//! - [`Proxy`] stands before a real engine and forwards, stalls, cuts, refuses or answers by itself.
//! - [`Broker`] is a Kafka broker, and [`Prometheus`] a Prometheus with the shipped configuration, of one test's own.
//! - [`kcat`] reads messages off a Kafka server as a foreign program would, and holds JSON against a schema of `proto/`.
//! - [`RunningService`] serves a service's real routes and runs its loops on a free port.
//!
//! For tests only: no program depends on this crate.

mod broker;
mod fake;
pub mod kcat;
mod prometheus;
mod proxy;
mod running;

pub use broker::Broker;
pub use fake::{Call, FakeServer};
pub use prometheus::{Prometheus, free_address};
pub use proxy::Proxy;
pub use running::RunningService;
