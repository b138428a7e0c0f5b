//! The loop `publish`: has saved tasks carried out.
//!
//! Publish, wait until that is durable, then mark the task. A scheduler that dies in between publishes the jobs again,
//! which changes nothing: a job saves the same reports under the same ids.

use std::sync::Arc;
use std::time::Duration;

use aops_api::Empty;
use aops_api::diagnosis::{OwnedTask, TaskPublishedRequest};
use aops_api::message::DIAGNOSE_EXECUTE_REQ;
use aops_service::Shutdown;
use aops_service::log::chain;
use tokio::sync::Notify;

use crate::error::DiagSchedulerError;
use crate::{Config, Dependencies, jobs};

/// How many jobs are handed to the bus at once.
const BATCH: usize = 1_000;

pub(crate) struct Publisher {
    config: Config,
    dependencies: Dependencies,
    /// A task has been saved.
    saved: Arc<Notify>,
    /// Whether the last round failed: an outage is logged once, not at each round.
    is_away: bool,
}

impl Publisher {
    pub(crate) fn new(config: Config, dependencies: Dependencies, saved: Arc<Notify>) -> Self {
        Self {
            config,
            dependencies,
            saved,
            is_away: false,
        }
    }

    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let mut back_off = self.config.first_back_off;
        while !shutdown.is_cancelled() {
            match self.publish_all(&shutdown).await {
                Ok(()) => {
                    self.say_recovered();
                    back_off = self.config.first_back_off;
                    self.wait_for_work(&shutdown).await;
                }
                Err(error) => {
                    self.say_away(&error);
                    self.pause(back_off, &shutdown).await;
                    back_off = (back_off * 2).min(self.config.longest_back_off);
                }
            }
        }
    }

    /// Until a request tells of a task, or it is time to look for those that nobody tells of.
    async fn wait_for_work(&self, shutdown: &Shutdown) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.saved.notified() => {}
            () = self.dependencies.clock.sleep(self.config.look_interval) => {}
        }
    }

    async fn pause(&self, duration: Duration, shutdown: &Shutdown) {
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = self.dependencies.clock.sleep(duration) => {}
        }
    }

    /// Publishes and marks tasks until there is none left.
    async fn publish_all(&self, shutdown: &Shutdown) -> Result<(), DiagSchedulerError> {
        while !shutdown.is_cancelled() {
            let tasks = self
                .dependencies
                .data_center
                .unpublished_tasks(&Empty {})
                .await?
                .tasks;
            if tasks.is_empty() {
                break;
            }
            for task in tasks {
                self.publish(&task).await?;
            }
        }
        Ok(())
    }

    async fn publish(&self, task: &OwnedTask) -> Result<(), DiagSchedulerError> {
        let messages = jobs::messages(task).collect::<Result<Vec<_>, _>>()?;
        for batch in messages.chunks(BATCH) {
            let batch = batch.to_vec();
            self.dependencies
                .bus
                .publish_many(DIAGNOSE_EXECUTE_REQ, batch)
                .await?;
        }
        let task_id = task.task.task_id.clone();
        tracing::info!(task = %task_id, jobs = messages.len(), "diagnosis published");
        let request = TaskPublishedRequest { task_id };
        self.dependencies
            .data_center
            .mark_task_published(&request)
            .await?;
        Ok(())
    }

    fn say_away(&mut self, error: &DiagSchedulerError) {
        if !self.is_away {
            tracing::warn!(
                error = chain(error),
                "diagnoses cannot be published; trying again"
            );
        }
        self.is_away = true;
    }

    fn say_recovered(&mut self) {
        if self.is_away {
            tracing::info!("diagnoses are published again");
        }
        self.is_away = false;
    }
}
