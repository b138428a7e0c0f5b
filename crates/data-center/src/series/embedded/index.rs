//! What the engine holds in memory: every series, by host and name, with its samples that wait for a chunk.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use aops_api::{HostId, Labels};

use super::chunk::Point;
use crate::series::matching::Matcher;

/// Number of a series in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct SeriesId(pub(super) i64);

/// What a series is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct SeriesKey {
    pub(super) host_id: HostId,
    pub(super) name: String,
    /// All labels but `host_id`.
    pub(super) labels: Labels,
}

impl SeriesKey {
    fn fits(&self, matchers: &[Matcher]) -> bool {
        matchers
            .iter()
            .all(|matcher| matcher.matches(&self.host_id, &self.name, &self.labels))
    }
}

/// Samples in a chunk. A query decodes whole chunks, so not many more than a short range has.
const SAMPLES_PER_CHUNK: usize = 120;
/// From the first sample of a chunk to the last it is less than this: so a query knows where to begin.
pub(super) const CHUNK_SPAN_MS: i64 = 2 * 3_600_000;

/// All series. Changed by the writer alone.
#[derive(Debug, Default)]
pub(super) struct Index {
    ids: HashMap<Arc<SeriesKey>, SeriesId>,
    series: HashMap<SeriesId, Entry>,
    by_name: HashMap<String, HashMap<HostId, Vec<SeriesId>>>,
    waiting: HashMap<HostId, Waiting>,
}

#[derive(Debug)]
struct Entry {
    key: Arc<SeriesKey>,
    /// No sample is newer.
    last_ms: i64,
    /// Samples that wait for a chunk, by time, no time twice.
    waiting: Vec<Point>,
}

/// What of a host waits to be put into chunks.
#[derive(Debug, Default)]
struct Waiting {
    rows: Vec<i64>,
    samples: usize,
    series: HashSet<SeriesId>,
    /// First and last time.
    span: Option<(i64, i64)>,
}

/// The waiting samples of a host, to be written as chunks in place of the rows they came in.
#[derive(Debug)]
pub(super) struct Sealing {
    pub(super) rows: Vec<i64>,
    pub(super) chunks: Vec<(SeriesId, Vec<Point>)>,
}

/// A series that a selector found.
#[derive(Debug)]
pub(super) struct Selected {
    pub(super) id: SeriesId,
    pub(super) key: Arc<SeriesKey>,
    /// All its samples that wait for a chunk.
    pub(super) waiting: Vec<Point>,
}

impl Index {
    pub(super) fn id(&self, key: &SeriesKey) -> Option<SeriesId> {
        self.ids.get(key).copied()
    }

    pub(super) fn add(&mut self, id: SeriesId, key: SeriesKey, last_ms: i64) {
        let key = Arc::new(key);
        self.by_name
            .entry(key.name.clone())
            .or_default()
            .entry(key.host_id.clone())
            .or_default()
            .push(id);
        self.ids.insert(Arc::clone(&key), id);
        let waiting = Vec::new();
        self.series.insert(
            id,
            Entry {
                key,
                last_ms,
                waiting,
            },
        );
    }

    /// The samples of one stored append can be read from now on. Samples of unknown series are given back.
    pub(super) fn publish(&mut self, row: i64, samples: &[(SeriesId, Point)]) -> Result<(), SeriesId> {
        for (id, point) in samples {
            let entry = self.series.get_mut(id).ok_or(*id)?;
            insert(&mut entry.waiting, *point);
            entry.last_ms = entry.last_ms.max(point.time_ms);
            let waiting = match self.waiting.get_mut(&entry.key.host_id) {
                Some(waiting) => waiting,
                None => self.waiting.entry(entry.key.host_id.clone()).or_default(),
            };
            waiting.add(row, *id, point.time_ms);
        }
        Ok(())
    }

    /// What of a host is to be put into chunks now, if enough waits.
    pub(super) fn due(&self, host_id: &HostId) -> Option<Sealing> {
        let waiting = self.waiting.get(host_id)?;
        if !waiting.is_enough() {
            return None;
        }
        let mut chunks = Vec::new();
        for id in &waiting.series {
            let points = &self.series.get(id)?.waiting;
            chunks.extend(cut(points).map(|points| (*id, points.to_vec())));
        }
        // In order of the file.
        chunks.sort_by_key(|(id, _)| *id);
        let rows = waiting.rows.clone();
        Some(Sealing { rows, chunks })
    }

