//! Dead letters: what is kept of a message that can never be handled.

use serde_json::json;

use crate::Message;

/// The message that lands on the topic of the dead letters. Its id is that of the message and of the group that gave it
/// up, so that a group that gives it up again says it once.
pub(crate) fn dead_letter(topic: &str, group: &str, message: Message, reason: &str, time_ms: i64) -> Message {
    Message {
        id: format!("{group}/{}", message.id),
        payload: json!({
            "reason": reason,
            "topic": topic,
            "group": group,
            "id": message.id,
            "key": message.key,
            "payload": message.payload,
            "time_ms": time_ms,
        }),
        key: message.key,
    }
}
