//! The real program against a scripted platform: exit codes, messages, JSON.

mod account;
mod adoctor;
mod checkrule;
mod checkrule_language;
mod cli_guide;
mod convert;
mod design;
mod diag;
mod documents;
mod guide;
mod lists;
mod long_lists;
mod manage;
mod offline_trees;
mod rules_guide;
mod session;
mod terminal;
mod tls;
mod usage;

use std::ffi::OsStr;
use std::process::{Output, Stdio};

use aops_test_server::FakeServer;
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What a run of the program left.
struct Ran {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }

    /// Fails unless the program exited with `code`; shows what it said.
    #[track_caller]
    fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout: {}\nstderr: {}",
            self.stdout,
            self.stderr
        );
        self
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// The program, with nothing from the environment but what a test sets.
fn aops(server: &str, arguments: &[impl AsRef<OsStr>]) -> Command {
    let arguments = arguments.iter().map(AsRef::as_ref);
    let arguments: Vec<&OsStr> = ["--server".as_ref(), server.as_ref()]
        .into_iter()
        .chain(arguments)
        .collect();
    program(&arguments)
}

/// The same, and no server either.
fn program(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aops"));
    command
        .env_clear()
        .env("TZ", "UTC")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

async fn run(server: &FakeServer, arguments: &[impl AsRef<OsStr>]) -> Ran {
    let output = aops(server.url(), arguments).output().await;
    output.expect("the program starts").into()
}

async fn run_with_input(server: &FakeServer, arguments: &[&str], input: &str) -> Ran {
    let mut child = aops(server.url(), arguments)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).await.expect("written");
    drop(stdin);
    child.wait_with_output().await.expect("the program ends").into()
}
