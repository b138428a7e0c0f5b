//! A Kafka broker of one test's own, which it may kill.

use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::free_address;

/// Started by `scripts/engines` in a folder of its own; stopped when it is dropped.
pub struct Broker {
    folder: tempfile::TempDir,
    script: PathBuf,
    address: String,
}

impl Broker {
    /// One that has an address, where nobody answers yet. Not the usual port: two tests would take it at the same time.
    pub fn away() -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/engines");
        let folder = tempfile::tempdir().expect("a folder");
        share_downloads(&script, folder.path());
        let address = free_address();
        let (_, port) = address.split_once(':').expect("host:port");
        // The script leaves an engine its port.
        let home = folder.path().join("kafka");
        std::fs::create_dir(&home).expect("a folder");
        std::fs::write(home.join("port"), port).expect("written");
        Self {
            folder,
            script,
            address,
        }
    }

    /// Where clients find it: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Starts it and waits until it serves.
    pub fn start(&self) {
        self.run("start");
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        self.run("stop");
    }

    /// As a crash of the machine's kind: without a word to anybody.
    pub fn kill(&self) {
        self.signal("-KILL");
        // The signal is under way when it is sent.
        while TcpStream::connect(self.address()).is_ok() {
            std::thread::yield_now();
        }
    }

    /// Halts it: connections stay open, and nothing is answered.
    pub fn pause(&self) {
        self.signal("-STOP");
    }

    /// Lets it go on after [`pause`](Self::pause).
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, name: &str) {
        let process = std::fs::read_to_string(self.folder.path().join("kafka/kafka.pid")).expect("a process");
        let sent = Command::new("kill").args([name, process.trim()]).status();
        assert!(sent.expect("kill").success());
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
