//! What a message asks for, checked: a pure reading of its payload.

use std::collections::BTreeMap;

use aops_api::message::{CheckExecuteReq, CheckKind, VERSION};
use aops_api::{EvaluationKey, HostId, Shard, TimeRange};
use serde_json::Value;

/// A window of some hosts of one shard that is to be judged.
#[derive(Debug, PartialEq)]
pub(crate) struct WindowRequest {
    pub(crate) shard: Shard,
    pub(crate) hosts: Vec<HostId>,
    pub(crate) window: TimeRange,
    /// Rules of at least this revision; `None` = of now.
    pub(crate) rules_revision: Option<u64>,
    /// Whether it is one of the windows that follow each other, and not one that is judged again or later.
    pub(crate) is_forward: bool,
    /// Only these; `None` = all in effect.
    pub(crate) keys: Option<Vec<EvaluationKey>>,
}

/// Reads a payload. The error says why it can never be executed.
pub(crate) fn read(payload: Value, longest_window_ms: i64) -> Result<Vec<WindowRequest>, String> {
    let message: CheckExecuteReq = serde_json::from_value(payload).map_err(|error| error.to_string())?;
    if message.version > VERSION {
        return Err(format!("version: {} is newer than {VERSION}", message.version));
    }
    let window = message.time_range;
    if window.is_empty() {
        return Err(format!(
            "time_range: [{}, {}) is empty",
            window.start_ms, window.end_ms
        ));
    }
    if window.duration_ms() > longest_window_ms {
        return Err(format!("time_range: longer than {longest_window_ms} ms"));
    }
    // By the hash, not by the field: the two-field form has none, and a field that is wrong would find no rules.
    let mut hosts_of: BTreeMap<Shard, Vec<HostId>> = BTreeMap::new();
    for host in message.host_list {
        hosts_of.entry(Shard::of(&host)).or_default().push(host);
    }
    // A message without a revision was not written by our scheduler: its rules are those of now.
    let rules_revision = (message.rules_revision > 0).then_some(message.rules_revision);
    let request = |(shard, mut hosts): (Shard, Vec<HostId>)| {
        hosts.sort();
        hosts.dedup();
        WindowRequest {
            shard,
            hosts,
            window,
            rules_revision,
            is_forward: message.kind == CheckKind::Forward && message.keys.is_none(),
            keys: message.keys.clone(),
        }
    };
    Ok(hosts_of.into_iter().map(request).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn the_two_field_form_is_grouped_by_shard() {
        // "a" is of shard 12, "" of shard 37: see aops_api::id.
        let payload = json!({"host_list": ["", "a", "a"], "time_range": [0, 10_000]});
        let requests = read(payload, DAY_MS).expect("readable");
        let numbers: Vec<u8> = requests.iter().map(|request| request.shard.number()).collect();
        assert_eq!(numbers, [12, 37]);
        assert_eq!(requests[0].hosts, [HostId::from("a")]);
        assert_eq!(requests[0].window, TimeRange::new(0, 10_000));
        assert_eq!((requests[0].rules_revision, &requests[0].keys), (None, &None));
    }

    #[test]
    fn our_own_form_is_one_request() {
        let payload = json!({
            "version": 1, "id": "x", "shard": 12, "host_list": ["a"], "time_range": [0, 1], "kind": "retry",
            "rules_revision": 4, "keys": ["k"], "from_the_future": true,
        });
        let requests = read(payload, DAY_MS).expect("readable");
        assert_eq!(requests.len(), 1);
        assert_eq!(requests[0].rules_revision, Some(4));
        assert!(!requests[0].is_forward);
        assert_eq!(requests[0].keys, Some(vec![EvaluationKey::from("k")]));
    }

    #[test]
    fn what_can_never_be_executed_says_why() {
        for (payload, expected) in [
            (json!("text"), "invalid type"),
            (json!({"host_list": ["a"]}), "missing field `time_range`"),
            (
                json!({"host_list": ["a"], "time_range": [5, 5]}),
                "time_range: [5, 5) is empty",
            ),
            (
                json!({"host_list": ["a"], "time_range": [0, DAY_MS + 1]}),
                "time_range: longer than",
            ),
            (
                json!({"version": 2, "host_list": [], "time_range": [0, 1]}),
                "version: 2 is newer",
            ),
        ] {
            let reason = read(payload, DAY_MS).expect_err("refused");
            assert!(reason.contains(expected), "{reason}");
        }
        let nobody = json!({"host_list": [], "time_range": [0, 1]});
        assert_eq!(read(nobody, DAY_MS), Ok(Vec::new()));
    }
}
