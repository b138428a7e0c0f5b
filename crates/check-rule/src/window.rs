//! Windows of samples that move forward in time: each sample enters once and leaves once.

use std::collections::{HashMap, VecDeque};

use crate::condition::{Window, WindowAggregate};
use crate::exact_sum::ExactSum;
use crate::item_series::ItemSeries;
use crate::operation::BinaryOperator;
use crate::value::Value;

/// What is kept of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Summary {
    Max,
    Min,
    /// For `sum` and `avg`.
    Total,
    /// How many samples compare so with a number, given by its bits.
    Count(BinaryOperator, u64),
}

impl Summary {
    pub(crate) fn of(aggregate: WindowAggregate) -> Self {
        match aggregate {
            WindowAggregate::Max => Summary::Max,
            WindowAggregate::Min => Summary::Min,
            WindowAggregate::Sum | WindowAggregate::Avg => Summary::Total,
        }
    }
}

/// What a window holds at a moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WindowReading {
    /// The largest or smallest value, the sum, or the count.
    pub(crate) value: f64,
    /// How many samples are in the window.
    pub(crate) samples: usize,
    /// Whether some of them are no finite numbers.
    pub(crate) has_not_finite: bool,
}

/// A window over one series of numbers. It may begin anywhere and go forward only; what it answers depends on the samples
/// in it and on nothing else.
struct WindowCursor {
    window: Window,
    /// Samples `start..end` are in the window, counted from the first sample that the series ever had.
    start: usize,
    end: usize,
    /// Where the window ends; nothing is in it before it was placed.
    placed_ms: Option<i64>,
    not_finite: usize,
    state: State,
}

enum State {
    /// Samples, each beyond all that follow; the first is the extreme one.
    Extreme {
        is_max: bool,
        candidates: VecDeque<usize>,
    },
    Total(ExactSum),
    Count {
        comparison: BinaryOperator,
        operand: f64,
        count: usize,
    },
}

impl WindowCursor {
    fn new(summary: Summary, window: Window) -> Self {
        let extreme = |is_max| State::Extreme {
            is_max,
            candidates: VecDeque::new(),
        };
        Self {
            window,
            start: 0,
            end: 0,
            placed_ms: None,
            not_finite: 0,
            state: match summary {
                Summary::Max => extreme(true),
                Summary::Min => extreme(false),
                Summary::Total => State::Total(ExactSum::new()),
                Summary::Count(comparison, operand) => State::Count {
                    comparison,
                    operand: f64::from_bits(operand),
                    count: 0,
                },
            },
        }
    }

    /// Moves the window so that it ends at `time_ms`, which must not be earlier than before.
    fn advance(&mut self, series: &ItemSeries<'_>, values: &[f64], time_ms: i64) {
        let times = &series.times_ms[..];
        let dropped = series.dropped;
        let (earliest_ms, count) = self.window.bounds(series, time_ms);
        // A window whose samples are no longer kept begins anew; so does one that has never been placed.
        if self.placed_ms.is_none() || self.start < dropped {
            let end = times.partition_point(|sample_ms| *sample_ms <= time_ms);
            let by_time = times.partition_point(|sample_ms| *sample_ms < earliest_ms);
            self.start = by_time.max(end.saturating_sub(count)).min(end) + dropped;
            self.end = self.start;
            self.not_finite = 0;
            self.state.clear();
        }
        self.placed_ms = Some(time_ms);
        while let Some(sample_ms) = times.get(self.end - dropped)
            && *sample_ms <= time_ms
        {
            self.enter(values, dropped, self.end);
            self.end += 1;
        }
        while self.start < self.end
            && (times[self.start - dropped] < earliest_ms || self.end - self.start > count)
        {
            self.leave(values, dropped, self.start);
            self.start += 1;
        }
    }