    /// What was due is in chunks now.
    pub(super) fn sealed(&mut self, host_id: &HostId) {
        let Some(waiting) = self.waiting.remove(host_id) else {
            return;
        };
        for id in waiting.series {
            if let Some(entry) = self.series.get_mut(&id) {
                entry.waiting.clear();
            }
        }
    }

    /// The series of these names and hosts that match.
    pub(super) fn select(&self, name: &str, host_id: &HostId, matchers: &[Matcher]) -> Vec<Selected> {
        let Some(ids) = self.by_name.get(name).and_then(|hosts| hosts.get(host_id)) else {
            return Vec::new();
        };
        ids.iter()
            .filter_map(|id| Some((*id, self.series.get(id)?)))
            .filter(|(_, entry)| entry.key.fits(matchers))
            .map(|(id, entry)| Selected {
                id,
                key: Arc::clone(&entry.key),
                waiting: entry.waiting.clone(),
            })
            .collect()
    }

    /// Series without a sample at `before_ms` or later.
    pub(super) fn ended_before(&self, before_ms: i64) -> Vec<SeriesId> {
        let ended = |entry: &Entry| entry.last_ms < before_ms && entry.waiting.is_empty();
        self.series
            .iter()
            .filter(|(_, entry)| ended(entry))
            .map(|(id, _)| *id)
            .collect()
    }

    /// Hosts whose newest waiting sample is older: their samples would wait, and be kept, for ever.
    pub(super) fn silent_since(&self, before_ms: i64) -> Vec<HostId> {
        let is_silent = |waiting: &Waiting| waiting.span.is_none_or(|(_, last_ms)| last_ms < before_ms);
        self.waiting
            .iter()
            .filter(|(_, waiting)| is_silent(waiting))
            .map(|(host_id, _)| host_id.clone())
            .collect()
    }

    /// The rows in which the samples of a host wait.
    pub(super) fn waiting_rows(&self, host_id: &HostId) -> Vec<i64> {
        self.waiting
            .get(host_id)
            .map(|waiting| waiting.rows.clone())
            .unwrap_or_default()
    }

    pub(super) fn forget(&mut self, ids: &[SeriesId]) {
        for id in ids {
            let Some(entry) = self.series.remove(id) else {
                continue;
            };
            self.ids.remove(&entry.key);
            let Some(hosts) = self.by_name.get_mut(&entry.key.name) else {
                continue;
            };
            if let Some(of_host) = hosts.get_mut(&entry.key.host_id) {
                of_host.retain(|other| other != id);
            }
            hosts.retain(|_, of_host| !of_host.is_empty());
            if hosts.is_empty() {
                self.by_name.remove(&entry.key.name);
            }
        }
    }
}

impl Waiting {
    fn add(&mut self, row: i64, id: SeriesId, time_ms: i64) {
        if self.rows.last() != Some(&row) {
            self.rows.push(row);
        }
        self.samples += 1;
        self.series.insert(id);
        let (first_ms, last_ms) = self.span.unwrap_or((time_ms, time_ms));
        self.span = Some((first_ms.min(time_ms), last_ms.max(time_ms)));
    }

    fn is_enough(&self) -> bool {
        let span_ms = self
            .span
            .map_or(0, |(first_ms, last_ms)| last_ms.saturating_sub(first_ms));
        self.rows.len() >= SAMPLES_PER_CHUNK
            || self.samples >= SAMPLES_PER_CHUNK * self.series.len()
            || span_ms >= CHUNK_SPAN_MS
    }
}

/// Puts a point in its place; one of the same time is replaced.
fn insert(points: &mut Vec<Point>, point: Point) {
    let is_newest = points.last().is_none_or(|last| last.time_ms < point.time_ms);
    if is_newest {
        points.push(point);
        return;
    }
    match points.binary_search_by_key(&point.time_ms, |other| other.time_ms) {
        Ok(place) => points[place] = point,
        Err(place) => points.insert(place, point),
    }
}

