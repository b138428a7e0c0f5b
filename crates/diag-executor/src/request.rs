//! What a message asks for, checked: a pure reading of its payload.

use aops_api::diagnosis::slice_count;
use aops_api::message::{DiagnoseExecuteReq, VERSION};
use aops_api::{HostId, TaskId, TimeRange};
use serde_json::Value;

/// More slices than any task is allowed to have: such a message is not ours.
const MAX_SLICES: u64 = 1_000_000;

/// Hosts to be diagnosed with trees.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobRequest {
    pub(crate) task_id: TaskId,
    pub(crate) hosts: Vec<HostId>,
    pub(crate) trees: Vec<String>,
    pub(crate) range: TimeRange,
    pub(crate) interval_ms: i64,
}

/// Reads a payload. The error says why it can never be carried out.
pub(crate) fn read(payload: Value) -> Result<JobRequest, String> {
    let message: DiagnoseExecuteReq = serde_json::from_value(payload).map_err(|error| error.to_string())?;
    if message.version > VERSION {
        return Err(format!("version: {} is newer than {VERSION}", message.version));
    }
    let range = message.time_range;
    if range.is_empty() {
        return Err(format!(
            "time_range: [{}, {}) is empty",
            range.start_ms, range.end_ms
        ));
    }
    let interval_ms = message.interval.unwrap_or_else(|| range.duration_ms());
    if interval_ms < 1 {
        return Err(format!("interval: {interval_ms} is not positive"));
    }
    let slices = slice_count(range, interval_ms);
    if slices > MAX_SLICES {
        return Err(format!("interval: makes {slices} slices, more than {MAX_SLICES}"));
    }
    Ok(JobRequest {
        task_id: message.task_id,
        hosts: message.host_list,
        trees: message.fault_tree,
        range,
        interval_ms,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message() -> Value {
        json!({
            "version": 1, "id": "x", "username": "u", "task_id": "t", "host_list": ["h"], "time_range": [0, 25],
            "fault_tree": ["slow"], "interval": 10, "from_the_future": true
        })
    }

    #[test]
    fn our_own_form_is_read() {
        let expected = JobRequest {
            task_id: TaskId::from("t"),
            hosts: vec![HostId::from("h")],
            trees: vec!["slow".to_owned()],
            range: TimeRange::new(0, 25),
            interval_ms: 10,
        };
        assert_eq!(read(message()), Ok(expected));
    }

    #[test]
    fn without_an_interval_it_is_one_slice() {
        let mut without = message();
        without.as_object_mut().expect("an object").remove("interval");
        assert_eq!(read(without).expect("readable").interval_ms, 25);
    }

    #[test]
    fn what_can_never_be_carried_out_says_why() {
        for (field, value, expected) in [
            ("version", json!(2), "version: 2 is newer than 1"),
            ("task_id", json!(3), "invalid type"),
            ("time_range", json!([5, 5]), "time_range: [5, 5) is empty"),
            ("interval", json!(0), "interval: 0 is not positive"),
            (
                "time_range",
                json!([0, 10_000_001]),
                "interval: makes 1000001 slices",
            ),
        ] {
            let mut wrong = message();
            wrong[field] = value;
            let reason = read(wrong).expect_err("refused");
            assert!(reason.contains(expected), "{reason}");
        }
        assert!(read(json!("text")).is_err());
    }
}
