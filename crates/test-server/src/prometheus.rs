//! A Prometheus of one test's own, with the configuration that is shipped.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aops_service::random;
use tempfile::TempDir;

/// The program of Debian's package, which `scripts/engines` installs, on a port and in a folder of its own. Killed when it
/// is dropped; what it has stored is kept until then, whoever kills it.
pub struct Prometheus {
    folder: TempDir,
    address: String,
    running: Mutex<Option<Child>>,
}

impl Prometheus {
    /// One that has an address, where nobody answers yet.
    pub fn away() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
            address: free_address(),
            running: Mutex::default(),
        }
    }

    /// Where it will listen: `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Writes the shipped configuration, with what its comments say to change changed, and with less patience: it scrapes
    /// at this interval, and asks each second for targets. The platform need not be there yet.
    pub fn configure(&self, internal_address: &str, data_dir: &Path, scrape_interval: &str) {
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/prometheus.yml");
        let mut text = fs::read_to_string(shipped).expect("the shipped configuration");
        let secret_file = data_dir.join("prometheus.secret").display().to_string();
        for (theirs, ours) in [
            ("127.0.0.1:8081", internal_address),
            ("/etc/prometheus/aops.secret ", &format!("{secret_file} ")),
            (
                "scrape_interval: 15s",
                &format!("scrape_interval: {scrape_interval}"),
            ),
            (
                "scrape_timeout: 10s",
                &format!("scrape_timeout: {scrape_interval}"),
            ),
            ("refresh_interval: 30s", "refresh_interval: 1s"),
        ] {
            assert!(text.contains(theirs), "{theirs} is not there to be changed");
            text = text.replace(theirs, ours);
        }
        fs::write(self.folder.path().join("prometheus.yml"), text).expect("written");
    }

    /// Starts it, if it does not run.
    pub fn start(&self) {
        let mut running = self.running();
        if running.is_some() {
            return;
        }
        let part = |name: &str| self.folder.path().join(name).display().to_string();
        let log = File::create(part("prometheus.log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", part("prometheus.yml")))
            .arg(format!("--storage.tsdb.path={}", part("data")))
            .arg(format!("--web.listen-address={}", self.address))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("prometheus, which scripts/engines installs");
        *running = Some(child);
    }

    /// Ends it without a word to anybody, as a crash does.
    pub fn kill(&self) {
        if let Some(mut child) = self.running().take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    fn running(&self) -> MutexGuard<'_, Option<Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.kill();
    }
}

/// An address of the loopback for a program that may go and come back. Its port is below those that the system gives to
/// clients, so that none of them takes it meanwhile.
pub fn free_address() -> String {
    for _ in 0..50 {
        let digits = random::id();
        let number = u16::from_str_radix(&digits[..4], 16).expect("hexadecimal digits");
        let address = format!("127.0.0.1:{}", 16_000 + number % 16_000);
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
    panic!("no free port was found");
}