/// Cuts points, which are in order of time, into chunks of bounded number and span.
fn cut(points: &[Point]) -> impl Iterator<Item = &[Point]> {
    let mut rest = points;
    std::iter::from_fn(move || {
        let first = rest.first()?;
        let in_span = rest
            .iter()
            .take(SAMPLES_PER_CHUNK)
            .take_while(|point| point.time_ms.saturating_sub(first.time_ms) < CHUNK_SPAN_MS)
            .count();
        let (chunk, later) = rest.split_at(in_span);
        rest = later;
        Some(chunk)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn point(time_ms: i64, value: f64) -> Point {
        Point { time_ms, value }
    }

    fn index_with(host: &str, names: &[&str]) -> Index {
        let mut index = Index::default();
        for (name, id) in names.iter().zip(1..) {
            let key = SeriesKey {
                host_id: HostId::from(host),
                name: (*name).to_owned(),
                labels: Labels::new(),
            };
            index.add(SeriesId(id), key, i64::MIN);
        }
        index
    }

    proptest! {
        #[test]
        fn points_stand_in_order_and_the_last_of_a_time_counts(
            times in proptest::collection::vec(0..30_i64, 0..60),
        ) {
            let mut points = Vec::new();
            let mut model = BTreeMap::new();
            for (number, time_ms) in times.iter().enumerate() {
                insert(&mut points, point(*time_ms, number as f64));
                model.insert(*time_ms, number as f64);
            }
            let expected: Vec<Point> = model.into_iter().map(|(time_ms, value)| point(time_ms, value)).collect();
            prop_assert_eq!(points, expected);
        }

        #[test]
        fn chunks_hold_everything_and_are_bounded(
            mut times in proptest::collection::vec(any::<i32>().prop_map(|time| i64::from(time) * 7), 0..400),
        ) {
            times.sort_unstable();
            let points: Vec<Point> = times.iter().map(|time_ms| point(*time_ms, 0.0)).collect();
            let chunks: Vec<&[Point]> = cut(&points).collect();
            prop_assert_eq!(&chunks.concat(), &points);
            for chunk in chunks {
                prop_assert!((1..=SAMPLES_PER_CHUNK).contains(&chunk.len()));
                prop_assert!(chunk[chunk.len() - 1].time_ms - chunk[0].time_ms < CHUNK_SPAN_MS);
            }
        }
    }

    #[test]
    fn the_extremes_of_time_are_cut_too() {
        let points = [point(i64::MIN, 1.0), point(0, 2.0), point(i64::MAX, 3.0)];
        assert_eq!(cut(&points).count(), 3);
    }

    #[test]
    fn a_host_is_due_after_so_many_scrapes() {
        let host = HostId::from("h");
        let mut index = index_with("h", &["a", "b"]);
        for row in 1..SAMPLES_PER_CHUNK as i64 {
            let samples = [(SeriesId(1), point(row, 0.0)), (SeriesId(2), point(row, 0.0))];
            index.publish(row, &samples).expect("known");
            assert!(index.due(&host).is_none(), "{row}");
        }
        index
            .publish(120, &[(SeriesId(1), point(120, 0.0))])
            .expect("known");
        let sealing = index.due(&host).expect("due");
        assert_eq!(sealing.rows, (1..=120).collect::<Vec<_>>());
        let sizes: Vec<(i64, usize)> = sealing
            .chunks
            .iter()
            .map(|(id, points)| (id.0, points.len()))
            .collect();
        assert_eq!(sizes, [(1, 120), (2, 119)]);

        index.sealed(&host);
        assert!(index.due(&host).is_none());
        assert!(index.select("a", &host, &[])[0].waiting.is_empty());
    }

    #[test]
    fn a_host_is_due_after_so_long() {
        let mut index = index_with("h", &["a"]);
        for (row, time_ms) in [(1, 0), (2, CHUNK_SPAN_MS)] {
            index
                .publish(row, &[(SeriesId(1), point(time_ms, 0.0))])
                .expect("known");
        }
        let sealing = index.due(&HostId::from("h")).expect("due");
        assert_eq!(sealing.chunks.len(), 2);
    }

    #[test]
    fn what_ended_is_forgotten() {
        let host = HostId::from("h");
        let mut index = index_with("h", &["a", "b"]);
        index.publish(1, &[(SeriesId(1), point(10, 0.0))]).expect("known");
        index.publish(2, &[(SeriesId(2), point(20, 0.0))]).expect("known");
        assert_eq!(index.ended_before(15), [], "they wait for a chunk");
        assert_eq!(index.silent_since(20), []);
        assert_eq!(index.silent_since(21), std::slice::from_ref(&host));
        index.sealed(&host);
        assert_eq!(index.ended_before(15), [SeriesId(1)]);
        index.forget(&[SeriesId(1)]);
        assert!(index.select("a", &host, &[]).is_empty());
        assert_eq!(index.select("b", &host, &[]).len(), 1);
        assert_eq!(
            index.publish(3, &[(SeriesId(1), point(30, 0.0))]),
            Err(SeriesId(1))
        );
    }
}
