//! Lines that shippers write to Elasticsearch.
//!
//! A fetch asks for the heartbeats of all hosts, then once for each selector, all in one point in time and within the time
//! of one request: whoever waits is told within three seconds. Only for streams and shippers that were not heard within
//! the range is it asked whether they ever were, in one request for all; what was heard once is remembered.
//!
//! | module | what it does |
//! |---|---|
//! | `layout` | names of indices, template: pure |
//! | `query` | questions and answers as Elasticsearch has them: pure |
//! | `reading` | pages of one point in time, within bounds |
//! | `memory` | what was heard once |

mod layout;
mod memory;
mod query;
mod reading;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aops_api::host::Machine;
use aops_api::series::{
    FailedFetch, FetchedSeries, LabelMatcher, NeverHad, SeriesFetchAnswer, SeriesFetchRequest,
    SeriesSelector, Unheard,
};
use aops_api::{HostId, Labels, TimeRange};
use serde_json::Value;
use tokio::time::Instant;

use super::config::ElasticsearchLogsConfig;
use super::heard::{names_stream, patience_ms, unheard};
use super::line::{Line, samples, time_of_line};
use super::owner::{Owner, Owners};
use super::{HEARTBEAT, LogsError, all_failed, failed_for_all, log_selectors};
use crate::elasticsearch::{ElasticsearchClient, ElasticsearchError, Method, Request};
use crate::label_condition::LabelCondition;
use layout::Layout;
use memory::{Asked, Memory};
use query::Vocabulary;
use reading::{Bounds, Reading, ReadingError};

/// For work that no caller waits for.
const MAINTENANCE: Duration = Duration::from_secs(60);

/// Logs on a cluster. Cheap to clone.
#[derive(Clone, Debug)]
pub struct ElasticsearchLogs {
    shared: Arc<Shared>,
    /// Until when the request that this is for has to be answered; absent = each fetch has the time of a request.
    until: Option<Instant>,
}

#[derive(Debug)]
struct Shared {
    client: ElasticsearchClient,
    config: ElasticsearchLogsConfig,
    layout: Layout,
    vocabulary: Vocabulary,
    line_speaks_ms: i64,
    memory: Memory,
    /// Whether the last fetch failed: an outage is logged when it begins and when it ends.
    is_away: AtomicBool,
}

/// Lines of a selector, by host.
struct StreamLines {
    by_host: BTreeMap<HostId, Vec<Line>>,
    /// Hosts for which it cannot be told what was logged, and why.
    unclear: BTreeMap<HostId, String>,
}

/// Heartbeats of a host: when, and which streams they name.
type Heartbeats = BTreeMap<HostId, Vec<Line>>;

impl ElasticsearchLogs {
    pub(super) fn new(config: &ElasticsearchLogsConfig, line_speaks_ms: i64) -> Result<Self, LogsError> {
        config.check().map_err(LogsError::Setting)?;
        let shared = Shared {
            client: ElasticsearchClient::new(&config.connection)?,
            layout: Layout::new(config),
            vocabulary: Vocabulary {
                fields: config.field_names(),
                labels: config.labels.clone(),
            },
            config: config.clone(),
            line_speaks_ms,
            memory: Memory::default(),
            is_away: AtomicBool::new(false),
        };
        Ok(Self {
            shared: Arc::new(shared),
            until: None,
        })
    }

    /// All fetches of what this gives share the time of one request.
    pub(super) fn for_request(&self) -> Self {
        Self {
            until: Some(self.in_request_time()),
            ..self.clone()
        }
    }

    fn in_request_time(&self) -> Instant {
        Instant::now() + self.shared.client.request_timeout()
    }

    pub(super) async fn ping(&self) -> Result<(), LogsError> {
        Ok(self.shared.client.touch(&self.shared.layout.indices).await?)
    }

    pub(super) fn place(&self) -> String {
        format!("Elasticsearch at {}", self.shared.client.address())
    }

    /// Puts the template, if the indices are ours.
    pub(super) async fn prepare(&self) -> Result<(), LogsError> {
        let shared = &self.shared;
        if !shared.layout.is_ours {
            return Ok(());
        }
        let vocabulary = &shared.vocabulary;
        let template = shared
            .layout
            .template(&vocabulary.fields, vocabulary.labels.values().cloned());
        let name = shared.layout.template_name();
        let request = Request::new(Method::Put, &["_index_template", &name]).json(template);
        shared.client.send::<Value>(request).await?;
        Ok(())
    }

