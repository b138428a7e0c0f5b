//! `aops-standalone`: the whole platform from one command.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use aops_service::config::{Flag, Loaded, Sources, load};
use aops_standalone::{Platform, StandaloneConfig, start, write_whole};
use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Diagnoses and checks make and drop many small values. This allocator does it faster than the system's, and gives the
/// memory of a burst back (ADR 0005).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Runs the whole A-Ops platform in one process.
///
/// Everything is embedded unless a configuration file names engines: MariaDB, Kafka, Elasticsearch, Prometheus. What a
/// flag says goes before the environment, that before the file, that before the defaults.
///
/// This machine becomes a host: its metrics are collected every 2 seconds and checked in windows of 10 seconds. At the
/// first start a password for the user admin is generated and shown; it has to be changed at the first login. Set
/// AOPS_ADMIN_PASSWORD to choose it instead.
#[derive(Parser)]
#[command(name = "aops-standalone", version)]
struct Arguments {
    /// Configuration file, TOML; docs/configuration.md has all keys
    #[arg(long, value_name = "FILE", env = "AOPS_CONFIG")]
    config: Option<PathBuf>,

    /// Print the effective configuration with where each value comes from, without secrets, and end
    #[arg(long)]
    print_config: bool,

    /// Folder for everything the platform keeps [default: aops in the user's data directory] [env: AOPS_DATA_DIR]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,

    /// Address of the public listener: REST and, for later, the console [default: 127.0.0.1:8080] [env: AOPS_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,

    /// Address of the internal listener: services, /metrics [default: 127.0.0.1:8081] [env: AOPS_INTERNAL_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    internal_listen: Option<String>,

    /// Address of this machine's agent, or off [default: 127.0.0.1:50002] [env: AOPS_AGENT_LISTEN]
    #[arg(long, value_name = "ADDRESS")]
    agent_listen: Option<String>,

    /// Write the address of the public listener to this file once it listens (for scripts, with port 0)
    #[arg(long, value_name = "FILE")]
    address_file: Option<PathBuf>,
}

impl Arguments {
    fn flags(&self) -> Vec<Flag> {
        let flags = [
            ("--data-dir", "data_dir", &self.data_dir),
            ("--listen", "listen.public", &self.listen),
            ("--internal-listen", "listen.internal", &self.internal_listen),
            ("--agent-listen", "listen.agent", &self.agent_listen),
        ];
        let given = |(name, key, value): (&'static str, &'static str, &Option<String>)| {
            let value = value.clone()?;
            Some(Flag { name, key, value })
        };
        flags.into_iter().filter_map(given).collect()
    }
}

fn main() -> ExitCode {
    match load_and_run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("aops-standalone: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn load_and_run(arguments: &Arguments) -> Result<()> {
    let loaded = load_config(arguments)?;
    if arguments.print_config {
        print!("{}", loaded.print());
        return Ok(());
    }
    loaded.check_files()?;
    aops_service::log::start("info");
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    run(arguments, loaded.value)
}

fn load_config(arguments: &Arguments) -> Result<Loaded<StandaloneConfig>> {
    let flags = arguments.flags();
    let environment: Vec<_> = std::env::vars_os().collect();
    let data_dir = default_data_dir().unwrap_or_default();
    let sources = Sources {
        file: arguments.config.clone(),
        environment,
        flags,
    };
    let mut loaded = load(&StandaloneConfig::new(data_dir), sources)?;
    if loaded.value.data_dir.as_os_str().is_empty() {
        anyhow::bail!("there is no home directory; choose a data folder with --data-dir");
    }
    loaded.value.admin_password = std::env::var("AOPS_ADMIN_PASSWORD")
        .ok()
        .filter(|password| !password.is_empty());
    Ok(loaded)
}

#[tokio::main]
async fn run(arguments: &Arguments, config: StandaloneConfig) -> Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let data_dir = config.data_dir.clone();
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

fn default_data_dir() -> Option<PathBuf> {
    let folders = directories::ProjectDirs::from("", "", "aops")?;
    Some(folders.data_dir().to_owned())
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
