//! The loop `forward`: has every window checked when its time has come.
//!
//! Publish, wait until that is durable, then move the cursor by compare and set. A scheduler that dies in between
//! publishes the window again, which changes nothing; one whose compare-and-set is lost was slower than another.

use std::sync::LazyLock;
use std::time::Duration;

use aops_api::Empty;
use aops_api::message::CHECK_EXECUTE_REQ;
use aops_bus::Message;
use aops_service::Shutdown;
use aops_service::log::chain;
use prometheus::IntCounter;

use crate::error::SchedulerError;
use crate::plan::{self, Planned};
use crate::{Config, Dependencies};

static PUBLISHED: LazyLock<IntCounter> = LazyLock::new(|| {
    prometheus::register_int_counter!(
        "aops_check_messages_published_total",
        "Messages that ask for a window of a shard to be checked."
    )
    .expect("registered once")
});

static SKIPPED_SECONDS: LazyLock<prometheus::Counter> = LazyLock::new(|| {
    prometheus::register_counter!(
        "aops_check_skipped_seconds_total",
        "Time of shards that was not checked because it was too far back."
    )
    .expect("registered once")
});

pub(crate) struct Forward {
    config: Config,
    dependencies: Dependencies,
    /// Whether the last look failed: an outage is logged once, not at each look.
    away: bool,
    /// Whether the last look found too many messages waiting.
    held_back: bool,
}

/// What a look found.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// Nothing more to do until the next window is due.
    Idle,
    /// There may be more to do at once.
    Busy,
    /// Executors are behind; nothing was published.
    HeldBack,
}

impl Forward {
    pub(crate) fn new(config: Config, dependencies: Dependencies) -> Self {
        Self {
            config,
            dependencies,
            away: false,
            held_back: false,
        }
    }

    pub(crate) async fn run(mut self, shutdown: Shutdown) {
        let tick = Duration::from_millis(self.config.tick_ms);
        let longest_back_off = Duration::from_millis(self.config.longest_back_off_ms);
        let mut back_off = tick;
        loop {
            let pause = match self.look().await {
                Ok(look) => {
                    self.say_recovered();
                    back_off = tick;
                    if look == Look::Idle {
                        self.until_next_due()
                    } else {
                        tick
                    }
                }
                Err(error) => {
                    self.say_away(error);
                    let pause = back_off;
                    back_off = (back_off * 2).min(longest_back_off);
                    pause
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = self.dependencies.clock.sleep(pause) => {}
            }
        }
    }

    /// One look: plan, publish, move.
    async fn look(&mut self) -> Result<Look, SchedulerError> {
        let lag = self
            .dependencies
            .bus
            .lag(CHECK_EXECUTE_REQ, &self.config.executor_group)
            .await?;
        if self.say_held_back(lag) {
            return Ok(Look::HeldBack);
        }
        let data_center = &self.dependencies.data_center;
        // In this order: the revision that comes with the cursors has the rules of every machine that was read.
        let machines = data_center.machines(&Empty {}).await?.machines;
        let cursors = data_center.cursors(&Empty {}).await?;
        let now_ms = self.dependencies.clock.now_ms();
        let planned = plan::plan_windows(now_ms, &cursors, &machines, &self.config);
        if planned.is_empty() {
            return Ok(Look::Idle);
        }
        self.publish(&planned).await?;
        let mut moved_back = 0;
        for step in &planned {
            let moved = data_center.move_cursor(&step.cursor_move).await?.moved;
            tracing::debug!(shard = %step.cursor_move.shard, to_ms = step.cursor_move.position_ms, moved, "cursor");
            if let Some(skipped) = step.skipped.filter(|_| moved) {
                SKIPPED_SECONDS.inc_by(skipped.duration_ms() as f64 / 1_000.0);
                tracing::warn!(
                    shard = %step.cursor_move.shard,
                    from_ms = skipped.start_ms,
                    to_ms = skipped.end_ms,
                    "too far back to catch up: left as a hole in the coverage"
                );
            }
            if moved && step.is_move_back() {
                moved_back += 1;
            }
        }
        if moved_back > 0 {
            tracing::warn!(
                shards = moved_back,
                to_ms = plan::newest_due_end_ms(now_ms, &self.config),
                "cursors were ahead of the time, as after a clock that was: moved back"
            );
        }
        Ok(Look::Busy)
    }

    async fn publish(&self, planned: &[Planned]) -> Result<(), SchedulerError> {
        let mut messages = Vec::new();
        for (step, message) in planned
            .iter()
            .filter_map(|step| Some((step, step.message.as_ref()?)))
        {
            messages.push(Message {
                key: step.cursor_move.shard.to_string(),
                id: message.id.clone(),
                payload: serde_json::to_value(message)?,
            });
        }
        let count = messages.len() as u64;
        if count > 0 {
            self.dependencies
                .bus
                .publish_many(CHECK_EXECUTE_REQ, messages)
                .await?;
            PUBLISHED.inc_by(count);
        }
        Ok(())
    }

    fn until_next_due(&self) -> Duration {
        let now_ms = self.dependencies.clock.now_ms();
        let left_ms = plan::next_due_ms(now_ms, &self.config) - now_ms;
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    fn say_held_back(&mut self, lag: u64) -> bool {
        let held_back = lag > self.config.lag_limit;
        if held_back && !self.held_back {
            tracing::warn!(
                lag,
                limit = self.config.lag_limit,
                "executors are behind: no window is published"
            );
        }
        if !held_back && self.held_back {
            tracing::info!(lag, "executors have caught up: windows are published again");
        }
        self.held_back = held_back;
        held_back
    }

    fn say_away(&mut self, error: SchedulerError) {
        if !self.away {
            tracing::warn!(error = chain(&error), "windows cannot be published; trying again");
        }
        self.away = true;
    }

    fn say_recovered(&mut self) {
        if self.away {
            tracing::info!("windows are published again");
        }
        self.away = false;
    }
}

#[cfg(test)]
mod tests;
