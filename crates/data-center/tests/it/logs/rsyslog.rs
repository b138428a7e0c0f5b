//! From a line in a file through a real rsyslogd with the shipped configuration, a real Elasticsearch and the data center
//! to what a rule says.

use std::fs;
use std::io::Write;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aops_api::finding::{Finding, FindingValue, JudgedWindow};
use aops_api::series::SeriesFetchRequest;
use aops_api::{HostId, TimeRange};
use aops_check_rule::{FetchPlan, Rule, SeriesSet};
use aops_data_center::logs::{LogShape, LogsConfig};
use aops_service::Clock;
use jiff::Timestamp;

use super::proxy::{Mood, Proxy, free_port};
use super::store::Store;
use crate::center::{Center, config, eventually};
use crate::tables::registration;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/rsyslog/aops.conf");

/// A machine of its own: files, and an rsyslogd that ships them.
struct ShippingMachine {
    folder: tempfile::TempDir,
    running: Option<Child>,
}

impl Drop for ShippingMachine {
    fn drop(&mut self) {
        self.kill();
    }
}

impl ShippingMachine {
    /// The shipped file, changed where it says that it is to be changed, behind a configuration as a system has it.
    fn new(host_id: &HostId, url: &str, index_prefix: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().to_str().expect("a path").to_owned();
        for part in ["spool", "log/kbox", "root", "home/ann", "etc"] {
            fs::create_dir_all(folder.path().join(part)).expect("a folder");
        }
        let mut shipped = fs::read_to_string(SHIPPED).expect("the shipped configuration");
        for (theirs, ours) in [
            ("\"/var/log/", format!("\"{root}/log/")),
            ("\"/root/", format!("\"{root}/root/")),
            ("\"/home/", format!("\"{root}/home/")),
            ("cat /etc/aops/", format!("cat {root}/etc/")),
            ("http://127.0.0.1:9200", url.to_owned()),
            ("\"aops-log-v1-", format!("\"{index_prefix}-log-v1-")),
            ("interval=\"30\"", "interval=\"1\"".to_owned()),
            // The files are new: what is in them before rsyslogd has looked is to be shipped, too.
            ("freshStartTail=\"on\"", "freshStartTail=\"off\"".to_owned()),
        ] {
            assert!(shipped.contains(theirs), "{theirs} is not there to be changed");
            shipped = shipped.replace(theirs, &ours);
        }
        let system = format!(
            "global(workDirectory=\"{root}/spool\")\nmodule(load=\"imuxsock\" SysSock.Use=\"off\")\n\
             input(type=\"imuxsock\" Socket=\"{root}/socket\")\ninclude(file=\"{root}/aops.conf\")\n"
        );
        fs::write(folder.path().join("etc/host_id"), format!("{host_id}\n")).expect("written");
        fs::write(folder.path().join("aops.conf"), shipped).expect("written");
        fs::write(folder.path().join("rsyslog.conf"), system).expect("written");
        Self {
            folder,
            running: None,
        }
    }

    fn path(&self, part: &str) -> PathBuf {
        self.folder.path().join(part)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(rsyslogd());
        command
            .arg("-f")
            .arg(self.path("rsyslog.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        command
    }

    /// What rsyslogd says to the configuration; empty when nothing is wrong with it.
    fn check(&self) -> String {
        let output = self.command().arg("-N1").output().expect("rsyslogd runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let complaints = said
            .lines()
            .filter(|line| !line.contains("config validation run"));
        let complaints: Vec<&str> = complaints.collect();
        assert!(output.status.success() && complaints.is_empty(), "{said}");
        complaints.concat()
    }

    fn start(&mut self) {
        let said = fs::File::create(self.path("said")).expect("a file");
        let mut command = self.command();
        let running = command.arg("-n").arg("-i").arg(self.path("pid")).stderr(said);
        self.running = Some(running.spawn().expect("rsyslogd starts"));
    }

    fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            let _ = running.kill();
            let _ = running.wait();
        }
    }

    fn write(&self, file: &str, line: &str) {
        let mut file = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path(file))
            .expect("a file");
        writeln!(file, "{line}").expect("written");
    }

