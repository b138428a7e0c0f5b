//! What can go wrong in the diagnosis executor.

use aops_api::{Code, TaskId};
use aops_client::ClientError;

/// Why the executor cannot start, or a job cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum DiagExecutorError {
    /// A setting makes no sense.
    #[error("diag-executor: {field} {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
    },
    /// There is no such task: nobody waits for its reports.
    #[error("there is no task {0}")]
    UnknownTask(TaskId),
    /// The message asks for a host or tree that is not its task's.
    #[error("task {task_id} has no {what}")]
    NotOfTask {
        /// The task.
        task_id: TaskId,
        /// What it lacks.
        what: String,
    },
    /// The data center cannot be reached, or refuses.
    #[error("{call} failed")]
    DataCenter {
        /// What was asked.
        call: &'static str,
        /// What it said.
        #[source]
        source: ClientError,
    },
    /// Judging or diagnosing panicked; a defect of ours.
    #[error("a computation ended by a panic")]
    Panicked(#[source] tokio::task::JoinError),
    /// The process is to end.
    #[error("the process is to end")]
    ShuttingDown,
}

impl DiagExecutorError {
    pub(crate) fn data_center(call: &'static str) -> impl FnOnce(ClientError) -> Self {
        move |source| Self::DataCenter { call, source }
    }

    /// Whether something is away that no message can do without: however often it has failed, nothing is wrong with it.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            // A credential that is refused is a matter of the installation, not of the message.
            Self::DataCenter { source, .. } => source.is_outage() || source.code == Code::TokenError,
            Self::Config { .. }
            | Self::UnknownTask(_)
            | Self::NotOfTask { .. }
            | Self::Panicked(_)
            | Self::ShuttingDown => false,
        }
    }

    /// Whether the message can never be carried out, whatever happens.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self, Self::UnknownTask(_) | Self::NotOfTask { .. })
    }
}
