//! How large a statement may be: a server takes `max_allowed_packet` bytes and breaks the connection over more, which
//! would look like an outage and be tried again for ever. So what is saved is split to stay below, and what cannot be
//! split is refused before it is sent.

use super::slices;
use crate::error::Error;

/// What a bound value takes beside its text: its length, and numbers.
const VALUE_BYTES: usize = 16;

/// Bytes that the values of one statement may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room(usize);

impl Room {
    /// Of a database without a limit.
    pub(super) const UNLIMITED: Self = Self(usize::MAX);

    /// Of a server that takes packets of so many bytes; some are left for the protocol.
    pub(super) const fn of_packet(bytes: usize) -> Self {
        Self(bytes - bytes / 16)
    }

    pub(super) const fn bytes(self) -> usize {
        self.0
    }

    pub(super) const fn of_bytes(bytes: usize) -> Self {
        Self(bytes)
    }

    /// Refuses a row whose texts are too large even alone. `what` is for people: `fault tree "a"`.
    pub(super) fn check(self, what: impl FnOnce() -> String, texts: usize) -> Result<(), Error> {
        if texts <= self.0 {
            return Ok(());
        }
        Err(Error::TooLarge {
            what: what(),
            bytes: texts,
            limit: self.0,
        })
    }

    /// [`slices`] that are halved until they fit, so that few different statements come to be all the same.
    /// `texts_of` is what the texts of a row take; a row that is too large alone is refused.
    pub(super) fn slices<'rows, T>(
        self,
        rows: &'rows [T],
        columns: usize,
        what: &str,
        texts_of: impl Fn(&T) -> usize,
    ) -> Result<Vec<&'rows [T]>, Error> {
        let bytes_of = |row: &T| texts_of(row).saturating_add(columns * VALUE_BYTES);
        let mut fitting = Vec::new();
        let mut waiting: Vec<&[T]> = slices(rows, columns).collect();
        waiting.reverse();
        while let Some(slice) = waiting.pop() {
            let bytes = slice.iter().map(bytes_of).fold(0, usize::saturating_add);
            if bytes <= self.0 {
                fitting.push(slice);
                continue;
            }
            if let [row] = slice {
                self.check(|| what.to_owned(), bytes_of(row))?;
            }
            let (first, second) = slice.split_at(slice.len() / 2);
            waiting.extend([second, first]);
        }
        Ok(fitting)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn slices_of(texts: &[usize], room: usize) -> Result<Vec<Vec<usize>>, Error> {
        let slices = Room(room).slices(texts, 1, "row", |texts| *texts)?;
        Ok(slices.into_iter().map(<[usize]>::to_vec).collect())
    }

    #[test]
    fn what_does_not_fit_is_halved_and_what_cannot_be_is_refused() {
        let whole = slices_of(&[1, 2, 3, 4], 1_000).expect("fits");
        assert_eq!(whole, [vec![1, 2, 3, 4]]);
        // 16 bytes beside each text.
        let halved = slices_of(&[1, 2, 3, 4], 40).expect("fits in parts");
        assert_eq!(halved, [vec![1, 2], vec![3, 4]]);
        let refusal = slices_of(&[1, 100, 3, 4], 40).expect_err("too large").to_string();
        assert!(
            refusal.starts_with("row: takes 116 bytes, and the database takes 40"),
            "{refusal}"
        );
    }

    proptest! {
        #[test]
        fn all_rows_are_there_in_order_and_every_slice_fits(
            texts in proptest::collection::vec(0_usize..200, 0..300),
            room in 216_usize..5_000,
        ) {
            let slices = slices_of(&texts, room).expect("each row fits alone");
            for slice in &slices {
                prop_assert!(!slice.is_empty());
                prop_assert!(slice.iter().map(|texts| texts + VALUE_BYTES).sum::<usize>() <= room);
            }
            prop_assert_eq!(slices.concat(), texts);
        }
    }
}
