//! What a diagnosis costs is bounded, whatever the tree and the data.

use std::collections::BTreeMap;

use aops_api::Labels;
use aops_api::TimeRange;
use aops_api::diagnosis::{LeafFinding, LeafSource, Outcome};
use aops_api::finding::{Evidence, FindingValue};
use aops_fault_tree::{LeafInput, LeftOut, MAX_DIAGNOSED_BYTES, Style, Tree, render_markdown, render_text};
use serde_json::{Value, json};

/// How much is saved in one request at most.
const MOST_SAVED: usize = 64 * 1024 * 1024;

fn leaf(name: &str) -> Value {
    json!({ "node name": name, "value": null, "check item": name })
}

fn branch(name: &str, condition: &str, children: Vec<Value>) -> Value {
    json!({ "node name": name, "value": null, "condition": condition, "children": children })
}

fn labels(pairs: &[(&str, String)]) -> Labels {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .collect()
}

fn judged(judged: Vec<Labels>) -> LeafInput {
    LeafInput {
        judged,
        source: LeafSource::Findings,
        ..LeafInput::default()
    }
}

fn text_of(report: &Value, explanation: &aops_api::diagnosis::Explanation) -> String {
    let show_time = |time_ms: i64| time_ms.to_string();
    let style = Style {
        show_time: &show_time,
        colour: false,
    };
    render_text(report, explanation, style)
}

#[test]
fn long_texts_are_not_copied_without_end() {
    let mut disks = branch("disks", "busy", vec![leaf("busy")]);
    disks["for each"] = json!("device");
    disks["description"] = json!("x".repeat(100_000));
    let tree = Tree::parse(&branch("root", "disks", vec![disks])).expect("valid");
    let diagnose = |devices: usize| {
        let devices = (0..devices).map(|number| labels(&[("device", format!("d{number}"))]));
        let known = BTreeMap::from([("busy".to_owned(), judged(devices.collect()))]);
        tree.diagnose(&known)
    };
    let some = diagnose(100);
    assert_eq!(some.explanation.outcome, Outcome::CauseNotFound);
    assert!(some.report.to_string().len() <= MAX_DIAGNOSED_BYTES);
    let many = diagnose(5_000);
    assert_eq!(
        (many.explanation.outcome, many.report),
        (Outcome::Failed, json!({}))
    );
    assert!(
        many.explanation
            .reason
            .contains("more than 12582912 bytes; shorten the texts"),
        "{}",
        many.explanation.reason
    );
}

#[test]
fn an_explanation_names_paths_up_to_a_limit_and_says_what_is_left_out() {
    let long = |number: usize| format!("{number} {}", "名".repeat(120));
    let leaves: Vec<Value> = (0..1_000)
        .map(|number| json!({ "node name": long(number), "value": null, "check item": "missing" }))
        .collect();
    let name = long(0);
    let tree = (0..50).fold(branch(&name, &name, leaves), |below, _| {
        branch(&name, &name, vec![below])
    });
    let content = tree.to_string();
    let tree = Tree::parse(&tree).expect("valid");
    let diagnosis = tree.diagnose(&BTreeMap::new());
    let size = serde_json::to_vec(&diagnosis.explanation).expect("JSON").len();
    assert!(
        size + diagnosis.report.to_string().len() < MOST_SAVED,
        "{size} of {}",
        content.len()
    );
    let left_out = LeftOut::of(&diagnosis.report, &diagnosis.explanation);
    assert_eq!(left_out.leaves, 1_000 - diagnosis.explanation.leaves.len());
    assert!(left_out.leaves > 0 && left_out.unsupported > 0, "{left_out:?}");
    let text = text_of(&diagnosis.report, &diagnosis.explanation);
    let words = format!(
        "left out of the explanation, which would be too long: {} leaves",
        left_out.leaves
    );
    assert!(text.contains(&words));

    let small = Tree::parse(&branch("root", "a", vec![leaf("a")])).expect("valid");
    let diagnosis = small.diagnose(&BTreeMap::new());
    assert_eq!(
        LeftOut::of(&diagnosis.report, &diagnosis.explanation),
        LeftOut::default()
    );
}

