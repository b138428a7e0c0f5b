//! The condition at the time of one sample of `$0`.

use std::rc::Rc;

use aops_api::TimeRange;

use crate::condition::{
    Expression, Function, Reading, Spelling, Window, WindowAggregate, evaluate, print_call,
};
use crate::explanation::margin;
use crate::function;
use crate::item_series::ItemSeries;
use crate::label::{compared, measure_the_same};
use crate::operation::UnaryOperator;
use crate::program::{NumberReading, Program};
use crate::rule::Rule;
use crate::sample::too_long;
use crate::value::{LARGEST_EXACT_INTEGER, MAX_TEXT_BYTES, Value};
use crate::window::{Summary, WindowReading, Windows};

/// How many of several matching series an error names.
const NAMED_SERIES: usize = 3;
/// What is read for one label set, by item.
pub(crate) struct LabelSetSeries<'work, 'set> {
    pub(crate) items: Vec<ItemCandidates<'work, 'set>>,
}

/// The series that an item may read.
#[derive(Clone)]
pub(crate) struct ItemCandidates<'work, 'set> {
    /// The stream that they are of.
    pub(crate) stream: usize,
    pub(crate) series: Rc<[&'work ItemSeries<'set>]>,
    /// Of a log, when it is not known what was logged; `None` of a metric.
    pub(crate) unheard: Option<&'work [TimeRange]>,
}

/// The verdict at one sample, before `for` is asked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// The condition holds, and how far it is from turning.
    True { margin: Option<f64> },
    /// It does not.
    False,
    /// This item has no sample that speaks.
    NoData { item: usize },
    /// It could not be evaluated.
    Error { reason: String },
}

/// A moment that moves forward over the series of one label set. It may begin anywhere; what it reads depends only on
/// where it is.
pub(crate) struct Moment<'work, 'set> {
    rule: &'work Rule,
    items: Vec<ItemReader<'work, 'set>>,
    windows: &'work mut Windows,
    /// By call, then by candidate of the item that it reads: the window, where the function is one of those that are
    /// kept from sample to sample and the series is of numbers.
    shared: Vec<Vec<Option<usize>>>,
    stack: Vec<f64>,
    time_ms: i64,
    /// Whether every item reads one series.
    are_all_chosen: bool,
}

struct ItemReader<'work, 'set> {
    stream: usize,
    candidates: Vec<Candidate<'work, 'set>>,
    unheard: Option<&'work [TimeRange]>,
    choice: Choice,
    /// Those that match where it cannot be said which is meant.
    matching: Vec<usize>,
}

struct Candidate<'work, 'set> {
    series: &'work ItemSeries<'set>,
    /// `None` when it has texts.
    numbers: Option<&'work [f64]>,
    /// How many of its samples lie at or before the moment.
    seen: usize,
    is_placed: bool,
}

/// Which of the series that match an item is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Choice {
    /// None has a sample that speaks.
    Missing,
    One(usize),
    /// It cannot be said which of [`ItemReader::matching`].
    Several,
}

/// A sample of `$0`.
pub(crate) struct MainSample {
    /// A sample that comes later begins a new run.
    pub(crate) gap_ms: i64,
    /// Its verdict holds for so long.
    pub(crate) speaks_ms: i64,
}

