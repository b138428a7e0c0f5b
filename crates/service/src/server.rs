//! Listeners, loops and shutdown of a process.

use std::any::Any;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::MessageBody;
use actix_web::dev::{ServerHandle, ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::middleware::{Next, from_fn};
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpResponse, HttpServer, web};
use aops_api::Code;
use aops_api::code::Language;
use aops_client::{CLIENT_ADDRESS_HEADER, REQUEST_ID_HEADER, client_address, request_id};
use tokio::task::{JoinError, JoinSet};
use tracing::Instrument;

use crate::error::LANGUAGE;
use crate::log::chain;
use crate::readiness::{Engine, Readiness};
use crate::{ApiError, Configure, Credentials, Service, Shutdown, metrics, random};

/// How long requests and loops may take to finish what they hold at shutdown.
const FINISH_TIMEOUT: Duration = Duration::from_secs(10);

/// Who a listener is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Users: public routes, also below `/api`, and `/health`.
    Public,
    /// Services and Prometheus: internal routes, `/health`, `/ready` and `/metrics` of the process.
    Internal,
    /// Whoever scrapes a node: the agent's public routes, `/metrics` of the node among them, and `/health`.
    Agent,
}

impl Audience {
    const fn name(self) -> &'static str {
        match self {
            Audience::Public => "public",
            Audience::Internal => "internal",
            Audience::Agent => "agent",
        }
    }
}

/// Binds a listener; the error says which address and what to do.
pub fn bind(address: &str, flag: &str) -> io::Result<TcpListener> {
    TcpListener::bind(address).map_err(|error| {
        let advice = match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("something listens there already; choose another with {flag}")
            }
            _ => format!("give an address of this machine with {flag}"),
        };
        io::Error::new(
            error.kind(),
            format!("cannot listen on {address}: {error}; {advice}"),
        )
    })
}

/// A running process: listeners and loops.
pub struct Server {
    /// Loops, and the listeners for users: they call the internal ones, and so end before them.
    callers: Stage,
    /// The internal listeners.
    called: Stage,
    shutdown: Shutdown,
    /// Opened by the process itself, for its services.
    engines: Vec<Engine>,
    /// Dropped last.
    held: Vec<Box<dyn Any + Send>>,
}

