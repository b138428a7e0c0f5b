//! The `aops` command: everything a person does with the platform, from a terminal or a script.
//!
//! It talks to the public routes through [`aops_client::Platform`] and to nothing else; rules can be tested without a
//! platform, over files. Commands and options are those of the design (3.8.4).
//!
//! | module | what it does |
//! |---|---|
//! | `arguments` | options of all commands, and the option types that commands share |
//! | `commands` | one file per command: its options, its calls, what it prints |
//! | `context` | what a command works with: the server, the clock, the form of the output |
//! | `failure` | how a command fails: message, advice, exit code |
//! | `documents`, `password` | what comes from files and from the person |
//! | `offline` | rules tested without a platform |
//! | `moments`, `screen` | how moments are read and shown, how tables look |

mod arguments;
mod commands;
mod context;
mod documents;
mod failure;
mod moments;
mod offline;
mod password;
mod screen;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::context::Context;

/// That of the services, so that offline tests run as fast as they do (ADR 0005).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let context = Context::new(&arguments, jiff::Timestamp::now(), jiff::tz::TimeZone::system());
    match commands::run(arguments.command, &context).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.report();
            failure.exit_code()
        }
    }
}
