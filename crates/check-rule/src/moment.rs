//! The condition at the time of one sample of `$0`.

use crate::condition::{Reading, Spelling, evaluate, print_call};
use crate::label::{compared, measure_the_same};
use crate::rule::Rule;
use crate::series_set::ItemSeries;
use crate::value::Value;
use crate::window::WindowCursor;

/// How many of several matching series an error names.
const NAMED_SERIES: usize = 3;

/// The series that are read for one label set, by item.
pub(crate) type LabelSetSeries<'set> = Vec<Vec<&'set ItemSeries<'set>>>;

/// The verdict at one sample, before `for` is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The condition holds.
    True,
    /// It does not.
    False,
    /// This item has no sample that speaks.
    NoData { item: usize },
    /// It could not be evaluated.
    Error { reason: String },
}

/// A moment that moves forward over the series of one label set. It may begin anywhere; what it reads depends only on
/// where it is. This is the state that can be carried from window to window.
pub(crate) struct Moment<'set> {
    rule: &'set Rule,
    items: Vec<ItemReader<'set>>,
    /// By call, then by candidate of the item that it reads.
    windows: Vec<Vec<WindowCursor>>,
    time_ms: i64,
}

struct ItemReader<'set> {
    candidates: Vec<Candidate<'set>>,
    choice: Choice,
}

struct Candidate<'set> {
    series: &'set ItemSeries<'set>,
    /// How many of its samples lie at or before the moment.
    seen: usize,
    is_placed: bool,
}

/// Which of the series that match an item is read.
#[derive(Clone, Debug, PartialEq)]
enum Choice {
    /// None has a sample that speaks.
    Missing,
    One(usize),
    /// It cannot be said which.
    Several(Vec<usize>),
}

/// A sample of `$0`.
pub(crate) struct MainSample {
    /// It speaks for so long.
    pub(crate) gap_ms: i64,
}

impl<'set> Moment<'set> {
    pub(crate) fn new(rule: &'set Rule, series: &LabelSetSeries<'set>) -> Self {
        let items = series
            .iter()
            .map(|candidates| ItemReader::new(candidates))
            .collect();
        let windows = rule
            .condition
            .calls
            .iter()
            .map(|call| {
                let candidates = series[call.item].iter();
                candidates
                    .map(|_| WindowCursor::new(call.function, call.window))
                    .collect()
            })
            .collect();
        Self {
            rule,
            items,
            windows,
            time_ms: i64::MIN,
        }
    }

    /// Moves to a time, which must not be earlier than before.
    pub(crate) fn advance(&mut self, time_ms: i64) {
        self.time_ms = time_ms;
        for item in &mut self.items {
            item.advance(time_ms);
        }
    }

    /// The sample of `$0` at the moment. `None` when only a series that is not read has one.
    pub(crate) fn main_sample(&self) -> Option<MainSample> {
        let main = &self.items[0];
        let gap_ms = match &main.choice {
            Choice::Missing => None,
            Choice::One(chosen) => main.gap_if_sampled_at(*chosen, self.time_ms),
            Choice::Several(matching) => matching
                .iter()
                .filter_map(|candidate| main.gap_if_sampled_at(*candidate, self.time_ms))
                .max(),
        };
        gap_ms.map(|gap_ms| MainSample { gap_ms })
    }

    pub(crate) fn verdict(&mut self) -> Verdict {
        let missing = self.items.iter().position(|item| item.choice == Choice::Missing);
        if let Some(item) = missing {
            return Verdict::NoData { item };
        }
        // An item that cannot be told apart is an error also where the condition does not use it.
        let unclear = self.items.iter().find_map(ItemReader::ambiguity);
        if let Some(reason) = unclear {
            return Verdict::Error { reason };
        }
        let rule = self.rule;
        match evaluate(&rule.condition, &rule.condition.root, self) {
            Ok(value) if value.is_truthy() => Verdict::True,
            Ok(_) => Verdict::False,
            Err(reason) => Verdict::Error { reason },
        }
    }
}

