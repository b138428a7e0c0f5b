//! One file per command: its options, its calls, what it prints.

mod account;
mod check;
mod checkrule;
mod diag;
mod faultree;
mod host;
mod import;
mod report;
mod why;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The commands. What help says of one stands at its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Account(account::Arguments),
    Host(host::Arguments),
    Check(check::Arguments),
    Checkrule(checkrule::Arguments),
    Faultree(faultree::Arguments),
    Diag(diag::Arguments),
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
