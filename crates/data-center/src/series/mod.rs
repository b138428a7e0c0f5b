//! Series: samples of metrics over time, by host. One interface, one variant per engine.
//!
//! A series is a host, a metric name and labels. `host_id` is kept apart from the labels; `instance` and `job` are
//! labels like the others. The embedded engine is filled by our own [`scrape`]r (why it is what it is: ADR 0003);
//! [`PrometheusSeries`] asks a server that scrapes by itself, and that our service discovery tells what to scrape.

mod embedded;
pub mod first_samples;
mod matching;
mod prometheus;
pub mod retention;
pub mod scrape;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aops_api::series::{SeriesFetchAnswer, SeriesFetchRequest};
use aops_api::{HostId, Labels};

pub use embedded::EmbeddedSeries;
pub use prometheus::{
    Addresses, AddressesAnswer, Interval, PrometheusConfig, PrometheusSeries, SeriesConfig,
};

use crate::sqlite_file::FileError;

/// The label of a series that names its scrape job.
pub const JOB: &str = "job";
/// The label of a series that names the address it was scraped from.
pub const INSTANCE: &str = "instance";
/// The label by which series belong to a host; kept apart from the others.
pub const HOST: &str = "host_id";
/// The name by which Prometheus knows the metric's name as a label.
const METRIC_NAME: &str = "__name__";

/// The series store. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Series {
    /// Our own, in a SQLite file.
    Embedded(EmbeddedSeries),
    /// In Prometheus, or in what answers as it does.
    Prometheus(PrometheusSeries),
}

/// One value of one series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Metric name.
    pub name: String,
    /// All labels but `host_id`.
    pub labels: Labels,
    /// UTC milliseconds.
    pub time_ms: i64,
    /// Any float, also NaN and the infinities.
    pub value: f64,
}

/// How often the jobs are scraped: what makes a silence a gap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobIntervals {
    /// Of jobs not named below.
    pub default_ms: i64,
    /// By name of the job.
    pub by_job: BTreeMap<String, i64>,
}

impl JobIntervals {
    /// The scrape interval of a job.
    pub fn of(&self, job: &str) -> i64 {
        self.by_job.get(job).copied().unwrap_or(self.default_ms)
    }
}

impl Default for JobIntervals {
    fn default() -> Self {
        Self {
            default_ms: 15_000,
            by_job: BTreeMap::new(),
        }
    }
}

/// What a series store must be told.
#[derive(Clone, Debug)]
pub struct SeriesOptions {
    /// Comes back with every fetched series.
    pub intervals: JobIntervals,
    /// A selector that finds more samples than this fails.
    pub maximum_samples_per_selector: u64,
    /// Once an answer holds this many samples, the selectors that would add to it fail.
    pub maximum_samples_per_answer: u64,
}

impl Default for SeriesOptions {
    fn default() -> Self {
        Self {
            intervals: JobIntervals::default(),
            maximum_samples_per_selector: 2_000_000,
            maximum_samples_per_answer: 8_000_000,
        }
    }
}

impl SeriesOptions {
    /// Refuses a selector that found so many samples when the answer has room for `left` more.
    fn check_samples(&self, found: u64, left: u64) -> Result<(), String> {
        let maximum = self.maximum_samples_per_selector;
        if found > maximum {
            return Err(format!("{found} samples match, more than the limit of {maximum}"));
        }
        if found > left {
            let maximum = self.maximum_samples_per_answer;
            return Err(format!(
                "{found} samples match, and the answer would hold more than the limit of {maximum}"
            ));
        }
        Ok(())
    }
}

