//! `for each`: for which values of a label a branch is copied.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use aops_api::Labels;

use crate::reading::Readings;
use crate::tree::Node;

/// The values of `label` among the label sets that were judged for the rules below `node`, in the order people count in.
/// `binding` holds the values of the copies around: what was judged for others does not count.
pub(crate) fn values<'tree>(
    node: &'tree Node,
    label: &'tree str,
    binding: &Labels,
    readings: &mut Readings<'tree>,
) -> Vec<&'tree str> {
    let check_items = readings.with_label(node, label);
    let mut values = BTreeSet::new();
    for check_item in check_items.iter() {
        readings.add_values(check_item, label, binding, &mut values);
    }
    let mut values: Vec<&str> = values.into_iter().collect();
    values.sort_by(|left, right| counting_order(left, right));
    values
}

/// `cpu2` before `cpu10`: runs of digits are compared as numbers.
fn counting_order(left: &str, right: &str) -> Ordering {
    let mut left_rest = left;
    let mut right_rest = right;
    loop {
        let (left_piece, left_next) = piece(left_rest);
        let (right_piece, right_next) = piece(right_rest);
        let ordering = compare_pieces(left_piece, right_piece);
        if ordering != Ordering::Equal {
            return ordering;
        }
        if left_piece.is_empty() {
            // Equal but for leading zeros.
            return left.cmp(right);
        }
        (left_rest, right_rest) = (left_next, right_next);
    }
}

/// The digits, or all but digits, that a text begins with, and what follows.
fn piece(text: &str) -> (&str, &str) {
    let is_digits = text.starts_with(|letter: char| letter.is_ascii_digit());
    let end = text.find(|letter: char| letter.is_ascii_digit() != is_digits);
    text.split_at(end.unwrap_or(text.len()))
}

fn compare_pieces(left: &str, right: &str) -> Ordering {
    let are_numbers = [left, right]
        .iter()
        .all(|piece| piece.starts_with(|letter: char| letter.is_ascii_digit()));
    if !are_numbers {
        return left.cmp(right);
    }
    let (left, right) = (left.trim_start_matches('0'), right.trim_start_matches('0'));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_come_in_the_order_people_count_in() {
        let mut values = [
            "sdb", "cpu10", "10", "cpu2", "9", "sda1", "sda", "cpu02", "", "sda10", "sda9",
        ];
        values.sort_by(|left, right| counting_order(left, right));
        assert_eq!(
            values,
            [
                "", "9", "10", "cpu02", "cpu2", "cpu10", "sda", "sda1", "sda9", "sda10", "sdb"
            ]
        );
    }

    proptest! {
        #[test]
        fn the_order_is_one(mut texts in prop::collection::vec("[a0-9]{0,4}", 3)) {
            for text in &texts {
                for other in &texts {
                    prop_assert_eq!(counting_order(text, other), counting_order(other, text).reverse());
                    prop_assert_eq!(counting_order(text, other) == Ordering::Equal, text == other);
                }
            }
            // A sort by an order that is none would panic or leave two out of place.
            texts.sort_by(|left, right| counting_order(left, right));
            prop_assert_ne!(counting_order(&texts[0], &texts[2]), Ordering::Greater);
        }
    }
}
