//! The scraper against a target that the test sets.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::http::StatusCode;
use actix_web::{App, HttpResponse, HttpServer, web};
use aops_api::rule::DataKind;
use aops_api::series::{FetchedSeries, SeriesFetchRequest, SeriesSelector};
use aops_api::{HostId, Labels, TimeRange};
use aops_data_center::series::scrape::{Inventory, InventoryError, ScrapeLimits, Scraper, Target};
use aops_data_center::series::{Series, SeriesOptions};
use aops_service::{Clock, Shutdown};
use tempfile::TempDir;

const INTERVAL: Duration = Duration::from_millis(60);

/// What the target answers next.
#[derive(Clone)]
enum Behaviour {
    Text(String),
    Bytes(Vec<u8>),
    Status(u16),
    /// Longer than any test waits for an answer.
    Silence,
}

/// A fake of a machine's metrics. Gone when dropped or stopped.
struct FakeTarget {
    behaviour: Arc<Mutex<Behaviour>>,
    port: u16,
    handle: ServerHandle,
}

impl FakeTarget {
    fn start(behaviour: Behaviour, port: u16) -> Self {
        let behaviour = Arc::new(Mutex::new(behaviour));
        let state = web::Data::from(Arc::clone(&behaviour));
        let server = HttpServer::new(move || {
            App::new()
                .app_data(state.clone())
                .route("/metrics", web::get().to(metrics))
        })
        .workers(1)
        .disable_signals()
        .bind(("127.0.0.1", port))
        .expect("a free port");
        let port = server.addrs()[0].port();
        let server = server.run();
        let handle = server.handle();
        tokio::spawn(server);
        Self {
            behaviour,
            port,
            handle,
        }
    }

    fn set(&self, behaviour: Behaviour) {
        *self.behaviour.lock().expect("not poisoned") = behaviour;
    }

    fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

async fn metrics(behaviour: web::Data<Mutex<Behaviour>>) -> HttpResponse {
    let behaviour = behaviour.lock().expect("not poisoned").clone();
    match behaviour {
        Behaviour::Text(text) => HttpResponse::Ok().body(text),
        Behaviour::Bytes(bytes) => HttpResponse::Ok().body(bytes),
        Behaviour::Status(status) => HttpResponse::new(StatusCode::from_u16(status).expect("a status")),
        Behaviour::Silence => std::future::pending().await,
    }
}

/// An inventory that the test sets, and that remembers what it was told.
#[derive(Clone, Default)]
struct FakeInventory {
    targets: Arc<Mutex<Vec<Target>>>,
    first_samples: Arc<Mutex<Vec<(HostId, i64)>>>,
    refuse_first_samples: Arc<Mutex<usize>>,
}

impl Inventory for FakeInventory {
    async fn targets(&self) -> Result<Vec<Target>, InventoryError> {
        Ok(self.targets.lock().expect("not poisoned").clone())
    }

    async fn first_sample(&self, host_id: &HostId, time_ms: i64) -> Result<(), InventoryError> {
        let mut refusals = self.refuse_first_samples.lock().expect("not poisoned");
        if *refusals > 0 {
            *refusals -= 1;
            return Err("not now".into());
        }
        let mut first_samples = self.first_samples.lock().expect("not poisoned");
        first_samples.push((host_id.clone(), time_ms));
        Ok(())
    }
}

/// A scraper at work.
struct World {
    series: Series,
    inventory: FakeInventory,
    shutdown: Shutdown,
    running: tokio::task::JoinHandle<()>,
    _folder: TempDir,
}

impl World {
    async fn start(targets: Vec<Target>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("series.db");
        let series = Series::open(&path, SeriesOptions::default())
            .await
            .expect("opened");
        let inventory = FakeInventory::default();
        *inventory.targets.lock().expect("not poisoned") = targets;
        *inventory.refuse_first_samples.lock().expect("not poisoned") = 2;
        let limits = ScrapeLimits {
            maximum_body_bytes: 100_000,
            maximum_samples: 3,
            refresh: Duration::from_millis(20),
            ..ScrapeLimits::default()
        };
        let scraper =
            Scraper::new(series.clone(), inventory.clone(), limits, Clock::system()).expect("a client");
        let shutdown = Shutdown::new();
        let running = tokio::spawn(scraper.run(shutdown.clone()));
        Self {
            series,
            inventory,
            shutdown,
            running,
            _folder: folder,
        }
    }

