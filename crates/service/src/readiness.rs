//! Whether the engines that a process has opened answer, for `GET /ready`.

use std::fmt::Display;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Serialize;

/// How long an engine may take to answer. All are asked at the same time, so an answer of `/ready` takes no longer.
const LIMIT: Duration = Duration::from_secs(2);

/// An engine that the process has opened. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    /// What it holds: the section of the configuration, such as `tables`.
    name: &'static str,
    /// Which one it is, and where.
    place: String,
    ask: Ask,
}

type Ask = Arc<dyn Fn() -> Asking + Send + Sync>;

type Asking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// What an engine says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct State {
    name: &'static str,
    status: Status,
    /// Why it is not ready.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Status {
    #[serde(rename = "ready")]
    Ready,
    #[serde(rename = "not ready")]
    NotReady,
}

/// What all engines say.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Readiness {
    status: Status,
    engines: Vec<State>,
}

impl Engine {
    /// `ask` is called whenever somebody wants to know, and may be given up half-way. What it gives as an error names
    /// the engine; `place` names it when there is no answer at all.
    pub fn new<F>(
        name: &'static str,
        place: impl Display,
        ask: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self {
            name,
            place: place.to_string(),
            ask: Arc::new(move || Box::pin(ask())),
        }
    }

    async fn state(&self, limit: Duration) -> State {
        let silent = || Err(format!("{} gave no answer within {limit:?}", self.place));
        let outcome = tokio::time::timeout(limit, (self.ask)()).await;
        match outcome.unwrap_or_else(|_| silent()) {
            Ok(()) => State {
                name: self.name,
                status: Status::Ready,
                reason: None,
            },
            Err(reason) => State {
                name: self.name,
                status: Status::NotReady,
                reason: Some(reason),
            },
        }
    }
}

impl Readiness {
    /// Asks all engines at the same time.
    pub(crate) async fn of(engines: &[Engine]) -> Self {
        Self::within(LIMIT, engines).await
    }

    async fn within(limit: Duration, engines: &[Engine]) -> Self {
        let engines = join_all(engines.iter().map(|engine| engine.state(limit))).await;
        let status = match engines.iter().all(|engine| engine.status == Status::Ready) {
            true => Status::Ready,
            false => Status::NotReady,
        };
        Self { status, engines }
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.status == Status::Ready
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::sync::Barrier;

    use super::*;

    fn hung(name: &'static str) -> Engine {
        Engine::new(name, format!("{name} at 10.0.0.1"), pending)
    }

    #[tokio::test]
    async fn hung_engines_are_not_waited_for_for_ever() {
        let away = || ready(Err("refused".to_owned()));
        let engines = [
            hung("tables"),
            Engine::new("bus", "file", || ready(Ok(()))),
            Engine::new("series", "file", away),
            hung("logs"),
        ];
        let readiness = Readiness::within(Duration::from_millis(20), &engines).await;
        assert!(!readiness.is_ready());
        let said: Vec<_> = readiness
            .engines
            .iter()
            .map(|engine| (engine.name, engine.reason.as_deref()))
            .collect();
        assert_eq!(
            said,
            [
                ("tables", Some("tables at 10.0.0.1 gave no answer within 20ms")),
                ("bus", None),
                ("series", Some("refused")),
                ("logs", Some("logs at 10.0.0.1 gave no answer within 20ms")),
            ]
        );
    }

    #[tokio::test]
    async fn engines_are_asked_at_the_same_time() {
        // Each answers once the other has been asked.
        let both = Arc::new(Barrier::new(2));
        let engines = ["tables", "bus"].map(|name| {
            let both = both.clone();
            Engine::new(name, "file", move || {
                let both = both.clone();
                async move {
                    both.wait().await;
                    Ok(())
                }
            })
        });
        assert!(Readiness::of(&engines).await.is_ready());
    }

    #[tokio::test]
    async fn all_are_named_when_all_are_ready() {
        let engines = ["tables", "bus"].map(|name| Engine::new(name, "file", || ready(Ok(()))));
        let readiness = Readiness::of(&engines).await;
        assert!(readiness.is_ready());
        assert_eq!(
            serde_json::to_value(&readiness).expect("JSON"),
            serde_json::json!({
                "status": "ready",
                "engines": [{"name": "tables", "status": "ready"}, {"name": "bus", "status": "ready"}],
            })
        );
        assert!(Readiness::of(&[]).await.is_ready(), "nothing is waited for");
    }
}
