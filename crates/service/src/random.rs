//! Randomness from the operating system, taken at the edges.

use std::fmt::Write;

/// Random bytes, for keys, salts and nonces.
pub fn bytes<const BYTES: usize>() -> [u8; BYTES] {
    let mut bytes = [0_u8; BYTES];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness");
    bytes
}

fn hexadecimal<const BYTES: usize>() -> String {
    bytes::<BYTES>()
        .iter()
        .fold(String::with_capacity(2 * BYTES), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// A length of time from nothing to `limit`, for pauses that must not fall together.
pub fn up_to(limit: std::time::Duration) -> std::time::Duration {
    limit.mul_f64(f64::from(u32::from_le_bytes(bytes())) / f64::from(u32::MAX))
}

/// A new id: 32 hexadecimal digits.
pub fn id() -> String {
    hexadecimal::<16>()
}

/// A new secret: 64 hexadecimal digits.
pub fn secret() -> String {
    hexadecimal::<32>()
}

/// A new UUID of version 4.
pub fn uuid() -> String {
    let digits = hexadecimal::<16>();
    let variant = match digits.as_bytes()[16] {
        b'0' | b'4' | b'8' | b'c' => '8',
        b'1' | b'5' | b'9' | b'd' => '9',
        b'2' | b'6' | b'a' | b'e' => 'a',
        _ => 'b',
    };
    format!(
        "{}-{}-4{}-{variant}{}-{}",
        &digits[..8],
        &digits[8..12],
        &digits[13..16],
        &digits[17..20],
        &digits[20..]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_random_time_is_within_its_limit() {
        let limit = std::time::Duration::from_millis(10);
        assert!((0..100).all(|_| up_to(limit) <= limit));
        assert!((0..100).any(|_| up_to(limit) != up_to(limit)));
    }

    #[test]
    fn shapes() {
        assert_eq!(id().len(), 32);
        assert_eq!(secret().len(), 64);
        let uuid = uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes()[14], b'4');
        assert_ne!(id(), id());
    }
}
