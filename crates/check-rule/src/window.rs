//! Functions over a window of samples that moves forward in time: each sample enters once and leaves once.

use std::collections::VecDeque;

use crate::condition::{Window, WindowFunction};
use crate::exact_sum::ExactSum;
use crate::series_set::ItemSeries;
use crate::value::Value;

/// A window over one series. It may begin anywhere and go forward only; what it answers depends on the samples in it and
/// on nothing else.
pub(crate) struct WindowCursor {
    window: Window,
    /// Samples `start..end` of the series are in the window.
    start: usize,
    end: usize,
    is_placed: bool,
    /// Samples in the window that are no finite numbers.
    not_finite: usize,
    aggregate: Aggregate,
}

enum Aggregate {
    /// Indices of samples, each larger than all that follow; the first is the largest.
    Max(VecDeque<usize>),
    Sum(ExactSum),
}

impl WindowCursor {
    pub(crate) fn new(function: WindowFunction, window: Window) -> Self {
        Self {
            window,
            start: 0,
            end: 0,
            is_placed: false,
            not_finite: 0,
            aggregate: match function {
                WindowFunction::Max => Aggregate::Max(VecDeque::new()),
                WindowFunction::Avg => Aggregate::Sum(ExactSum::new()),
            },
        }
    }

    /// Moves the window so that it ends at `time_ms`, which must not be earlier than before.
    pub(crate) fn advance(&mut self, series: &ItemSeries<'_>, time_ms: i64) {
        let times = &series.times_ms;
        let (earliest_ms, count) = self.bounds(series, time_ms);
        if !self.is_placed {
            // All before the window is skipped at once.
            let end = times.partition_point(|sample_ms| *sample_ms <= time_ms);
            let by_time = times.partition_point(|sample_ms| *sample_ms < earliest_ms);
            self.start = by_time.max(end.saturating_sub(count)).min(end);
            self.end = self.start;
            self.is_placed = true;
        }
        while self.end < times.len() && times[self.end] <= time_ms {
            self.enter(series, self.end);
            self.end += 1;
        }
        while self.start < self.end && (times[self.start] < earliest_ms || self.end - self.start > count) {
            self.leave(series, self.start);
            self.start += 1;
        }
    }

    /// The earliest time in the window, and how many samples fit.
    fn bounds(&self, series: &ItemSeries<'_>, time_ms: i64) -> (i64, usize) {
        match self.window {
            Window::Time { ms } => (time_ms.saturating_sub(ms), usize::MAX),
            Window::Samples { count } => {
                let reach_ms = series.gap_ms.saturating_mul(i64::from(count));
                (time_ms.saturating_sub(reach_ms).saturating_add(1), count as usize)
            }
        }
    }

    fn enter(&mut self, series: &ItemSeries<'_>, index: usize) {
        let value = series.values[index];
        if !value.is_finite() {
            self.not_finite += 1;
            return;
        }
        match &mut self.aggregate {
            Aggregate::Max(candidates) => {
                while candidates
                    .back()
                    .is_some_and(|last| series.values[*last] <= value)
                {
                    candidates.pop_back();
                }
                candidates.push_back(index);
            }
            Aggregate::Sum(sum) => sum.add(value),
        }
    }

    fn leave(&mut self, series: &ItemSeries<'_>, index: usize) {
        let value = series.values[index];
        if !value.is_finite() {
            self.not_finite -= 1;
            return;
        }
        let is_last = index + 1 == self.end;
        match &mut self.aggregate {
            Aggregate::Max(candidates) => {
                if candidates.front() == Some(&index) {
                    candidates.pop_front();
                }
            }
            Aggregate::Sum(sum) if is_last => sum.clear(),
            Aggregate::Sum(sum) => sum.remove(value),
        }
    }

    /// What the function makes of the window.
    pub(crate) fn value(&self, series: &ItemSeries<'_>) -> Result<Value, &'static str> {
        if self.not_finite > 0 {
            return Err("a value in the window is not a finite number");
        }
        match &self.aggregate {
            Aggregate::Max(candidates) => Ok(candidates
                .front()
                .map_or(Value::Float(f64::NEG_INFINITY), |largest| {
                    Value::of_sample(series.values[*largest])
                })),
            Aggregate::Sum(_) if self.start == self.end => Err("the window is empty"),
            Aggregate::Sum(sum) => Ok(Value::Float(sum.value() / (self.end - self.start) as f64)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series_set::tests::item_series;

    fn values(
        function: WindowFunction,
        window: Window,
        samples: &[(i64, f64)],
        moments: &[i64],
    ) -> Vec<String> {
        let series = item_series(samples, 10_000);
        let mut cursor = WindowCursor::new(function, window);
        moments
            .iter()
            .map(|moment| {
                cursor.advance(&series, *moment);
                match cursor.value(&series) {
                    Ok(value) => value.to_string(),
                    Err(reason) => reason.to_owned(),
                }
            })
            .collect()
    }

    const SAMPLES: [(i64, f64); 6] = [
        (0, 9.0),
        (10_000, 1.5),
        (20_000, 3.0),
        (30_000, f64::NAN),
        (40_000, 4.0),
        (90_000, 2.0),
    ];

    #[test]
    fn a_window_by_time_is_closed_on_both_sides() {
        let window = Window::Time { ms: 10_000 };
        let moments = [0, 10_000, 20_000, 29_999, 40_000, 40_001, 95_000];
        let not_finite = "a value in the window is not a finite number";
        assert_eq!(
            values(WindowFunction::Max, window, &SAMPLES, &moments),
            ["9", "9", "3", "3", not_finite, "4", "2"]
        );
        assert_eq!(
            values(WindowFunction::Avg, window, &SAMPLES, &moments),
            ["9.0", "5.25", "2.25", "3.0", not_finite, "4.0", "2.0"]
        );
    }

    #[test]
    fn a_window_by_samples_reaches_as_far_as_the_gaps_allow() {
        let window = Window::Samples { count: 2 };
        assert_eq!(
            values(
                WindowFunction::Max,
                window,
                &SAMPLES,
                &[0, 10_000, 20_000, 90_000]
            ),
            ["9", "9", "3", "2"]
        );
    }

    #[test]
    fn an_empty_window_has_a_max_and_no_avg() {
        let window = Window::Time { ms: -1 };
        assert_eq!(
            values(WindowFunction::Max, window, &SAMPLES, &[0, 20_000]),
            ["-1e999"; 2]
        );
        assert_eq!(
            values(WindowFunction::Avg, window, &SAMPLES, &[0, 20_000]),
            ["the window is empty"; 2]
        );
    }
}
