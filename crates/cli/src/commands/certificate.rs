//! `aops certificate`: open the vault of the hosts' credentials.

use aops_api::account::CertificateRequest;
use clap::Args;

use crate::context::Context;
use crate::failure::Failure;
use crate::secret::Secret;

/// What seals the credentials of hosts.
pub(super) const KEY: Secret = Secret {
    prompt: "Key",
    option: "--key",
    variable: "AOPS_KEY",
    is_new: false,
};

/// Open the vault of the credentials of your hosts, for this session.
///
/// The key is the one that the hosts were added with. The platform needs it to log in on them, and keeps it only as long
/// as the session.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The key. Others on this machine can see it while the command runs: better in AOPS_KEY, or typed when asked, or as
    /// a line of standard input.
    #[arg(long, env = "AOPS_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let request = CertificateRequest {
        key: KEY.read(arguments.key)?,
    };
    let answered = platform.open_vault(&request).await;
    context.take_done(answered, "the vault is open for this session")
}
