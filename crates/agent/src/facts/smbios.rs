//! The firmware's tables, as `dmidecode` reads them: System Management BIOS, DMTF DSP0134.
//!
//! A structure has a formatted part (its type, its length, a handle, then fields at fixed offsets; a newer version is
//! longer), and texts after it, each ended by a zero, all of them by one more. Tables come from firmware: whatever is in
//! them, reading ends and does not fail; what is broken and what follows it is not there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::attribute;

/// More than any firmware has.
const MAXIMUM_BYTES: u64 = 1024 * 1024;
const HEADER_BYTES: usize = 4;
const END_OF_TABLE: u8 = 127;

/// What kind of structure one is.
pub(super) mod kind {
    pub(in super::super) const FIRMWARE: u8 = 0;
    pub(in super::super) const BOARD: u8 = 2;
    pub(in super::super) const PROCESSOR: u8 = 4;
    pub(in super::super) const MEMORY_MODULE: u8 = 17;
}

/// The tables of a machine; empty where there are none or they may not be read.
#[derive(Debug, Default)]
pub(super) struct Tables(Vec<u8>);

impl Tables {
    pub(super) fn read(sys_root: &Path) -> Self {
        let path = sys_root.join("firmware/dmi/tables/DMI");
        let mut bytes = Vec::new();
        let outcome = File::open(path).and_then(|file| file.take(MAXIMUM_BYTES).read_to_end(&mut bytes));
        match outcome {
            Ok(_) => Self(bytes),
            Err(error) => {
                tracing::debug!(%error, "the firmware's tables cannot be read; memory modules stay unknown");
                Self::default()
            }
        }
    }

    #[cfg(test)]
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// Structures of a kind, in order.
    pub(super) fn of(&self, kind: u8) -> impl Iterator<Item = Structure<'_>> {
        Structures(&self.0).filter(move |structure| structure.kind() == kind)
    }
}

/// A structure: its formatted part, header included, and its texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Structure<'table> {
    formatted: &'table [u8],
    texts: &'table [u8],
}

impl Structure<'_> {
    fn kind(&self) -> u8 {
        self.formatted[0]
    }

    pub(super) fn byte(&self, offset: usize) -> Option<u8> {
        self.formatted.get(offset).copied()
    }

    pub(super) fn word(&self, offset: usize) -> Option<u16> {
        let bytes = self.formatted.get(offset..)?.first_chunk()?;
        Some(u16::from_le_bytes(*bytes))
    }

    pub(super) fn double_word(&self, offset: usize) -> Option<u32> {
        let bytes = self.formatted.get(offset..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }

    /// The text whose number stands at the offset; empty if there is none, or nothing that means something.
    pub(super) fn text(&self, offset: usize) -> String {
        let number = usize::from(self.byte(offset).unwrap_or(0));
        let Some(place) = number.checked_sub(1) else {
            return String::new();
        };
        let bytes = self.texts.split(|byte| *byte == 0).nth(place).unwrap_or_default();
        attribute::meaning(&String::from_utf8_lossy(bytes)).to_owned()
    }
}

/// What is left of a table.
struct Structures<'table>(&'table [u8]);

impl<'table> Iterator for Structures<'table> {
    type Item = Structure<'table>;

    fn next(&mut self) -> Option<Structure<'table>> {
        let table = self.0;
        // Whatever ends it here ends it for good.
        self.0 = &[];
        let [kind, length, ..] = *table else { return None };
        let length = usize::from(length);
        if kind == END_OF_TABLE || length < HEADER_BYTES {
            return None;
        }
        let (formatted, rest) = table.split_at_checked(length)?;
        let end = rest.windows(2).position(|pair| pair == [0, 0])?;
        self.0 = &rest[end + 2..];
        Some(Structure {
            formatted,
            texts: &rest[..end],
        })
    }
}

/// Writes tables for tests.
#[cfg(test)]
pub(super) fn structure(kind: u8, fields: &[(usize, &[u8])], texts: &[&str]) -> Vec<u8> {
    let length = fields.iter().map(|(offset, bytes)| offset + bytes.len()).max();
    let mut bytes = vec![0; length.unwrap_or(HEADER_BYTES)];
    bytes[0] = kind;
    bytes[1] = bytes.len() as u8;
    for (offset, field) in fields {
        bytes[*offset..offset + field.len()].copy_from_slice(field);
    }
    for text in texts {
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(0);
    }
    if texts.is_empty() {
        bytes.push(0);
    }
    bytes.push(0);
    bytes
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Vec<u8> {
        [
            structure(kind::FIRMWARE, &[(4, &[1]), (5, &[2])], &["Vendor", " 1.75 "]),
            structure(9, &[(4, &[7])], &[]),
            structure(kind::BOARD, &[(4, &[1]), (5, &[3])], &["Huawei", "None"]),
            structure(END_OF_TABLE, &[(2, &[0, 0])], &[]),
            structure(kind::BOARD, &[(4, &[1])], &["after the end"]),
        ]
        .concat()
    }

    #[test]
    fn structures_and_their_texts() {
        let tables = Tables::from_bytes(example());
        let firmware: Vec<_> = tables.of(kind::FIRMWARE).collect();
        assert_eq!(firmware.len(), 1);
        assert_eq!(firmware[0].text(4), "Vendor");
        assert_eq!(firmware[0].text(5), "1.75");
        assert_eq!(firmware[0].text(6), "", "beyond its length");
        assert_eq!(
            (
                firmware[0].word(4),
                firmware[0].word(5),
                firmware[0].double_word(4)
            ),
            (Some(0x201), None, None)
        );
        let boards: Vec<_> = tables.of(kind::BOARD).collect();
        assert_eq!(boards.len(), 1);
        assert_eq!(boards[0].text(4), "Huawei");
        assert_eq!(boards[0].text(5), "", "a number without a text");
    }

    #[test]
    fn a_table_that_is_cut_off_has_what_is_before() {
        let whole = example();
        for end in 0..whole.len() {
            let tables = Tables::from_bytes(whole[..end].to_vec());
            assert!(tables.of(kind::FIRMWARE).count() <= 1);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let tables = Tables::from_bytes(bytes);
            for kind in 0..=u8::MAX {
                for structure in tables.of(kind) {
                    for offset in 0..=usize::from(u8::MAX) {
                        let _ = (structure.text(offset), structure.word(offset), structure.double_word(offset));
                    }
                }
            }
        }

        #[test]
        fn a_changed_byte_does_no_harm(place in 0..100_usize, byte in any::<u8>()) {
            let mut bytes = example();
            let length = bytes.len();
            bytes[place % length] = byte;
            let tables = Tables::from_bytes(bytes);
            prop_assert!(tables.of(kind::BOARD).all(|board| board.text(4).len() < 100));
        }
    }
}
