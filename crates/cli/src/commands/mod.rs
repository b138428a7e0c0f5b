//! One file or folder per command: its options, its calls, what it prints.
//!
//! `import`, `outcome` and `why` are what commands share.

mod account;
mod audit;
mod certificate;
mod check;
mod checkrule;
mod diag;
mod faultree;
mod group;
mod host;
mod import;
mod outcome;
mod profile;
mod report;
pub(crate) mod shell;
mod stat;
mod why;

use clap::Subcommand;

use crate::context::Context;
use crate::failure::Failure;

/// The commands. What help says of one stands at its arguments.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Account(Box<account::Arguments>),
    Certificate(certificate::Arguments),
    Profile(profile::Arguments),
    Host(Box<host::Arguments>),
    Group(group::Arguments),
    Check(check::Arguments),
    Checkrule(checkrule::Arguments),
    Faultree(faultree::Arguments),
    Diag(diag::Arguments),
    Report(report::Arguments),
    Stat(stat::Arguments),
    Audit(audit::Arguments),
    Completion(shell::CompletionArguments),
    Manpage(shell::ManpageArguments),
}

/// Those that the manuals call as `adoctor`.
pub(crate) const OF_ADOCTOR: [&str; 6] = ["check", "checkrule", "faultree", "diag", "report", "stat"];

/// Runs a command.
pub(crate) async fn run(command: Command, context: &Context) -> Result<(), Failure> {
    match command {
        Command::Account(arguments) => account::run(*arguments, context).await,
        Command::Certificate(arguments) => certificate::run(arguments, context).await,
        Command::Profile(arguments) => profile::run(arguments, context),
        Command::Host(arguments) => host::run(*arguments, context).await,
        Command::Group(arguments) => group::run(arguments, context).await,
        Command::Check(arguments) => check::run(arguments, context).await,
        Command::Checkrule(arguments) => checkrule::run(arguments, context).await,
        Command::Faultree(arguments) => faultree::run(arguments, context).await,
        Command::Diag(arguments) => diag::run(arguments, context).await,
        Command::Report(arguments) => report::run(arguments, context).await,
        Command::Stat(arguments) => stat::run(arguments, context).await,
        Command::Audit(arguments) => audit::run(arguments, context).await,
        Command::Completion(arguments) => shell::print_completion(&arguments),
        Command::Manpage(arguments) => shell::write_manpages(&arguments),
    }
}

/// `1 host`, `2 hosts`
fn counted(count: usize, what: &str) -> String {
    match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
