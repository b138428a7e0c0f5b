//! A Kafka broker of one test's own, which it may kill.

use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Started by `scripts/engines` in a folder of its own; stopped when it is dropped.
pub(crate) struct Broker {
    folder: tempfile::TempDir,
    script: PathBuf,
}

impl Broker {
    /// Started, and stopped again: it has an address, and nobody answers there.
    pub(crate) fn away() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/engines");
        let folder = tempfile::tempdir().expect("a folder");
        share_downloads(&script, folder.path());
        let broker = Self { folder, script };
        broker.start();
        broker.stop();
        broker
    }

    pub(crate) fn address(&self) -> String {
        let port = std::fs::read_to_string(self.folder.path().join("kafka/port")).expect("a port");
        format!("127.0.0.1:{}", port.trim())
    }

    pub(crate) fn start(&self) {
        self.run("start");
    }

    pub(crate) fn stop(&self) {
        self.run("stop");
    }

    /// As a crash of the machine's kind: without a word to anybody.
    pub(crate) fn kill(&self) {
        let process = std::fs::read_to_string(self.folder.path().join("kafka/kafka.pid")).expect("a process");
        let killed = Command::new("kill").args(["-9", process.trim()]).status();
        assert!(killed.expect("kill").success());
        // The signal is under way when `kill` returns.
        while TcpStream::connect(self.address()).is_ok() {
            std::thread::yield_now();
        }
    }

    fn run(&self, action: &str) {
        let output = Command::new(&self.script)
            .args([action, "kafka"])
            .env("AOPS_ENGINES_DIR", self.folder.path())
            .output()
            .expect("scripts/engines");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "scripts/engines {action}: {said}");
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = Command::new(&self.script)
            .args(["stop", "kafka"])
            .env("AOPS_ENGINES_DIR", self.folder.path())
            .output();
    }
}

/// What the common engines were made of is not downloaded again.
fn share_downloads(script: &Path, folder: &Path) {
    let common = std::env::var_os("AOPS_ENGINES_DIR")
        .map(PathBuf::from)
        .or_else(|| {
            let cache = std::env::var_os("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
            Some(cache.join("aops/engines"))
        });
    let downloads = common.map(|common| common.join("downloads"));
    assert!(script.exists(), "{} is missing", script.display());
    if let Some(downloads) = downloads.filter(|downloads| downloads.exists()) {
        symlink(downloads, folder.join("downloads")).expect("linked");
    }
}
