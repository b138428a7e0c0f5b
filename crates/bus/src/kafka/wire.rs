//! A message on the wire: the value is the payload as JSON, the key is the key, the id is in a header.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rdkafka::message::{BorrowedMessage, Headers, Message as _};
use serde_json::{Value, json};

/// The header with the id.
pub(super) const ID_HEADER: &str = "id";
/// Of bytes that are not JSON, at most so many go into a dead letter.
const LONGEST_EXCERPT: usize = 65_536;
/// How much longer a letter may be than the bytes in it, as text with escapes and in base64.
const GROWTH: usize = 10;

/// A message as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) value: Vec<u8>,
}

impl Arrived {
    /// Other producers may leave out the id and the key. An id is made of the place then; messages without a key are one
    /// key of their partition.
    pub(super) fn new(message: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let id = message
            .headers()
            .and_then(|headers| headers.iter().find(|header| header.key == ID_HEADER))
            .and_then(|header| header.value)
            .map(text);
        let place = || format!("{}/{}/{}", message.topic(), message.partition(), message.offset());
        Self {
            id: id.unwrap_or_else(place),
            key: message.key().map(text).unwrap_or_default(),
            value: message.payload().unwrap_or_default().to_vec(),
        }
    }

    /// The payload; the error says why there is none.
    pub(super) fn payload(&self) -> Result<Value, String> {
        if self.value.is_empty() {
            return Err("the message is empty, not JSON".to_owned());
        }
        serde_json::from_slice(&self.value).map_err(|error| format!("the message is not JSON: {error}"))
    }
}

/// Bytes that are no payload, or too many, as a value for a dead letter: as text if they are one, in base64 otherwise.
pub(super) fn excerpt(bytes: &[u8], largest_message: usize) -> Value {
    let kept = &bytes[..bytes.len().min(LONGEST_EXCERPT).min(largest_message / GROWTH)];
    let mut excerpt = match std::str::from_utf8(kept) {
        Ok(text) => json!({ "text": text }),
        // Cut within a letter.
        Err(error) if error.error_len().is_none() && kept.len() < bytes.len() => {
            json!({ "text": String::from_utf8_lossy(&kept[..error.valid_up_to()]) })
        }
        Err(_) => json!({ "text": String::from_utf8_lossy(kept), "base64": BASE64.encode(kept) }),
    };
    if kept.len() < bytes.len() {
        excerpt["cut_from_bytes"] = json!(bytes.len());
    }
    excerpt
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived(value: &[u8]) -> Arrived {
        Arrived {
            id: "i".to_owned(),
            key: "k".to_owned(),
            value: value.to_vec(),
        }
    }

    #[test]
    fn what_is_not_json_is_said() {
        assert_eq!(arrived(b"{\"a\":1}").payload(), Ok(json!({"a": 1})));
        for (value, reason) in [
            (&b""[..], "empty"),
            (b"{\"a\":", "EOF"),
            (b"\xff\x00", "expected value"),
        ] {
            let refusal = arrived(value).payload().expect_err("not JSON");
            assert!(refusal.contains(reason), "{refusal}");
        }
    }

    #[test]
    fn bytes_are_kept_as_text_or_in_base64_and_bounded() {
        assert_eq!(excerpt(b"oops", 10_000), json!({"text": "oops"}));
        assert_eq!(
            excerpt(b"a\xffb", 10_000),
            json!({"text": "a\u{fffd}b", "base64": "Yf9i"})
        );
        let long = "ä".repeat(LONGEST_EXCERPT) + "x";
        let cut = excerpt(&long.as_bytes()[1..], usize::MAX);
        assert_eq!(cut["cut_from_bytes"], 2 * LONGEST_EXCERPT);
        let of_letters = excerpt(format!("x{long}").as_bytes(), usize::MAX);
        assert!(of_letters.get("base64").is_none(), "cut within a letter");
        let of_controls = excerpt(&[0xff, 0].repeat(10_000), 20_000).to_string();
        assert!(of_controls.len() < 20_000, "{}", of_controls.len());
    }
}