/// Each outer copy looks at what belongs to it, not at everything: with a scan of all it would take minutes.
#[test]
fn copies_in_copies_look_at_their_own_values() {
    let mut inner = branch("inner", "x", vec![leaf("x")]);
    inner["for each"] = json!("a");
    let mut outer = branch("outer", "inner", vec![inner]);
    outer["for each"] = json!("z");
    let tree = Tree::parse(&branch("root", "outer", vec![outer])).expect("valid");
    // The inner label comes first in the alphabet and has one value.
    let sets = (0..20_000).map(|number| labels(&[("a", "one".to_owned()), ("z", format!("z{number}"))]));
    let known = BTreeMap::from([("x".to_owned(), judged(sets.collect()))]);
    let diagnosis = tree.diagnose(&known);
    let outer = diagnosis.report["children"][0]["children"]
        .as_array()
        .map(Vec::len);
    assert_eq!(outer, Some(20_000), "{}", diagnosis.explanation.reason);
}

/// `!a` of a leaf without data is true, and says nothing.
#[test]
fn a_cause_that_rests_on_missing_data_is_marked() {
    let firm = |condition: &str| {
        let inner = branch("x", "!a", vec![leaf("a")]);
        let other = branch("y", "b", vec![leaf("b")]);
        Tree::parse(&branch("r", condition, vec![inner, other])).expect("valid")
    };
    let abnormal = LeafFinding {
        labels: Labels::new(),
        value: FindingValue::Abnormal,
        range: TimeRange::new(0, 1_000),
        evidence: Evidence::default(),
        reason: String::new(),
    };
    let known = BTreeMap::from([(
        "b".to_owned(),
        LeafInput {
            findings: vec![abnormal],
            source: LeafSource::Findings,
            ..LeafInput::default()
        },
    )]);
    let unproven = firm("x").diagnose(&known);
    let text = text_of(&unproven.report, &unproven.explanation);
    assert!(text.starts_with("[!] r\n├─ [!] x\n"), "{text}");
    assert!(
        text.contains("cause: r / x (unproven: it is true for lack of data, see below)\n"),
        "{text}"
    );
    let show_time = |time_ms: i64| time_ms.to_string();
    let style = Style {
        show_time: &show_time,
        colour: false,
    };
    let markdown = render_markdown("t", &unproven.report, &unproven.explanation, style);
    assert!(markdown.contains("**Cause:** r / x \\(unproven"), "{markdown}");
    assert!(
        markdown.contains("| r / x / a | a | No data: there is no such rule in effect here |"),
        "{markdown}"
    );

    let proven = firm("x || y").diagnose(&known);
    let text = text_of(&proven.report, &proven.explanation);
    assert!(text.contains("cause: r / y\nalso true: r / x\n"), "{text}");
}

#[test]
fn copies_that_differ_in_why_they_lack_data_are_not_folded() {
    let mut tree = branch("disks", "busy", vec![leaf("busy")]);
    tree["for each"] = json!("device");
    let tree = Tree::parse(&tree).expect("valid");
    let finding = |device: &str, value: FindingValue| LeafFinding {
        labels: labels(&[("device", device.to_owned())]),
        value,
        range: TimeRange::new(0, 1_000),
        evidence: Evidence::default(),
        reason: String::new(),
    };
    let findings = vec![
        finding("sda", FindingValue::NoData),
        finding("sdb", FindingValue::InternalError),
        finding("sdc", FindingValue::NoData),
    ];
    let known = BTreeMap::from([(
        "busy".to_owned(),
        LeafInput {
            findings,
            source: LeafSource::Findings,
            ..LeafInput::default()
        },
    )]);
    let diagnosis = tree.diagnose(&known);
    let text = text_of(&diagnosis.report, &diagnosis.explanation);
    assert!(text.contains("1 more like disks [sda]: [sdc]\n"), "{text}");
    assert!(text.contains("Internal error {device=\"sdb\"}"), "{text}");
}

#[test]
fn nothing_in_a_name_formats_links_or_mentions() {
    let escaped = |name: &str| {
        let condition = name;
        let tree = Tree::parse(&branch("r", condition, vec![leaf(name)])).expect(name);
        let diagnosis = tree.diagnose(&BTreeMap::new());
        let show_time = |time_ms: i64| time_ms.to_string();
        let style = Style {
            show_time: &show_time,
            colour: false,
        };
        let markdown = render_markdown(name, &diagnosis.report, &diagnosis.explanation, style);
        let title = markdown.lines().next().expect("a title").to_owned();
        title.trim_start_matches("# ").to_owned()
    };
    for (name, expected) in [
        ("- a", "\\- a"),
        ("+ a", "\\+ a"),
        ("12. a", "12\\. a"),
        ("# a", "\\# a"),
        ("> a", "\\> a"),
        ("see http://x.y", "see http&#58;//x.y"),
        ("WWW.x.y", "WWW&#46;x.y"),
        ("by @team", "by &#64;team"),
        ("a\u{202e}b", "a b"),
    ] {
        assert_eq!(escaped(name), expected, "{name}");
    }
}
