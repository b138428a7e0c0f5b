//! The loop that deletes documents when they are too old.

use std::time::Duration;

use aops_service::{Clock, Shutdown};
use serde::{Deserialize, Serialize};

use super::{Documents, DocumentsError, Kind};

/// From one pass to the next. Old documents cost only space, so there is no hurry.
const PAUSE: Duration = Duration::from_secs(1_800);

/// The longest that an older change can come late: an outbox that is read by several data centers is read in order, so
/// hours would do.
const MARKS_ARE_KEPT: Duration = Duration::from_secs(7 * 86_400);

/// How long documents are kept ([`Kind::age`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct DocumentRetention {
    /// Results, from their end.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub results: Duration,
    /// Reports of diagnoses, from when they were made.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub reports: Duration,
}

impl Default for DocumentRetention {
    fn default() -> Self {
        let ninety_days = Duration::from_secs(90 * 86_400);
        Self {
            results: ninety_days,
            reports: ninety_days,
        }
    }
}

impl DocumentRetention {
    const fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Result => self.results,
            Kind::Report => self.reports,
        }
    }
}

/// Deletes what is old, now and then, until shutdown.
pub async fn run(documents: Documents, retention: DocumentRetention, clock: Clock, shutdown: Shutdown) {
    loop {
        // Pause first: the start of the platform is no time for it.
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = clock.sleep(PAUSE) => {}
        }
        for kind in Kind::ALL {
            match pass(&documents, kind, retention.of(kind), clock.now_ms()).await {
                Ok((0, 0)) => {}
                Ok((deleted, marks)) => tracing::info!(?kind, deleted, marks, "old documents were deleted"),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(
                        ?kind,
                        error,
                        "old documents were not deleted; the next pass tries again"
                    );
                }
            }
        }
    }
}

/// Gives how many documents were deleted, and how many marks of removals.
pub async fn pass(
    documents: &Documents,
    kind: Kind,
    retention: Duration,
    now_ms: i64,
) -> Result<(u64, u64), DocumentsError> {
    let before =
        |duration: Duration| now_ms.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    let marks = documents.trim_removed(kind, before(MARKS_ARE_KEPT)).await?;
    let deleted = documents
        .delete_before(kind, kind.age(), before(retention))
        .await?;
    Ok((deleted, marks))
}
