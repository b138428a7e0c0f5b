//! Logs: lines of text by host and stream. One interface, one variant per engine.
//!
//! Shippers on the hosts write lines straight into the engine (`deploy/rsyslog`, `deploy/fluentd`); here they are read, as
//! series whose samples are texts. An engine that the platform fills itself would get an `append` of lines beside
//! [`Logs::fetch`]; nothing writes lines through the data center today.
//!
//! Whether a quiet host was heard is told by its shipper's heartbeats: lines of the stream [`HEARTBEAT`] whose text names
//! the streams that it ships.
//!
//! | module | what it holds |
//! |---|---|
//! | `config` | which engine, and in which shape shippers write to it |
//! | `elasticsearch` | lines that shippers write to Elasticsearch |
//! | `owner` | whose a line is: pure |
//! | `line` | conditions on labels, from lines to samples: pure |
//! | `heard` | when a shipper was heard: pure |
//! | [`retention`] | the loop that deletes old lines |

mod config;
mod elasticsearch;
mod heard;
mod line;
mod owner;
pub mod retention;

use aops_api::host::Machine;
use aops_api::rule::DataKind;
use aops_api::series::{FailedFetch, NeverHad, SeriesFetchAnswer, SeriesFetchRequest};
use aops_service::config::Refusal;

pub use config::{ElasticsearchLogsConfig, LogFields, LogShape, LogsConfig};
pub use elasticsearch::ElasticsearchLogs;

use crate::elasticsearch::ElasticsearchError;
use crate::error::Error;
use crate::series::Series;
use crate::store::Tables;

/// The stream by which a shipper shows that it is there.
pub const HEARTBEAT: &str = "heartbeat";

/// The log store. Cheap to clone.
#[derive(Clone, Debug)]
pub enum Logs {
    /// No logs are kept: no host has ever had a stream.
    None,
    /// Lines that shippers write to Elasticsearch.
    Elasticsearch(ElasticsearchLogs),
}

/// What can go wrong with logs.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogsError {
    /// A setting that cannot be meant.
    #[error("logs.{0}")]
    Setting(Refusal),
    /// Elasticsearch, or the way to it.
    #[error(transparent)]
    Elasticsearch(#[from] ElasticsearchError),
}

impl Logs {
    /// Needs no engine to be there. A line speaks for `line_speaks_ms`: one sample period.
    pub fn open(config: &LogsConfig, line_speaks_ms: i64) -> Result<Self, LogsError> {
        Ok(match config {
            LogsConfig::None {} => Self::None,
            LogsConfig::Elasticsearch(config) => {
                Self::Elasticsearch(ElasticsearchLogs::new(config, line_speaks_ms)?)
            }
        })
    }

    /// The same store for one request of a user: all that it fetches ends in the time of one request.
    pub fn for_request(&self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Elasticsearch(elasticsearch) => Self::Elasticsearch(elasticsearch.for_request()),
        }
    }

    /// Reads streams; selectors of another kind are passed over. What cannot be read is said in the answer. `machines`
    /// are all there are, to tell whose a line is.
    pub async fn fetch(
        &self,
        request: &SeriesFetchRequest,
        machines: &[Machine],
        now_ms: i64,
    ) -> SeriesFetchAnswer {
        match self {
            Self::None => nothing_kept(request, now_ms),
            Self::Elasticsearch(elasticsearch) => elasticsearch.fetch(request, machines, now_ms).await,
        }
    }

    /// Asks the engine whether it can serve; the error says why it cannot.
    pub async fn ping(&self) -> Result<(), LogsError> {
        match self {
            Self::None => Ok(()),
            Self::Elasticsearch(elasticsearch) => elasticsearch.ping().await,
        }
    }

    /// Which engine, and where, for people; `None` when none was opened.
    pub fn place(&self) -> Option<String> {
        match self {
            Self::None => None,
            Self::Elasticsearch(elasticsearch) => Some(elasticsearch.place()),
        }
    }

    /// Makes the engine ready for shippers. Can be repeated.
    pub async fn prepare(&self) -> Result<(), LogsError> {
        match self {
            Self::None => Ok(()),
            Self::Elasticsearch(elasticsearch) => elasticsearch.prepare().await,
        }
    }

    /// Deletes whole days of lines that ended before; gives their names.
    pub async fn delete_before(&self, before_ms: i64) -> Result<Vec<String>, LogsError> {
        match self {
            Self::None => Ok(Vec::new()),
            Self::Elasticsearch(elasticsearch) => elasticsearch.delete_before(before_ms).await,
        }
    }
}

