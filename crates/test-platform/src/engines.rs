//! What a platform stands on in a test: everything embedded, or real engines.

use std::collections::BTreeMap;
use std::path::Path;

use aops_api::HostId;
use aops_service::config::sections::Listen;
use aops_service::config::{Settings, Sources, load};
use aops_service::random;
use aops_standalone::StandaloneConfig;
use aops_test_server::{Broker, Prometheus, Proxy, free_address};
use jiff::Timestamp;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, MySqlConnection};

/// An engine that a test can put a [`Proxy`] in front of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// MariaDB.
    Tables,
    /// Elasticsearch.
    Documents,
    /// Prometheus, as the platform asks it. Its own way to the machines and to the platform goes past the proxy.
    Series,
}

/// How often Prometheus scrapes in tests: as often as the embedded scraper does there.
const SCRAPE_INTERVAL: &str = "250ms";

/// The engines of one platform, with names of its own on each: tests run side by side on the same servers. Prometheus
/// finds out by itself whom to scrape: each platform has one of its own.
pub struct Engines {
    /// As operators set them: `AOPS_TABLES__URL` and so on.
    environment: Vec<(String, String)>,
    proxies: BTreeMap<Engine, Proxy>,
    database: Option<ServerDatabase>,
    /// Server and prefix of the indices of the platform.
    indices: Option<(String, String)>,
    prometheus: Option<Prometheus>,
    broker: Option<Broker>,
    /// Of the internal listener.
    internal_address: String,
}

struct ServerDatabase {
    server_url: String,
    name: String,
}

impl Engines {
    /// No server at all.
    pub fn embedded() -> Self {
        Self {
            environment: Vec::new(),
            proxies: BTreeMap::new(),
            database: None,
            indices: None,
            prometheus: None,
            broker: None,
            internal_address: "127.0.0.1:0".to_owned(),
        }
    }

    /// Real servers, from the variables of `scripts/engines env`. `None` when one is not given: the test is skipped.
    pub async fn real() -> Option<Self> {
        Self::with_proxies(&[]).await
    }

    /// Real servers, with a proxy in front of some of them.
    pub async fn with_proxies(proxied: &[Engine]) -> Option<Self> {
        let broker = given("AOPS_TEST_KAFKA")?;
        let mut engines = Self::without_bus(proxied).await?;
        engines.add_bus(&broker);
        Some(engines)
    }

    /// Real servers, with a [`Broker`] of the test's own, which is away: clients of Kafka go past a proxy, to the address
    /// that the broker tells them.
    pub async fn with_broker() -> Option<Self> {
        // Where there is a broker for the tests, another can be had.
        given("AOPS_TEST_KAFKA")?;
        let mut engines = Self::without_bus(&[]).await?;
        let broker = Broker::away();
        engines.add_bus(broker.address());
        engines.broker = Some(broker);
        Some(engines)
    }

    async fn without_bus(proxied: &[Engine]) -> Option<Self> {
        let mut engines = Self::embedded();
        engines.add_tables(proxied.contains(&Engine::Tables)).await?;
        engines
            .add_documents_and_logs(proxied.contains(&Engine::Documents))
            .await?;
        engines.add_series(proxied.contains(&Engine::Series)).await?;
        Some(engines)
    }

    async fn add_documents_and_logs(&mut self, is_proxied: bool) -> Option<()> {
        let server_url = given("AOPS_TEST_ELASTICSEARCH_URL")?
            .trim_end_matches('/')
            .to_owned();
        let prefix = format!("platform-{}", random::id());
        let mut url = server_url.clone();
        if is_proxied {
            let address = url.trim_start_matches("http://").to_owned();
            url = url.replace(&address, &self.put_proxy(Engine::Documents, &address).await);
        } else {
            // Everything runs at once while the tests do: slow is not away.
            self.set("AOPS_DOCUMENTS__REQUEST_TIMEOUT", "30s");
            self.set("AOPS_LOGS__CONNECTION__REQUEST_TIMEOUT", "30s");
        }
        self.set("AOPS_DOCUMENTS__ENGINE", "elasticsearch");
        self.set("AOPS_DOCUMENTS__URLS", format!("[\"{url}\"]"));
        self.set("AOPS_DOCUMENTS__INDEX_PREFIX", prefix.clone());
        self.set("AOPS_LOGS__ENGINE", "elasticsearch");
        self.set("AOPS_LOGS__CONNECTION__URLS", format!("[\"{url}\"]"));
        self.set("AOPS_LOGS__CONNECTION__INDEX_PREFIX", prefix.clone());
        self.indices = Some((server_url, prefix));
        Some(())
    }

    async fn add_series(&mut self, is_proxied: bool) -> Option<()> {
        // Where there is a server for the tests, there is its program.
        given("AOPS_TEST_PROMETHEUS_URL")?;
        let prometheus = Prometheus::away();
        let mut address = prometheus.address().to_owned();
        if is_proxied {
            address = self.put_proxy(Engine::Series, &address).await;
        } else {
            self.set("AOPS_SERIES__REQUEST_TIMEOUT", "30s");
        }
        self.set("AOPS_SERIES__ENGINE", "prometheus");
        self.set("AOPS_SERIES__URL", format!("http://{address}"));
        self.set("AOPS_SCRAPE__INTERVAL", SCRAPE_INTERVAL);
        // It asks there for its targets, also after the platform was restarted.
        self.internal_address = free_address();
        self.prometheus = Some(prometheus);
        Some(())
    }

