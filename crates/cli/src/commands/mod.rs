//! One file per command: its options, its calls, what it prints.

mod account;
mod check;
mod checkrule;
mod diag;
mod faultree;
mod host;
mod import;
mod report;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Log in, log out, change the password.
    Account(account::Arguments),
    /// The hosts that are watched.
    Host(host::Arguments),
    /// Anomalies that the check rules found.
    Check(check::Arguments),
    /// Check rules: what counts as an anomaly.
    Checkrule(checkrule::Arguments),
    /// Fault trees: how anomalies lead to a root cause.
    Faultree(faultree::Arguments),
    /// Diagnose hosts with fault trees over a range of time.
    Diag(diag::Arguments),
    /// Reports of diagnoses.
    Report(report::Arguments),
}

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Account(arguments) => account::run(arguments, context).await,
        Command::Host(arguments) => host::run(arguments, context).await,
        Command::Check(arguments) => check::run(arguments, context).await,
        Command::Checkrule(arguments) => checkrule::run(arguments, context).await,
        Command::Faultree(arguments) => faultree::run(arguments, context).await,
        Command::Diag(arguments) => diag::run(arguments, context).await,
        Command::Report(arguments) => report::run(arguments, context).await,
    }
}
