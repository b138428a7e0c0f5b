use std::collections::BTreeMap;

use aops_api::Labels;
use aops_api::TimeRange;
use aops_api::diagnosis::LeafFinding;
use aops_api::finding::{DecidingSample, Evidence, ExpressionValue, FindingValue};
use serde_json::json;

use super::*;
use crate::{Diagnosis, LeafInput, Tree};

const START_MS: i64 = 1_795_255_870_000;

fn tree() -> Tree {
    let leaf = |name: &str, item: &str| json!({"node name": name, "value": null, "check item": item});
    Tree::parse(&json!({
        "node name": "host is slow", "value": null, "condition": "cpu || disk || memory",
        "children": [
            {
                "node name": "cpu", "value": null, "condition": "cpu is busy && !steal",
                "description": "a process\u{1b}[2J burns the cores", "advice": "find it with top",
                "children": [leaf("cpu is busy", "cpu_busy"), leaf("steal", "steal")]
            },
            {
                "node name": "disk", "value": null, "condition": "disk is slow",
                "children": [leaf("disk is slow", "disk_slow")]
            },
            {
                "node name": "memory", "value": null, "condition": "full",
                "children": [leaf("full", "memory_full")]
            }
        ]
    }))
    .expect("valid")
}

fn abnormal(device: &str, margin: f64) -> LeafFinding {
    let sample = DecidingSample {
        time_ms: START_MS + 2_000,
        margin: Some(margin),
        values: vec![
            ExpressionValue {
                expression: "$0".to_owned(),
                value: "0.98".to_owned(),
            },
            ExpressionValue {
                expression: "max(60s)".to_owned(),
                value: "0.99".to_owned(),
            },
        ],
    };
    LeafFinding {
        labels: Labels::from([("cpu".to_owned(), device.to_owned())]),
        value: FindingValue::Abnormal,
        range: TimeRange::new(START_MS, START_MS + 50_500),
        evidence: Evidence::of(sample),
        reason: String::new(),
    }
}

fn no_data() -> LeafFinding {
    LeafFinding {
        labels: Labels::new(),
        value: FindingValue::NoData,
        range: TimeRange::new(START_MS, START_MS + 60_000),
        evidence: Evidence::default(),
        reason: "the host never had the series".to_owned(),
    }
}

fn input(findings: Vec<LeafFinding>) -> LeafInput {
    LeafInput {
        condition: "$0 > 0.9".to_owned(),
        findings,
        source: LeafSource::Findings,
        ..LeafInput::default()
    }
}

fn draw(diagnosis: &Diagnosis) -> String {
    let show_time = |time_ms| {
        jiff::Timestamp::from_millisecond(time_ms)
            .expect("in range")
            .to_string()
    };
    let style = Style {
        show_time: &show_time,
        colour: false,
    };
    render_text(&diagnosis.report, &diagnosis.explanation, style)
}

#[test]
fn a_cause_is_drawn_with_the_samples_that_decided() {
    let findings = (0..5)
        .map(|cpu| abnormal(&cpu.to_string(), f64::from(cpu)))
        .collect();
    let leaves = BTreeMap::from([
        ("cpu_busy".to_owned(), input(findings)),
        ("steal".to_owned(), input(vec![])),
        ("disk_slow".to_owned(), input(vec![no_data()])),
    ]);
    let expected = r#"[x] host is slow
├─ [x] cpu
│  ├─ [x] cpu is busy   cpu_busy: $0 > 0.9
│  │      Abnormal {cpu="4"} since 2026-11-21T10:11:10Z until 2026-11-21T10:12:00.5Z: $0 = 0.98, max(60s) = 0.99 at 2026-11-21T10:11:12Z
│  │      Abnormal {cpu="3"} since 2026-11-21T10:11:10Z until 2026-11-21T10:12:00.5Z: $0 = 0.98, max(60s) = 0.99 at 2026-11-21T10:11:12Z
│  │      Abnormal {cpu="2"} since 2026-11-21T10:11:10Z until 2026-11-21T10:12:00.5Z: $0 = 0.98, max(60s) = 0.99 at 2026-11-21T10:11:12Z
│  │      and 2 more
│  └─ [ ] steal   steal: $0 > 0.9
├─ [~] disk
│  └─ [?] disk is slow   disk_slow: $0 > 0.9
│         No data since 2026-11-21T10:11:10Z until 2026-11-21T10:12:10Z: the host never had the series
└─ [~] memory
   └─ [?] full   memory_full
          No data: there is no such rule in effect here
[x] true   [ ] false   [?] without data, counts as false   [~] false for lack of data   [!] true for lack of data

cause: host is slow / cpu
description: a process [2J burns the cores
advice: find it with top
undecided for lack of data: host is slow / disk; host is slow / memory
"#;
    assert_eq!(draw(&tree().diagnose(&leaves)), expected);
}

#[test]
fn without_a_cause_it_says_what_was_ruled_out() {
    let mut leaves: BTreeMap<String, LeafInput> = ["cpu_busy", "steal", "disk_slow"]
        .into_iter()
        .map(|item| (item.to_owned(), input(vec![])))
        .collect();
    let text = draw(&tree().diagnose(&leaves));
    assert!(
        text.ends_with(
            "cause not found; ruled out: host is slow / cpu; host is slow / disk\n\
             undecided for lack of data: host is slow / memory\n"
        ),
        "{text}"
    );

    leaves.insert("memory_full".to_owned(), input(vec![]));
    let text = draw(&tree().diagnose(&leaves));
    assert!(
        text.ends_with("ruled out: host is slow / cpu; host is slow / disk; host is slow / memory\n"),
        "{text}"
    );

    let text = draw(&tree().diagnose(&BTreeMap::new()));
    assert!(text.contains("cause not found; ruled out: nothing\n"), "{text}");
}

#[test]
fn a_failed_diagnosis_is_said() {
    assert_eq!(draw(&Diagnosis::failed("")), "the tree could not be evaluated\n");
    assert_eq!(
        draw(&Diagnosis::failed("it is\u{1b}[2J too large")),
        "the tree could not be evaluated: it is [2J too large\n"
    );
}
