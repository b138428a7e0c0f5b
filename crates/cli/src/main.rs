//! The `aops` command: everything a person does with the platform, from a terminal or a script.
//!
//! It talks to the public routes through [`aops_client::Platform`] and to nothing else; rules can be tested without a
//! platform, over files. Commands and options are those of the design (3.8.4).
//!
//! | module | what it does |
//! |---|---|
//! | `arguments` | options of all commands, and the option types that commands share |
//! | `commands` | one file or folder per command: its options, its calls, what it prints |
//! | `context` | what a command works with: the server, the clock, the form of the output |
//! | `connection`, `profiles` | which server, as whom: options, environment, remembered logins |
//! | `failure` | how a command fails: message, advice, exit code |
//! | `documents`, `secret` | what comes from files and from the person |
//! | `listing` | long lists, fetched page by page |
//! | `offline` | rules tested without a platform |
//! | `moments`, `screen`, `table`, `pager` | how moments are read and shown, how output looks |

mod arguments;
mod commands;
mod connection;
mod context;
mod documents;
mod failure;
mod listing;
mod moments;
mod offline;
mod pager;
mod profiles;
mod screen;
mod secret;
mod table;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::arguments::Arguments;
use crate::commands::shell::ADOCTOR;
use crate::context::Context;

/// That of the services, so that offline tests run as fast as they do (ADR 0005).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = read_arguments(std::env::args_os().collect());
    let context = Context::new(&arguments, jiff::Timestamp::now(), jiff::tz::TimeZone::system());
    match commands::run(arguments.command, &context).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report(&context.login_command());
            failure.exit_code()
        }
    }
}

/// Called as `adoctor`, which the manuals use beside `aops`, the program is the same: its help shows the commands that they
/// call so.
fn read_arguments(words: Vec<OsString>) -> Arguments {
    let called = words.first().map(Path::new).and_then(Path::file_name);
    let mut command = Arguments::command();
    if called.is_some_and(|name| name == ADOCTOR) {
        command = command
            .name(ADOCTOR)
            .bin_name(ADOCTOR)
            .about("Anomalies and diagnoses: the same as `aops`.");
        command = command.mut_subcommands(|subcommand| {
            let is_shown = commands::OF_ADOCTOR.contains(&subcommand.get_name());
            subcommand.hide(!is_shown)
        });
    }
    let matches = command.get_matches_from(words);
    match Arguments::from_arg_matches(&matches) {
        Ok(arguments) => arguments,
        Err(error) => error.exit(),
    }
}
