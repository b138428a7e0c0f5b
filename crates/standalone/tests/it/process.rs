//! The real program: what it says when it cannot start, and how it stops.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use aops_test_platform::{Engines, eventually};

/// `aops-standalone` on free ports and on these engines.
pub(crate) fn command(data_dir: &Path, engines: &Engines) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aops-standalone"));
    for (name, _) in std::env::vars_os() {
        // Settings of a platform that somebody runs beside the tests.
        if name.to_string_lossy().contains("__") {
            command.env_remove(name);
        }
    }
    let listen = engines.listen();
    command
        .arg("--data-dir")
        .arg(data_dir)
        .args([
            "--listen",
            &listen.public,
            "--internal-listen",
            &listen.internal,
            "--agent-listen",
            "127.0.0.1:0",
        ])
        .arg("--address-file")
        .arg(data_dir.with_extension("address"))
        .env("AOPS_ADMIN_PASSWORD", PASSWORD)
        .envs(engines.environment().iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command
}

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// Starts the program and waits until it listens; returns its base address.
pub(crate) async fn started(data_dir: &Path, engines: &Engines) -> (Child, String) {
    let address_file = data_dir.with_extension("address");
    let _ = fs::remove_file(&address_file);
    engines.watch(data_dir);
    let child = command(data_dir, engines)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let address = eventually("the program to listen", async || {
        fs::read_to_string(&address_file).ok()
    })
    .await;
    (child, format!("http://{address}"))
}

/// Sends a signal by name; the standard library has only KILL.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill")
        .arg(format!("-{name}"))
        .arg(child.id().to_string())
        .status();
    assert!(status.expect("kill runs").success());
}

fn refused(mut command: Command) -> String {
    let Output { status, stderr, .. } = command.output().expect("the program runs");
    assert_eq!(status.code(), Some(1));
    String::from_utf8(stderr).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_in_use_or_unusable_and_a_taken_port_are_told() {
    let temp = tempfile::tempdir().expect("temp folder");
    let folder = temp.path().join("data");
    let (mut child, _) = started(&folder, &Engines::embedded()).await;

    let message = refused(command(&folder, &Engines::embedded()));
    assert!(
        message.contains("is in use by another platform") && message.contains("--data-dir"),
        "{message}"
    );

    let file = temp.path().join("file");
    fs::write(&file, "").expect("written");
    let message = refused(command(&file.join("below"), &Engines::embedded()));
    assert!(
        message.contains("cannot be used") && message.contains("--data-dir"),
        "{message}"
    );

    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("bound").to_string();
    for option in ["--listen", "--internal-listen", "--agent-listen"] {
        let mut other = Command::new(env!("CARGO_BIN_EXE_aops-standalone"));
        other.arg("--data-dir").arg(temp.path().join(option));
        for free in ["--listen", "--internal-listen", "--agent-listen"]
            .into_iter()
            .filter(|free| *free != option)
        {
            other.args([free, "127.0.0.1:0"]);
        }
        other
            .args([option, &address])
            .env("AOPS_ADMIN_PASSWORD", PASSWORD)
            .stdin(Stdio::null());
        let message = refused(other);
        assert!(
            message.contains(&address) && message.contains(option),
            "{message}"
        );
    }

    signal(&child, "INT");
    assert!(child.wait().expect("ended").success());
}

#[test]
fn help_and_version() {
    let help = Command::new(env!("CARGO_BIN_EXE_aops-standalone"))
        .arg("--help")
        .output()
        .expect("runs");
    let text = String::from_utf8(help.stdout).expect("text");
    for option in ["--data-dir", "--listen", "127.0.0.1:8080", "AOPS_ADMIN_PASSWORD"] {
        assert!(text.contains(option), "{option} is not in:\n{text}");
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_aops-standalone"))
        .arg("--colour")
        .output()
        .expect("runs");
    assert_eq!(unknown.status.code(), Some(2));
}
