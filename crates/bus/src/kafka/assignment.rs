//! What is known of one partition that this consumer reads: which messages wait, which are held, which are settled. Pure.
//!
//! Messages of one key go one at a time, in their order; keys go in parallel. So messages are settled out of order, and
//! what Kafka remembers of a group, one offset, does not say it all: [`Progress`] is that offset and the settled ones
//! above it, which travel in the commit's metadata ([`super::settled`]).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

/// How far above the lowest unsettled message others may be settled: their numbers must fit into a commit's metadata.
pub(super) const LONGEST_SPAN: i64 = 8_192;

/// What a group has done of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// The lowest offset that is not settled.
    pub(super) offset: i64,
    /// Those above it that are.
    pub(super) settled: BTreeSet<i64>,
}

/// What became of a message that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It waits for a consumer.
    Queued,
    /// The group has settled it before: nothing is to be done.
    AlreadySettled,
    /// A message with its key and id waits already or is held: this one adds nothing.
    Repeated,
    /// Its offset has been read before: the log began anew, as when a topic was deleted and made again. All that was
    /// known is forgotten; the message waits for a consumer.
    LogBeganAnew,
}

/// A message taken to be handed out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken<M> {
    pub(super) offset: i64,
    pub(super) attempt: u32,
    pub(super) message: M,
}

#[derive(Debug)]
struct Slot<M> {
    key: String,
    id: String,
    message: M,
    attempt: u32,
    is_held: bool,
}

/// One partition. Times are milliseconds of any clock.
#[derive(Debug)]
pub(super) struct Partition<M> {
    /// What is not settled.
    slots: BTreeMap<i64, Slot<M>>,
    /// Offsets of a key in their order; only the first may be handed out.
    keys: HashMap<String, VecDeque<i64>>,
    /// First of their keys, free to be handed out.
    ready: BTreeSet<i64>,
    /// First of their keys, in retry until then.
    due: BTreeSet<(i64, i64)>,
    /// Settled, above the lowest unsettled.
    settled: BTreeSet<i64>,
    /// After the last that arrived. None: nothing has, and nothing was committed.
    next: Option<i64>,
    /// The offset that the group is known to have committed.
    committed: Option<i64>,
    held: usize,
    limit: usize,
}

impl<M: Clone> Partition<M> {
    /// A partition of which the group has done `progress`, and that takes in about `limit` messages at a time.
    pub(super) fn new(progress: Option<Progress>, limit: usize) -> Self {
        let next = progress.as_ref().map(|progress| progress.offset);
        Self {
            slots: BTreeMap::new(),
            keys: HashMap::new(),
            ready: BTreeSet::new(),
            due: BTreeSet::new(),
            settled: progress.map(|progress| progress.settled).unwrap_or_default(),
            next,
            committed: next,
            held: 0,
            limit,
        }
    }

    /// Takes in a message that arrived.
    pub(super) fn receive(&mut self, offset: i64, key: String, id: String, message: M) -> Arrival {
        let began_anew = self.next.is_some_and(|next| offset < next);
        if began_anew {
            *self = Self::new(None, self.limit);
        }
        self.next = Some(offset + 1);
        if self.settled.contains(&offset) {
            self.forget_passed();
            return Arrival::AlreadySettled;
        }
        let queue = self.keys.entry(key.clone()).or_default();
        let is_repeated = queue.iter().any(|other| self.slots[other].id == id);
        if is_repeated {
            self.settled.insert(offset);
            return Arrival::Repeated;
        }
        if queue.is_empty() {
            self.ready.insert(offset);
        }
        queue.push_back(offset);
        let slot = Slot {
            key,
            id,
            message,
            attempt: 0,
            is_held: false,
        };
        self.slots.insert(offset, slot);
        if began_anew {
            Arrival::LogBeganAnew
        } else {
            Arrival::Queued
        }
    }

    /// Takes the oldest message that may be handed out.
    pub(super) fn take(&mut self) -> Option<Taken<M>> {
        let offset = self.ready.pop_first()?;
        let slot = self.slots.get_mut(&offset)?;
        slot.is_held = true;
        slot.attempt = slot.attempt.saturating_add(1);
        self.held += 1;
        Some(Taken {
            offset,
            attempt: slot.attempt,
            message: slot.message.clone(),
        })
    }