impl<'work, 'set> Moment<'work, 'set> {
    pub(crate) fn new(
        rule: &'work Rule,
        series: &LabelSetSeries<'work, 'set>,
        windows: &'work mut Windows,
    ) -> Self {
        let shared = rule
            .condition
            .calls
            .iter()
            .map(|call| {
                let item = &series.items[call.item];
                let id_of = |series: &&ItemSeries<'_>| {
                    let (summary, window) = summary_of(&call.function)?;
                    series.numbers()?;
                    Some(windows.id(item.stream, series.id, summary, window))
                };
                item.series.iter().map(id_of).collect()
            })
            .collect();
        Self {
            rule,
            items: series
                .items
                .iter()
                .enumerate()
                .map(|(item, candidates)| ItemReader::new(item, candidates))
                .collect(),
            windows,
            shared,
            stack: Vec::new(),
            time_ms: i64::MIN,
            are_all_chosen: false,
        }
    }

    /// Moves to a time, which must not be earlier than before.
    #[inline]
    pub(crate) fn advance(&mut self, time_ms: i64) {
        self.time_ms = time_ms;
        self.are_all_chosen = true;
        for item in &mut self.items {
            item.advance(time_ms);
            self.are_all_chosen &= matches!(item.choice, Choice::One(_));
        }
    }

    /// The sample of `$0` at the moment. `None` when only a series that is not read has one.
    #[inline]
    pub(crate) fn main_sample(&self) -> Option<MainSample> {
        let main = &self.items[0];
        match main.choice {
            Choice::Missing => None,
            Choice::One(chosen) => main.sampled_at(chosen, self.time_ms),
            Choice::Several => main
                .matching
                .iter()
                .filter_map(|candidate| main.sampled_at(*candidate, self.time_ms))
                .max_by_key(|sample| sample.gap_ms),
        }
    }

    /// Which series an item reads at the moment, and which of its samples the condition rests on, counted from the
    /// first that is kept. `None` when it cannot be said which series is meant, or there is none.
    pub(crate) fn used_samples(
        &self,
        item: usize,
    ) -> Option<(&'work ItemSeries<'set>, std::ops::Range<usize>)> {
        let Choice::One(chosen) = self.items[item].choice else {
            return None;
        };
        let candidate = &self.items[item].candidates[chosen];
        let is_log_beside = item != 0 && self.items[item].unheard.is_some();
        let newest = if is_log_beside {
            self.lines_from(item).ok()?
        } else {
            candidate.seen.saturating_sub(1)
        };
        let calls = self.rule.condition.calls.iter();
        let starts = calls.filter(|call| call.item == item).map(|call| {
            function::first_sample(candidate.series, candidate.seen, &call.function, self.time_ms)
        });
        let start = starts.fold(newest, usize::min);
        Some((candidate.series, start..candidate.seen))
    }

    #[inline]
    pub(crate) fn verdict(&mut self) -> Verdict {
        if !self.are_all_chosen
            && let Some(verdict) = self.verdict_without_values()
        {
            return verdict;
        }
        let rule = self.rule;
        if let Some(number) = self.run(rule.value_program.as_ref()) {
            if number == 0.0 {
                return Verdict::False;
            }
            return Verdict::True {
                margin: self.margin(),
            };
        }
        match evaluate(&rule.condition, &rule.condition.root, self) {
            Ok(value) if value.is_truthy() => Verdict::True {
                margin: self.margin(),
            },
            Ok(_) => Verdict::False,
            Err(reason) => Verdict::Error { reason },
        }
    }

    /// What is said where an item has no sample, or cannot be told apart: an error also where the condition does not use
    /// it.
    fn verdict_without_values(&self) -> Option<Verdict> {
        let missing = self.items.iter().position(|item| item.choice == Choice::Missing);
        if let Some(item) = missing {
            return Some(Verdict::NoData { item });
        }
        let reason = self.items.iter().find_map(ItemReader::ambiguity)?;
        Some(Verdict::Error { reason })
    }

    #[inline]
    fn margin(&mut self) -> Option<f64> {
        let rule = self.rule;
        self.run(rule.margin_program.as_ref())
            .or_else(|| margin(&rule.condition, &rule.condition.root, self))
    }

    #[inline]
    fn run(&mut self, program: Option<&Program>) -> Option<f64> {
        let mut stack = std::mem::take(&mut self.stack);
        let outcome = program?.run(self, &mut stack);
        self.stack = stack;
        outcome
    }

    fn chosen(&self, item: usize) -> Result<&Candidate<'work, 'set>, String> {
        let reader = &self.items[item];
        match reader.choice {
            Choice::One(chosen) => Ok(&reader.candidates[chosen]),
            Choice::Missing => Err(format!("${item} has no sample within max_gap")),
            Choice::Several => Err(reader.ambiguity().unwrap_or_default()),
        }
    }

    /// The first line of a log that is not `$0` since the sample of `$0` before.
    fn lines_from(&self, item: usize) -> Result<usize, String> {
        let main = self.chosen(0)?;
        let newest = main.seen.saturating_sub(1);
        let oldest_ms = self.time_ms.saturating_sub(main.series.gap_at(newest));
        let before_ms = newest
            .checked_sub(1)
            .map_or(oldest_ms, |before| main.series.times_ms[before]);
        let log = self.chosen(item)?;
        Ok(log.series.seen_at(before_ms.max(oldest_ms)).min(log.seen))
    }

    /// The lines of a log that is not `$0`, since the sample of `$0` before.
    fn lines(&self, item: usize) -> Result<String, String> {
        let start = self.lines_from(item)?;
        let log = self.chosen(item)?;
        let mut lines = String::new();
        for line in start..log.seen {
            if line > start {
                lines.push(' ');
            }
            lines.push_str(&log.series.column.text(line));
            if lines.len() > MAX_TEXT_BYTES {
                return Err(too_long());
            }
        }
        Ok(lines)
    }

    /// The text of an item as it was delivered.
    fn text(&self, item: usize) -> Result<String, String> {
        if item != 0 && self.items[item].unheard.is_some() {
            return self.lines(item);
        }
        let candidate = self.chosen(item)?;
        let newest = candidate.seen.checked_sub(1);
        let newest = newest.ok_or_else(|| format!("${item} has no sample"))?;
        let text = candidate.series.column.text(newest);
        if text.len() > MAX_TEXT_BYTES {
            return Err(too_long());
        }
        Ok(text.into_owned())
    }

    /// A window that is kept from sample to sample.
    fn shared_window(&mut self, call: usize) -> Option<WindowReading> {
        let item = self.rule.condition.calls[call].item;
        let Choice::One(chosen) = self.items[item].choice else {
            return None;
        };
        let id = self.shared[call][chosen]?;
        let candidate = &self.items[item].candidates[chosen];
        let numbers = candidate.numbers?;
        Some(self.windows.read(id, candidate.series, numbers, self.time_ms))
    }

    fn function(&mut self, call: usize) -> Result<Value, String> {
        let rule = self.rule;
        let item = rule.condition.calls[call].item;
        match &rule.condition.calls[call].function {
            Function::Aggregate { aggregate, window } => {
                self.chosen(item)?;
                if let Some(reading) = self.shared_window(call) {
                    return value_of_window(*aggregate, &reading);
                }
                let candidate = self.chosen(item)?;
                let numbers = function::numbers_in(candidate.series, candidate.seen, *window, self.time_ms)?;
                function::aggregate(*aggregate, &numbers)
            }
            Function::Count {
                window,
                operand,
                comparison,
            } => {
                self.chosen(item)?;
                if let Some(reading) = self.shared_window(call) {
                    refuse_not_finite(&reading)?;
                    return Ok(Value::Int(reading.value as i128));
                }
                let operand = evaluate(&rule.condition, operand, self)?;
                let candidate = self.chosen(item)?;
                function::count(
                    candidate.series,
                    candidate.seen,
                    *window,
                    self.time_ms,
                    *comparison,
                    &operand,
                )
            }
            Function::Keyword { text } => {
                let wanted = evaluate(&rule.condition, text, self)?;
                let Value::Text(wanted) = wanted else {
                    return Err(format!("{} to look for, not a text", wanted.kind()));
                };
                Ok(Value::Bool(self.text(item)?.contains(&*wanted)))
            }
            Function::Compare { comparison, back } => {
                let candidate = self.chosen(item)?;
                function::compare_with_earlier(
                    candidate.series,
                    candidate.seen,
                    *comparison,
                    *back,
                    self.time_ms,
                )
            }
            Function::Predict { window, ahead_ms } => {
                let candidate = self.chosen(item)?;
                let (series, seen) = (candidate.series, candidate.seen);
                let time_ms = self.time_ms;
                let of_series = (self.items[item].stream, series.id);
                self.windows
                    .predicted(of_series, (*window, *ahead_ms), time_ms, || {
                        function::predict(series, seen, *window, time_ms, *ahead_ms)
                    })
            }
        }
    }
}

