//! What was heard once. A host that had a stream has had it for ever; what was never heard is asked again.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aops_api::HostId;

/// A question whether something was ever heard.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    pub(super) host_id: HostId,
    pub(super) stream: String,
    /// A heartbeat that names the stream, or else a line of it.
    pub(super) is_heartbeat: bool,
}

impl Asked {
    pub(super) fn stream(host_id: &HostId, stream: &str) -> Self {
        Self {
            host_id: host_id.clone(),
            stream: stream.to_owned(),
            is_heartbeat: false,
        }
    }

    pub(super) fn heartbeat(host_id: &HostId, stream: &str) -> Self {
        Self {
            is_heartbeat: true,
            ..Self::stream(host_id, stream)
        }
    }

    /// The other way in which a host shows that it has the stream.
    fn is_implied_by(&self, known: &BTreeSet<Self>) -> bool {
        !self.is_heartbeat && known.contains(&Self::heartbeat(&self.host_id, &self.stream))
    }
}

/// Grows with hosts and the streams that they have.
#[derive(Debug, Default)]
pub(super) struct Memory {
    heard: Mutex<BTreeSet<Asked>>,
}

impl Memory {
    pub(super) fn add(&self, heard: impl IntoIterator<Item = Asked>) {
        self.lock().extend(heard);
    }

    /// What has to be asked. A stream whose shipper names it needs no line.
    pub(super) fn unknown(&self, wanted: &BTreeSet<Asked>) -> Vec<Asked> {
        let heard = self.lock();
        let unknown = wanted
            .iter()
            .filter(|asked| !heard.contains(*asked) && !asked.is_implied_by(&heard));
        unknown.cloned().collect()
    }

    pub(super) fn known(&self, mut wanted: BTreeSet<Asked>) -> BTreeSet<Asked> {
        let heard = self.lock();
        wanted.retain(|asked| heard.contains(asked));
        wanted
    }

    /// A set is whole even if a thread ended with it.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Asked>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_heard_is_not_asked_again() {
        let memory = Memory::default();
        let host = HostId::from("h");
        let (line, heartbeat) = (Asked::stream(&host, "dmesg"), Asked::heartbeat(&host, "dmesg"));
        let wanted = BTreeSet::from([line.clone(), heartbeat.clone()]);
        assert_eq!(memory.unknown(&wanted), [line.clone(), heartbeat.clone()]);
        memory.add([line.clone()]);
        assert_eq!(memory.unknown(&wanted), std::slice::from_ref(&heartbeat));
        assert_eq!(memory.known(wanted.clone()), BTreeSet::from([line]));
        let memory = Memory::default();
        memory.add([heartbeat]);
        assert!(memory.unknown(&wanted).is_empty());
    }
}