    /// Few partitions: each costs the one broker of the tests files and threads.
    fn add_bus(&mut self, broker: &str) {
        self.set("AOPS_BUS__ENGINE", "kafka");
        self.set("AOPS_BUS__BROKERS", format!("[\"{broker}\"]"));
        self.set("AOPS_BUS__PARTITIONS", "4");
        // As short as brokers allow: after a kill the next process waits for it.
        self.set("AOPS_BUS__SESSION_TIMEOUT", "6s");
        self.set("AOPS_BUS__TOPIC_PREFIX", format!("platform-{}-", random::id()));
    }

    /// Gives the address of the proxy.
    async fn put_proxy(&mut self, engine: Engine, address: &str) -> String {
        let proxy = Proxy::start(address).await;
        let own_address = proxy.address().to_string();
        self.proxies.insert(engine, proxy);
        own_address
    }

    async fn add_tables(&mut self, is_proxied: bool) -> Option<()> {
        let server_url = given("AOPS_TEST_MYSQL_URL")?.trim_end_matches('/').to_owned();
        let name = format!("aops_platform_{}", random::id());
        run_on(
            &server_url,
            &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4"),
        )
        .await;
        let mut url = format!("{server_url}/{name}");
        if is_proxied {
            let address = url.split(['@', '/']).nth(3).expect("user@host").to_owned();
            url = url.replace(&address, &self.put_proxy(Engine::Tables, &address).await);
        }
        self.database = Some(ServerDatabase { server_url, name });
        self.set("AOPS_TABLES__ENGINE", "mysql");
        self.set("AOPS_TABLES__URL", url);
        Some(())
    }

    fn set(&mut self, name: &str, value: impl Into<String>) {
        self.environment.push((name.to_owned(), value.into()));
    }

    /// Variables that point a program at these engines.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The configuration of a platform on these engines: what `aops-standalone` makes of the variables.
    pub fn config(&self, folder: &Path) -> StandaloneConfig {
        let sources = Sources {
            environment: self
                .environment
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            ..Sources::default()
        };
        let loaded = load(&StandaloneConfig::new(folder.to_owned()), sources).expect("a configuration");
        loaded.value.check().expect("sensible");
        loaded.value
    }

    /// Where a platform on these engines listens. It has no agent.
    pub fn listen(&self) -> Listen {
        Listen {
            public: "127.0.0.1:0".to_owned(),
            internal: self.internal_address.clone(),
            agent: "off".to_owned(),
        }
    }

    /// Has the machines of the platform with this data folder scraped, now or when it will be there. Embedded series are
    /// scraped by the platform itself.
    pub fn watch(&self, data_dir: &Path) {
        if let Some(prometheus) = &self.prometheus {
            prometheus.configure(&self.internal_address, data_dir, SCRAPE_INTERVAL);
            prometheus.start();
        }
    }

    /// The broker of the test's own.
    pub fn broker(&self) -> &Broker {
        self.broker.as_ref().expect("one of the test's own")
    }

    /// The Prometheus of the platform.
    pub fn prometheus(&self) -> &Prometheus {
        self.prometheus.as_ref().expect("real engines")
    }

    /// Stores a line of a machine's log as rsyslog does with `deploy/rsyslog/aops.conf`; it can be found when this returns.
    pub async fn log(&self, host_id: &HostId, stream: &str, time: Timestamp, message: &str) {
        let (server_url, prefix) = self.indices.as_ref().expect("real engines");
        let written = time.strftime("%Y-%m-%dT%H:%M:%S.%6f+00:00").to_string();
        let document = json!({
            "@timestamp": written, "received": written, "host_id": host_id, "host": "box", "address": "127.0.0.1",
            "stream": stream, "program": "kernel", "severity": "", "facility": "", "message": message,
        });
        let day = time.strftime("%Y.%m.%d");
        let id = random::uuid();
        let url = format!("{server_url}/{prefix}-log-v1-{day}/_create/{id}?refresh=true");
        let call = reqwest::Client::new()
            .put(&url)
            .header("content-type", "application/json")
            .body(document.to_string());
        let status = call.send().await.expect("answered").status();
        assert!(status.is_success(), "{url}: {status}");
    }

    /// The proxy in front of an engine.
    pub fn proxy(&self, engine: Engine) -> &Proxy {
        &self.proxies[&engine]
    }

    /// Takes away what was made on the servers. Only after a test that went well: one that failed leaves it for a look
    /// (`scripts/engines reset` takes all away).
    pub async fn remove(self) {
        if let Some(ServerDatabase { server_url, name }) = &self.database {
            run_on(server_url, &format!("DROP DATABASE {name}")).await;
        }
        if let Some((server_url, prefix)) = &self.indices {
            for path in [format!("{prefix}-*"), format!("_index_template/{prefix}-*")] {
                let url = format!("{server_url}/{path}");
                let outcome = reqwest::Client::new()
                    .delete(&url)
                    .send()
                    .await
                    .expect("answered");
                assert!(outcome.status().is_success(), "{url}: {}", outcome.status());
            }
        }
    }
}

/// What a variable of the tests says.
fn given(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    value
}

async fn run_on(url: &str, statement: &str) {
    let mut connection = MySqlConnection::connect(url).await.expect("a server of tables");
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut connection)
        .await
        .expect("a statement");
    connection.close().await.expect("closed");
}