    /// Deletes whole indices: single lines are never deleted.
    pub(super) async fn delete_before(&self, before_ms: i64) -> Result<Vec<String>, LogsError> {
        let shared = &self.shared;
        if !shared.layout.is_ours {
            return Ok(Vec::new());
        }
        let list =
            Request::new(Method::Get, &[&shared.layout.indices, "_alias"]).with("allow_no_indices", true);
        let all: BTreeMap<String, Value> = shared.client.send(list).await?;
        let mut deleted = Vec::new();
        for index in all.into_keys() {
            if !shared.layout.ended_before(&index, before_ms) {
                continue;
            }
            // Another data center may have been first.
            let delete = Request::new(Method::Delete, &[&index])
                .with("ignore_unavailable", true)
                .within(MAINTENANCE);
            shared.client.send::<Value>(delete).await?;
            deleted.push(index);
        }
        Ok(deleted)
    }

    pub(super) async fn fetch(
        &self,
        request: &SeriesFetchRequest,
        machines: &[Machine],
        now_ms: i64,
    ) -> SeriesFetchAnswer {
        let owners = Owners::new(&request.hosts, machines);
        let fetch = Fetch {
            shared: &self.shared,
            request,
            owners: &owners,
            deadline: self.until.unwrap_or_else(|| self.in_request_time()),
        };
        match fetch.run(now_ms).await {
            Ok(answer) => {
                self.shared.note_back();
                answer
            }
            Err(error) => {
                self.shared.note_away(&error);
                all_failed(request, now_ms, &told(&error))
            }
        }
    }
}

/// An error with what is behind it, for people.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

impl Shared {
    fn note_away(&self, error: &ElasticsearchError) {
        if !self.is_away.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error = error as &dyn std::error::Error,
                "logs are away; rules over them are tried again"
            );
        }
    }

    fn note_back(&self) {
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!(address = self.client.address(), "logs are back");
        }
    }

    fn patience_ms(&self) -> i64 {
        patience_ms(milliseconds(self.config.heartbeat_interval))
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// One fetch under way.
struct Fetch<'a> {
    shared: &'a Shared,
    request: &'a SeriesFetchRequest,
    owners: &'a Owners,
    deadline: Instant,
}

