//! From states at samples to stretches of one verdict.

use aops_api::TimeRange;
use aops_api::finding::FindingValue;

/// The state from a sample on, as long as it speaks.
#[derive(Clone, Debug)]
pub(crate) enum State {
    Normal,
    Abnormal { margin: Option<f64> },
    NoData { reason: String },
    Error { reason: String },
}

/// A stretch of one verdict inside the window.
pub(crate) struct Stretch {
    pub(crate) value: FindingValue,
    pub(crate) range: TimeRange,
    /// Of the latest sample.
    pub(crate) reason: String,
    pub(crate) deciding: Deciding,
}

/// Samples that are shown as evidence.
#[derive(Clone, Copy)]
pub(crate) struct Deciding {
    pub(crate) first: DecidingTime,
    pub(crate) worst: DecidingTime,
    pub(crate) last: DecidingTime,
}

#[derive(Clone, Copy)]
pub(crate) struct DecidingTime {
    pub(crate) time_ms: i64,
    pub(crate) margin: Option<f64>,
}

/// Collects the states of one label set, in order of time.
pub(crate) struct Timeline {
    window: TimeRange,
    pending: Option<Pending>,
    stretches: Vec<Stretch>,
    alive: Vec<TimeRange>,
}

/// The newest sample; how long it is the newest is not known yet. Of normal ones that follow each other, the first.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    time_ms: i64,
    speaks_ms: i64,
    state: State,
}

impl Timeline {
    /// `pending` is the newest sample of before, if there is one.
    pub(crate) fn new(window: TimeRange, pending: Option<Pending>) -> Self {
        Self {
            window,
            pending,
            stretches: Vec::new(),
            alive: Vec::new(),
        }
    }

    /// A sample that speaks for so long or until the next one.
    #[inline]
    pub(crate) fn push(&mut self, time_ms: i64, speaks_ms: i64, state: State) {
        // Most samples are normal, and so were those before.
        if let (State::Normal, Some(pending)) = (&state, &mut self.pending)
            && let State::Normal = pending.state
            && time_ms <= pending.time_ms.saturating_add(pending.speaks_ms)
        {
            pending.speaks_ms = time_ms.saturating_add(speaks_ms) - pending.time_ms;
            return;
        }
        self.settle(time_ms);
        self.pending = Some(Pending {
            time_ms,
            speaks_ms,
            state,
        });
    }

    /// No sample follows in the window. Answers the newest one.
    pub(crate) fn finish(&mut self) -> Option<Pending> {
        let pending = self.pending.clone();
        self.settle(i64::MAX);
        pending
    }

    /// Verdicts but for the normal one, sorted, not overlapping; neighbours differ in value.
    pub(crate) fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// When there was a sample that spoke: sorted, not overlapping, no neighbours.
    pub(crate) fn alive(&self) -> &[TimeRange] {
        &self.alive
    }

    #[inline]
    fn settle(&mut self, next_ms: i64) {
        let Some(Pending {
            time_ms,
            speaks_ms,
            state,
        }) = self.pending.take()
        else {
            return;
        };
        let spoken = TimeRange::new(time_ms, next_ms.min(time_ms.saturating_add(speaks_ms)));
        let range = spoken.intersect(self.window);
        if range.is_empty() {
            return;
        }
        match self.alive.last_mut() {
            Some(last) if last.end_ms == range.start_ms => last.end_ms = range.end_ms,
            _ => self.alive.push(range),
        }
        let (value, reason, margin) = match state {
            State::Normal => return,
            State::Abnormal { margin } => (FindingValue::Abnormal, String::new(), margin),
            State::NoData { reason } => (FindingValue::NoData, reason, None),
            State::Error { reason } => (FindingValue::InternalError, reason, None),
        };
        self.extend(value, range, reason, DecidingTime { time_ms, margin });
    }

    fn extend(&mut self, value: FindingValue, range: TimeRange, reason: String, sample: DecidingTime) {
        if let Some(last) = self.stretches.last_mut()
            && last.value == value
            && last.range.end_ms == range.start_ms
        {
            last.range.end_ms = range.end_ms;
            last.reason = reason;
            last.deciding.take(sample);
            return;
        }
        self.stretches.push(Stretch {
            value,
            range,
            reason,
            deciding: Deciding {
                first: sample,
                worst: sample,
                last: sample,
            },
        });
    }
}

impl Deciding {
    /// Takes in a later sample. Of equally bad ones the earliest is the worst, as when evidence is merged.
    fn take(&mut self, sample: DecidingTime) {
        let rank = |sample: DecidingTime| sample.margin.unwrap_or(f64::NEG_INFINITY);
        if rank(sample).total_cmp(&rank(self.worst)).is_gt() {
            self.worst = sample;
        }
        self.last = sample;
    }
}