    /// A message of the kernel, as the system's own input would deliver it.
    async fn log_as_kernel(&self, message: &str) {
        let socket = UnixDatagram::unbound().expect("a socket");
        let connect = async || socket.connect(self.path("socket")).is_ok();
        eventually(connect, |is_connected| *is_connected).await;
        let datagram = format!("<3>Nov 21 18:16:01 kernel: {message}");
        socket.send(datagram.as_bytes()).expect("sent");
    }
}

/// Debian keeps it where the path of a user does not lead.
fn rsyslogd() -> &'static Path {
    let places = ["/usr/sbin/rsyslogd", "/usr/local/sbin/rsyslogd", "/sbin/rsyslogd"].map(Path::new);
    let found = places.into_iter().find(|place| place.exists());
    found.expect("rsyslogd is not installed; `scripts/engines start elasticsearch` installs it")
}

/// A data center that reads these logs, with one machine.
struct Platform {
    center: Center,
    host_id: HostId,
    _folder: tempfile::TempDir,
}

impl Platform {
    async fn start(store: &Store) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut logs = store.config.clone();
        logs.heartbeat_interval = Duration::from_secs(1);
        let mut config = config(folder.path());
        config.logs = LogsConfig::Elasticsearch(logs);
        let center = Center::start_at(config, Clock::system()).await;
        let registered = center
            .service
            .register_host(&registration("agent", "admin"))
            .await;
        Self {
            host_id: registered.expect("registered").host_id,
            center,
            _folder: folder,
        }
    }

    fn now_ms(&self) -> i64 {
        self.center.clock.now_ms()
    }

    async fn judge(&self, stream: &str, condition: &str, window: TimeRange) -> JudgedWindow {
        let item = serde_json::json!({
            "check_item": "a rule", "condition": condition,
            "data_list": [{ "name": stream, "type": "log" }],
        });
        let item = serde_json::from_value(item).expect("a check item");
        let rule = Arc::new(Rule::compile(&item).expect("a rule"));
        let plan = FetchPlan::new(vec![rule], window, 15_000);
        let request = SeriesFetchRequest {
            hosts: vec![self.host_id.clone()],
            selectors: plan.selectors().to_vec(),
        };
        let answer = self.center.service.fetch_series(&request).await.expect("fetched");
        let mut judged = plan.judge_all(&[0], &self.host_id, &SeriesSet::new(&answer));
        judged.pop().expect("one rule")
    }

    /// The first anomaly, as soon as there is one. An index that is just being made cannot be searched: the window is
    /// then not covered, and judged again.
    async fn anomaly(&self, stream: &str, condition: &str, since_ms: i64) -> Finding {
        let ask = async || {
            let window = TimeRange::new(since_ms, self.now_ms() + 1_000);
            let judged = self.judge(stream, condition, window).await;
            judged
                .findings
                .into_iter()
                .find(|finding| finding.value == FindingValue::Abnormal)
        };
        eventually(ask, Option::is_some).await.expect("an anomaly")
    }
}

