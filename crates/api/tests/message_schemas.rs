//! The messages that we write fit the schemas in `proto/`, and the schemas know every property that we write.

use std::path::Path;

use aops_api::message::{CheckExecuteReq, CheckKind, DiagnoseExecuteReq, VERSION};
use aops_api::{EvaluationKey, HostId, Shard, TaskId, TimeRange};
use serde_json::{Value, json};

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../proto")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("the schema is JSON")
}

/// What of JSON Schema our schemas use. Properties that the schema does not name are refused here: what we write must be
/// described.
fn check(value: &Value, schema: &Value, at: &str) -> Result<(), String> {
    let fits = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_i64() || value.is_u64(),
        other => return Err(format!("{at}: the schema has type {other:?}")),
    };
    if !fits {
        return Err(format!("{at}: {value} is not of type {}", schema["type"]));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Err(format!("{at}: {value} is none of {allowed:?}"));
    }
    if let (Some(number), Some(minimum)) = (value.as_i64(), schema["minimum"].as_i64())
        && number < minimum
    {
        return Err(format!("{at}: {number} is below {minimum}"));
    }
    if let (Some(number), Some(maximum)) = (value.as_i64(), schema["maximum"].as_i64())
        && number > maximum
    {
        return Err(format!("{at}: {number} is above {maximum}"));
    }
    if let Some(elements) = value.as_array() {
        let count = elements.len() as u64;
        if count < schema["minItems"].as_u64().unwrap_or(0)
            || count > schema["maxItems"].as_u64().unwrap_or(u64::MAX)
        {
            return Err(format!("{at}: {count} elements"));
        }
        for (index, element) in elements.iter().enumerate() {
            check(element, &schema["items"], &format!("{at}[{index}]"))?;
        }
    }
    if let Some(properties) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            let name = required.as_str().expect("a name");
            if !properties.contains_key(name) {
                return Err(format!("{at}.{name}: missing"));
            }
        }
        for (name, property) in properties {
            let described = schema["properties"].get(name);
            let described = described.ok_or_else(|| format!("{at}.{name}: not described"))?;
            check(property, described, &format!("{at}.{name}"))?;
        }
    }
    Ok(())
}

fn check_message() -> CheckExecuteReq {
    CheckExecuteReq {
        version: VERSION,
        id: "forward/63/0/10000".to_owned(),
        shard: Shard::from_number(63),
        host_list: vec![HostId::from("h1"), HostId::from("h2")],
        time_range: TimeRange::new(0, 10_000),
        kind: CheckKind::Forward,
        rules_revision: 7,
        keys: Some(vec![EvaluationKey::from("k")]),
    }
}

#[test]
fn check_messages_fit_their_schema() {
    let schema = schema("check_execute_req.schema.json");
    for kind in [CheckKind::Forward, CheckKind::Backward, CheckKind::Retry] {
        let message = CheckExecuteReq {
            kind,
            ..check_message()
        };
        let value = serde_json::to_value(&message).expect("serializable");
        assert_eq!(check(&value, &schema, "message"), Ok(()));
        let names = value.as_object().expect("an object").keys();
        assert!(
            names.eq(schema["properties"].as_object().expect("an object").keys()),
            "same order too"
        );
    }
    let smallest = json!({"host_list": ["h1"], "time_range": [11, 22]});
    assert_eq!(check(&smallest, &schema, "message"), Ok(()));
    serde_json::from_value::<CheckExecuteReq>(smallest).expect("the smallest that fits is readable");
    let mut wrong = serde_json::to_value(check_message()).expect("serializable");
    wrong["shard"] = json!(64);
    assert!(check(&wrong, &schema, "message").is_err());
}

#[test]
fn diagnose_messages_fit_their_schema() {
    let schema = schema("diagnose_execute_req.schema.json");
    let message = DiagnoseExecuteReq {
        version: VERSION,
        id: "t/h/tree".to_owned(),
        username: "admin".to_owned(),
        task_id: TaskId::from("t"),
        host_list: vec![HostId::from("h")],
        time_range: TimeRange::new(0, 10_000),
        fault_tree: vec!["tree".to_owned()],
        interval: Some(5_000),
    };
    let mut value = serde_json::to_value(&message).expect("serializable");
    assert_eq!(check(&value, &schema, "message"), Ok(()));
    let names = value.as_object().expect("an object").keys();
    assert!(
        names.eq(schema["properties"].as_object().expect("an object").keys()),
        "same order too"
    );
    for optional in ["version", "id", "interval"] {
        value.as_object_mut().expect("an object").shift_remove(optional);
    }
    assert_eq!(check(&value, &schema, "message"), Ok(()));
    serde_json::from_value::<DiagnoseExecuteReq>(value).expect("the smallest that fits is readable");
}
