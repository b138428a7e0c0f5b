//! Carries out one job: what is known, the reports, saved.

use std::sync::Arc;

use aops_api::TimeRange;
use aops_api::diagnosis::{Report, ReportSaveRequest, slices};
use aops_service::Shutdown;

use crate::config::Config;
use crate::error::DiagExecutorError;
use crate::job::Job;
use crate::report;
use crate::{Dependencies, evaluate, metrics};

/// What the reports say of a job that was given up; the reason is in the log, which is not the users' to read.
const GIVEN_UP: &str = "the diagnosis could not be carried out; the log of diag-executor says why";

/// What a job is carried out with.
pub(crate) struct Diagnostician<'executor> {
    pub(crate) config: &'executor Config,
    pub(crate) dependencies: &'executor Dependencies,
    pub(crate) shutdown: &'executor Shutdown,
}

impl Diagnostician<'_> {
    /// Diagnoses every slice. When it returns, the reports are saved.
    pub(crate) async fn carry_out(&self, job: Job) -> Result<(), DiagExecutorError> {
        let verdicts = evaluate::verdicts(&job, self.config, self.dependencies).await?;
        let known = Arc::new((job, verdicts));
        let all: Vec<TimeRange> = slices(known.0.range, known.0.interval_ms).collect();
        let mut diagnosed = 0;
        while diagnosed < all.len() {
            let some = all[diagnosed..].iter().take(self.config.slices_at_once);
            let (known, some): (_, Vec<TimeRange>) = (known.clone(), some.copied().collect());
            let job = known.clone();
            let bytes = self.config.save_bytes;
            // Long enough to be in the way of the requests that this process answers.
            let reports =
                tokio::task::spawn_blocking(move || report::of_first(&known.0, &known.1, &some, bytes))
                    .await
                    .map_err(DiagExecutorError::Panicked)?;
            diagnosed += reports.len();
            self.save(&job.0, reports).await?;
        }
        Ok(())
    }

    /// Saves reports that say that the diagnosis failed: whoever waits for them need not wait for ever.
    pub(crate) async fn give_up(&self, job: &Job) -> Result<(), DiagExecutorError> {
        let all: Vec<TimeRange> = slices(job.range, job.interval_ms).collect();
        for some in all.chunks(self.config.slices_at_once) {
            let reports = some
                .iter()
                .map(|slice| report::failed(job, *slice, GIVEN_UP))
                .collect();
            self.save(job, reports).await?;
        }
        Ok(())
    }

    async fn save(&self, job: &Job, reports: Vec<Report>) -> Result<(), DiagExecutorError> {
        for reports in report::batches(reports, self.config.save_bytes) {
            if self.shutdown.is_cancelled() {
                return Err(DiagExecutorError::ShuttingDown);
            }
            let count = reports.len() as u64;
            let request = ReportSaveRequest {
                username: job.owner.clone(),
                reports,
            };
            self.dependencies
                .data_center
                .save_reports(&request)
                .await
                .map_err(DiagExecutorError::data_center("saving reports"))?;
            metrics::REPORTS.inc_by(count);
        }
        Ok(())
    }
}
