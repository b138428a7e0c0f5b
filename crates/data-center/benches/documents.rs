//! Measures the document store: how fast results go in, and how long it takes to read a page of them, in the store and
//! through `POST /check/result/get`, as a user sees it.
//!
//! Not Criterion: filling the store takes a while and is itself measured. `AOPS_BENCH_RESULTS` is the number of results
//! (1,000,000). Elasticsearch is measured where `AOPS_TEST_ELASTICSEARCH_URL` is, the SQLite file unless
//! `AOPS_BENCH_ENGINES` names only `elasticsearch`.

use std::future::Future;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use aops_api::account::LoginRequest;
use aops_api::finding::{DecidingSample, Evidence, FindingValue};
use aops_api::host::HostRegisterRequest;
use aops_api::page::{Direction, Page};
use aops_api::read::Integer;
use aops_api::result::{ResultGetRequest, ResultSort};
use aops_api::rule::KeyedRule;
use aops_api::{EvaluationKey, HostId, Labels, TimeRange};
use aops_bus::{Bus, BusConfig};
use aops_client::{DataCenter, Platform};
use aops_data_center::DataCenterConfig;
use aops_data_center::account::{SessionLimits, password::Cost, token::TokenKey};
use aops_data_center::documents::{Document, Documents, DocumentsConfig, Kind};
use aops_data_center::elasticsearch::ElasticsearchConfig;
use aops_data_center::feeder;
use aops_data_center::results::{ResultDocument, ResultFilter, count_results, read_results};
use aops_data_center::store::{KeyPeriod, OpenTables, RuleHistory, Tables, TablesSource, sqlite_url};
use aops_service::server::{Audience, Server};
use aops_service::{Clock, Credentials, Shutdown, random};
use sqlx::{AnyPool, AssertSqlSafe};

const HOSTS: u64 = 1_000;
const RULES: u64 = 35;
const START_MS: i64 = 1_788_220_800_000;
/// Results start over this time.
const SPAN_MS: i64 = 60 * 86_400_000;
/// Rounds at most, and the time after which no more are begun.
const ROUNDS: usize = 200;
const PATIENCE: Duration = Duration::from_secs(20);
const FED: u64 = 50_000;
const PASSWORD: &str = "correct horse battery staple";

#[tokio::main]
async fn main() {
    // Cargo passes `--bench`, and the name of what is wanted.
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    if wanted.is_some_and(|wanted| !"documents".contains(&wanted)) {
        return;
    }
    let count = std::env::var("AOPS_BENCH_RESULTS").map_or(1_000_000, |text| text.parse().expect("a number"));
    let engines = std::env::var("AOPS_BENCH_ENGINES").unwrap_or_else(|_| "sqlite elasticsearch".to_owned());
    if engines.contains("sqlite") {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("documents.db");
        measure("SQLite", &DocumentsConfig::default(), &file, count).await;
    }
    if !engines.contains("elasticsearch") {
        return;
    }
    let Ok(url) = std::env::var("AOPS_TEST_ELASTICSEARCH_URL") else {
        println!("Elasticsearch: AOPS_TEST_ELASTICSEARCH_URL is not set");
        return;
    };
    let config = ElasticsearchConfig {
        urls: vec![url.clone()],
        index_prefix: format!("bench-{}", random::id()),
        request_timeout: Duration::from_secs(30),
        ..ElasticsearchConfig::default()
    };
    let prefix = config.index_prefix.clone();
    measure(
        "Elasticsearch",
        &DocumentsConfig::Elasticsearch(config),
        Path::new("no file"),
        count,
    )
    .await;
    clean_up(&url, &prefix).await;
}

async fn measure(engine: &str, config: &DocumentsConfig, file: &Path, count: u64) {
    let documents = Documents::open(config, file).await.expect("opened");
    let start = Instant::now();
    for first in (0..count).step_by(10_000) {
        let batch = (first..(first + 10_000).min(count)).map(document);
        let refused = documents.put(batch.collect()).await.expect("stored");
        assert!(refused.is_empty());
    }
    say(engine, "results stored per second", per_second(count, start));
    documents.refresh(Kind::Result).await.expect("refreshed");
    feed(engine, &documents).await;
    documents.refresh(Kind::Result).await.expect("refreshed");

    let rules = rules();
    for (name, filter) in filters(count) {
        let read = || async {
            let answer = read_results(&documents, &rules, &filter).await.expect("read");
            assert!(!answer.check_result.is_empty(), "{name}");
        };
        time(engine, name, read).await;
    }
    let hosts = || (0..HOSTS).map(host).collect();
    let counted = || async {
        let counts = count_results(&documents, &rules, hosts(), None, None, None)
            .await
            .expect("counted");
        assert_eq!(counts.total_count, HOSTS);
    };
    time(engine, "anomalies counted by host", counted).await;
    documents.close().await;
    through_the_route(engine, config, file, count).await;
}