impl Reading for Moment<'_> {
    fn item(&mut self, item: usize) -> Result<Value, String> {
        let reader = &self.items[item];
        let candidate = &reader.candidates[reader.chosen(item)?];
        let sample = candidate.series.values[candidate.seen - 1];
        if !sample.is_finite() {
            return Err(format!("${item} is {sample}, not a finite number"));
        }
        Ok(Value::of_sample(sample))
    }

    fn call(&mut self, call: usize) -> Result<Value, String> {
        let item = self.rule.condition.calls[call].item;
        let reader = &self.items[item];
        let chosen = reader.chosen(item)?;
        let series = reader.candidates[chosen].series;
        let cursor = &mut self.windows[call][chosen];
        cursor.advance(series, self.time_ms);
        cursor.value(series).map_err(|reason| {
            let text = print_call(&self.rule.condition.calls[call], Spelling::AsWritten);
            format!("{reason} in {text}")
        })
    }
}

impl<'set> ItemReader<'set> {
    fn new(candidates: &[&'set ItemSeries<'set>]) -> Self {
        let candidates = candidates
            .iter()
            .map(|series| Candidate {
                series,
                seen: 0,
                is_placed: false,
            })
            .collect();
        Self {
            candidates,
            choice: Choice::Missing,
        }
    }

    fn advance(&mut self, time_ms: i64) {
        for candidate in &mut self.candidates {
            candidate.advance(time_ms);
        }
        self.choice = self.choose(time_ms);
    }

    /// Among the series with a sample that speaks: the one with exactly the labels of the item; of several that differ
    /// only in whose they are, the first.
    fn choose(&self, time_ms: i64) -> Choice {
        let speaks = |candidate: &Candidate<'_>| candidate.speaks_at(time_ms);
        if let [only] = self.candidates.as_slice() {
            return if speaks(only) {
                Choice::One(0)
            } else {
                Choice::Missing
            };
        }
        let mut speaking: Vec<usize> = (0..self.candidates.len())
            .filter(|index| speaks(&self.candidates[*index]))
            .collect();
        let is_exact = |index: &usize| self.candidates[*index].series.is_exact;
        if speaking.iter().any(is_exact) {
            speaking.retain(is_exact);
        }
        let Some(first) = speaking.first() else {
            return Choice::Missing;
        };
        let first_labels = self.candidates[*first].series.labels;
        let are_one = speaking
            .iter()
            .all(|index| measure_the_same(first_labels, self.candidates[*index].series.labels));
        if are_one {
            return Choice::One(*first);
        }
        Choice::Several(speaking)
    }

    fn gap_if_sampled_at(&self, candidate: usize, time_ms: i64) -> Option<i64> {
        let candidate = &self.candidates[candidate];
        (candidate.newest_ms() == Some(time_ms)).then_some(candidate.series.gap_ms)
    }

    fn chosen(&self, item: usize) -> Result<usize, String> {
        match &self.choice {
            Choice::One(chosen) => Ok(*chosen),
            Choice::Missing => Err(format!("${item} has no sample within max_gap")),
            Choice::Several(_) => Err(self.ambiguity().unwrap_or_default()),
        }
    }

    /// Why it cannot be said which series is meant.
    fn ambiguity(&self) -> Option<String> {
        let Choice::Several(matching) = &self.choice else {
            return None;
        };
        let mut names: Vec<String> = matching
            .iter()
            .take(NAMED_SERIES)
            .map(|index| written(self.candidates[*index].series))
            .collect();
        if matching.len() > NAMED_SERIES {
            names.push("…".to_owned());
        }
        Some(format!("{} series match: {}", matching.len(), names.join(", ")))
    }
}

fn written(series: &ItemSeries<'_>) -> String {
    let pairs: Vec<String> = compared(series.labels)
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

impl Candidate<'_> {
    fn advance(&mut self, time_ms: i64) {
        let times_ms = &self.series.times_ms;
        if !self.is_placed {
            self.seen = times_ms.partition_point(|sample_ms| *sample_ms <= time_ms);
            self.is_placed = true;
        }
        while self.seen < times_ms.len() && times_ms[self.seen] <= time_ms {
            self.seen += 1;
        }
    }

    fn newest_ms(&self) -> Option<i64> {
        let newest = self.seen.checked_sub(1)?;
        Some(self.series.times_ms[newest])
    }

    fn speaks_at(&self, time_ms: i64) -> bool {
        let oldest_ms = time_ms.saturating_sub(self.series.gap_ms);
        self.newest_ms().is_some_and(|newest_ms| newest_ms > oldest_ms)
    }
}

#[cfg(test)]
mod tests;