impl Reading for Moment<'_, '_> {
    fn item(&mut self, item: usize) -> Result<Value, String> {
        if item != 0 && self.items[item].unheard.is_some() {
            let lines = self.lines(item)?;
            return crate::sample::value_of_text(&lines).map_err(|reason| format!("${item} is {reason}"));
        }
        let candidate = self.chosen(item)?;
        let newest = candidate.seen.checked_sub(1);
        let newest = newest.ok_or_else(|| format!("${item} has no sample"))?;
        let value = candidate.series.column.value(newest);
        value.map_err(|reason| format!("${item} is {reason}"))
    }

    fn call(&mut self, call: usize) -> Result<Value, String> {
        self.function(call).map_err(|reason| {
            let condition = &self.rule.condition;
            let text = print_call(condition, &condition.calls[call], Spelling::AsWritten);
            format!("{reason} in {text}")
        })
    }
}

impl NumberReading for Moment<'_, '_> {
    #[inline]
    fn number_of_item(&mut self, item: usize) -> Option<f64> {
        let reader = &self.items[item];
        let Choice::One(chosen) = reader.choice else {
            return None;
        };
        let candidate = &reader.candidates[chosen];
        let number = *candidate.numbers?.get(candidate.seen.wrapping_sub(1))?;
        number.is_finite().then_some(number)
    }

