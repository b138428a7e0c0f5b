//! Ids as types of their own, so that a host is never passed where a task is meant.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text; the text is not checked.
            pub fn new(text: impl Into<String>) -> Self { Self(text.into()) }

            /// The text of the id.
            pub fn as_str(&self) -> &str { &self.0 }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result { formatter.write_str(&self.0) }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self { Self::new(text) }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self { Self(text) }
        }
    };
}

text_id! {
    /// A machine: 32 hexadecimal digits.
    HostId
}
text_id! {
    /// A diagnosis: 32 hexadecimal digits.
    TaskId
}
text_id! {
    /// A report: 32 hexadecimal digits of a hash over task, host, tree and slice.
    ReportId
}
text_id! {
    /// What decides a verdict, hashed: 32 hexadecimal digits. Equal rules of any owner share one.
    EvaluationKey
}
text_id! {
    /// An interval of a verdict: 32 hexadecimal digits of a hash over key, host, labels, value and start.
    ResultId
}

/// One of [`Shard::COUNT`] groups of hosts; the key of check messages and the unit of order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shard(u8);

impl Shard {
    /// How many shards there are. Never to be changed: cursors and message keys are stored by shard.
    pub const COUNT: u8 = 64;

    /// The shard of a host: FNV-1a of its id, modulo [`Shard::COUNT`].
    pub fn of(host: &HostId) -> Self {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        let hash = host.as_str().bytes().fold(OFFSET_BASIS, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        });
        Self((hash % u64::from(Self::COUNT)) as u8)
    }

    /// A shard by number, if it is below [`Shard::COUNT`].
    pub fn from_number(number: u8) -> Option<Self> {
        (number < Self::COUNT).then_some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u8 {
        self.0
    }

    /// All shards, in order.
    pub fn all() -> impl Iterator<Item = Shard> {
        (0..Self::COUNT).map(Shard)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_a_host_never_changes() {
        // Stored cursors depend on these: a change of the hash would break every installation.
        assert_eq!(Shard::of(&HostId::from("")).number(), 37);
        assert_eq!(Shard::of(&HostId::from("a")).number(), 12);
    }
}