    /// A held message is done with. False: it was not held.
    pub(super) fn settle(&mut self, offset: i64) -> bool {
        if !self.let_go(offset) {
            return false;
        }
        let Some(slot) = self.slots.remove(&offset) else {
            return false;
        };
        self.settled.insert(offset);
        if let Some(queue) = self.keys.get_mut(&slot.key) {
            queue.pop_front();
            match queue.front() {
                Some(following) => {
                    self.ready.insert(*following);
                }
                None => {
                    self.keys.remove(&slot.key);
                }
            }
        }
        self.forget_passed();
        true
    }

    /// A held message may be handed out again at once. False: it was not held.
    pub(super) fn release(&mut self, offset: i64) -> bool {
        let was_held = self.let_go(offset);
        if was_held {
            self.ready.insert(offset);
        }
        was_held
    }

    /// A held message may be handed out again at `due_ms`. False: it was not held.
    pub(super) fn retry_at(&mut self, offset: i64, due_ms: i64) -> bool {
        let was_held = self.let_go(offset);
        if was_held {
            self.due.insert((due_ms, offset));
        }
        was_held
    }

    /// Frees what is due.
    pub(super) fn wake(&mut self, now_ms: i64) {
        while let Some((due_ms, offset)) = self.due.first().copied()
            && due_ms <= now_ms
        {
            self.due.pop_first();
            self.ready.insert(offset);
        }
    }

    /// When the next retry is due.
    pub(super) fn next_due_ms(&self) -> Option<i64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// How many messages are held.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Whether no more is to be fetched for now.
    pub(super) fn is_full(&self) -> bool {
        self.slots.len() >= self.limit || self.span() >= LONGEST_SPAN
    }

    /// Whether fetching is worth while again.
    pub(super) fn has_room(&self) -> bool {
        self.slots.len() <= self.limit / 2 && self.span() <= LONGEST_SPAN / 2
    }

    /// What is to be committed.
    pub(super) fn progress(&self) -> Option<Progress> {
        let mut offset = self.lowest_unsettled()?;
        // Settled by whoever had the partition before, and not read by us yet.
        while self.settled.contains(&offset) {
            offset += 1;
        }
        Some(Progress {
            offset,
            settled: self.settled.range(offset..).copied().collect(),
        })
    }

    /// The group has committed this.
    pub(super) fn committed(&mut self, offset: i64) {
        self.committed = self.committed.max(Some(offset));
    }

    /// The partition was lost and is ours again: where reading goes on, if nobody has done anything of it meanwhile, so that
    /// what is known here still holds. A group that has committed less than before reads another log, or is to read this
    /// one again.
    pub(super) fn resumes_at(&self, committed: Option<&Progress>) -> Option<i64> {
        if committed.map(|theirs| theirs.offset) < self.committed {
            return None;
        }
        let ours = self.progress()?;
        let is_known = |offset: &i64| *offset < ours.offset || ours.settled.contains(offset);
        let is_untouched = committed
            .is_none_or(|theirs| theirs.offset <= ours.offset && theirs.settled.iter().all(is_known));
        self.next.filter(|_| is_untouched)
    }

    /// Of what has been read.
    fn lowest_unsettled(&self) -> Option<i64> {
        self.slots.keys().next().copied().or(self.next)
    }

    fn span(&self) -> i64 {
        match (self.next, self.lowest_unsettled()) {
            (Some(next), Some(lowest)) => next - lowest,
            _ => 0,
        }
    }

    fn let_go(&mut self, offset: i64) -> bool {
        let Some(slot) = self.slots.get_mut(&offset).filter(|slot| slot.is_held) else {
            return false;
        };
        slot.is_held = false;
        self.held -= 1;
        true
    }

    /// What is below is not read again.
    fn forget_passed(&mut self) {
        if let Some(lowest) = self.lowest_unsettled() {
            self.settled = self.settled.split_off(&lowest);
        }
    }
}

#[cfg(test)]
#[path = "assignment_tests.rs"]
mod tests;
