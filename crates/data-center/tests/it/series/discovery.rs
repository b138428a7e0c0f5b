//! Prometheus finds the machines by itself: the route, and the configuration that is shipped, on a real Prometheus.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use actix_web::{App, HttpServer, web};
use aops_api::HostId;
use aops_api::code::Empty;
use aops_api::host::HostGetRequest;
use aops_api::series::SeriesFetchRequest;
use aops_data_center::DataCenterConfig;
use aops_data_center::series::SeriesConfig;
use aops_service::Clock;

use super::selector;
use super::store::{self, Engine};
use crate::center::{Center, config};
use crate::tables::registration;

const ROUTE: &str = "/data/prometheus/targets";

async fn register(center: &Center, agent: &str, metrics_address: &str) -> HostId {
    let mut request = registration(agent, "admin");
    request.metrics_address = metrics_address.to_owned();
    center
        .service
        .register_host(&request)
        .await
        .expect("registered")
        .host_id
}

fn secret(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("prometheus.secret")).expect("made");
    text.trim().to_owned()
}

#[tokio::test]
async fn machines_are_listed_for_prometheus_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let center = Center::start(config(folder.path())).await;
    let host_id = register(&center, "agent", "10.0.0.1:50002").await;

    let secret = secret(folder.path());
    let bearer = format!("Bearer {secret}");
    let (status, list) = center
        .raw("GET", ROUTE, &[("authorization", bearer.as_str())], "")
        .await;
    assert_eq!(status, 200);
    let expected = serde_json::json!([{
        "targets": ["10.0.0.1:50002"],
        "labels": {
            "__meta_aops_shard": aops_api::Shard::of(&host_id).to_string(),
            "host_id": host_id.as_str(),
        },
    }]);
    assert_eq!(list, expected);

    let service = (aops_client::SERVICE_CREDENTIAL_HEADER, "tests:secret");
    for (name, value) in [
        ("authorization", "Bearer wrong"),
        ("authorization", "Bearer"),
        service,
    ] {
        let (status, _) = center.raw("GET", ROUTE, &[(name, value)], "").await;
        assert_eq!(status, 401, "{name}: {value}");
    }
    // And it opens nothing else.
    let shown = format!("prometheus:{secret}");
    let headers = [
        ("authorization", bearer.as_str()),
        (aops_client::SERVICE_CREDENTIAL_HEADER, shown.as_str()),
    ];
    let (_, answer) = center.raw("POST", "/data/host/machines", &headers, "{}").await;
    assert_eq!(answer["code"], 1201, "{answer}");
    center.stop().await;
}

/// A machine's page of metrics, which claims to be another; gives its address.
fn start_node(load: f64) -> String {
    let page = move || async move { format!("load {load}\nclaims{{host_id=\"another\"}} 1 12345\n") };
    let server = HttpServer::new(move || App::new().route("/metrics", web::get().to(page)))
        .workers(1)
        .disable_signals()
        .bind("127.0.0.1:0")
        .expect("a port");
    let address = server.addrs()[0].to_string();
    tokio::spawn(server.run());
    address
}

/// A Prometheus of this test. Killed when dropped.
struct Prometheus(Child);

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Prometheus {
    fn start(folder: &Path, config: &Path, address: &str) -> Self {
        let log = std::fs::File::create(folder.join("prometheus.log")).expect("a log");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("started");
        Self(child)
    }
}

/// The shipped configuration, with what its comments say to change changed; and with less patience.
fn configuration(center: &Center, data_dir: &Path) -> String {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/prometheus/prometheus.yml");
    let mut text = std::fs::read_to_string(shipped).expect("shipped");
    let internal = center.url.trim_start_matches("http://").to_owned();
    let secret_file = format!("{} #", data_dir.join("prometheus.secret").display());
    for (from, to) in [
        ("127.0.0.1:8081", internal.as_str()),
        ("/etc/prometheus/aops.secret #", secret_file.as_str()),
        ("scrape_interval: 15s", "scrape_interval: 1s"),
        ("scrape_timeout: 10s", "scrape_timeout: 1s"),
        ("refresh_interval: 30s", "refresh_interval: 1s"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    text
}

fn free_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

#[tokio::test]
async fn the_shipped_configuration_leads_to_series_with_their_host() {
    // Where there is a server for the tests, there is its program.
    if store::server(Engine::Prometheus).is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let address = free_address();
    let data_dir = folder.path().join("data");
    let settings = DataCenterConfig {
        series: SeriesConfig::Prometheus(store::config(&format!("http://{address}"))),
        ..config(&data_dir)
    };
    // It starts before its Prometheus is there.
    let center = Center::start_at(settings, Clock::system()).await;
    let first = register(&center, "first", &start_node(1.5)).await;
    let second = register(&center, "second", &start_node(2.5)).await;

    let file = folder.path().join("prometheus.yml");
    std::fs::write(&file, configuration(&center, &data_dir)).expect("written");
    let checked = Command::new("promtool")
        .args(["check", "config"])
        .arg(&file)
        .output()
        .expect("run");
    assert!(
        checked.status.success(),
        "{}",
        String::from_utf8_lossy(&checked.stderr)
    );
    let prometheus = Prometheus::start(folder.path(), &file, &address);

    let hosts = vec![first.clone(), second.clone()];
    let request = |name: &str| SeriesFetchRequest {
        hosts: hosts.clone(),
        selectors: vec![selector(name, &[], 0, i64::MAX)],
    };
    let waiting = async {
        loop {
            let answer = center
                .service
                .fetch_series(&request("load"))
                .await
                .expect("an answer");
            let machines = center.service.machines(&Empty {}).await.expect("listed").machines;
            let all_known = machines.iter().all(|machine| machine.first_sample_ms.is_some());
            if answer.series.len() == 2 && all_known {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let answer = tokio::time::timeout(Duration::from_secs(120), waiting)
        .await
        .expect("found");
    for (host_id, load) in [(&first, 1.5), (&second, 2.5)] {
        let series = answer
            .series
            .iter()
            .find(|series| series.host_id == *host_id)
            .expect("found");
        assert_eq!(series.values[0], load);
        assert_eq!(series.labels["job"], "node");
        assert_eq!(
            series.interval_ms, 1_000,
            "as the configuration of Prometheus says"
        );
        assert!(!series.labels.contains_key("__meta_aops_shard"));
    }
    let claims = center
        .service
        .fetch_series(&request("claims"))
        .await
        .expect("an answer");
    assert_eq!(claims.series.len(), 2);
    for series in claims.series {
        assert_eq!(series.labels["exported_host_id"], "another");
        assert!(series.times_ms[0] > 1_600_000_000_000, "the time of the scrape");
    }
    let admin = center.admin().await;
    let listed = admin
        .hosts(&HostGetRequest::default())
        .await
        .expect("listed")
        .host_infos;
    assert!(listed.iter().all(|host| host.status == "online"), "{listed:?}");
    drop(prometheus);
    center.stop().await;
}
