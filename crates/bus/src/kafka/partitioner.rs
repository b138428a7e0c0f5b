//! Which partition a key has, the same in every process and for ever, as long as the topic keeps its partitions.
//!
//! A key that is a number, as that of a shard, has partition `number modulo partitions`: 64 shards over 64 partitions are
//! one each, where a hash would leave a third of the partitions empty. Any other key goes by the hash that Kafka's Java
//! clients use (murmur2), so that other producers can find the same partition.

use rdkafka::producer::Partitioner;

/// See the module.
#[derive(Clone)]
pub(super) struct KeyPartitioner;

impl Partitioner for KeyPartitioner {
    fn partition(
        &self,
        _topic: &str,
        key: Option<&[u8]>,
        partitions: i32,
        _is_available: impl Fn(i32) -> bool,
    ) -> i32 {
        partition_of(key.unwrap_or_default(), partitions)
    }
}

fn partition_of(key: &[u8], partitions: i32) -> i32 {
    let number = match shard_number(key) {
        Some(number) => number,
        None => murmur2(key) & 0x7fff_ffff,
    };
    let partitions = u32::try_from(partitions).unwrap_or(1).max(1);
    (number % partitions) as i32
}

/// Plain digits without a zero in front, below a thousand million.
fn shard_number(key: &[u8]) -> Option<u32> {
    let is_plain = matches!(key, [b'0'] | [b'1'..=b'9', ..]) && key.len() <= 9;
    if !is_plain || !key.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(
        key.iter()
            .fold(0, |number, digit| number * 10 + u32::from(digit - b'0')),
    )
}

/// MurmurHash2, 32 bit, with the seed of Kafka's `org.apache.kafka.common.utils.Utils`.
fn murmur2(bytes: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const FACTOR: u32 = 0x5bd1_e995;
    let mut hash = SEED ^ bytes.len() as u32;
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut word = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    let rest = words.remainder();
    for (place, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * place);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn shards_have_a_partition_each() {
        let used: BTreeSet<i32> = (0..64)
            .map(|shard| partition_of(shard.to_string().as_bytes(), 64))
            .collect();
        assert_eq!(used, (0..64).collect());
        assert_eq!(partition_of(b"12", 5), 2);
    }

    /// Of the tests of Kafka's Java client.
    #[test]
    fn the_hash_is_kafkas() {
        let known: [(&str, i32); 6] = [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ];
        for (key, hash) in known {
            assert_eq!(murmur2(key.as_bytes()) as i32, hash, "{key}");
        }
    }

    proptest! {
        #[test]
        fn every_key_has_a_partition(key in prop::collection::vec(any::<u8>(), 0..20), partitions in 1..200i32) {
            let partition = partition_of(&key, partitions);
            prop_assert!((0..partitions).contains(&partition));
        }
    }
}
