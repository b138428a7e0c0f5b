//! Reading: which series, what waits in memory, the chunks, all in order.

use std::collections::HashMap;
use std::sync::Arc;

use aops_api::rule::DataKind;
use aops_api::series::{
    FailedFetch, FetchedSeries, NeverHad, SeriesFetchAnswer, SeriesFetchRequest, SeriesSelector,
};
use aops_api::{HostId, TimeRange};

use super::SharedIndex;
use super::chunk::{self, Point};
use super::index::{CHUNK_SPAN_MS, Selected, SeriesId};
use super::writer::json_list;
use crate::series::matching::Matcher;
use crate::series::{JOB, SeriesOptions};
use crate::sqlite_file::SqliteFile;

/// Counts first, so that a question for too much costs no memory.
const COUNT_SAMPLES: &str = "SELECT coalesce(sum(chunk.samples), 0)
    FROM json_each(?) AS wanted
    CROSS JOIN chunk ON chunk.series_id = wanted.value AND chunk.start_ms > ? AND chunk.start_ms < ?
    WHERE chunk.end_ms >= ?";
const READ_CHUNKS: &str = "SELECT chunk.series_id, chunk.sequence, chunk.data
    FROM json_each(?) AS wanted
    CROSS JOIN chunk ON chunk.series_id = wanted.value AND chunk.start_ms > ? AND chunk.start_ms < ?
    WHERE chunk.end_ms >= ?";

#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) file: SqliteFile,
    pub(super) index: Arc<SharedIndex>,
    pub(super) options: SeriesOptions,
}

/// What a selector found.
struct Reading {
    series: Vec<FetchedSeries>,
    never_had: Vec<NeverHad>,
    samples: u64,
}

impl Reading {
    /// This store keeps no logs: no host has ever had a stream.
    fn of_unknown_log(number: usize, selector: &SeriesSelector, hosts: &[HostId]) -> Self {
        let never_had = |host_id: &HostId| NeverHad {
            selector: number,
            host_id: host_id.clone(),
        };
        let asked_for = hosts.iter().filter(|_| selector.want_never_had);
        Self {
            series: Vec::new(),
            never_had: asked_for.map(never_had).collect(),
            samples: 0,
        }
    }
}

impl Fetcher {
    pub(super) async fn fetch(&self, request: &SeriesFetchRequest, now_ms: i64) -> SeriesFetchAnswer {
        let mut answer = SeriesFetchAnswer {
            as_of_ms: now_ms,
            ..SeriesFetchAnswer::default()
        };
        let mut hosts = request.hosts.clone();
        hosts.sort();
        hosts.dedup();
        let mut left = self.options.maximum_samples_per_answer;
        for (number, selector) in request.selectors.iter().enumerate() {
            match self.read(number, selector, &hosts, left).await {
                Ok(reading) => {
                    left -= reading.samples;
                    answer.series.extend(reading.series);
                    answer.never_had.extend(reading.never_had);
                }
                Err(reason) => answer.failed.extend(hosts.iter().map(|host_id| FailedFetch {
                    selector: number,
                    host_id: host_id.clone(),
                    reason: reason.clone(),
                })),
            }
        }
        answer
    }

    /// Fails with a reason for the caller.
    async fn read(
        &self,
        number: usize,
        selector: &SeriesSelector,
        hosts: &[HostId],
        left: u64,
    ) -> Result<Reading, String> {
        if selector.kind == DataKind::Log {
            return Ok(Reading::of_unknown_log(number, selector, hosts));
        }
        let (selected, never_had) = self.select(number, selector, hosts)?;
        let mut reading = Reading {
            series: Vec::new(),
            never_had,
            samples: 0,
        };
        if selected.is_empty() || selector.range.is_empty() {
            return Ok(reading);
        }
        let waiting: usize = selected
            .iter()
            .map(|series| waiting_in(series, selector.range).count())
            .sum();
        let chunks = Chunks::new(&selected, selector.range);
        let in_chunks = chunks.count(&self.file).await?;
        let found = in_chunks.saturating_add(waiting as u64);
        self.options.check_samples(found, left)?;
        let mut points = chunks.read(&self.file).await?;
        for series in selected {
            let mut all = points.remove(&series.id).unwrap_or_default();
            all.extend(waiting_in(&series, selector.range));
            let (times_ms, values) = in_order(all, selector.range);
            if times_ms.is_empty() {
                continue;
            }
            reading.samples += times_ms.len() as u64;
            let job = series.key.labels.get(JOB).map_or("", String::as_str);
            reading.series.push(FetchedSeries {
                selector: number,
                host_id: series.key.host_id.clone(),
                labels: series.key.labels.clone(),
                interval_ms: self.options.intervals.of(job),
                times_ms,
                values,
                texts: Vec::new(),
            });
        }
        Ok(reading)
    }

