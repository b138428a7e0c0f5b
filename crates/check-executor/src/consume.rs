//! The loop `consume`: takes messages, has their windows judged, and settles them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aops_api::message::CHECK_EXECUTE_REQ;
use aops_bus::{BusError, Consumer, Delivery};
use aops_client::request_id;
use aops_service::log::chain;
use aops_service::{Shutdown, random};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::error::ExecutorError;
use crate::memories::Memories;
use crate::rules::RuleCache;
use crate::{Config, Dependencies, metrics, request, window};

/// What all workers share.
pub(crate) struct Executor {
    pub(crate) config: Config,
    pub(crate) dependencies: Dependencies,
    pub(crate) rules: RuleCache,
    pub(crate) memories: Memories,
    /// Whether the data center is away: an outage is logged once, not for each message.
    away: AtomicBool,
}

impl Executor {
    pub(crate) fn new(config: Config, dependencies: Dependencies) -> Self {
        Self {
            memories: Memories::new(config.memory_limit_bytes),
            config,
            dependencies,
            rules: RuleCache::default(),
            away: AtomicBool::new(false),
        }
    }
}

/// Runs `parallel` workers until shutdown; each finishes the message it holds.
pub(crate) async fn run(executor: Arc<Executor>, parallel: usize, shutdown: Shutdown) {
    let mut workers = JoinSet::new();
    for _ in 0..parallel {
        workers.spawn(work(executor.clone(), shutdown.clone()));
    }
    // A worker that panicked has dropped its message, which comes again: another takes its place.
    while let Some(ended) = workers.join_next().await {
        if let Err(error) = ended
            && !shutdown.is_cancelled()
        {
            tracing::error!(%error, "a worker ended by a panic; another takes its place");
            workers.spawn(work(executor.clone(), shutdown.clone()));
        }
    }
}

async fn work(executor: Arc<Executor>, shutdown: Shutdown) {
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let Err(error) = consume(&executor, &shutdown, &mut failures).await else {
            return;
        };
        failures += 1;
        tracing::warn!(
            error = chain(&error),
            "the message bus does not give messages; trying again"
        );
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = executor.dependencies.clock.sleep(executor.config.back_off(failures)) => {}
        }
    }
}

/// `failures` begins anew with each message that is settled.
async fn consume(executor: &Executor, shutdown: &Shutdown, failures: &mut u32) -> Result<(), BusError> {
    let group = &executor.config.group;
    let consumer: Consumer = executor
        .dependencies
        .bus
        .subscribe(CHECK_EXECUTE_REQ, group)
        .await?;
    loop {
        let delivery = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            delivery = consumer.next() => delivery?,
        };
        executor.handle(delivery).await?;
        *failures = 0;
    }
}

impl Executor {
    /// Executes a message and settles it.
    async fn handle(&self, delivery: Delivery) -> Result<(), BusError> {
        let timer = metrics::SECONDS.start_timer();
        let request_id = random::id();
        let span = tracing::info_span!(
            "message",
            id = delivery.id,
            attempt = delivery.attempt,
            request_id
        );
        let work = request_id::scope(request_id, self.execute_and_settle(delivery));
        let settled = work.instrument(span).await;
        timer.observe_duration();
        settled
    }

    async fn execute_and_settle(&self, delivery: Delivery) -> Result<(), BusError> {
        let requests = match request::read(delivery.payload.clone(), self.config.longest_window_ms) {
            Ok(requests) => requests,
            Err(reason) => return bury(delivery, &reason).await,
        };
        for request in &requests {
            if let Err(error) = window::judge(self, request).await {
                return self.settle_failed(delivery, error).await;
            }
        }
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("windows are judged again");
        }
        metrics::MESSAGES.with_label_values(&["acknowledged"]).inc();
        tracing::debug!("judged");
        delivery.acknowledge().await
    }

    async fn settle_failed(&self, delivery: Delivery, error: ExecutorError) -> Result<(), BusError> {
        if error.is_outage() {
            if !self.away.swap(true, Ordering::Relaxed) {
                tracing::warn!(error = chain(&error), "windows cannot be judged; trying again");
            }
        } else if delivery.attempt >= self.config.refusal_limit {
            return bury(delivery, &chain(&error)).await;
        } else {
            tracing::error!(error = chain(&error), "not judged");
        }
        metrics::MESSAGES.with_label_values(&["retried"]).inc();
        let pause = self.config.back_off(delivery.attempt);
        delivery.retry_later(pause).await
    }
}

async fn bury(delivery: Delivery, reason: &str) -> Result<(), BusError> {
    tracing::error!(
        reason,
        "a message that can never be executed goes to the dead letters"
    );
    metrics::MESSAGES.with_label_values(&["dead"]).inc();
    delivery.dead_letter(reason).await
}
