//! A service with its real routes and loops.

use std::net::TcpListener;

use aops_service::server::{Audience, Server};
use aops_service::{Credentials, Service, Shutdown};
use tokio::task::JoinHandle;

/// A service that is served on a free port of the loopback; dropping it stops it.
pub struct RunningService {
    url: String,
    shutdown: Shutdown,
    running: Option<JoinHandle<std::io::Result<()>>>,
}

impl RunningService {
    /// Serves the public routes and starts the loops.
    pub fn start(service: Service) -> Self {
        let mut server = Server::new();
        let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback has a free port");
        let services = [service];
        let address = server
            .listen(listener, Audience::Public, &services, Credentials::default())
            .expect("the listener is bound");
        for service in services {
            server.start_loops(service);
        }
        Self {
            url: format!("http://{address}"),
            shutdown: server.shutdown(),
            running: Some(tokio::spawn(server.run())),
        }
    }

    /// `http://127.0.0.1:<port>`
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it and waits until requests and loops have finished what they held.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        if let Some(running) = self.running.take() {
            let outcome = running.await.expect("the server does not panic");
            outcome.expect("listeners and loops end in time");
        }
    }
}

impl Drop for RunningService {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}
