//! The board.

use aops_api::facts::BoardFacts;

use super::smbios::{Tables, kind};
use super::{Roots, attribute};

/// In the board's structure.
const MANUFACTURER: usize = 0x04;
const PRODUCT: usize = 0x05;

pub(super) fn find(roots: &Roots, tables: &Tables) -> BoardFacts {
    let board = tables.of(kind::BOARD).next();
    let listed = |offset| board.map(|board| board.text(offset)).unwrap_or_default();
    let id = roots.sys.join("class/dmi/id");
    BoardFacts {
        vendor: attribute::first_known([attribute::text(&id.join("board_vendor")), listed(MANUFACTURER)]),
        model: attribute::first_known([
            attribute::text(&id.join("board_name")),
            listed(PRODUCT),
            // Small Arm machines have no such tables, but a tree of devices.
            attribute::text(&roots.proc.join("device-tree/model")),
        ]),
    }
}