    fn enter(&mut self, values: &[f64], dropped: usize, index: usize) {
        let value = values[index - dropped];
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        match &mut self.state {
            State::Extreme { is_max, candidates } => {
                let is_beaten = |last: f64| if *is_max { last <= value } else { last >= value };
                while candidates
                    .back()
                    .is_some_and(|last| is_beaten(values[*last - dropped]))
                {
                    candidates.pop_back();
                }
                candidates.push_back(index);
            }
            State::Total(sum) => sum.add(value),
            State::Count {
                comparison,
                operand,
                count,
            } => *count += usize::from(comparison.holds(value, *operand)),
        }
    }

    fn leave(&mut self, values: &[f64], dropped: usize, index: usize) {
        let value = values[index - dropped];
        if !value.is_finite() {
            self.not_finite -= 1;
            return;
        }
        let is_last = index + 1 == self.end;
        match &mut self.state {
            State::Extreme { candidates, .. } => {
                if candidates.front() == Some(&index) {
                    candidates.pop_front();
                }
            }
            State::Total(sum) if is_last => sum.clear(),
            State::Total(sum) => sum.remove(value),
            State::Count {
                comparison,
                operand,
                count,
            } => *count -= usize::from(comparison.holds(value, *operand)),
        }
    }

    fn read(&self, values: &[f64], dropped: usize) -> WindowReading {
        let value = match &self.state {
            State::Extreme { is_max, candidates } => match candidates.front() {
                Some(extreme) => values[*extreme - dropped],
                None if *is_max => f64::NEG_INFINITY,
                None => f64::INFINITY,
            },
            State::Total(sum) => sum.value(),
            State::Count { count, .. } => *count as f64,
        };
        WindowReading {
            value,
            samples: self.end - self.start,
            has_not_finite: self.not_finite > 0,
        }
    }
}

impl State {
    fn clear(&mut self) {
        match self {
            State::Extreme { candidates, .. } => candidates.clear(),
            State::Total(sum) => sum.clear(),
            State::Count { count, .. } => *count = 0,
        }
    }
}

impl Window {
    /// The earliest time in a window that ends at `time_ms`, and how many samples fit.
    pub(crate) fn bounds(self, series: &ItemSeries<'_>, time_ms: i64) -> (i64, usize) {
        match self {
            Window::Time { ms } => (time_ms.saturating_sub(ms), usize::MAX),
            Window::Samples { count } => {
                let gap_ms = match &series.gaps_ms {
                    None => series.gap_ms,
                    Some(gaps_ms) => series
                        .seen_at(time_ms)
                        .checked_sub(1)
                        .map_or(series.gap_ms, |newest| gaps_ms[newest]),
                };
                let reach_ms = gap_ms.saturating_mul(i64::from(count));
                (time_ms.saturating_sub(reach_ms).saturating_add(1), count as usize)
            }
        }
    }
}

/// The windows over the series of one host: one for equal windows of all rules. What was read at a moment is remembered,
/// so that a rule that comes to that moment later reads the same.
#[derive(Default)]
pub(crate) struct Windows {
    windows: Vec<SharedWindow>,
    ids: HashMap<(usize, u32, Summary, Window), usize>,
    /// Straight lines, which are computed from all samples of a window: by series, window and how far ahead.
    predictions: HashMap<(usize, u32, Window, i64), Predictions>,
}

/// What was predicted at moments, in order.
type Predictions = Vec<(i64, Result<Value, String>)>;

struct SharedWindow {
    summary: Summary,
    cursor: WindowCursor,
    /// For rules that come later to earlier moments.
    behind: Option<WindowCursor>,
    /// Moments in order.
    readings: Vec<(i64, WindowReading)>,
}

impl Windows {
    /// The window over a series, by the index of its stream and its id there.
    pub(crate) fn id(&mut self, stream: usize, series: u32, summary: Summary, window: Window) -> usize {
        let windows = &mut self.windows;
        *self
            .ids
            .entry((stream, series, summary, window))
            .or_insert_with(|| {
                windows.push(SharedWindow {
                    summary,
                    cursor: WindowCursor::new(summary, window),
                    behind: None,
                    readings: Vec::new(),
                });
                windows.len() - 1
            })
    }

