//! Facts of a machine, pulled from its agent.

use std::time::Duration;

use aops_api::facts::HostFacts;
use reqwest::Client;
use serde_json::Value;

use crate::agent_request::{self, AgentRequestError, AgentRequestLimits};

/// What an answer may take unless somebody says otherwise. The facts of a large machine are some ten thousand bytes.
pub const FACTS_LIMITS: AgentRequestLimits = AgentRequestLimits {
    timeout: Duration::from_secs(10),
    maximum_body_bytes: 256 * 1024,
};

/// More disks, memory modules or network cards than a machine has.
const MAXIMUM_ENTRIES: usize = 2_048;
/// Longer than any name of a device.
const MAXIMUM_CHARACTERS: usize = 256;

/// Why facts were not pulled.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// The agent brought no answer within its bounds.
    #[error(transparent)]
    Request(#[from] AgentRequestError),
    /// It brought something else.
    #[error("the answer has no facts of a machine: {0}")]
    Shape(serde_json::Error),
    /// Nobody has so many.
    #[error("{found} {what}; a machine has {MAXIMUM_ENTRIES} at most")]
    TooMany {
        /// Of these.
        what: &'static str,
        /// So many.
        found: usize,
    },
}

/// What the agent at `host:port`, where it serves `/metrics` too, says of its machine. What somebody else's program may answer
/// there does no harm: texts are cut to 256 characters, and what a terminal would obey is taken out.
pub async fn fetch(
    client: &Client,
    metrics_address: &str,
    limits: AgentRequestLimits,
) -> Result<HostFacts, FactsError> {
    let body = agent_request::get(client, metrics_address, "/facts", "application/json", limits).await?;
    read(&body)
}

fn read(body: &[u8]) -> Result<HostFacts, FactsError> {
    let mut value: Value = serde_json::from_slice(body).map_err(FactsError::Shape)?;
    // Any field may be missing, of an older agent; but then every object would be facts, of nothing.
    let is_of_an_agent = value.get("os").is_some() && value.get("cpu").is_some();
    if !is_of_an_agent {
        return Err(FactsError::Shape(serde::de::Error::custom("neither os nor cpu")));
    }
    clean(&mut value);
    let facts: HostFacts = serde_json::from_value(value).map_err(FactsError::Shape)?;
    let counts = [
        ("disks", facts.disks.len()),
        ("memory modules", facts.memory.info.len()),
        ("network cards", facts.network_cards.len()),
    ];
    for (what, found) in counts {
        if found > MAXIMUM_ENTRIES {
            return Err(FactsError::TooMany { what, found });
        }
    }
    Ok(facts)
}

/// JSON is nested 128 deep at most: that is as far as it is read.
fn clean(value: &mut Value) {
    match value {
        Value::String(text) => *text = cleaned(text),
        Value::Array(values) => values.iter_mut().for_each(clean),
        Value::Object(fields) => fields.values_mut().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn cleaned(text: &str) -> String {
    text.chars()
        .filter(|character| !character.is_control() && !turns_text_around(*character))
        .take(MAXIMUM_CHARACTERS)
        .collect()
}

/// Marks of bidirectional text, which make a name look like another.
fn turns_text_around(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_missing_is_empty_and_what_is_more_is_ignored() {
        let facts = read(br#"{"os":{"name":"openEuler 20.09","flavour":"plain"},"cpu":{},"extra":[1]}"#)
            .expect("facts");
        assert_eq!(facts.os.name, "openEuler 20.09");
        assert_eq!(facts.cpu, aops_api::facts::CpuFacts::default());
    }

    #[test]
    fn something_else_is_refused() {
        for body in [
            "",
            "null",
            "[]",
            "\"x\"",
            "{}",
            r#"{"error":"not found"}"#,
            r#"{"os":5,"cpu":{}}"#,
            r#"{"os":{},"cpu":{},"disks":[{"name":[]}]}"#,
            r#"{"os":{},"cpu":{"core_count":-1}}"#,
        ] {
            let outcome = read(body.as_bytes());
            assert!(
                matches!(outcome, Err(FactsError::Shape(_))),
                "{body}: {outcome:?}"
            );
        }
        let deep = "[".repeat(100_000);
        assert!(read(deep.as_bytes()).is_err());
        let many = format!(
            "{{\"os\":{{}},\"cpu\":{{}},\"disks\":[{}]}}",
            vec!["{}"; MAXIMUM_ENTRIES + 1].join(",")
        );
        let error = read(many.as_bytes()).expect_err("too many");
        assert_eq!(error.to_string(), "2049 disks; a machine has 2048 at most");
    }

    #[test]
    fn texts_are_cut_and_harmless() {
        let body =
            serde_json::json!({"os": {}, "cpu": {}, "board": {"vendor": "\u{1b}[2J\u{202e}x".repeat(2_000)}})
                .to_string();
        let facts = read(body.as_bytes()).expect("facts");
        assert_eq!(facts.board.vendor, "[2Jx".repeat(64));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&body);
        }
    }
}