/// Numbers from the one store, lines from the other.
pub(crate) async fn fetch_with_series(
    series: &Series,
    logs: &Logs,
    tables: &Tables,
    request: &SeriesFetchRequest,
    now_ms: i64,
) -> SeriesFetchAnswer {
    let places = |kind: DataKind| -> Vec<usize> {
        let selectors = request.selectors.iter().enumerate();
        selectors
            .filter(|(_, selector)| selector.kind == kind)
            .map(|(place, _)| place)
            .collect()
    };
    let of_logs = places(DataKind::Log);
    if of_logs.is_empty() {
        return series.fetch(request, now_ms).await;
    }
    let of_series = places(DataKind::Kpi);
    let mut numbers = series.fetch(&only(request, &of_series), now_ms).await;
    renumber(&mut numbers, &of_series);
    let lines_wanted = only(request, &of_logs);
    let mut lines = match tables.machines().await {
        Ok(machines) => logs.fetch(&lines_wanted, &machines, now_ms).await,
        Err(error) => all_failed(&lines_wanted, now_ms, &without_machines(error)),
    };
    renumber(&mut lines, &of_logs);
    joined(numbers, lines)
}

fn without_machines(error: Error) -> String {
    let error: &dyn std::error::Error = &error;
    format!("whose lines these are cannot be told: {error}")
}

fn only(request: &SeriesFetchRequest, places: &[usize]) -> SeriesFetchRequest {
    let selectors = places
        .iter()
        .filter_map(|place| request.selectors.get(*place).cloned());
    SeriesFetchRequest {
        hosts: request.hosts.clone(),
        selectors: selectors.collect(),
    }
}

/// From places in a part of a request to places in the whole.
fn renumber(answer: &mut SeriesFetchAnswer, places: &[usize]) {
    let selectors = answer
        .series
        .iter_mut()
        .map(|series| &mut series.selector)
        .chain(answer.failed.iter_mut().map(|failed| &mut failed.selector))
        .chain(
            answer
                .never_had
                .iter_mut()
                .map(|never_had| &mut never_had.selector),
        )
        .chain(answer.unheard.iter_mut().map(|unheard| &mut unheard.selector));
    for selector in selectors {
        *selector = places.get(*selector).copied().unwrap_or(*selector);
    }
}

fn joined(mut answer: SeriesFetchAnswer, more: SeriesFetchAnswer) -> SeriesFetchAnswer {
    answer.as_of_ms = answer.as_of_ms.min(more.as_of_ms);
    answer.series.extend(more.series);
    answer.failed.extend(more.failed);
    answer.never_had.extend(more.never_had);
    answer.unheard.extend(more.unheard);
    answer
}

fn nothing_kept(request: &SeriesFetchRequest, now_ms: i64) -> SeriesFetchAnswer {
    let asking = log_selectors(request).filter(|place| request.selectors[*place].want_never_had);
    let never_had = asking.flat_map(|selector| {
        request.hosts.iter().map(move |host_id| NeverHad {
            selector,
            host_id: host_id.clone(),
        })
    });
    SeriesFetchAnswer {
        as_of_ms: now_ms,
        never_had: never_had.collect(),
        ..SeriesFetchAnswer::default()
    }
}

fn all_failed(request: &SeriesFetchRequest, now_ms: i64, reason: &str) -> SeriesFetchAnswer {
    let failed = log_selectors(request).flat_map(|selector| failed_for_all(request, selector, reason));
    SeriesFetchAnswer {
        as_of_ms: now_ms,
        failed: failed.collect(),
        ..SeriesFetchAnswer::default()
    }
}

fn failed_for_all<'a>(
    request: &'a SeriesFetchRequest,
    selector: usize,
    reason: &'a str,
) -> impl Iterator<Item = FailedFetch> + 'a {
    request.hosts.iter().map(move |host_id| FailedFetch {
        selector,
        host_id: host_id.clone(),
        reason: reason.to_owned(),
    })
}

fn log_selectors(request: &SeriesFetchRequest) -> impl Iterator<Item = usize> + '_ {
    let selectors = request.selectors.iter().enumerate();
    selectors
        .filter(|(_, selector)| selector.kind == DataKind::Log)
        .map(|(place, _)| place)
}
