//! What can go wrong in the diagnosis scheduler outside of a request.

use aops_bus::BusError;
use aops_client::ClientError;

/// Why the scheduler cannot start, or cannot publish now.
#[derive(Debug, thiserror::Error)]
pub enum DiagSchedulerError {
    /// A setting makes no sense.
    #[error("diag-scheduler: {field} {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// The data center cannot be reached, or refuses.
    #[error("the data center does not answer as it should")]
    DataCenter(#[from] ClientError),
    /// The bus does not take messages.
    #[error("the message bus does not take messages")]
    Bus(#[from] BusError),
    /// A message cannot be written; a defect of ours.
    #[error("a message cannot be written as JSON")]
    Message(#[from] serde_json::Error),
}
