//! Draws a diagnosed tree for a terminal.
//!
//! ```text
//! [x] host is slow
//! ├─ [x] cpu
//! │  └─ [x] cpu is busy   cpu_busy: $0 > 0.9
//! │         Abnormal since 2026-11-21T10:11:10Z until 2026-11-21T10:12:00Z: $0 = 0.98 at 2026-11-21T10:11:12Z
//! └─ [ ] disk
//!    └─ [?] disk is slow   disk_slow: $0 > 0.5
//!           No data: the host never had the series
//!
//! cause: host is slow / cpu
//! ```

use std::collections::BTreeSet;
use std::fmt::Write;

use aops_api::Labels;
use aops_api::diagnosis::{Explanation, LeafExplanation, LeafFinding, LeafSource, Outcome};
use aops_api::finding::{DecidingSample, FindingValue};
use aops_api::tree::TreeContent;
use serde_json::Value;

use crate::tree::key;

/// How many findings of a leaf are drawn before "and 97 more".
const DRAWN_FINDINGS: usize = 3;

/// Draws a report and its explanation as they stand in [`aops_api::diagnosis::Report`] and [`crate::Diagnosis`].
///
/// `[x]` is true, `[ ]` false, `[?]` without data. Control characters, which a report may carry in from a rule or a
/// log, are drawn as blanks. `show_time` writes UTC milliseconds the way the reader wants them.
pub fn render_text(
    report: &TreeContent,
    explanation: &Explanation,
    show_time: &dyn Fn(i64) -> String,
) -> String {
    if explanation.outcome == Outcome::Failed {
        return "the tree could not be evaluated\n".to_owned();
    }
    let mut drawing = Drawing {
        text: String::new(),
        leaves: explanation.leaves.iter(),
        show_time,
    };
    drawing.node(report, "", "");
    drawing.text.push('\n');
    drawing.text.push_str(&conclusion(explanation));
    drawing.text
}

struct Drawing<'report> {
    text: String,
    /// Those that are not drawn yet; they come in tree order.
    leaves: std::slice::Iter<'report, LeafExplanation>,
    show_time: &'report dyn Fn(i64) -> String,
}

impl Drawing<'_> {
    /// Draws a node and what is below. `first` begins its own line, `rest` the lines below.
    fn node(&mut self, content: &Value, first: &str, rest: &str) {
        let name = plain(content[key::NAME].as_str().unwrap_or_default());
        let mark = mark(&content[key::VALUE]);
        let Some(children) = content[key::CHILDREN].as_array() else {
            self.leaf(&name, mark, first, rest);
            return;
        };
        self.line(first, &format!("{mark} {name}"));
        for (position, child) in children.iter().enumerate() {
            let (corner, continuation) = if position + 1 == children.len() {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            self.node(
                child,
                &format!("{rest}{corner}"),
                &format!("{rest}{continuation}"),
            );
        }
    }

    fn leaf(&mut self, name: &str, mark: &str, first: &str, rest: &str) {
        let Some(leaf) = self.leaves.next() else {
            self.line(first, &format!("{mark} {name}"));
            return;
        };
        let check_item = plain(&leaf.check_item);
        let rule = match leaf.condition.as_str() {
            "" => check_item,
            condition => format!("{check_item}: {}", plain(condition)),
        };
        self.line(first, &format!("{mark} {name}   {rule}"));
        let below = format!("{rest}    ");
        if leaf.source == LeafSource::NoRule {
            self.line(&below, "No data: there is no such rule in effect here");
            return;
        }
        for finding in leaf.findings.iter().take(DRAWN_FINDINGS) {
            self.line(&below, &finding_line(finding, self.show_time));
        }
        if leaf.findings.len() > DRAWN_FINDINGS {
            let undrawn = leaf.findings.len() - DRAWN_FINDINGS;
            self.line(&below, &format!("and {undrawn} more"));
        }
    }

    fn line(&mut self, start: &str, text: &str) {
        self.text.push_str(start);
        self.text.push_str(text);
        self.text.push('\n');
    }
}