    fn select(
        &self,
        number: usize,
        selector: &SeriesSelector,
        hosts: &[HostId],
    ) -> Result<(Vec<Selected>, Vec<NeverHad>), String> {
        let matchers = selector
            .matchers
            .iter()
            .map(Matcher::new)
            .collect::<Result<Vec<_>, _>>()?;
        let mut selected = Vec::new();
        let mut never_had = Vec::new();
        let index = self.index.read();
        for host_id in hosts {
            let of_host = index.select(&selector.name, host_id, &matchers);
            if of_host.is_empty() && selector.want_never_had {
                never_had.push(NeverHad {
                    selector: number,
                    host_id: host_id.clone(),
                });
            }
            selected.extend(of_host);
        }
        Ok((selected, never_had))
    }
}

/// The chunks of some series that may have samples in a range.
struct Chunks {
    series: String,
    range: TimeRange,
}

impl Chunks {
    fn new(selected: &[Selected], range: TimeRange) -> Self {
        let ids: Vec<i64> = selected.iter().map(|series| series.id.0).collect();
        Self {
            series: json_list(&ids),
            range,
        }
    }

    /// No chunk that starts here or before reaches into the range.
    fn after_ms(&self) -> i64 {
        self.range.start_ms.saturating_sub(CHUNK_SPAN_MS)
    }

    async fn count(&self, file: &SqliteFile) -> Result<u64, String> {
        let count: i64 = sqlx::query_scalar(COUNT_SAMPLES)
            .bind(&self.series)
            .bind(self.after_ms())
            .bind(self.range.end_ms)
            .bind(self.range.start_ms)
            .fetch_one(&file.reader)
            .await
            .map_err(failed)?;
        Ok(count.unsigned_abs())
    }

    /// Their samples; those of a later chunk after those of an earlier one.
    async fn read(&self, file: &SqliteFile) -> Result<HashMap<SeriesId, Vec<Point>>, String> {
        let mut rows: Vec<(i64, i64, Vec<u8>)> = sqlx::query_as(READ_CHUNKS)
            .bind(&self.series)
            .bind(self.after_ms())
            .bind(self.range.end_ms)
            .bind(self.range.start_ms)
            .fetch_all(&file.reader)
            .await
            .map_err(failed)?;
        rows.sort_by_key(|(series, sequence, _)| (*series, *sequence));
        let mut points: HashMap<SeriesId, Vec<Point>> = HashMap::new();
        for (series, _, data) in rows {
            let points = points.entry(SeriesId(series)).or_default();
            chunk::decode(&data, points).map_err(|error| format!("the series store failed: {error}"))?;
        }
        Ok(points)
    }
}

fn failed(error: sqlx::Error) -> String {
    format!("the series store failed: {error}")
}

fn waiting_in(series: &Selected, range: TimeRange) -> impl Iterator<Item = Point> {
    let in_range = series
        .waiting
        .iter()
        .filter(move |point| range.contains(point.time_ms));
    in_range.copied()
}

/// Samples in the range by time; of equal times the last counts.
fn in_order(mut points: Vec<Point>, range: TimeRange) -> (Vec<i64>, Vec<f64>) {
    points.retain(|point| range.contains(point.time_ms));
    if !points.is_sorted_by(|one, next| one.time_ms < next.time_ms) {
        points.reverse();
        points.sort_by_key(|point| point.time_ms);
        points.dedup_by_key(|point| point.time_ms);
    }
    points
        .into_iter()
        .map(|point| (point.time_ms, point.value))
        .unzip()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn samples_stand_in_order_and_the_last_of_a_time_counts(
            times in proptest::collection::vec(0..40_i64, 0..60), start_ms in 0..40_i64, end_ms in 0..40_i64,
        ) {
            let numbered = times.iter().zip(0..).map(|(time_ms, number)| (*time_ms, f64::from(number)));
            let range = TimeRange::new(start_ms, end_ms);
            let points = numbered.clone().map(|(time_ms, value)| Point { time_ms, value }).collect();
            let model: BTreeMap<i64, f64> = numbered.filter(|(time_ms, _)| range.contains(*time_ms)).collect();
            prop_assert_eq!(in_order(points, range), model.into_iter().unzip());
        }
    }
}
