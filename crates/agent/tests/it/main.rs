//! The agent on loopback, scraped as Prometheus would, over a procfs tree with known content and over the real one.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use aops_agent::{AgentConfig, build};
use aops_api::facts::HostFacts;
use aops_service::server::{Audience, Server, bind};
use aops_service::{Clock, Credentials, Shutdown};
use procfs::prelude::*;
use procfs::{KernelStats, LoadAverage, LocalSystemInfo, Meminfo};
use prometheus_parse::{Sample, Scrape, Value};

const COLLECTORS: [&str; 6] = ["cpu", "loadavg", "meminfo", "stat", "time", "uname"];

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/proc")
}

struct Agent {
    address: String,
    shutdown: Shutdown,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Agent {
    fn start(config: AgentConfig) -> Self {
        let service = build(config);
        let listener = bind("127.0.0.1:0", "--listen").expect("a free port");
        let mut server = Server::new();
        let address = server
            .listen(listener, Audience::Agent, &[service], Credentials::default())
            .expect("listens");
        Self {
            address: format!("http://{address}"),
            shutdown: server.shutdown(),
            server: tokio::spawn(server.run()),
        }
    }

    fn over(proc_root: &Path) -> Self {
        Self::start(AgentConfig {
            proc_root: proc_root.to_owned(),
            clock: Clock::manual(1_795_261_872_250),
            ..AgentConfig::default()
        })
    }

    async fn get(&self, path: &str) -> reqwest::Response {
        let response = reqwest::get(format!("{}{path}", self.address)).await;
        response.expect("an answer")
    }

    async fn page(&self) -> Page {
        let text = self.get("/metrics").await.text().await.expect("text");
        Page::read(&text)
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.server.await.expect("no panic").expect("a clean end");
    }
}

/// What was scraped: samples by name, help texts by name.
struct Page {
    samples: BTreeMap<String, Vec<Sample>>,
    help: BTreeMap<String, String>,
}

impl Page {
    fn read(text: &str) -> Self {
        let scrape = Scrape::parse(text.lines().map(|line| Ok(line.to_owned()))).expect("a page");
        let mut samples: BTreeMap<String, Vec<Sample>> = BTreeMap::new();
        for sample in scrape.samples {
            samples.entry(sample.metric.clone()).or_default().push(sample);
        }
        Self {
            samples,
            help: scrape.docs.into_iter().collect(),
        }
    }

    /// The sample that has these labels and no others.
    fn sample(&self, name: &str, labels: &[(&str, &str)]) -> &Sample {
        let samples = self.samples.get(name).map_or(&[][..], Vec::as_slice);
        samples
            .iter()
            .find(|sample| {
                sample.labels.len() == labels.len()
                    && labels
                        .iter()
                        .all(|(name, value)| sample.labels.get(name) == Some(value))
            })
            .unwrap_or_else(|| panic!("{name} {labels:?} is missing"))
    }

    fn gauge(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match self.sample(name, labels).value {
            Value::Gauge(value) => value,
            ref other => panic!("{name} is no gauge: {other:?}"),
        }
    }

    fn counter(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        match self.sample(name, labels).value {
            Value::Counter(value) => value,
            ref other => panic!("{name} is no counter: {other:?}"),
        }
    }

