//! A series as a rule reads it.

use std::borrow::Cow;

use aops_api::Labels;

use crate::sample::Column;

/// A series as an item of a rule reads it: transformed, perhaps one of many, with the gap that the rule allows.
pub(crate) struct ItemSeries<'set> {
    /// Which series of its stream: the same from window to window.
    pub(crate) id: u32,
    pub(crate) labels: Cow<'set, Labels>,
    /// How old its newest sample may be and still be read.
    pub(crate) gap_ms: i64,
    /// The same, sample by sample, where it differs: in an aggregate of series that are scraped at different intervals.
    pub(crate) gaps_ms: Option<Vec<i64>>,
    /// Of a log, how long the verdict at one of its lines holds: one sample period.
    pub(crate) line_speaks_ms: Option<i64>,
    /// Whether it has no label but those that the item names.
    pub(crate) is_exact: bool,
    /// How many samples it had before those that are kept.
    pub(crate) dropped: usize,
    /// In order, no time twice.
    pub(crate) times_ms: Cow<'set, [i64]>,
    pub(crate) column: Column<'set>,
}

impl ItemSeries<'_> {
    pub(crate) fn numbers(&self) -> Option<&[f64]> {
        match &self.column {
            Column::Numbers(numbers) => Some(numbers),
            Column::Texts(_) => None,
        }
    }

    /// How many samples lie at or before a time.
    pub(crate) fn seen_at(&self, time_ms: i64) -> usize {
        self.times_ms.partition_point(|sample_ms| *sample_ms <= time_ms)
    }

    /// How old a sample may be and still be read.
    #[inline]
    pub(crate) fn gap_at(&self, index: usize) -> i64 {
        match &self.gaps_ms {
            None => self.gap_ms,
            Some(gaps_ms) => gaps_ms[index],
        }
    }

    /// How long the verdict at a sample holds if the series is `$0`.
    #[inline]
    pub(crate) fn speaks_at(&self, index: usize) -> i64 {
        self.line_speaks_ms.unwrap_or_else(|| self.gap_at(index))
    }

    pub(crate) fn into_owned(self) -> ItemSeries<'static> {
        ItemSeries {
            id: self.id,
            labels: Cow::Owned(self.labels.into_owned()),
            gap_ms: self.gap_ms,
            gaps_ms: self.gaps_ms,
            line_speaks_ms: self.line_speaks_ms,
            is_exact: self.is_exact,
            dropped: self.dropped,
            times_ms: Cow::Owned(self.times_ms.into_owned()),
            column: self.column.into_owned(),
        }
    }

    /// Adds later samples.
    pub(crate) fn append(&mut self, times_ms: &[i64], column: &Column<'_>) {
        self.times_ms.to_mut().extend_from_slice(times_ms);
        self.column.append(column);
    }

    /// Forgets samples before a time.
    pub(crate) fn drop_before(&mut self, time_ms: i64) {
        let count = self.times_ms.partition_point(|sample_ms| *sample_ms < time_ms);
        if count == 0 {
            return;
        }
        self.times_ms.to_mut().drain(..count);
        self.column.drop_first(count);
        if let Some(gaps_ms) = &mut self.gaps_ms {
            gaps_ms.drain(..count);
        }
        self.dropped += count;
    }

    /// Memory in use, in bytes, about.
    pub(crate) fn bytes(&self) -> usize {
        let labels: usize = self
            .labels
            .iter()
            .map(|(name, value)| name.len() + value.len() + 2 * size_of::<String>())
            .sum();
        let samples = match &self.column {
            Column::Numbers(numbers) => numbers.len() * size_of::<f64>(),
            Column::Texts(texts) => texts.iter().map(|text| text.len() + size_of::<String>()).sum(),
        };
        size_of::<Self>() + labels + samples + self.times_ms.len() * size_of::<i64>()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A series of numbers without labels.
    pub(crate) fn series(samples: &[(i64, f64)], gap_ms: i64) -> ItemSeries<'static> {
        let (times_ms, numbers): (Vec<i64>, Vec<f64>) = samples.iter().copied().unzip();
        ItemSeries {
            id: 0,
            labels: Cow::Owned(Labels::new()),
            gap_ms,
            gaps_ms: None,
            line_speaks_ms: None,
            is_exact: true,
            dropped: 0,
            times_ms: Cow::Owned(times_ms),
            column: Column::Numbers(Cow::Owned(numbers)),
        }
    }

    #[test]
    fn what_is_dropped_is_counted() {
        let mut series = series(&[(10, 1.0), (20, 2.0), (30, 3.0)], 5);
        series.drop_before(25);
        series.append(&[40], &Column::Numbers(Cow::Owned(vec![4.0])));
        assert_eq!(series.dropped, 2);
        assert_eq!(series.times_ms[..], [30, 40]);
        assert_eq!(series.numbers(), Some([3.0, 4.0].as_slice()));
        assert_eq!(series.seen_at(39), 1);
    }
}
