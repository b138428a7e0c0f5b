//! Series in Prometheus, or in what answers as it does (VictoriaMetrics, Thanos).
//!
//! ```text
//! request ─► plan: selectors of one metric become one question ─► pieces of hosts ─► ask (POST /api/v1/query, raw
//! samples of a range selector) ─► decode, while it arrives ─► each selector gets its own, by our own matchers
//! ```
//! Raw samples with their own times are read, not a grid of steps: verdicts are functions of the samples. Nothing is
//! written but, where the admin API is open, deletions.
//!
//! `prometheus-http-query` builds and sends the queries. Their answers are read here: its own types leave out warnings
//! (so half an answer would look whole), it wants the whole text in memory, and it refuses the media type that
//! VictoriaMetrics gives raw samples.
//!
//! | module | what it holds |
//! |---|---|
//! | [`config`] | settings |
//! | [`plan`] | which questions to ask for some selectors |
//! | [`promql`] | selectors as text; what of a matcher the server can be asked |
//! | [`fetch`] | one request |
//! | [`whose`] | how series of some hosts are asked for |
//! | [`reading`] | what is kept of an answer, and how much |
//! | [`presence`] | hosts that never had a series |
//! | [`owners`] | series without `host_id` |
//! | [`intervals`] | scrape intervals of jobs |
//! | [`ask`], [`outage`] | one query, within bounds; whether the server is away |
//! | [`decode`] | answers |

mod ask;
mod config;
mod decode;
mod fetch;
mod intervals;
mod metrics;
mod outage;
mod owners;
mod plan;
mod presence;
mod promql;
mod reading;
mod whose;

use std::sync::Arc;

use aops_api::HostId;
use aops_api::series::{SeriesFetchAnswer, SeriesFetchRequest};
use serde::Deserialize;
use tokio::time::Instant;

use self::ask::{AskError, Asker};
pub use self::config::{Interval, PrometheusConfig, SeriesConfig};
use self::fetch::Fetch;
use self::intervals::Intervals;
use self::owners::Owners;
pub use self::owners::{Addresses, AddressesAnswer};
use self::promql::{Condition, Test, selector};
use super::{HOST, SeriesError, SeriesOptions};

/// Selectors stand in the path of some queries, which servers and proxies take up to 8 kB of; a third more when escaped.
const MAXIMUM_PATH_BYTES: usize = 5_000;
/// The last moment there is, in seconds.
const END_OF_TIME: &str = "9223372036";

/// Series in Prometheus. Cheap to clone.
#[derive(Clone, Debug)]
pub struct PrometheusSeries {
    shared: Arc<Shared>,
    /// Until when the request that this is for has to be answered; absent = each fetch has a time of its own.
    until: Option<Instant>,
}

#[derive(Debug)]
struct Shared {
    config: PrometheusConfig,
    options: SeriesOptions,
    asker: Asker,
    intervals: Intervals,
    /// Absent when series without `host_id` are nobody's.
    owners: Option<Owners>,
}

impl PrometheusSeries {
    /// Does not connect yet: a server that is away now may be there later.
    pub(super) fn new(
        config: PrometheusConfig,
        options: SeriesOptions,
        directory: Arc<dyn Addresses>,
    ) -> Result<Self, SeriesError> {
        let asker = Asker::new(&config)
            .map_err(|refusal| SeriesError::Setting(refusal.within("series").to_string()))?;
        let shared = Shared {
            asker,
            intervals: Intervals::new(&config, options.intervals.clone()),
            owners: config.match_instance.then(|| Owners::new(directory)),
            options,
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
            until: None,
        })
    }

    pub(super) async fn fetch(&self, request: &SeriesFetchRequest, now_ms: i64) -> SeriesFetchAnswer {
        let deadline = self.until.unwrap_or_else(|| self.deadline());
        Fetch::new(Arc::clone(&self.shared), request, deadline)
            .answer(now_ms)
            .await
    }

    /// All fetches of what this gives share the time of one query.
    pub(super) fn for_request(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            until: Some(Instant::now() + self.shared.config.request_timeout),
        }
    }

    /// A query that reads nothing. It does not wait for its turn among others: a server that is busy is there.
    pub(super) async fn ping(&self) -> Result<(), SeriesError> {
        let asked = self.shared.asker.is_there().await;
        asked.map_err(|error| SeriesError::Away(error.reason))
    }

    pub(super) fn place(&self) -> String {
        format!("Prometheus at {}", self.shared.config.url)
    }

    /// Deletes the samples before a moment, of all series with `host_id`.
    pub(super) async fn delete_before(&self, before_ms: i64) -> Result<(), SeriesError> {
        self.check_admin_api()?;
        // Others take the bounds of time for a mistake, or for nothing at all.
        if !self.is_prometheus_itself().await? {
            return Err(SeriesError::NotDeleted(
                "only Prometheus itself deletes by time; set how long the server keeps samples there"
                    .to_owned(),
            ));
        }
        let anyone = Condition {
            label: HOST.to_owned(),
            test: Test::Not(String::new()),
        };
        let end = ask::seconds(before_ms.saturating_sub(1));
        self.delete(&[("match[]", &selector(&[anyone])), ("start", "0"), ("end", &end)])
            .await
    }

    /// Deletes all series of a host that have its `host_id`: for the route that removes hosts, which does not exist yet.
    pub async fn delete_host(&self, host_id: &HostId) -> Result<(), SeriesError> {
        self.check_admin_api()?;
        let of_host = Condition::one_of(HOST, [host_id.as_str()]);
        self.delete(&[("match[]", &selector(&[of_host]))]).await
    }

    pub(super) fn close(&self) {
        self.shared.asker.close();
    }

    fn check_admin_api(&self) -> Result<(), SeriesError> {
        match self.shared.config.admin_api {
            true => Ok(()),
            false => Err(SeriesError::NotDeleted(
                "series.admin_api is off: they live as long as the server keeps them; start it with \
                 --web.enable-admin-api and turn it on to delete them"
                    .to_owned(),
            )),
        }
    }

    /// VictoriaMetrics says no version, or one of Prometheus, but has no revision of it.
    async fn is_prometheus_itself(&self) -> Result<bool, SeriesError> {
        #[derive(Deserialize)]
        struct Answer {
            data: Build,
        }
        #[derive(Deserialize)]
        struct Build {
            #[serde(default)]
            revision: String,
        }

        let deadline = self.deadline();
        let asker = &self.shared.asker;
        let body = asker
            .get("api/v1/status/buildinfo", &[], deadline)
            .await
            .map_err(not_deleted)?;
        let answer = decode::read::<Answer>(&body);
        Ok(answer.is_ok_and(|answer| !answer.data.revision.is_empty()))
    }

    async fn delete(&self, parameters: &[(&str, &str)]) -> Result<(), SeriesError> {
        let deadline = self.deadline();
        let asker = &self.shared.asker;
        asker
            .post("api/v1/admin/tsdb/delete_series", parameters, deadline)
            .await
            .map_err(not_deleted)?;
        // Frees the disk. What does not know it (VictoriaMetrics) does so by itself.
        match asker
            .post("api/v1/admin/tsdb/clean_tombstones", &[], deadline)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.kind == ask::Failure::Refused => Ok(()),
            Err(error) => Err(not_deleted(error)),
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.shared.config.fetch_timeout
    }
}

fn not_deleted(error: AskError) -> SeriesError {
    SeriesError::NotDeleted(error.reason)
}
