//! Offsets above the committed one that are settled, as text for the metadata of a commit.
//!
//! `aops1:` and a bitmap in base64: bit `n` (lowest bit of a byte first) stands for the committed offset + 1 + `n`; the
//! committed offset itself is not settled. A broker keeps 4,096 characters (`offset.metadata.max.bytes`);
//! [`LONGEST_SPAN`] offsets need 1,372.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;

use super::assignment::{LONGEST_SPAN, Progress};

const MARK: &str = "aops1:";

/// The text for a commit; empty when nothing above the offset is settled.
pub(super) fn write(progress: &Progress) -> String {
    let mut bits = Vec::new();
    for offset in &progress.settled {
        let position = offset - progress.offset - 1;
        // Those that would not fit come again: at least once.
        if !(0..LONGEST_SPAN).contains(&position) {
            continue;
        }
        let byte = (position / 8) as usize;
        if bits.len() <= byte {
            bits.resize(byte + 1, 0u8);
        }
        bits[byte] |= 1 << (position % 8);
    }
    if bits.is_empty() {
        return String::new();
    }
    format!("{MARK}{}", BASE64.encode(bits))
}

/// What a commit says. Of metadata that are not ours, as after a reset by an operator's tool, only the offset counts.
pub(super) fn read(offset: i64, metadata: &str) -> Progress {
    let bits = metadata
        .strip_prefix(MARK)
        .and_then(|text| BASE64.decode(text).ok())
        .unwrap_or_default();
    let mut settled = BTreeSet::new();
    for (byte, value) in bits.into_iter().enumerate() {
        for bit in (0..8).filter(|bit| value & (1 << bit) != 0) {
            settled.insert(offset + 1 + (byte * 8 + bit) as i64);
        }
    }
    Progress { offset, settled }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_longest_fits_into_a_commit() {
        let progress = Progress {
            offset: 7,
            settled: BTreeSet::from([7 + LONGEST_SPAN]),
        };
        assert_eq!(write(&progress).len(), 1_372);
        assert_eq!(read(7, &write(&progress)), progress);
    }

    #[test]
    fn nothing_settled_is_an_empty_text_and_foreign_texts_say_nothing() {
        let nothing = Progress {
            offset: 7,
            settled: BTreeSet::new(),
        };
        assert_eq!(write(&nothing), "");
        for metadata in ["", "moved by hand", "aops1:!", "aops2:AQ"] {
            assert_eq!(read(7, metadata), nothing, "{metadata}");
        }
    }

    #[test]
    fn the_text_is_stable() {
        let progress = Progress {
            offset: 10,
            settled: BTreeSet::from([11, 13, 20]),
        };
        assert_eq!(write(&progress), "aops1:BQI");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(offset in 0..i64::MAX / 2, above in prop::collection::btree_set(1..=LONGEST_SPAN, 0..100)) {
            let progress = Progress { offset, settled: above.into_iter().map(|above| offset + above).collect() };
            prop_assert_eq!(read(offset, &write(&progress)), progress);
        }
    }
}
