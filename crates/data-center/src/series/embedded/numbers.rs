//! Integers in few bytes: the alphabet in which chunks and payloads are written.

/// Why bytes cannot be read: a defect, or a foreign hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stored samples are damaged")]
pub(super) struct Damaged;

/// Small magnitudes to small numbers, whatever the sign.
const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)) as u64
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// Writes seven bits to the byte, the lowest first.
pub(super) fn write_unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

pub(super) fn write_signed(bytes: &mut Vec<u8>, number: i64) {
    write_unsigned(bytes, zigzag(number));
}

/// Reads what the functions above wrote, from front to back.
pub(super) struct Reader<'bytes> {
    rest: &'bytes [u8],
}

impl<'bytes> Reader<'bytes> {
    pub(super) const fn new(bytes: &'bytes [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damaged> {
        let (first, rest) = self.rest.split_first().ok_or(Damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn bytes(&mut self, count: usize) -> Result<&'bytes [u8], Damaged> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damaged)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn unsigned(&mut self) -> Result<u64, Damaged> {
        let mut number = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(Damaged)
    }

    pub(super) fn signed(&mut self) -> Result<i64, Damaged> {
        Ok(unzigzag(self.unsigned()?))
    }

    pub(super) fn count(&mut self) -> Result<usize, Damaged> {
        usize::try_from(self.unsigned()?).map_err(|_| Damaged)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(signed: i64, unsigned: u64) {
            let mut bytes = Vec::new();
            write_signed(&mut bytes, signed);
            write_unsigned(&mut bytes, unsigned);
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!(reader.signed(), Ok(signed));
            prop_assert_eq!(reader.unsigned(), Ok(unsigned));
            prop_assert!(reader.is_at_end());
            prop_assert_eq!(reader.byte(), Err(Damaged));
        }
    }

    #[test]
    fn small_numbers_take_one_byte() {
        for number in [-64, -1, 0, 1, 63] {
            let mut bytes = Vec::new();
            write_signed(&mut bytes, number);
            assert_eq!(bytes.len(), 1, "{number}");
        }
    }

    #[test]
    fn a_number_without_end_is_damaged() {
        assert_eq!(Reader::new(&[0xff; 20]).unsigned(), Err(Damaged));
    }
}
