//! How long something is as JSON. What travels and is stored is bounded by that.

use std::io;

use serde::Serialize;

/// The length as JSON, in bytes, without writing it anywhere.
pub(crate) fn json_bytes(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // Neither counting nor what is counted here fails.
    match serde_json::to_writer(&mut counter, value) {
        Ok(()) => counter.0,
        Err(_) => usize::MAX,
    }
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_counted_is_what_is_written() {
        for value in [
            json!(null),
            json!("a\u{1}\"名"),
            json!({ "a": [1, {}], "b": 0.5 }),
        ] {
            assert_eq!(json_bytes(&value), value.to_string().len());
        }
    }
}