    /// What the window that ends at `time_ms` holds. `values` are those of `series`.
    pub(crate) fn read(
        &mut self,
        id: usize,
        series: &ItemSeries<'_>,
        values: &[f64],
        time_ms: i64,
    ) -> WindowReading {
        let shared = &mut self.windows[id];
        let is_earlier = shared
            .cursor
            .placed_ms
            .is_some_and(|placed_ms| placed_ms >= time_ms);
        // Where the gap varies, the window may reach further back than it did.
        let reaches_back = series.gaps_ms.is_some() && matches!(shared.cursor.window, Window::Samples { .. });
        if reaches_back {
            return shared.read_anew(series, values, time_ms);
        }
        if is_earlier {
            return shared.read_again(series, values, time_ms);
        }
        shared.cursor.advance(series, values, time_ms);
        let reading = shared.cursor.read(values, series.dropped);
        shared.readings.push((time_ms, reading));
        reading
    }

    /// What is predicted at a moment, computed by whoever asks first.
    pub(crate) fn predicted(
        &mut self,
        series: (usize, u32),
        line: (Window, i64),
        time_ms: i64,
        compute: impl FnOnce() -> Result<Value, String>,
    ) -> Result<Value, String> {
        let key = (series.0, series.1, line.0, line.1);
        let known = self.predictions.entry(key).or_default();
        match known.binary_search_by_key(&time_ms, |(known_ms, _)| *known_ms) {
            Ok(index) => known[index].1.clone(),
            Err(index) => {
                let predicted = compute();
                known.insert(index, (time_ms, predicted.clone()));
                predicted
            }
        }
    }

    /// Forgets what was read. Where the windows are stays.
    pub(crate) fn forget_readings(&mut self) {
        self.predictions = HashMap::new();
        for shared in &mut self.windows {
            shared.readings = Vec::new();
            shared.behind = None;
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }

    /// Forgets windows over series that are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(usize, u32) -> bool) {
        let gone = |(stream, series, ..): &(usize, u32, Summary, Window)| !is_there(*stream, *series);
        if !self.ids.keys().any(gone) {
            return;
        }
        let mut kept = Windows::default();
        let mut old: Vec<Option<SharedWindow>> = self.windows.drain(..).map(Some).collect();
        for (key, id) in self.ids.drain() {
            if is_there(key.0, key.1)
                && let Some(shared) = old[id].take()
            {
                kept.ids.insert(key, kept.windows.len());
                kept.windows.push(shared);
            }
        }
        *self = kept;
    }

    /// Memory in use, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        let each = |shared: &SharedWindow| {
            let state = match &shared.cursor.state {
                State::Extreme { candidates, .. } => candidates.capacity() * size_of::<usize>(),
                State::Total(sum) => sum.bytes(),
                State::Count { .. } => 0,
            };
            state + shared.readings.capacity() * size_of::<(i64, WindowReading)>()
        };
        let entry = size_of::<SharedWindow>() + size_of::<((usize, u32, Summary, Window), usize)>();
        self.windows.iter().map(each).sum::<usize>() + self.windows.len() * entry
    }
}

impl SharedWindow {
    fn read_again(&mut self, series: &ItemSeries<'_>, values: &[f64], time_ms: i64) -> WindowReading {
        let known = self
            .readings
            .binary_search_by_key(&time_ms, |(known_ms, _)| *known_ms);
        if let Ok(index) = known {
            return self.readings[index].1;
        }
        let window = self.cursor.window;
        let follows = |cursor: &WindowCursor| cursor.placed_ms.is_some_and(|placed_ms| placed_ms <= time_ms);
        let behind = self.behind.take().filter(follows);
        let mut behind = behind.unwrap_or_else(|| WindowCursor::new(self.summary, window));
        behind.advance(series, values, time_ms);
        let reading = behind.read(values, series.dropped);
        self.behind = Some(behind);
        reading
    }

    fn read_anew(&self, series: &ItemSeries<'_>, values: &[f64], time_ms: i64) -> WindowReading {
        let mut alone = WindowCursor::new(self.summary, self.cursor.window);
        alone.advance(series, values, time_ms);
        alone.read(values, series.dropped)
    }
}

#[cfg(test)]
mod tests;