fn mark(value: &Value) -> &'static str {
    match value {
        Value::Bool(true) => "[x]",
        Value::Bool(false) => "[ ]",
        _ => "[?]",
    }
}

fn finding_line(finding: &LeafFinding, show_time: &dyn Fn(i64) -> String) -> String {
    let mut line = finding.value.text().to_owned();
    if !finding.labels.is_empty() {
        let _ = write!(line, " {}", shown_labels(&finding.labels));
    }
    let _ = write!(
        line,
        " since {} until {}",
        show_time(finding.range.start_ms),
        show_time(finding.range.end_ms)
    );
    if finding.value != FindingValue::Abnormal {
        if !finding.reason.is_empty() {
            let _ = write!(line, ": {}", plain(&finding.reason));
        }
        return line;
    }
    let evidence = &finding.evidence;
    let sample = evidence.worst.as_ref().or(evidence.first.as_ref());
    if let Some(sample) = sample {
        let _ = write!(line, ": {}", shown_sample(sample, show_time));
    }
    line
}

/// `$0 = 0.98, max(60s) = 0.99 at 2026-11-21T10:11:12Z`
fn shown_sample(sample: &DecidingSample, show_time: &dyn Fn(i64) -> String) -> String {
    let values: Vec<String> = sample
        .values
        .iter()
        .map(|value| format!("{} = {}", plain(&value.expression), plain(&value.value)))
        .collect();
    format!("{} at {}", values.join(", "), show_time(sample.time_ms))
}

/// `{device="sda"}`
fn shown_labels(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{}=\"{}\"", plain(name), plain(value)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

fn conclusion(explanation: &Explanation) -> String {
    let mut text = String::new();
    if explanation.outcome == Outcome::CauseFound {
        let _ = writeln!(text, "cause: {}", shown_path(&explanation.cause_path));
        for (title, content) in [
            ("description", &explanation.description),
            ("advice", &explanation.advice),
        ] {
            if !content.is_empty() {
                let _ = writeln!(text, "{title}: {}", plain(content));
            }
        }
    } else {
        let unsupported: BTreeSet<&Vec<String>> = explanation.unsupported.iter().collect();
        let supported = explanation
            .ruled_out
            .iter()
            .filter(|path| !unsupported.contains(path));
        let ruled_out = shown_paths(&highest(supported));
        let ruled_out = if ruled_out.is_empty() {
            "nothing"
        } else {
            &ruled_out
        };
        let _ = writeln!(text, "cause not found; ruled out: {ruled_out}");
    }
    let unsupported = shown_paths(&highest(explanation.unsupported.iter()));
    if !unsupported.is_empty() {
        let _ = writeln!(text, "undecided for lack of data: {unsupported}");
    }
    text
}

/// Leaves out what lies below another path of the list, and the root where there is something else to name.
fn highest<'paths>(paths: impl Iterator<Item = &'paths Vec<String>>) -> Vec<&'paths Vec<String>> {
    let paths: Vec<&Vec<String>> = paths.collect();
    let below_root: Vec<&Vec<String>> = paths.iter().copied().filter(|path| path.len() > 1).collect();
    if below_root.is_empty() {
        return paths;
    }
    let mut kept: Vec<&Vec<String>> = Vec::new();
    for path in below_root {
        // In tree order, so a node comes right before what is below it.
        if !kept.last().is_some_and(|above| path.starts_with(above)) {
            kept.push(path);
        }
    }
    kept
}

fn shown_paths(paths: &[&Vec<String>]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| shown_path(path)).collect();
    shown.join("; ")
}

fn shown_path(path: &[String]) -> String {
    plain(&path.join(" / "))
}

/// The text without what would move the cursor or colour the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}

#[cfg(test)]
mod tests;