/// What can go wrong with series. Cloneable, because appends that were written together fail together.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SeriesError {
    /// The file cannot be opened.
    #[error(transparent)]
    File(Arc<FileError>),
    /// The engine refused a statement or does not answer.
    #[error("the series store failed")]
    Engine(#[source] Arc<sqlx::Error>),
    /// What is stored is not what was written: a defect, or a foreign hand.
    #[error("{what} in the series store cannot be read")]
    Damaged {
        /// What was read.
        what: String,
    },
    /// The store was closed before.
    #[error("the series store is closed")]
    Closed,
    /// A setting that cannot be meant: field and reason.
    #[error("{0}")]
    Setting(String),
    /// The engine scrapes by itself.
    #[error("samples cannot be written to Prometheus, which scrapes the machines itself")]
    NotWritable,
    /// Prometheus does not serve, and why.
    #[error("{0}")]
    Away(String),
    /// The engine did not delete, and why.
    #[error("samples were not deleted: {0}")]
    NotDeleted(String),
}

impl From<FileError> for SeriesError {
    fn from(error: FileError) -> Self {
        Self::File(Arc::new(error))
    }
}

impl From<sqlx::Error> for SeriesError {
    fn from(error: sqlx::Error) -> Self {
        Self::Engine(Arc::new(error))
    }
}

impl Series {
    /// Opens the embedded store, or makes it.
    pub async fn open(path: &Path, options: SeriesOptions) -> Result<Self, SeriesError> {
        Ok(Self::Embedded(EmbeddedSeries::open(path, options).await?))
    }

    /// Series in Prometheus, which is not connected to before it is asked. Series without `host_id` belong to the
    /// machine in the directory of which `instance` is the address.
    pub fn prometheus(
        config: PrometheusConfig,
        options: SeriesOptions,
        directory: Arc<dyn Addresses>,
    ) -> Result<Self, SeriesError> {
        Ok(Self::Prometheus(PrometheusSeries::new(
            config, options, directory,
        )?))
    }

    /// Stores samples of a host, all or none; they are on the disk when this returns. A sample of a series and time
    /// that exist replaces the one before. Once begun it is done, also when the caller stops waiting.
    pub async fn append(&self, host_id: HostId, samples: Vec<Sample>) -> Result<(), SeriesError> {
        match self {
            Self::Embedded(embedded) => embedded.append(host_id, samples).await,
            Self::Prometheus(_) => Err(SeriesError::NotWritable),
        }
    }

    /// The same store for one request of a user, who waits for all that it fetches no longer than for one query. Otherwise
    /// a fetch is work in the background, which may take longer.
    pub fn for_request(&self) -> Self {
        match self {
            Self::Embedded(_) => self.clone(),
            Self::Prometheus(prometheus) => Self::Prometheus(prometheus.for_request()),
        }
    }

    /// Reads series. What cannot be read is said in the answer. `now_ms` is the moment before reading.
    pub async fn fetch(&self, request: &SeriesFetchRequest, now_ms: i64) -> SeriesFetchAnswer {
        match self {
            Self::Embedded(embedded) => embedded.fetch(request, now_ms).await,
            Self::Prometheus(prometheus) => prometheus.fetch(request, now_ms).await,
        }
    }

    /// Deletes samples older than `before_ms` (up to two hours of them may stay, with newer ones they were stored
    /// with) and forgets series that ended before.
    pub async fn delete_before(&self, before_ms: i64) -> Result<(), SeriesError> {
        match self {
            Self::Embedded(embedded) => embedded.delete_before(before_ms).await,
            Self::Prometheus(prometheus) => prometheus.delete_before(before_ms).await,
        }
    }

    /// Asks the engine whether it can serve; the error says why it cannot.
    pub async fn ping(&self) -> Result<(), SeriesError> {
        match self {
            Self::Embedded(embedded) => embedded.ping().await,
            Self::Prometheus(prometheus) => prometheus.ping().await,
        }
    }

    /// Which engine, and where, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Embedded(_) => "the file of the series".to_owned(),
            Self::Prometheus(prometheus) => prometheus.place(),
        }
    }

    /// Waits for what is under way and closes the engine.
    pub async fn close(&self) {
        match self {
            Self::Embedded(embedded) => embedded.close().await,
            Self::Prometheus(prometheus) => prometheus.close(),
        }
    }
}
