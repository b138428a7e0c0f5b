//! `aops-standalone`: the whole platform from one command.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use aops_standalone::{Platform, StandaloneConfig, start, write_whole};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Diagnoses and checks make and drop many small values. This allocator does it faster than the system's, and gives the
/// memory of a burst back (ADR 0005).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the whole A-Ops platform in one process, on embedded storage.
///
/// This machine becomes a host: its metrics are collected every 2 seconds and checked in windows of 10 seconds. At the
/// first start a password for the user admin is generated and shown; it has to be changed at the first login. Set
/// AOPS_ADMIN_PASSWORD to choose it instead.
#[derive(Parser)]
#[command(name = "aops-standalone", version)]
struct Arguments {
    /// Folder for everything the platform keeps [default: aops in the user's data directory]
    #[arg(long, value_name = "FOLDER", env = "AOPS_DATA_DIR")]
    data_dir: Option<PathBuf>,

    /// Address of the public listener: REST and, for later, the console
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        env = "AOPS_LISTEN"
    )]
    listen: String,

    /// Address of the internal listener: services, /metrics
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081",
        env = "AOPS_INTERNAL_LISTEN"
    )]
    internal_listen: String,

    /// Address of this machine's agent
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50002",
        env = "AOPS_AGENT_LISTEN"
    )]
    agent_listen: String,

    /// Write the address of the public listener to this file once it listens (for scripts, with port 0)
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    aops_service::log::start("info");
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aops-standalone: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let data_dir = arguments.data_dir.map_or_else(default_data_dir, Ok)?;
    let config = StandaloneConfig {
        listen: arguments.listen,
        internal_listen: arguments.internal_listen,
        agent_listen: Some(arguments.agent_listen),
        admin_password: std::env::var("AOPS_ADMIN_PASSWORD")
            .ok()
            .filter(|password| !password.is_empty()),
        ..StandaloneConfig::new(data_dir.clone())
    };
    let platform = start(config).await?;
    if let Some(file) = &arguments.address_file {
        let address = platform.public_address.to_string();
        write_whole(file, &address).with_context(|| format!("cannot write {}", file.display()))?;
    }
    greet(&platform, &data_dir);

    let shutdown = platform.shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("aops-standalone: finishing what is under way; once more to stop at once");
        shutdown.cancel();
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("aops-standalone: stopped at once; what was acknowledged is kept");
        std::process::exit(130);
    });
    platform
        .finished()
        .await
        .context("the platform ended by itself")?;
    eprintln!("aops-standalone: stopped");
    Ok(())
}

fn default_data_dir() -> Result<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "aops")
        .context("there is no home directory; choose a data folder with --data-dir")?;
    Ok(folders.data_dir().to_owned())
}

/// Tells a person at a terminal how to go on. The password is for that person only, never for a log.
fn greet(platform: &Platform, data_dir: &std::path::Path) {
    let password_file = data_dir.join("first-password");
    if platform.first_password.is_some() {
        tracing::info!(file = %password_file.display(), "the first password of admin has not been changed yet");
    }
    if !std::io::stderr().is_terminal() {
        return;
    }
    let server = format!("http://{}", platform.public_address);
    eprintln!("\nA-Ops listens on {server}");
    if let Some(password) = &platform.first_password {
        eprintln!(
            "Log in as admin with the password {password} (also in {}), then change it:",
            password_file.display()
        );
        eprintln!("  export AOPS_SERVER={server}");
        eprintln!("  aops account --action login --username admin");
        eprintln!("  AOPS_ACCESS_TOKEN=… aops account --action change");
    }
    eprintln!("Stop with Ctrl-C.\n");
}