    #[inline]
    fn number_of_call(&mut self, call: usize) -> Option<f64> {
        if let Some(reading) = self.shared_window(call) {
            if reading.has_not_finite {
                return None;
            }
            let number = match self.rule.condition.calls[call].function {
                Function::Aggregate {
                    aggregate: WindowAggregate::Avg,
                    ..
                } => reading.value / reading.samples as f64,
                _ => reading.value,
            };
            return number.is_finite().then_some(number);
        }
        let number = self.function(call).ok()?.number()?.as_float();
        (number.abs() < LARGEST_EXACT_INTEGER).then_some(number)
    }
}

/// How a function is kept from sample to sample, if it is.
fn summary_of(function: &Function) -> Option<(Summary, Window)> {
    match function {
        Function::Aggregate { aggregate, window } => Some((Summary::of(*aggregate), *window)),
        Function::Count {
            window,
            operand,
            comparison,
        } => {
            let operand = constant_number(operand)?;
            Some((Summary::Count(*comparison, operand.to_bits()), *window))
        }
        _ => None,
    }
}

/// A number that stands in the condition as such, perhaps with a sign.
fn constant_number(expression: &Expression) -> Option<f64> {
    match expression {
        Expression::Literal(value) => value.number()?.exact_float(),
        Expression::Unary {
            operator: UnaryOperator::Minus,
            operand,
        } => constant_number(operand).map(|number| -number),
        _ => None,
    }
}

fn refuse_not_finite(reading: &WindowReading) -> Result<(), String> {
    if reading.has_not_finite {
        return Err("a value in the window is not a finite number".to_owned());
    }
    Ok(())
}

fn value_of_window(aggregate: WindowAggregate, reading: &WindowReading) -> Result<Value, String> {
    refuse_not_finite(reading)?;
    match aggregate {
        WindowAggregate::Avg if reading.samples == 0 => Err("the window is empty".to_owned()),
        WindowAggregate::Avg => Ok(Value::Float(reading.value / reading.samples as f64)),
        WindowAggregate::Max | WindowAggregate::Min | WindowAggregate::Sum => {
            Ok(Value::of_sample(reading.value))
        }
    }
}