impl Server {
    /// A server without listeners or loops.
    pub fn new() -> Self {
        Self {
            callers: Stage::default(),
            called: Stage::default(),
            shutdown: Shutdown::new(),
            engines: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Cancel it to stop the server.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Adds an engine that the process has opened for several services: `/ready` speaks for it beside those of the
    /// services. Before [`Server::listen`].
    pub fn add_engine(&mut self, engine: Engine) {
        self.engines.push(engine);
    }

    /// Serves the routes of `services` for an audience on a bound listener.
    pub fn listen(
        &mut self,
        listener: TcpListener,
        audience: Audience,
        services: &[Service],
        credentials: Credentials,
    ) -> io::Result<SocketAddr> {
        let address = listener.local_addr()?;
        let routes: Vec<Configure> = services
            .iter()
            .filter_map(|service| match audience {
                Audience::Public | Audience::Agent => service.public.clone(),
                Audience::Internal => service.internal.clone(),
            })
            .collect();
        let names: Vec<&'static str> = services.iter().map(|service| service.name).collect();
        let of_services = services.iter().flat_map(|service| &service.engines);
        let engines: Arc<[Engine]> = of_services.chain(&self.engines).cloned().collect();
        let credentials = web::Data::new(credentials);
        let routes: Configure = Arc::new(move |config| routes.iter().for_each(|configure| configure(config)));

        let factory = move || {
            App::new()
                .app_data(credentials.clone())
                .wrap(from_fn(move |request, next| observe(audience, request, next)))
                .configure(|config| own_routes(config, audience, &names, &engines))
                .configure(|config| {
                    if audience == Audience::Public {
                        config.service(web::scope("/api").configure(|config| routes(config)));
                    }
                })
                .configure(|config| routes(config))
                .default_service(web::to(not_found))
        };
        let server = HttpServer::new(factory)
            .workers(2)
            .disable_signals()
            .shutdown_timeout(FINISH_TIMEOUT.as_secs())
            .listen(listener)?
            .run();
        let stage = match audience {
            Audience::Public | Audience::Agent => &mut self.callers,
            Audience::Internal => &mut self.called,
        };
        tracing::info!(audience = audience.name(), %address, "listening");
        stage.handles.push(server.handle());
        stage.tasks.spawn(async move { (audience.name(), server.await) });
        Ok(address)
    }

    /// Starts the loops of a service, and keeps what it holds.
    pub fn start_loops(&mut self, service: Service) {
        self.held.extend(service.held);
        for work in service.loops {
            let span = tracing::info_span!("loop", service = service.name, name = work.name);
            let running = (work.start)(self.shutdown.clone());
            self.callers.tasks.spawn(
                async move {
                    running.await;
                    (work.name, Ok(()))
                }
                .instrument(span),
            );
        }
    }

    /// Runs until shutdown, then lets requests and loops finish what they hold: first those that call other services,
    /// then the internal listeners that they call.
    ///
    /// An error is returned when a listener or a loop ended by itself, or did not finish in time.
    pub async fn run(mut self) -> io::Result<()> {
        let outcome = tokio::select! {
            // A loop that ends because of the shutdown must not count as one that ended by itself.
            biased;
            () = self.shutdown.cancelled() => Ok(()),
            Some(ended) = self.callers.tasks.join_next() => Err(ended_early(ended)),
            Some(ended) = self.called.tasks.join_next() => Err(ended_early(ended)),
        };
        self.shutdown.cancel();
        let callers = self.callers.finish().await;
        let called = self.called.finish().await;
        outcome.and(callers).and(called)
    }
}

/// Listeners and loops that end together.
#[derive(Default)]
struct Stage {
    handles: Vec<ServerHandle>,
    tasks: JoinSet<(&'static str, io::Result<()>)>,
}

impl Stage {
    /// Stops the listeners and waits for them and the loops; what has not ended in time is given up.
    async fn finish(&mut self) -> io::Result<()> {
        for handle in &self.handles {
            // Not awaited one by one: the listeners drain side by side.
            drop(handle.stop(true));
        }
        let ending = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH_TIMEOUT, ending).await.is_ok() {
            return Ok(());
        }
        let left = self.tasks.len();
        self.tasks.abort_all();
        Err(io::Error::other(format!(
            "{left} listeners or loops did not finish in time"
        )))
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

fn ended_early(ended: Result<(&'static str, io::Result<()>), JoinError>) -> io::Error {
    match ended {
        Ok((name, Ok(()))) => io::Error::other(format!("{name} ended by itself")),
        Ok((name, Err(error))) => io::Error::other(format!("{name} failed: {error}")),
        Err(error) => io::Error::other(format!("a loop panicked: {error}")),
    }
}

fn own_routes(
    config: &mut ServiceConfig,
    audience: Audience,
    names: &[&'static str],
    engines: &Arc<[Engine]>,
) {
    let body = serde_json::json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "services": names });
    config.route(
        "/health",
        web::get().to(move || std::future::ready(HttpResponse::Ok().json(&body))),
    );
    if audience == Audience::Internal {
        config.route("/metrics", web::get().to(metrics::serve));
        let engines = Arc::clone(engines);
        config.route("/ready", web::get().to(move || ready(Arc::clone(&engines))));
    }
}

/// GET /ready: 200 when every engine answers, 503 otherwise; each with its state.
async fn ready(engines: Arc<[Engine]>) -> HttpResponse {
    let readiness = Readiness::of(&engines).await;
    let mut response = match readiness.is_ready() {
        true => HttpResponse::Ok(),
        false => HttpResponse::ServiceUnavailable(),
    };
    response.json(readiness)
}

async fn not_found() -> HttpResponse {
    HttpResponse::NotFound().json(serde_json::json!({ "message": "The requested URL was not found." }))
}

/// Gives a request its id and language, a span, a count and, when it was refused, one log line with the causes.
async fn observe(
    audience: Audience,
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let id = incoming_id(&request).unwrap_or_else(random::id);
    let language = request
        .headers()
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok())
        .map(Language::from_accept_language)
        .unwrap_or_default();
    let route = request.match_pattern().unwrap_or_else(|| "unknown".to_owned());
    let started = Instant::now();
    let span = tracing::info_span!("request", request_id = %id, route = %route);

    let address = user_address(audience, &request);
    let work = request_id::scope(id.clone(), next.call(request));
    let work = LANGUAGE.scope(language, client_address::scope(address, work));
    let mut response = work.instrument(span.clone()).await?;

    let elapsed = started.elapsed();
    let status = response.status().as_u16().to_string();
    metrics::REQUESTS
        .with_label_values(&[audience.name(), &route, &status])
        .inc();
    metrics::DURATIONS
        .with_label_values(&[audience.name(), &route])
        .observe(elapsed.as_secs_f64());
    span.in_scope(|| report(audience, &response, elapsed));
    if let Ok(value) = HeaderValue::from_str(&id) {
        response
            .headers_mut()
            .insert(HeaderName::from_static(REQUEST_ID_HEADER), value);
    }
    Ok(response)
}

fn report<B>(audience: Audience, response: &ServiceResponse<B>, elapsed: Duration) {
    let milliseconds = elapsed.as_millis() as u64;
    let Some(error) = response.response().error() else {
        tracing::debug!(status = response.status().as_u16(), milliseconds, "answered");
        return;
    };
    match error.as_error::<ApiError>() {
        Some(refusal) if std::error::Error::source(refusal).is_some() => {
            tracing::error!(
                code = refusal.code.number(),
                milliseconds,
                error = chain(refusal),
                "failed"
            );
        }
        // The service that called says so itself.
        Some(refusal) if audience == Audience::Internal => {
            tracing::debug!(
                code = refusal.code.number(),
                milliseconds,
                reason = loggable(refusal),
                "refused"
            );
        }
        Some(refusal) => {
            tracing::info!(
                code = refusal.code.number(),
                milliseconds,
                reason = loggable(refusal),
                "refused"
            );
        }
        None => tracing::warn!(status = response.status().as_u16(), milliseconds, %error, "refused"),
    }
}

/// The detail of a refusal; of a wrong request only the field, since what was wrong with it may quote a password.
fn loggable(refusal: &ApiError) -> &str {
    match refusal.code {
        Code::ParamError => refusal.detail.split(':').next().unwrap_or_default(),
        _ => &refusal.detail,
    }
}

/// Address of the user's machine. Internal routes are called by services, which say for whom.
fn user_address(audience: Audience, request: &ServiceRequest) -> String {
    match audience {
        Audience::Public | Audience::Agent => {
            let peer = request.peer_addr();
            peer.map(|peer| peer.ip().to_canonical().to_string())
                .unwrap_or_default()
        }
        Audience::Internal => {
            let stated = request.headers().get(CLIENT_ADDRESS_HEADER);
            let stated = stated.and_then(|value| value.to_str().ok());
            let is_address = |text: &&str| text.parse::<std::net::IpAddr>().is_ok();
            stated.filter(is_address).unwrap_or_default().to_owned()
        }
    }
}

/// The id that the caller gave, if it is one that can be logged as it is.
fn incoming_id(request: &ServiceRequest) -> Option<String> {
    let id = request.headers().get(REQUEST_ID_HEADER)?.to_str().ok()?;
    let fits = (1..=128).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_./:".contains(&byte));
    fits.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_not_logged() {
        let refusal = ApiError::param("password: invalid type: integer `12345678`, expected a string");
        assert_eq!(loggable(&refusal), "password");
        assert_eq!(loggable(&ApiError::new(Code::TokenError, "expired")), "expired");
    }
}
