//! What every service process stands on: HTTP server, auth of callers, telemetry, clock, randomness.
//!
//! A service crate exports `build(config, …) -> Service`: routes for the public and the internal listener, and loops.
//! A process (one service, or `standalone` with all of them) hands its services to [`server::Server`], which binds the
//! listeners, adds `/health`, `/ready` and `/metrics`, gives every request an id and a log line, and on shutdown lets requests
//! and loops finish what they hold.
//!
//! | module | what it gives |
//! |---|---|
//! | [`config`] | defaults, file, environment and flags, read into a type |
//! | [`http`] | extractors of bodies, tokens and credentials; route declarations |
//! | [`server`] | listeners, loops, shutdown |
//! | [`readiness`] | whether the engines of the process answer |
//! | [`clock`], [`random`] | time and randomness, taken at the edges and passed inwards as arguments |
//! | [`secret`] | secrets in files that only the owner can read |
//! | [`metrics`], [`log`] | what the process says of itself |

pub mod clock;
pub mod config;
mod error;
pub mod http;
pub mod log;
pub mod metrics;
pub mod random;
pub mod readiness;
pub mod secret;
pub mod server;

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::web::ServiceConfig;

/// Whose work the current task does.
pub use aops_client::{client_address, request_id};
pub use clock::Clock;
pub use error::{ApiError, ApiResult, answer, answer_with, pass_on};
pub use readiness::Engine;
pub use secret::Credentials;

/// Registers routes. Called once per worker thread.
pub type Configure = Arc<dyn Fn(&mut ServiceConfig) + Send + Sync>;

/// Says that the process is to end; loops finish what they hold and return.
pub type Shutdown = tokio_util::sync::CancellationToken;

/// A service: routes and loops, not yet running.
pub struct Service {
    /// Name in logs, metrics and credentials, such as `check-scheduler`.
    pub name: &'static str,
    /// Routes for users.
    pub public: Option<Configure>,
    /// Routes for services.
    pub internal: Option<Configure>,
    /// What it has opened, for `GET /ready`.
    pub engines: Vec<Engine>,
    /// Work that goes on without a request.
    pub loops: Vec<Loop>,
    /// What is let go once listeners and loops have ended: the lock of a folder.
    pub held: Option<Box<dyn Any + Send>>,
}

/// Work that goes on until shutdown. One that ends before is a defect and ends the process.
pub struct Loop {
    /// Name in logs.
    pub name: &'static str,
    /// Starts it.
    pub start: Start,
}

/// Starts a loop.
pub type Start = Box<dyn FnOnce(Shutdown) -> Running + Send>;

/// A started loop.
pub type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Service {
    /// A service without routes or loops.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            public: None,
            internal: None,
            engines: Vec::new(),
            loops: Vec::new(),
            held: None,
        }
    }

    /// With routes for users.
    #[must_use]
    pub fn public(mut self, configure: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.public = Some(Arc::new(configure));
        self
    }

    /// With routes for services.
    #[must_use]
    pub fn internal(mut self, configure: impl Fn(&mut ServiceConfig) + Send + Sync + 'static) -> Self {
        self.internal = Some(Arc::new(configure));
        self
    }

    /// With engines that it has opened and needs for its work.
    #[must_use]
    pub fn with_engines(mut self, engines: impl IntoIterator<Item = Engine>) -> Self {
        self.engines.extend(engines);
        self
    }

    /// With something that is kept until listeners and loops have ended, whatever worker threads still hold then.
    #[must_use]
    pub fn holding(mut self, held: impl Any + Send) -> Self {
        self.held = Some(Box::new(held));
        self
    }

    /// With one more loop.
    #[must_use]
    pub fn with_loop<F>(
        mut self,
        name: &'static str,
        start: impl FnOnce(Shutdown) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.loops.push(Loop {
            name,
            start: Box::new(move |shutdown| Box::pin(start(shutdown))),
        });
        self
    }
}