impl<'work, 'set> ItemReader<'work, 'set> {
    fn new(number: usize, item: &ItemCandidates<'work, 'set>) -> Self {
        let candidate = |series: &&'work ItemSeries<'set>| Candidate {
            series,
            numbers: series.numbers(),
            seen: 0,
            is_placed: false,
        };
        Self {
            stream: item.stream,
            candidates: item.series.iter().map(candidate).collect(),
            // A line is there to be judged, whatever was not heard around it.
            unheard: item
                .unheard
                .map(|unheard| if number == 0 { &[] } else { unheard }),
            choice: Choice::Missing,
            matching: Vec::new(),
        }
    }

    #[inline]
    fn advance(&mut self, time_ms: i64) {
        for candidate in &mut self.candidates {
            candidate.advance(time_ms);
        }
        match self.unheard {
            None => self.choose(|candidate| candidate.speaks_at(time_ms)),
            Some(unheard) if unheard.iter().any(|range| range.contains(time_ms)) => {
                self.choice = Choice::Missing;
            }
            // A log is silent most of the time.
            Some(_) => self.choose(|_| true),
        }
    }

    /// Chooses among the series that count: the one with exactly the labels of the item; of several that differ only in whose
    /// they are, the first.
    #[inline]
    fn choose(&mut self, counts: impl Fn(&Candidate<'_, '_>) -> bool) {
        self.choice = match self.candidates.as_slice() {
            [only] if counts(only) => Choice::One(0),
            [_] => Choice::Missing,
            _ => self.choose_of_many(counts),
        };
    }

    fn choose_of_many(&mut self, counts: impl Fn(&Candidate<'_, '_>) -> bool) -> Choice {
        let mut counting: Vec<usize> = (0..self.candidates.len())
            .filter(|index| counts(&self.candidates[*index]))
            .collect();
        let is_exact = |index: &usize| self.candidates[*index].series.is_exact;
        if counting.iter().any(is_exact) {
            counting.retain(is_exact);
        }
        let Some(first) = counting.first() else {
            return Choice::Missing;
        };
        let first_labels = &self.candidates[*first].series.labels;
        let are_one = counting
            .iter()
            .all(|index| measure_the_same(first_labels, &self.candidates[*index].series.labels));
        if are_one {
            return Choice::One(*first);
        }
        self.matching = counting;
        Choice::Several
    }

    #[inline]
    fn sampled_at(&self, candidate: usize, time_ms: i64) -> Option<MainSample> {
        let candidate = &self.candidates[candidate];
        let newest = candidate.seen.checked_sub(1)?;
        (candidate.series.times_ms[newest] == time_ms).then(|| MainSample {
            gap_ms: candidate.series.gap_at(newest),
            speaks_ms: candidate.series.speaks_at(newest),
        })
    }

    /// Why it cannot be said which series is meant.
    #[inline]
    fn ambiguity(&self) -> Option<String> {
        if self.choice != Choice::Several {
            return None;
        }
        let matching = &self.matching;
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
    let pairs: Vec<String> = compared(&series.labels)
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    format!("{{{}}}", pairs.join(","))
}

impl Candidate<'_, '_> {
    #[inline]
    fn advance(&mut self, time_ms: i64) {
        let times_ms = &self.series.times_ms;
        if !self.is_placed {
            self.seen = self.series.seen_at(time_ms);
            self.is_placed = true;
        }
        while self.seen < times_ms.len() && times_ms[self.seen] <= time_ms {
            self.seen += 1;
        }
    }

    #[inline]
    fn speaks_at(&self, time_ms: i64) -> bool {
        let Some(newest) = self.seen.checked_sub(1) else {
            return false;
        };
        let oldest_ms = time_ms.saturating_sub(self.series.gap_at(newest));
        self.series.times_ms[newest] > oldest_ms
    }
}

#[cfg(test)]
mod tests;
