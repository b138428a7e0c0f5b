//! Whether the brokers can be reached: learned from what all clients see, logged once when it changes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode;

use crate::error::BusError;

/// Shared by all clients of a bus.
#[derive(Debug)]
pub(super) struct Health {
    brokers: String,
    is_away: AtomicBool,
    /// What a client said last of why a broker cannot be reached.
    cause: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn new(brokers: String) -> Arc<Self> {
        Arc::new(Self {
            brokers,
            is_away: AtomicBool::new(false),
            cause: Mutex::new(None),
        })
    }

    /// A broker answered.
    pub(super) fn answered(&self) {
        if !self.is_away.load(Ordering::Relaxed) {
            return;
        }
        if self.is_away.swap(false, Ordering::Relaxed) {
            self.set_cause(None);
            tracing::info!(brokers = self.brokers, "the message bus can be reached again");
        }
    }

    /// Why a call had no answer in time.
    pub(super) fn unavailable(&self, doing: &'static str) -> BusError {
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone();
        BusError::Unavailable {
            brokers: self.brokers.clone(),
            doing,
            cause: cause.unwrap_or_else(|| "no answer in time".to_owned()),
        }
    }

    /// A call that failed: refused for good, or unavailable.
    pub(super) fn failed(&self, doing: &'static str, error: &KafkaError) -> BusError {
        let code = error.rdkafka_error_code();
        if code.is_none_or(is_silence) {
            return self.unavailable(doing);
        }
        BusError::Refused {
            brokers: self.brokers.clone(),
            doing,
            cause: code.map_or_else(|| error.to_string(), |code| code.to_string()),
        }
    }

    fn set_cause(&self, cause: Option<String>) {
        *self.cause.lock().unwrap_or_else(PoisonError::into_inner) = cause;
    }

    fn say_away(&self) {
        if self.is_away.swap(true, Ordering::Relaxed) {
            return;
        }
        let cause = self.cause.lock().unwrap_or_else(PoisonError::into_inner).clone();
        tracing::warn!(
            brokers = self.brokers,
            cause,
            "the message bus cannot be reached; trying again"
        );
    }

    fn client_says(&self, error: &KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AllBrokersDown) => self.say_away(),
            Some(
                RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::SSL,
            ) => self.set_cause(Some(reason.to_owned())),
            _ => {}
        }
    }
}

/// Whether an error says only that there was no answer.
fn is_silence(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::MessageTimedOut
            | RDKafkaErrorCode::TimedOutQueue
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::WaitingForCoordinator
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::LeaderNotAvailable
    )
}

/// What a client tells its bus, where there is nothing else to tell.
#[derive(Clone)]
pub(super) struct Watch(pub(super) Arc<Health>);

impl Watch {
    pub(super) fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
        // All that matters is told by us, once; librdkafka tells it with each attempt.
        tracing::debug!(?level, facility, message, "librdkafka");
    }

    pub(super) fn error(&self, error: &KafkaError, reason: &str) {
        self.0.client_says(error, reason);
    }
}

impl ClientContext for Watch {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        Watch::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        Watch::error(self, &error, reason);
    }
}

impl ConsumerContext for Watch {}

/// Lets a client that only asks, and is not polled, say what it has seen.
pub(super) fn listen(client: &BaseConsumer<Watch>) {
    const SAYINGS: usize = 50;
    for _ in 0..SAYINGS {
        // Its errors are heard by its context.
        let _ = client.poll(Duration::ZERO);
    }
}
