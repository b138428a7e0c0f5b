//! The loop `consume`: takes messages, has their jobs carried out, and settles them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aops_api::diagnosis::{OwnedTask, PinnedTaskRequest};
use aops_api::message::DIAGNOSE_EXECUTE_REQ;
use aops_bus::{BusError, Delivery};
use aops_client::request_id;
use aops_service::Shutdown;
use aops_service::log::chain;
use tokio::task::JoinSet;

use crate::diagnose::Diagnostician;
use crate::error::DiagExecutorError;
use crate::job::Job;
use crate::request::{self, JobRequest};
use crate::{Config, Dependencies, metrics};

/// What all workers share.
pub(crate) struct Executor {
    config: Config,
    dependencies: Dependencies,
    /// Whether the data center is away: an outage is logged once, not for each message.
    is_away: AtomicBool,
}

impl Executor {
    pub(crate) fn new(config: Config, dependencies: Dependencies) -> Self {
        Self {
            config,
            dependencies,
            is_away: AtomicBool::new(false),
        }
    }
}

/// Runs workers until shutdown; each finishes the batch of reports it is at, and leaves its message to be taken again.
pub(crate) async fn run(executor: Arc<Executor>, shutdown: Shutdown) {
    let mut workers = JoinSet::new();
    for _ in 0..executor.config.parallel {
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
        let Err(error) = executor.consume(&shutdown, &mut failures).await else {
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

impl Executor {
    /// `failures` begins anew with each message that is settled.
    async fn consume(&self, shutdown: &Shutdown, failures: &mut u32) -> Result<(), BusError> {
        let bus = &self.dependencies.bus;
        let group = &self.config.group;
        let consumer = bus.subscribe(DIAGNOSE_EXECUTE_REQ, group).await?;
        loop {
            let delivery = tokio::select! {
                () = shutdown.cancelled() => return Ok(()),
                delivery = consumer.next() => delivery?,
            };
            let timer = metrics::SECONDS.start_timer();
            let settled = self.handle(delivery, shutdown).await;
            timer.observe_duration();
            settled?;
            *failures = 0;
        }
    }

    /// Carries a message out and settles it.
    async fn handle(&self, delivery: Delivery, shutdown: &Shutdown) -> Result<(), BusError> {
        let request = match request::read(delivery.payload.clone()) {
            Ok(request) => request,
            Err(reason) => return bury(delivery, &reason).await,
        };
        let id = request_id_of(&request);
        match request_id::scope(id, self.carry_out(&request, shutdown)).await {
            Ok(()) => {
                if self.is_away.swap(false, Ordering::Relaxed) {
                    tracing::info!("hosts are diagnosed again");
                }
                metrics::MESSAGES.with_label_values(&["acknowledged"]).inc();
                tracing::debug!(id = delivery.id, attempt = delivery.attempt, "diagnosed");
                delivery.acknowledge().await
            }
            Err(error) => self.settle_failed(delivery, &request, error, shutdown).await,
        }
    }

    async fn carry_out(&self, request: &JobRequest, shutdown: &Shutdown) -> Result<(), DiagExecutorError> {
        let diagnostician = self.diagnostician(shutdown);
        for job in self.jobs(request).await? {
            diagnostician.carry_out(job).await?;
        }
        Ok(())
    }

    /// The jobs of a message: one for each host and tree; ours have one of each.
    async fn jobs(&self, request: &JobRequest) -> Result<Vec<Job>, DiagExecutorError> {
        let task = self.pinned_task(request).await?;
        let mut jobs = Vec::with_capacity(request.hosts.len() * request.trees.len());
        for host in &request.hosts {
            for tree in &request.trees {
                jobs.push(Job::new(&task, request, host, tree)?);
            }
        }
        Ok(jobs)
    }

    async fn pinned_task(&self, request: &JobRequest) -> Result<OwnedTask, DiagExecutorError> {
        let task_id = request.task_id.clone();
        let answer = self
            .dependencies
            .data_center
            .pinned_task(&PinnedTaskRequest { task_id })
            .await
            .map_err(DiagExecutorError::data_center("reading the task"))?;
        answer
            .task
            .ok_or_else(|| DiagExecutorError::UnknownTask(request.task_id.clone()))
    }

    fn diagnostician<'executor>(&'executor self, shutdown: &'executor Shutdown) -> Diagnostician<'executor> {
        Diagnostician {
            config: &self.config,
            dependencies: &self.dependencies,
            shutdown,
        }
    }

    async fn settle_failed(
        &self,
        delivery: Delivery,
        request: &JobRequest,
        error: DiagExecutorError,
        shutdown: &Shutdown,
    ) -> Result<(), BusError> {
        if matches!(error, DiagExecutorError::ShuttingDown) {
            // Dropped unsettled: it comes again.
            return Ok(());
        }
        if error.is_final() {
            return bury(delivery, &chain(&error)).await;
        }
        if error.is_outage() {
            if !self.is_away.swap(true, Ordering::Relaxed) {
                tracing::warn!(error = chain(&error), "hosts cannot be diagnosed; trying again");
            }
        } else if delivery.attempt >= self.config.refusal_limit {
            return self.give_up(delivery, request, &error, shutdown).await;
        } else {
            tracing::error!(
                id = delivery.id,
                attempt = delivery.attempt,
                error = chain(&error),
                "not diagnosed"
            );
        }
        metrics::MESSAGES.with_label_values(&["retried"]).inc();
        let pause = self.config.back_off(delivery.attempt);
        delivery.retry_later(pause).await
    }

    /// Ends a job that cannot be carried out: its reports say so and count as finished; the message is kept with the
    /// reason.
    async fn give_up(
        &self,
        delivery: Delivery,
        request: &JobRequest,
        error: &DiagExecutorError,
        shutdown: &Shutdown,
    ) -> Result<(), BusError> {
        match self.save_failures(request, shutdown).await {
            Ok(()) => {}
            // Dropped unsettled: it comes again.
            Err(DiagExecutorError::ShuttingDown) => return Ok(()),
            Err(unsaved) if unsaved.is_outage() => {
                let pause = self.config.back_off(delivery.attempt);
                return delivery.retry_later(pause).await;
            }
            Err(unsaved) => {
                tracing::error!(error = chain(&unsaved), "that a diagnosis failed cannot be saved");
            }
        }
        bury(delivery, &chain(error)).await
    }

    async fn save_failures(
        &self,
        request: &JobRequest,
        shutdown: &Shutdown,
    ) -> Result<(), DiagExecutorError> {
        let diagnostician = self.diagnostician(shutdown);
        for job in self.jobs(request).await? {
            diagnostician.give_up(&job).await?;
        }
        Ok(())
    }
}

async fn bury(delivery: Delivery, reason: &str) -> Result<(), BusError> {
    tracing::error!(
        id = delivery.id,
        reason,
        "a message that cannot be carried out goes to the dead letters"
    );
    metrics::MESSAGES.with_label_values(&["dead"]).inc();
    delivery.dead_letter(reason).await
}

/// Follows the work through the logs of the data center. Names of trees do not fit into a header; ids do.
fn request_id_of(request: &JobRequest) -> String {
    let host = request.hosts.first().map_or("", |host| host.as_str());
    let id = format!("diagnose/{}/{host}", request.task_id);
    id.chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || "-_./:".contains(*letter))
        .take(128)
        .collect()
}
