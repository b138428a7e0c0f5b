//! Stores for the contract: the embedded one, and those behind real servers, which many tests share.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aops_api::series::{FetchedSeries, SeriesFetchAnswer, SeriesFetchRequest, SeriesSelector};
use aops_api::{HostId, TimeRange};
use aops_data_center::series::{Addresses, AddressesAnswer, PrometheusConfig, Sample, Series, SeriesOptions};
use aops_service::{Clock, random};

use super::BASE_MS;
use super::remote_write;

/// What a store is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Embedded,
    Prometheus,
    VictoriaMetrics,
}

/// A store of one part of the contract, as good as empty: behind a server it has hosts of its own. Samples of the tests
/// are moved to the present there, since servers refuse those of long ago.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) engine: Engine,
    pub(crate) series: Series,
    server: Option<String>,
    prefix: String,
    shift_ms: i64,
    /// Whether samples were written that cannot be read yet.
    is_dirty: Arc<AtomicBool>,
}

/// Machines of which the addresses are known.
#[derive(Debug, Default)]
pub(crate) struct Directory(pub(crate) Vec<(HostId, String)>);

impl Addresses for Directory {
    fn addresses(&self) -> AddressesAnswer<'_> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

/// The address of a server for the tests; `None` when none is given.
pub(crate) fn server(engine: Engine) -> Option<String> {
    let variable = match engine {
        Engine::Embedded => return None,
        Engine::Prometheus => "AOPS_TEST_PROMETHEUS_URL",
        Engine::VictoriaMetrics => "AOPS_TEST_VICTORIA_METRICS_URL",
    };
    let url = std::env::var(variable).ok();
    if url.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    url
}

pub(crate) fn config(url: &str) -> PrometheusConfig {
    PrometheusConfig {
        url: url.to_owned(),
        // A busy machine may take long.
        request_timeout: std::time::Duration::from_secs(20),
        ..PrometheusConfig::default()
    }
}

impl Store {
    pub(crate) async fn embedded(path: &Path, options: SeriesOptions) -> Self {
        let series = Series::open(path, options).await.expect("opened");
        Self {
            engine: Engine::Embedded,
            series,
            server: None,
            prefix: String::new(),
            shift_ms: 0,
            is_dirty: Arc::new(AtomicBool::new(false)),
        }
    }

    pub(crate) fn behind(engine: Engine, url: &str, options: SeriesOptions) -> Self {
        Self::with(engine, url, config(url), options, Directory::default())
    }

    /// With a configuration of its own, which may lead past the server.
    pub(crate) fn with(
        engine: Engine,
        server: &str,
        config: PrometheusConfig,
        options: SeriesOptions,
        directory: Directory,
    ) -> Self {
        let two_hours_ago_ms = Clock::system().now_ms() / 1_000 * 1_000 - 2 * 3_600_000;
        Self {
            engine,
            series: Series::prometheus(config, options, Arc::new(directory)).expect("settings"),
            server: Some(server.to_owned()),
            prefix: format!("{}-", random::id()),
            shift_ms: two_hours_ago_ms - BASE_MS,
            is_dirty: Arc::new(AtomicBool::new(false)),
        }
    }

    /// The same hosts and samples, read in another way.
    pub(crate) fn at(self, series: Series) -> Self {
        Self { series, ..self }
    }

    /// The id of a host of this store.
    pub(crate) fn host(&self, name: &str) -> HostId {
        HostId::new(format!("{}{name}", self.prefix))
    }

    fn name(&self, host_id: &HostId) -> HostId {
        HostId::from(
            host_id
                .as_str()
                .strip_prefix(&self.prefix)
                .expect("a host of this store"),
        )
    }

    pub(crate) async fn append(&self, host: &str, samples: Vec<Sample>) {
        let host_id = self.host(host);
        if self.server.is_none() {
            self.series.append(host_id, samples).await.expect("stored");
            return;
        }
        let in_store = samples.into_iter().map(|mut sample| {
            sample
                .labels
                .insert("host_id".to_owned(), host_id.as_str().to_owned());
            sample
        });
        self.write(in_store.collect()).await;
    }

    /// Writes samples past the store, with no other labels than they have.
    pub(crate) async fn write(&self, mut samples: Vec<Sample>) {
        let server = self.server.as_deref().expect("a server");
        for sample in &mut samples {
            sample.time_ms += self.shift_ms;
        }
        remote_write::send(server, &samples).await;
        self.is_dirty.store(true, Ordering::SeqCst);
    }

    pub(crate) async fn fetch(&self, hosts: &[&str], selectors: Vec<SeriesSelector>) -> SeriesFetchAnswer {
        self.flush().await;
        let shifted = |time_ms: i64| time_ms.saturating_add(self.shift_ms);
        let shifted = selectors.into_iter().map(|selector| SeriesSelector {
            range: TimeRange::new(shifted(selector.range.start_ms), shifted(selector.range.end_ms)),
            ..selector
        });
        let request = SeriesFetchRequest {
            hosts: hosts.iter().map(|host| self.host(host)).collect(),
            selectors: shifted.collect(),
        };
        let mut answer = self.series.fetch(&request, 77).await;
        assert_eq!(answer.as_of_ms, 77);
        for FetchedSeries {
            host_id, times_ms, ..
        } in &mut answer.series
        {
            *host_id = self.name(host_id);
            times_ms.iter_mut().for_each(|time_ms| *time_ms -= self.shift_ms);
        }
        answer
            .failed
            .iter_mut()
            .for_each(|failed| failed.host_id = self.name(&failed.host_id));
        answer
            .never_had
            .iter_mut()
            .for_each(|never| never.host_id = self.name(&never.host_id));
        answer
    }

    /// Lets VictoriaMetrics make what was written readable, which it does once a second otherwise.
    async fn flush(&self) {
        if self.engine != Engine::VictoriaMetrics || !self.is_dirty.swap(false, Ordering::SeqCst) {
            return;
        }
        let server = self.server.as_deref().expect("a server");
        let answer = reqwest::get(format!("{server}/internal/force_flush"))
            .await
            .expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}