#[tokio::test]
async fn a_line_in_a_file_becomes_an_anomaly() {
    let Some(store) = Store::new(LogShape::Rsyslog) else {
        return;
    };
    let platform = Platform::start(&store).await;
    let url = &store.config.connection.urls[0];
    let mut machine = ShippingMachine::new(&platform.host_id, url, &store.config.connection.index_prefix);
    machine.check();
    let begin_ms = platform.now_ms();
    let window = TimeRange::new(begin_ms, begin_ms + 10_000);
    let before = platform.judge("messages", "keyword('x')", window).await;
    let values: Vec<FindingValue> = before.findings.iter().map(|finding| finding.value).collect();
    assert_eq!(values, [FindingValue::NoData], "nobody ships yet");

    machine.start();
    machine.log_as_kernel("sda: I/O error, sector 7").await;
    let at = Timestamp::from_millisecond(platform.now_ms()).expect("a time");
    machine.write(
        "log/messages",
        &format!("{at:.6} box sshd[12]: Failed password for root"),
    );
    machine.write("log/kbox/panic", "Oops: 0002 \"quoted\" \\");
    machine.write("root/.bash_history", "#1700000000");
    machine.write("root/.bash_history", "rm -rf /data");

    let errors = platform.anomaly("dmesg", "keyword('I/O error')", begin_ms).await;
    let sample = errors.evidence.first.clone().expect("a deciding sample");
    assert!(sample.time_ms >= begin_ms, "{sample:?}");
    platform
        .anomaly("kbox", "keyword('Oops: 0002 \"quoted\"')", begin_ms)
        .await;
    platform.anomaly("history", "keyword('rm -rf')", begin_ms).await;
    platform
        .anomaly("dmesg", "count(5m, 'nothing like it', '!=') >= 1", begin_ms)
        .await;
    let failed = platform
        .anomaly("messages", "keyword('sshd[12]: Failed password')", begin_ms)
        .await;
    let sample = failed.evidence.first.expect("a deciding sample");
    assert_eq!(sample.time_ms, at.as_millisecond(), "the time in the line counts");
    let command = platform.judge("history", "keyword('#1700000000')", window).await;
    assert!(
        command
            .findings
            .iter()
            .all(|finding| finding.value != FindingValue::Abnormal)
    );

    // Quiet and heard is normal; from three heartbeats after the last one it is not known.
    let heard = async || {
        let end_ms = platform.now_ms();
        let window = TimeRange::new(end_ms - 500, end_ms);
        platform
            .judge("messages", "keyword('nothing like it')", window)
            .await
            .findings
    };
    eventually(heard, Vec::is_empty).await;
    machine.kill();
    let silent = eventually(heard, |findings: &Vec<Finding>| !findings.is_empty()).await;
    assert_eq!(silent[0].value, FindingValue::NoData, "{silent:?}");
    platform.center.stop().await;
    store.clean_up().await;
}

#[tokio::test]
async fn lines_of_an_outage_come_afterwards_and_once() {
    let Some(store) = Store::new(LogShape::Rsyslog) else {
        return;
    };
    let platform = Platform::start(&store).await;
    let target = &store.config.connection.urls[0];
    let port = free_port();
    let url = format!("http://127.0.0.1:{port}");
    let mut machine = ShippingMachine::new(&platform.host_id, &url, &store.config.connection.index_prefix);
    let begin_ms = platform.now_ms();
    machine.start();
    machine.log_as_kernel("first: nobody listens").await;
    // What Elasticsearch stores and cannot acknowledge is sent again.
    let proxy = Proxy::start(port, target, Mood::Forgetful);
    platform.anomaly("dmesg", "keyword('first: ')", begin_ms).await;
    machine.log_as_kernel("second: nobody answers").await;
    proxy.feel(Mood::Busy);
    machine.log_as_kernel("third: turned away").await;
    proxy.feel(Mood::Well);
    machine.log_as_kernel("fourth: all is well").await;
    for word in ["first", "second", "third", "fourth"] {
        let condition = format!("keyword('{word}: ')");
        platform.anomaly("dmesg", &condition, begin_ms).await;
    }
    for word in ["first", "second", "third", "fourth"] {
        assert_eq!(count(&store, word).await, 1, "{word}");
    }
    machine.kill();
    proxy.stop().await;
    platform.center.stop().await;
    store.clean_up().await;
}

/// Documents with a word, in indices that can be searched.
async fn count(store: &Store, word: &str) -> u64 {
    let prefix = &store.config.connection.index_prefix;
    store
        .send("POST", &format!("/{prefix}-log-*/_refresh"), String::new())
        .await;
    let path = format!("/{prefix}-log-*/_count?q=message:{word}");
    let answer = store.send("GET", &path, String::new()).await;
    answer["count"].as_u64().expect("a count")
}
