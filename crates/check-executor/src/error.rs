//! What can go wrong in the check executor.

use aops_api::Code;
use aops_client::ClientError;

/// Why the executor cannot start, or a message cannot be executed now.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// A setting makes no sense.
    #[error("check-executor: {field} {reason}")]
    Config {
        /// The setting.
        field: &'static str,
        /// What it must be.
        reason: &'static str,
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
    /// Compiling panicked; a defect of ours.
    #[error("compiling the rules failed")]
    Compile(#[source] tokio::task::JoinError),
    /// Judging panicked; a defect of ours.
    #[error("judging the window failed")]
    Judge(#[source] tokio::task::JoinError),
}

impl ExecutorError {
    pub(crate) fn data_center(call: &'static str) -> impl FnOnce(ClientError) -> Self {
        move |source| Self::DataCenter { call, source }
    }

    /// Whether something is away that no message can do without: however often it has failed, nothing is wrong with it.
    pub(crate) fn is_outage(&self) -> bool {
        match self {
            // A credential that is refused is a matter of the installation, not of the message.
            Self::DataCenter { source, .. } => source.is_outage() || source.code == Code::TokenError,
            Self::Config { .. } | Self::Compile(_) | Self::Judge(_) => false,
        }
    }
}