impl Fetch<'_> {
    /// Fails if nothing at all could be read.
    async fn run(&self, now_ms: i64) -> Result<SeriesFetchAnswer, ElasticsearchError> {
        let mut answer = SeriesFetchAnswer {
            as_of_ms: now_ms,
            ..SeriesFetchAnswer::default()
        };
        let mut reading =
            Reading::open(&self.shared.client, &self.shared.layout.indices, self.deadline).await?;
        let outcome = self.read_all(&mut reading, &mut answer).await;
        reading.close();
        outcome?;
        Ok(answer)
    }

    async fn read_all(
        &self,
        reading: &mut Reading,
        answer: &mut SeriesFetchAnswer,
    ) -> Result<(), ElasticsearchError> {
        let heartbeats = match self.heartbeats(reading).await {
            Ok(heartbeats) => heartbeats,
            Err(ReadingError::Engine(error)) => return Err(error),
            Err(error) => {
                let reason = format!("the heartbeats of the shippers cannot be read: {error}");
                *answer = all_failed(self.request, answer.as_of_ms, &reason);
                return Ok(());
            }
        };
        let config = &self.shared.config;
        let mut left = Bounds {
            lines: config.maximum_lines_per_answer,
            bytes: config.maximum_bytes_per_answer,
        };
        let mut read = BTreeMap::new();
        for place in log_selectors(self.request) {
            match self
                .lines(reading, &self.request.selectors[place], &mut left)
                .await
            {
                Ok(lines) => {
                    read.insert(place, lines);
                }
                Err(error) => {
                    if let ReadingError::Engine(error) = &error {
                        self.shared.note_away(error);
                    }
                    answer
                        .failed
                        .extend(failed_for_all(self.request, place, &told(&error)));
                }
            }
        }
        let known = self.remember(reading, &read, &heartbeats).await?;
        for (place, lines) in read {
            self.tell(answer, place, lines, &heartbeats, &known);
        }
        Ok(())
    }

    async fn heartbeats(&self, reading: &mut Reading) -> Result<Heartbeats, ReadingError> {
        let ranges = log_selectors(self.request).map(|place| self.request.selectors[place].range);
        let range = ranges.filter(|range| !range.is_empty()).reduce(|all, range| {
            TimeRange::new(all.start_ms.min(range.start_ms), all.end_ms.max(range.end_ms))
        });
        let Some(range) = range else {
            return Ok(Heartbeats::new());
        };
        let start_ms = range.start_ms.saturating_sub(self.shared.patience_ms());
        // They are short; what they take is not taken from the lines.
        let mut bounds = Bounds {
            lines: self.shared.config.maximum_lines_per_answer,
            bytes: self.shared.config.maximum_bytes_per_answer,
        };
        let range = TimeRange::new(start_ms, range.end_ms);
        let lines = self.stream(reading, HEARTBEAT, range, &[], &mut bounds).await?;
        Ok(lines.by_host)
    }

    /// Fails with the reason for the caller.
    async fn lines(
        &self,
        reading: &mut Reading,
        selector: &SeriesSelector,
        left: &mut Bounds,
    ) -> Result<StreamLines, ReadingError> {
        let conditions = selector.matchers.iter().map(|matcher| self.condition(matcher));
        let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
        let limit = self.shared.config.maximum_lines_per_selector;
        let mut bounds = Bounds {
            lines: limit.min(left.lines),
            bytes: left.bytes,
        };
        let before = bounds.lines;
        let lines = self
            .stream(reading, &selector.name, selector.range, &conditions, &mut bounds)
            .await?;
        left.lines = left.lines.saturating_sub(before - bounds.lines);
        left.bytes = bounds.bytes;
        Ok(lines)
    }

    fn condition(&self, matcher: &LabelMatcher) -> Result<LabelCondition, ReadingError> {
        let labels = &self.shared.vocabulary.labels;
        if !labels.contains_key(&matcher.name) {
            let known: Vec<&str> = labels.keys().map(String::as_str).collect();
            return Err(ReadingError::Question(format!(
                "label {:?} of a log is not known; known are {}",
                matcher.name,
                known.join(", ")
            )));
        }
        LabelCondition::new(matcher).map_err(ReadingError::Question)
    }

    /// Lines of a stream by host. Each hit counts towards the bounds, whether or not its line is kept.
    async fn stream(
        &self,
        reading: &mut Reading,
        name: &str,
        range: TimeRange,
        conditions: &[LabelCondition],
        bounds: &mut Bounds,
    ) -> Result<StreamLines, ReadingError> {
        let mut lines = StreamLines {
            by_host: BTreeMap::new(),
            unclear: BTreeMap::new(),
        };
        if range.is_empty() || self.request.hosts.is_empty() {
            return Ok(lines);
        }
        let shared = self.shared;
        let clock_limit_ms = milliseconds(shared.config.clock_limit);
        let stream = shared.config.stream_value(name);
        let question = shared.vocabulary.lines(&stream, self.owners, range, conditions);
        for found in reading.all(&shared.vocabulary, question, bounds).await? {
            let time_ms = time_of_line(found.time_ms, found.received_ms, clock_limit_ms);
            let Some(time_ms) = time_ms.filter(|time_ms| range.contains(*time_ms)) else {
                continue;
            };
            if !conditions.iter().all(|condition| condition.holds(&found.labels)) {
                continue;
            }
            match self.owners.owner(&found.host_id, &found.address, &found.host) {
                Owner::Host(host_id) => {
                    let text = found.message;
                    let of_host = lines.by_host.entry(host_id.clone()).or_default();
                    of_host.push(Line { time_ms, text });
                }
                Owner::OneOf { address, machines } => lines.blame(address, machines),
                Owner::Other => {}
            }
        }
        Ok(lines)
    }

    /// Learns what is not known yet of streams and shippers: whether they were ever heard.
    async fn remember(
        &self,
        reading: &Reading,
        read: &BTreeMap<usize, StreamLines>,
        heartbeats: &Heartbeats,
    ) -> Result<BTreeSet<Asked>, ElasticsearchError> {
        let memory = &self.shared.memory;
        let mut wanted = BTreeSet::new();
        for (place, lines) in read {
            let stream = &self.request.selectors[*place].name;
            for host_id in self.owners.hosts() {
                let had = Asked::stream(host_id, stream);
                let shipped = Asked::heartbeat(host_id, stream);
                if lines.by_host.contains_key(host_id) {
                    memory.add([had.clone()]);
                }
                let named = heartbeats.get(host_id).into_iter().flatten();
                if named.into_iter().any(|beat| names_stream(&beat.text, stream)) {
                    memory.add([shipped.clone()]);
                }
                wanted.extend([had, shipped]);
            }
        }
        let unknown = memory.unknown(&wanted);
        memory.add(self.ask(reading, unknown).await?);
        Ok(memory.known(wanted))
    }

    async fn ask(&self, reading: &Reading, unknown: Vec<Asked>) -> Result<Vec<Asked>, ElasticsearchError> {
        let shared = self.shared;
        let question = |asked: &Asked| {
            let (stream, naming) = match asked.is_heartbeat {
                true => (HEARTBEAT, Some(asked.stream.as_str())),
                false => (asked.stream.as_str(), None),
            };
            let stream = shared.config.stream_value(stream);
            shared
                .vocabulary
                .any_line(&stream, &asked.host_id, self.owners, naming)
        };
        let questions: Vec<Value> = unknown.iter().map(question).collect();
        let answers = reading.any_of_each(&shared.layout.indices, &questions).await?;
        let heard = unknown.into_iter().zip(answers).filter(|(_, heard)| *heard);
        Ok(heard.map(|(asked, _)| asked).collect())
    }

    /// Says of each host what was logged, and when that is not known.
    fn tell(
        &self,
        answer: &mut SeriesFetchAnswer,
        place: usize,
        mut lines: StreamLines,
        heartbeats: &Heartbeats,
        known: &BTreeSet<Asked>,
    ) {
        let selector = &self.request.selectors[place];
        for host_id in self.owners.hosts() {
            if let Some(reason) = lines.unclear.remove(host_id) {
                answer.failed.push(FailedFetch {
                    selector: place,
                    host_id: host_id.clone(),
                    reason,
                });
                continue;
            }
            let is_shipped = known.contains(&Asked::heartbeat(host_id, &selector.name));
            let had = is_shipped || known.contains(&Asked::stream(host_id, &selector.name));
            if selector.want_never_had && !had {
                answer.never_had.push(NeverHad {
                    selector: place,
                    host_id: host_id.clone(),
                });
            }
            if is_shipped {
                let silent = self.silent(selector, heartbeats.get(host_id));
                answer.unheard.extend(silent.into_iter().map(|range| Unheard {
                    selector: place,
                    host_id: host_id.clone(),
                    range,
                }));
            }
            if let Some(lines) = lines.by_host.remove(host_id) {
                answer.series.push(self.series(place, host_id, lines));
            }
        }
    }

    fn silent(&self, selector: &SeriesSelector, heartbeats: Option<&Vec<Line>>) -> Vec<TimeRange> {
        let naming = heartbeats
            .into_iter()
            .flatten()
            .filter(|beat| names_stream(&beat.text, &selector.name));
        let times_ms: Vec<i64> = naming.map(|beat| beat.time_ms).collect();
        unheard(&times_ms, selector.range, self.shared.patience_ms())
    }

    /// All lines that a selector asks for are one series.
    fn series(&self, selector: usize, host_id: &HostId, lines: Vec<Line>) -> FetchedSeries {
        let (times_ms, texts) = samples(lines);
        FetchedSeries {
            selector,
            host_id: host_id.clone(),
            labels: Labels::new(),
            interval_ms: self.shared.line_speaks_ms,
            times_ms,
            values: Vec::new(),
            texts,
        }
    }
}

impl StreamLines {
    fn blame(&mut self, address: &str, machines: &BTreeSet<HostId>) {
        for host_id in machines {
            self.unclear.entry(host_id.clone()).or_insert_with(|| {
                let names: Vec<&str> = machines.iter().map(HostId::as_str).collect();
                format!(
                    "there are lines from {address} without host_id, and {} machines have this address ({}): let the \
                     shipper write host_id",
                    machines.len(),
                    names.join(", ")
                )
            });
        }
    }
}