/// The same pages, asked for by a user: login, the public listener, the data center behind it, tables in a file.
async fn through_the_route(engine: &str, config: &DocumentsConfig, file: &Path, count: u64) {
    let elsewhere = tempfile::tempdir().expect("a folder");
    // The embedded documents lie in the data folder.
    let folder = match config {
        DocumentsConfig::Embedded {} => file.parent().expect("a folder"),
        DocumentsConfig::Elasticsearch(_) => elsewhere.path(),
    };
    let served = Served::start(folder, config.clone()).await;
    let all = ResultGetRequest {
        sort: Some(ResultSort::Start),
        direction: Some(Direction::Desc),
        page: Some(Integer(1)),
        per_page: Some(Integer(50)),
        ..ResultGetRequest::default()
    };
    let page = |page: u64| ResultGetRequest {
        page: Some(Integer(i64::try_from(page).expect("small"))),
        ..all.clone()
    };
    let one_host = ResultGetRequest {
        host_list: vec![host(7)],
        ..all.clone()
    };
    for (name, request) in [
        ("route: page of 50, newest first", page(1)),
        ("route: page of 50 of one host", one_host),
        ("route: page of 50, 9,000 deep", page(180)),
        ("route: page of 50, in the middle", page(count / 100)),
    ] {
        let read = || async {
            let outcome = served.user.results(&request).await.expect("answered");
            let answer = outcome.succeeded().expect("read");
            assert_eq!(answer.check_result.len(), 50, "{name}");
        };
        time(engine, name, read).await;
    }
    served.stop().await;
}

/// A data center and the service in front of it, on free ports; its loops do not run.
struct Served {
    user: Platform,
    shutdown: Shutdown,
    running: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start(folder: &Path, documents: DocumentsConfig) -> Self {
        let clock = Clock::system();
        let config = DataCenterConfig {
            documents,
            admin_password: Some(PASSWORD.to_owned()),
            ..DataCenterConfig::new(folder)
        };
        let data_center = aops_data_center::build(config, clock.clone())
            .await
            .expect("built");
        fill_tables(folder).await;
        let mut server = Server::new();
        let listener = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let credentials = Credentials::new([("check-scheduler", "secret")]);
        let services = [data_center];
        let internal = server
            .listen(listener(), Audience::Internal, &services, credentials)
            .expect("listening");
        let internal_url = format!("http://{internal}");
        let bus_file = folder.join("bus.db");
        let bus = Bus::open(&BusConfig::default(), &bus_file, || 0)
            .await
            .expect("a bus");
        let dependencies = aops_check_scheduler::Dependencies {
            data_center: DataCenter::new(&internal_url, "check-scheduler", "secret"),
            bus,
            clock,
        };
        let config = aops_check_scheduler::Config::default();
        let scheduler = aops_check_scheduler::build(config, dependencies).expect("built");
        let public = server
            .listen(listener(), Audience::Public, &[scheduler], Credentials::default())
            .expect("listening");
        let login = LoginRequest {
            username: "admin".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let token = DataCenter::new(&internal_url, "check-scheduler", "secret")
            .login(&login)
            .await
            .expect("logged in")
            .access_token;
        Self {
            user: Platform::new(format!("http://{public}")).with_token(token),
            shutdown: server.shutdown(),
            running: tokio::spawn(async move {
                let outcome = server.run().await;
                drop(services);
                outcome
            }),
        }
    }

    async fn stop(self) {
        self.shutdown.cancel();
        self.running.await.expect("ended").expect("well");
    }
}

/// The hosts and rules that the results are about.
async fn fill_tables(folder: &Path) {
    let tables = open_tables(&folder.join("tables.db")).await;
    for number in 0..HOSTS {
        let request = HostRegisterRequest {
            agent_id: format!("agent {number}"),
            host_name: format!("host-{number}"),
            address: "10.0.0.1".to_owned(),
            ssh_port: 22,
            metrics_address: "10.0.0.1:50002".to_owned(),
            owner: "admin".to_owned(),
            host_group_name: "all".to_owned(),
        };
        tables
            .register_host(&request, host(number), START_MS)
            .await
            .expect("registered");
    }
    let rules: Vec<KeyedRule> = rules()
        .into_iter()
        .map(|rule| KeyedRule {
            key: rule.keys[0].key.clone(),
            item: rule.item,
        })
        .collect();
    tables.add_rules("admin", &rules, 0).await.expect("added");
    tables.close().await;
}

async fn open_tables(file: &Path) -> Tables {
    Tables::open(OpenTables {
        source: TablesSource::File(file.to_owned()),
        token_key: TokenKey::new(&"k".repeat(32)).expect("a key"),
        session_limits: SessionLimits::default(),
        password_cost: Cost::default(),
    })
    .await
    .expect("tables")
}

/// From an outbox of a SQLite file to the store.
async fn feed(engine: &str, documents: &Documents) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("tables.db");
    let tables = open_tables(&file).await;
    let pool = AnyPool::connect(&sqlite_url(&file)).await.expect("a database");
    for first in (0..FED).step_by(1_000) {
        let rows: Vec<String> = (first..first + 1_000).map(outbox_row).collect();
        let insert = format!(
            "INSERT INTO outbox (kind, document_id, revision, transition, body, created_ms) VALUES {}",
            rows.join(", ")
        );
        sqlx::raw_sql(AssertSqlSafe(insert))
            .execute(&pool)
            .await
            .expect("inserted");
    }
    pool.close().await;
    let start = Instant::now();
    while feeder::feed(&tables, documents, 4_000, 0).await.expect("fed") > 0 {}
    say(
        engine,
        "results fed from the outbox per second",
        per_second(FED, start),
    );
    tables.close().await;
}