    fn success(&self, collector: &str) -> f64 {
        self.gauge("node_scrape_collector_success", &[("collector", collector)])
    }
}

#[tokio::test]
async fn processor_times_are_those_of_procfs() {
    let agent = Agent::over(&fixture());
    let page = agent.page().await;
    let stats = KernelStats::from_file(fixture().join("stat"), &LocalSystemInfo).expect("readable");
    // The processor between them is off line, and the numbers must stay theirs.
    for (cpu, time) in ["0", "2"].into_iter().zip(&stats.cpu_time) {
        let expected = [
            ("user", time.user),
            ("nice", time.nice),
            ("system", time.system),
            ("idle", time.idle),
            ("iowait", time.iowait.expect("there")),
            ("irq", time.irq.expect("there")),
            ("softirq", time.softirq.expect("there")),
            ("steal", time.steal.expect("there")),
        ];
        for (mode, ticks) in expected {
            let seconds = page.counter("node_cpu_seconds_total", &[("cpu", cpu), ("mode", mode)]);
            assert_eq!(
                seconds,
                ticks as f64 / procfs::ticks_per_second() as f64,
                "{cpu} {mode}"
            );
        }
        for (mode, ticks) in [("user", time.guest), ("nice", time.guest_nice)] {
            let seconds = page.counter("node_cpu_guest_seconds_total", &[("cpu", cpu), ("mode", mode)]);
            let ticks = ticks.expect("there");
            assert_eq!(seconds, ticks as f64 / procfs::ticks_per_second() as f64);
        }
    }
    assert_eq!(page.samples["node_cpu_seconds_total"].len(), 16);
    assert_eq!(
        page.help["node_cpu_seconds_total"],
        "Seconds the CPUs spent in each mode."
    );
    agent.stop().await;
}

#[tokio::test]
async fn memory_is_that_of_procfs() {
    let agent = Agent::over(&fixture());
    let page = agent.page().await;
    let meminfo = Meminfo::from_file(fixture().join("meminfo")).expect("readable");
    let expected = [
        ("MemTotal_bytes", Some(meminfo.mem_total)),
        ("MemAvailable_bytes", meminfo.mem_available),
        ("Active_anon_bytes", meminfo.active_anon),
        ("Inactive_file_bytes", meminfo.inactive_file),
        ("SwapFree_bytes", Some(meminfo.swap_free)),
        ("Committed_AS_bytes", Some(meminfo.committed_as)),
        ("HugePages_Total", meminfo.hugepages_total),
        ("HugePages_Rsvd", meminfo.hugepages_rsvd),
        ("Hugepagesize_bytes", meminfo.hugepagesize),
        ("DirectMap4k_bytes", meminfo.direct_map_4k),
        // No reader knows this one yet.
        ("BrandNewField_bytes", Some(5 * 1024)),
    ];
    for (field, value) in expected {
        let name = format!("node_memory_{field}");
        let value = value.unwrap_or_else(|| panic!("{field} is not in the fixture"));
        assert_eq!(page.gauge(&name, &[]), value as f64, "{field}");
        assert_eq!(page.help[&name], format!("Memory information field {field}."));
    }
    let lines = fs::read_to_string(fixture().join("meminfo"))
        .expect("readable")
        .lines()
        .count();
    let served = page
        .samples
        .keys()
        .filter(|name| name.starts_with("node_memory_"));
    assert_eq!(served.count(), lines);
    agent.stop().await;
}

#[tokio::test]
async fn load_time_and_names() {
    let agent = Agent::over(&fixture());
    let page = agent.page().await;
    let load = LoadAverage::from_file(fixture().join("loadavg")).expect("readable");
    for (name, expected) in [
        ("node_load1", load.one),
        ("node_load5", load.five),
        ("node_load15", load.fifteen),
    ] {
        assert_eq!(page.gauge(name, &[]) as f32, expected);
    }
    assert_eq!(page.gauge("node_load1", &[]), 0.96);
    assert_eq!(page.gauge("node_time_seconds", &[]), 1_795_261_872.25);
    assert_eq!(page.gauge("node_boot_time_seconds", &[]), 1_795_259_392.0);
    let names = [
        ("domainname", "(none)"),
        ("machine", "aarch64"),
        ("nodename", "node-1"),
        ("release", "6.1.0-18-amd64"),
        ("sysname", "Linux"),
    ];
    let uname = &page.samples["node_uname_info"][0];
    for (label, value) in names {
        assert_eq!(uname.labels.get(label), Some(value));
    }
    assert!(
        uname
            .labels
            .get("version")
            .is_some_and(|version| version.starts_with("#1 SMP"))
    );
    agent.stop().await;
}

#[tokio::test]
async fn the_page_is_told_to_be_prometheus_text_and_health_is_served() {
    let agent = Agent::over(&fixture());
    let response = agent.get("/metrics").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    let health = agent.get("/health").await;
    assert_eq!(health.status(), 200);
    assert!(health.text().await.expect("text").contains("\"agent\""));
    agent.stop().await;
}

#[tokio::test]
async fn facts_are_json() {
    let agent = Agent::over(&fixture());
    let response = agent.get("/facts").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    let facts: HostFacts = serde_json::from_str(&response.text().await.expect("text")).expect("facts");
    assert_eq!(facts.os.kernel_version, "6.1.0-18-amd64");
    assert_eq!(facts.cpu.architecture, "aarch64");
    agent.stop().await;
}

#[tokio::test]
async fn a_collector_that_fails_leaves_the_others_alone_and_recovers() {
    let folder = tempfile::tempdir().expect("temp folder");
    let root = folder.path();
    let copy = |file: &str| {
        fs::copy(fixture().join(file), root.join(file)).expect("copied");
    };
    copy("stat");
    copy("loadavg");
    fs::write(root.join("meminfo"), "MemTotal: many kB\n").expect("written");

    let agent = Agent::over(root);
    let page = agent.page().await;
    let succeeded = COLLECTORS.map(|collector| page.success(collector));
    assert_eq!(succeeded, [1.0, 1.0, 0.0, 1.0, 1.0, 0.0]);
    assert!(!page.samples.keys().any(|name| name.starts_with("node_memory_")));
    assert_eq!(page.gauge("node_load5", &[]), 0.42);
    for collector in COLLECTORS {
        let seconds = page.gauge(
            "node_scrape_collector_duration_seconds",
            &[("collector", collector)],
        );
        assert!(seconds >= 0.0);
    }

    copy("meminfo");
    let page = agent.page().await;
    assert_eq!(page.success("meminfo"), 1.0);
    assert_eq!(page.gauge("node_memory_SwapCached_bytes", &[]), 17.0 * 1024.0);
    agent.stop().await;
}

#[tokio::test]
async fn counters_of_a_processor_do_not_fall_between_scrapes() {
    let folder = tempfile::tempdir().expect("temp folder");
    let root = folder.path();
    let rest = "ctxt 1\nbtime 1795259392\nprocesses 1\n";
    let write = |iowait: u64| {
        let columns = format!("10 0 10 1000 {iowait} 0 0 0 0 0");
        fs::write(
            root.join("stat"),
            format!("cpu  {columns}\ncpu0 {columns}\n{rest}"),
        )
        .expect("written");
    };
    let agent = Agent::over(root);
    let labels = [("cpu", "0"), ("mode", "iowait")];
    let mut seen = Vec::new();
    for iowait in [500, 450, 600] {
        write(iowait);
        let page = agent.page().await;
        seen.push(page.counter("node_cpu_seconds_total", &labels) * procfs::ticks_per_second() as f64);
    }
    assert_eq!(seen, [500.0, 500.0, 600.0]);
    agent.stop().await;
}

#[tokio::test]
async fn this_machine_is_read() {
    let agent = Agent::start(AgentConfig::default());
    let page = agent.page().await;
    for collector in COLLECTORS {
        assert_eq!(page.success(collector), 1.0, "{collector}");
    }
    let meminfo = Meminfo::from_file("/proc/meminfo").expect("readable");
    assert_eq!(
        page.gauge("node_memory_MemTotal_bytes", &[]),
        meminfo.mem_total as f64
    );
    let stats = KernelStats::from_file("/proc/stat", &LocalSystemInfo).expect("readable");
    assert_eq!(
        page.samples["node_cpu_seconds_total"].len(),
        stats.cpu_time.len() * 8
    );
    agent.stop().await;
}