    /// All series of a metric on a host.
    async fn fetch(&self, host: &str, name: &str) -> Vec<FetchedSeries> {
        let request = SeriesFetchRequest {
            hosts: vec![HostId::from(host)],
            selectors: vec![SeriesSelector {
                name: name.to_owned(),
                kind: DataKind::Kpi,
                matchers: vec![],
                range: TimeRange::new(0, i64::MAX),
                want_never_had: false,
            }],
        };
        self.series.fetch(&request, 0).await.series
    }

    /// Samples of the only series of a metric on the host `h`.
    async fn samples(&self, name: &str) -> Vec<(i64, f64)> {
        let mut series = self.fetch("h", name).await;
        assert!(series.len() <= 1, "{series:?}");
        series.pop().map_or(vec![], |series| {
            series.times_ms.into_iter().zip(series.values).collect()
        })
    }

    /// When a metric on the host `h` had this value.
    async fn times_of(&self, name: &str, value: f64) -> Vec<i64> {
        let samples = self.samples(name).await.into_iter();
        samples
            .filter(|(_, sample)| *sample == value)
            .map(|(time_ms, _)| time_ms)
            .collect()
    }

    /// Waits until `up` of the host `h` has had this value for three scrapes that began from now on.
    async fn until_up_is(&self, value: f64) {
        let seen = self.samples("up").await.len();
        let waiting = async {
            loop {
                let up = self.samples("up").await;
                let newest = up.iter().rev().take_while(|(_, up)| *up == value).count();
                if up.len() >= seen + 3 && newest >= 3 {
                    return;
                }
                poll_again().await;
            }
        };
        // So that a broken scraper is a failed test, not one that hangs.
        let outcome = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(outcome.is_ok(), "up has not become {value}");
    }