fn outbox_row(number: u64) -> String {
    let body = document(number).body.to_string();
    format!("('result', 'fed {number}', 2, 'extended', '{body}', 0)")
}

async fn clean_up(url: &str, prefix: &str) {
    let client = reqwest::Client::new();
    for kind in ["result", "report"] {
        let _ = client.delete(format!("{url}/{prefix}-{kind}-v*")).send().await;
    }
    let _ = client
        .delete(format!("{url}/_index_template/{prefix}-*"))
        .send()
        .await;
}

fn filters(count: u64) -> Vec<(&'static str, ResultFilter)> {
    let page = |page| Some(Page { page, per_page: 50 });
    let all = ResultFilter {
        hosts: (0..HOSTS).map(host).collect(),
        sort: Some(ResultSort::Start),
        direction: Some(Direction::Desc),
        page: page(1),
        ..ResultFilter::default()
    };
    let day = START_MS + SPAN_MS / 2;
    vec![
        ("page of 50, newest first", all.clone()),
        (
            "page of 50, abnormal, of one day",
            ResultFilter {
                range: Some(TimeRange::new(day, day + 86_400_000)),
                value: Some(FindingValue::Abnormal),
                ..all.clone()
            },
        ),
        (
            "page of 50 of one host",
            ResultFilter {
                hosts: vec![host(7)],
                ..all.clone()
            },
        ),
        (
            "page of 50, 9,000 deep",
            ResultFilter {
                page: page(180),
                ..all.clone()
            },
        ),
        (
            "page of 50, in the middle",
            ResultFilter {
                page: page(count / 100),
                ..all.clone()
            },
        ),
        (
            "page of 50 by check item",
            ResultFilter {
                sort: Some(ResultSort::CheckItem),
                ..all
            },
        ),
    ]
}

async fn time<Doing: Future<Output = ()>>(engine: &str, name: &str, work: impl Fn() -> Doing) {
    work().await;
    let mut times = Vec::new();
    let begin = Instant::now();
    while times.len() < ROUNDS && begin.elapsed() < PATIENCE {
        let start = Instant::now();
        work().await;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    times.sort_by(f64::total_cmp);
    let (median, slow) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{engine}: {name}: median {median:.1} ms, 99 of 100 within {slow:.1} ms");
}

fn per_second(count: u64, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}

fn say(engine: &str, name: &str, rate: f64) {
    println!("{engine}: {name}: {rate:.0}");
}

fn host(number: u64) -> HostId {
    HostId::new(format!("{:032x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn key(number: u64) -> EvaluationKey {
    EvaluationKey::new(format!(
        "{:032x}",
        (number + 1).wrapping_mul(0xc2b2_ae3d_27d4_eb4f)
    ))
}

fn rules() -> Vec<RuleHistory> {
    let rule = |number: u64| {
        let item = serde_json::json!({
            "check_item": format!("check_item_{number}"),
            "data_list": [{ "name": "node_cpu_seconds_total", "label": { "cpu": "1", "mode": "irq" } }],
            "condition": "$0 > 1",
            "description": "a rule",
        });
        let item: aops_api::rule::CheckItem = serde_json::from_value(item).expect("a rule");
        RuleHistory {
            keys: vec![KeyPeriod {
                key: key(number),
                item: item.clone(),
                hosts: None,
                from_ms: None,
                to_ms: None,
            }],
            item,
        }
    };
    (0..RULES).map(rule).collect()
}

fn document(number: u64) -> Document {
    // A large odd step visits all moments in a scattered order.
    let scattered = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let start_ms = START_MS + i64::try_from(scattered % SPAN_MS.unsigned_abs()).expect("small");
    let sample = |time_ms| DecidingSample {
        time_ms,
        margin: Some(1.5),
        values: Vec::new(),
    };
    let body = ResultDocument {
        key: key(number % RULES),
        host_id: host(number / RULES % HOSTS),
        labels: Labels::from([("cpu".to_owned(), (number % 8).to_string())]),
        value: match number % 10 {
            0 => FindingValue::NoData,
            _ => FindingValue::Abnormal,
        },
        start_ms,
        end_ms: start_ms + 60_000,
        evidence: Evidence::of(sample(start_ms)),
        reason: String::new(),
        closed: true,
    };
    Document {
        kind: Kind::Result,
        id: format!(
            "{:032x}",
            u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)
        ),
        revision: 1,
        body: serde_json::to_value(body).expect("JSON"),
    }
}
