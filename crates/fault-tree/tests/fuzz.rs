//! The bodies of the fuzz targets (`fuzz/` at the root) on random bytes: every test run is a short fuzz run.

#[path = "fuzz_bodies/tree_condition.rs"]
mod tree_condition;
#[path = "fuzz_bodies/tree_import.rs"]
mod tree_import;

use proptest::prelude::*;

const TREE: &str = include_str!("data/tree_example.json");
const WORKBOOK: &[u8] = include_bytes!("data/tree_xlsx/right_tree2.xlsx");

/// Pieces of conditions, in any order, now and then with anything between.
fn condition() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        9 => prop::sample::select(vec!["a", "b", "a b", "硬件 问题", "R&D|x", "&&", "||", "!", "(", ")", " ", "&", "|"])
            .prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// A file with some bytes changed, cut out or doubled.
fn damaged(file: &'static [u8]) -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), 0_usize..40, any::<u8>(), 0..3_u8);
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut bytes = file.to_vec();
        for (place, length, byte, kind) in changes {
            let start = place.index(bytes.len() + 1);
            let end = (start + length).min(bytes.len());
            match kind {
                0 => bytes[start..end].fill(byte),
                1 => drop(bytes.drain(start..end)),
                _ => {
                    let piece = bytes[start..end].to_vec();
                    bytes.splice(start..start, piece);
                }
            }
        }
        bytes
    })
}

proptest! {
    #[test]
    fn conditions(bytes in condition()) {
        tree_condition::tree_condition(&bytes);
    }

    #[test]
    fn any_condition(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        tree_condition::tree_condition(&bytes);
    }

    #[test]
    fn imports_of_json(bytes in damaged(TREE.as_bytes())) {
        tree_import::tree_import(&bytes);
    }

    #[test]
    fn imports_of_workbooks(bytes in damaged(WORKBOOK)) {
        tree_import::tree_import(&bytes);
    }
}