    async fn stop(self) -> Series {
        self.shutdown.cancel();
        self.running.await.expect("ended");
        self.series
    }
}

/// Between two looks at what goes on elsewhere.
async fn poll_again() {
    tokio::time::sleep(Duration::from_millis(5)).await;
}

fn target(host: &str, address: String) -> Target {
    Target {
        host_id: HostId::from(host),
        address,
        job: "node".to_owned(),
        interval: INTERVAL,
    }
}

fn text(text: &str) -> Behaviour {
    Behaviour::Text(text.to_owned())
}

#[tokio::test]
async fn samples_come_with_their_host_and_the_time_of_the_store() {
    let fake = FakeTarget::start(text("a{instance=\"own\",device=\"sda\"} 1.5 12345\nb 2\n"), 0);
    let before_ms = Clock::system().now_ms();
    let world = World::start(vec![target("h", fake.address())]).await;
    world.until_up_is(1.0).await;
    let after_ms = Clock::system().now_ms();

    let series = world.fetch("h", "a").await.pop().expect("found");
    let address = fake.address();
    let pairs = [
        ("device", "sda"),
        ("exported_instance", "own"),
        ("instance", address.as_str()),
        ("job", "node"),
    ];
    let expected = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(series.labels, Labels::from(expected));
    assert!(series.values.iter().all(|value| *value == 1.5));
    let in_time = |time_ms: &i64| (before_ms..=after_ms).contains(time_ms);
    assert!(series.times_ms.iter().all(in_time), "not the target's 12345");

    // A busy machine may have missed one or another scrape.
    let up = world.times_of("up", 1.0).await;
    for (name, value) in [("scrape_samples_scraped", 2.0), ("scrape_samples_dropped", 0.0)] {
        let own = world.times_of(name, value).await;
        assert!(up.iter().all(|time_ms| own.contains(time_ms)), "{name}");
    }
    let durations = world.samples("scrape_duration_seconds").await;
    assert!(durations.iter().all(|(_, seconds)| *seconds > 0.0));
    fake.handle.stop(false).await;
}

#[tokio::test]
async fn the_first_sample_is_reported_once_and_not_before_it_is_there() {
    let fake = FakeTarget::start(Behaviour::Status(503), 0);
    let world = World::start(vec![target("h", fake.address())]).await;
    world.until_up_is(0.0).await;
    assert_eq!(*world.inventory.first_samples.lock().expect("not poisoned"), []);
    fake.set(text("a 1\n"));
    // Two reports are refused; the third is the last.
    world.until_up_is(1.0).await;
    world.until_up_is(1.0).await;
    let reported = world
        .inventory
        .first_samples
        .lock()
        .expect("not poisoned")
        .clone();
    let first_up = world
        .samples("up")
        .await
        .into_iter()
        .filter(|(_, up)| *up == 1.0)
        .nth(2)
        .expect("up");
    assert_eq!(reported, [(HostId::from("h"), first_up.0)]);
    fake.handle.stop(false).await;
}

#[tokio::test]
async fn what_cannot_be_read_is_down_and_comes_back() {
    let fake = FakeTarget::start(text("a 1\n"), 0);
    let world = World::start(vec![target("h", fake.address())]).await;
    world.until_up_is(1.0).await;

    let huge = "a_long_metric_name 1\n".repeat(10_000);
    for bad in [
        text("<html>garbage</html>"),
        text("a 1\nb{c=\"d} 2\n"),
        Behaviour::Bytes(b"a{b=\"\xff\"} 1\n".to_vec()),
        Behaviour::Text(huge),
        Behaviour::Status(500),
        Behaviour::Silence,
    ] {
        fake.set(bad);
        world.until_up_is(0.0).await;
        let stored = world.samples("a").await.len();
        world.until_up_is(0.0).await;
        assert_eq!(
            world.samples("a").await.len(),
            stored,
            "nothing of a bad answer is kept"
        );
        fake.set(text("a 2\n"));
        world.until_up_is(1.0).await;
        assert_eq!(
            world.samples("a").await.last().map(|(_, value)| *value),
            Some(2.0)
        );
    }

    fake.handle.stop(false).await;
    world.until_up_is(0.0).await;
    let again = FakeTarget::start(text("a 3\n"), fake.port);
    world.until_up_is(1.0).await;
    assert_eq!(
        world.samples("a").await.last().map(|(_, value)| *value),
        Some(3.0)
    );
    again.handle.stop(false).await;
}

#[tokio::test]
async fn samples_over_the_limit_are_dropped_and_counted() {
    let fake = FakeTarget::start(text("a 1\nb 1\nc 1\nd 1\ne 1\n"), 0);
    let world = World::start(vec![target("h", fake.address())]).await;
    world.until_up_is(1.0).await;
    assert_ne!(world.samples("c").await, []);
    assert_eq!(world.samples("d").await, []);
    let up = world.times_of("up", 1.0).await;
    assert_eq!(
        world.times_of("scrape_samples_dropped", 2.0).await[..up.len()],
        up
    );
    assert_eq!(
        world.times_of("scrape_samples_scraped", 5.0).await[..up.len()],
        up
    );
    fake.handle.stop(false).await;
}

#[tokio::test]
async fn one_silent_target_does_not_hold_up_another() {
    let silent = FakeTarget::start(Behaviour::Silence, 0);
    let fake = FakeTarget::start(text("a 1\n"), 0);
    let world = World::start(vec![
        target("silent", silent.address()),
        target("h", fake.address()),
    ])
    .await;
    world.until_up_is(1.0).await;
    // Shutdown does not wait for the silent one's answer.
    let series = world.stop().await;
    series.close().await;
    silent.handle.stop(false).await;
    fake.handle.stop(false).await;
}

#[tokio::test]
async fn targets_come_and_go() {
    let fake = FakeTarget::start(text("a 1\n"), 0);
    let world = World::start(vec![]).await;
    *world.inventory.targets.lock().expect("not poisoned") = vec![target("h", fake.address())];
    world.until_up_is(1.0).await;
    *world.inventory.targets.lock().expect("not poisoned") = vec![target("other", fake.address())];
    while world.fetch("other", "a").await.is_empty() {
        poll_again().await;
    }
    // The loop of `h` may have had one scrape under way.
    let stored = world.samples("up").await.len();
    let others = world.fetch("other", "up").await[0].times_ms.len();
    while world.fetch("other", "up").await[0].times_ms.len() < others + 5 {
        poll_again().await;
    }
    assert!(world.samples("up").await.len() <= stored + 1);
    let series = world.stop().await;
    series.close().await;
    fake.handle.stop(false).await;
}
