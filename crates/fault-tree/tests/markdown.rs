//! The Markdown form of a diagnosis.

use std::collections::BTreeMap;

use aops_api::diagnosis::{LeafFinding, LeafSource};
use aops_api::finding::{DecidingSample, Evidence, ExpressionValue, FindingValue};
use aops_api::{Labels, TimeRange};
use aops_fault_tree::{Diagnosis, LeafInput, Style, Tree, render_markdown, render_text};
use serde_json::json;

fn diagnosis(busy: bool) -> Diagnosis {
    let leaf = |name: &str| json!({ "node name": name, "value": null, "check item": name });
    let tree = Tree::parse(&json!({
        "node name": "host | slow", "value": null, "condition": "cpu || ram || disk", "advice": "see <b>top</b>",
        "children": [leaf("cpu"), leaf("ram"), leaf("disk")]
    }))
    .expect("valid");
    let sample = DecidingSample {
        time_ms: 2_000,
        margin: Some(0.1),
        values: vec![ExpressionValue {
            expression: "$0".to_owned(),
            value: "0.98".to_owned(),
        }],
    };
    let finding = LeafFinding {
        labels: Labels::from([("cpu".to_owned(), "0".to_owned())]),
        value: FindingValue::Abnormal,
        range: TimeRange::new(1_000, 9_000),
        evidence: Evidence::of(sample),
        reason: String::new(),
    };
    let input = |findings: Vec<LeafFinding>| LeafInput {
        condition: "$0 > 0.9 || ```".to_owned(),
        findings,
        source: LeafSource::Evaluated,
        ..LeafInput::default()
    };
    let found = if busy { vec![finding] } else { vec![] };
    tree.diagnose(&BTreeMap::from([
        ("cpu".to_owned(), input(found)),
        ("ram".to_owned(), input(vec![])),
    ]))
}

fn markdown(diagnosis: &Diagnosis) -> String {
    let show_time = |time_ms: i64| format!("{time_ms} ms");
    let style = Style {
        show_time: &show_time,
        colour: true,
    };
    render_markdown("report r: a_b", &diagnosis.report, &diagnosis.explanation, style)
}

#[test]
fn a_cause_is_written_with_its_evidence_and_nothing_formats_by_accident() {
    let expected = "# report r: a\\_b\n\
        \n\
        **Cause:** host \\| slow\n\
        \n\
        **Advice:** see \\<b\\>top\\</b\\>\n\
        \n\
        ## Evidence\n\
        \n\
        | Leaf | Rule | Found | Why |\n\
        |---|---|---|---|\n\
        | host \\| slow / cpu | cpu: \\$0 \\> 0.9 \\|\\| \\`\\`\\` | Abnormal \\{cpu=\"0\"\\}, 1000 ms to 9000 ms | \
        \\$0 = 0.98 at 2000 ms |\n\
        \n\
        ## Undecided for lack of data\n\
        \n\
        - host \\| slow / disk\n\
        \n\
        Not covered by stored results and evaluated for this report: 2 of 3 leaves.\n\
        \n\
        ## Tree\n\
        \n\
        ````text\n\
        [x] host | slow\n\
        ├─ [x] cpu   cpu: $0 > 0.9 || ```\n\
        │      Abnormal {cpu=\"0\"} since 1000 ms until 9000 ms: $0 = 0.98 at 2000 ms\n\
        ├─ [ ] ram   ram: $0 > 0.9 || ```\n\
        └─ [?] disk   disk\n\
        \u{20}      No data: there is no such rule in effect here\n\
        [x] true   [ ] false   [?] without data, counts as false   [~] false for lack of data   [!] true for lack of data\n\
        ````\n";
    assert_eq!(markdown(&diagnosis(true)), expected);
}

#[test]
fn without_a_cause_it_says_so() {
    let text = markdown(&diagnosis(false));
    assert!(text.contains("**Cause not found.**\n"), "{text}");
    assert!(
        text.contains("## Undecided for lack of data\n\n- host \\| slow / disk\n"),
        "{text}"
    );
    let failed = markdown(&Diagnosis::failed("too large"));
    assert!(
        failed.ends_with("**The tree could not be evaluated:** too large\n"),
        "{failed}"
    );
}

#[test]
fn a_terminal_gets_colours_and_nothing_else_does() {
    let diagnosis = diagnosis(true);
    let show_time = |time_ms: i64| time_ms.to_string();
    let draw = |colour| {
        let style = Style {
            show_time: &show_time,
            colour,
        };
        render_text(&diagnosis.report, &diagnosis.explanation, style)
    };
    assert!(!draw(false).contains('\u{1b}'));
    let coloured = draw(true);
    assert!(
        coloured.starts_with("\u{1b}[31m[x]\u{1b}[0m \u{1b}[1mhost | slow\u{1b}[0m\n"),
        "{coloured}"
    );
    let plain = coloured
        .replace("\u{1b}[31m", "")
        .replace("\u{1b}[33m", "")
        .replace("\u{1b}[2m", "")
        .replace("\u{1b}[1m", "")
        .replace("\u{1b}[0m", "");
    assert_eq!(plain, draw(false));
}
