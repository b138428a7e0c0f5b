//! Messages on Kafka as a foreign program sees them: Debian's `kcat` reads them, the schemas of `proto/` judge them.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// A message as `kcat` prints it.
#[derive(Debug)]
pub struct KafkaMessage {
    /// Its partition.
    pub partition: i64,
    /// Its key.
    pub key: String,
    /// Its headers: names and values, in turn.
    pub headers: Vec<String>,
    /// Its value, read as JSON.
    pub value: Value,
}

/// All messages of a topic.
pub fn read(broker: &str, topic: &str) -> Vec<KafkaMessage> {
    let output = Command::new("kcat")
        .args([
            "-C",
            "-b",
            broker,
            "-t",
            topic,
            "-o",
            "beginning",
            "-e",
            "-q",
            "-J",
        ])
        .output()
        .expect("kcat, which scripts/engines installs");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "kcat: {complaint}");
    let lines = String::from_utf8(output.stdout).expect("text");
    lines.lines().map(read_line).collect()
}

fn read_line(line: &str) -> KafkaMessage {
    let printed: Value = serde_json::from_str(line).expect("kcat prints JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let headers = printed["headers"].as_array();
    KafkaMessage {
        partition: printed["partition"].as_i64().expect("a number"),
        key: text(&printed["key"]),
        headers: headers.into_iter().flatten().map(text).collect(),
        value: serde_json::from_str(&text(&printed["payload"])).expect("the value is JSON"),
    }
}

/// Fails if the value is not as the schema in `proto/` has it.
#[track_caller]
pub fn assert_valid(schema: &str, value: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../proto")
        .join(schema);
    let text = std::fs::read_to_string(&file).expect("a schema of proto/");
    let schema: Value = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{value} is not valid: {errors:?}");
}
