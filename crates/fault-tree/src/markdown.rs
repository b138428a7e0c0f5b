//! Writes a diagnosed tree as Markdown: for a ticket, a chat, a wiki.

use std::fmt::Write;

use aops_api::diagnosis::{Explanation, LeafExplanation, Outcome};
use aops_api::tree::TreeContent;

use crate::text::{Style, draw};
use crate::words::{evaluated_now, firmly_ruled_out, label_words, path_words, plain, undecided, why};

/// How many rows of a table or points of a list are written before "and 90 more".
const WRITTEN: usize = 50;

/// Writes a report and its explanation below a title. Colours of the style do not count.
pub fn render_markdown(title: &str, report: &TreeContent, explanation: &Explanation, style: Style) -> String {
    let mut text = format!("# {}\n\n", escaped(title));
    match explanation.outcome {
        Outcome::Failed => {
            let reason = match explanation.reason.as_str() {
                "" => "no reason is known",
                reason => reason,
            };
            let _ = writeln!(text, "**The tree could not be evaluated:** {}", escaped(reason));
            return text;
        }
        Outcome::CauseFound => cause(&mut text, explanation),
        Outcome::CauseNotFound => text.push_str("**Cause not found.**\n"),
    }
    evidence(&mut text, explanation, style);
    paths(&mut text, "Ruled out", &firmly_ruled_out(explanation));
    paths(&mut text, "Undecided for lack of data", &undecided(explanation));
    if let Some(leaves) = evaluated_now(explanation) {
        let _ = writeln!(
            text,
            "\nNot covered by stored results and evaluated for this report: {leaves}."
        );
    }
    text.push_str("\n## Tree\n\n");
    fenced(
        &mut text,
        &draw(
            report,
            explanation,
            Style {
                colour: false,
                ..style
            },
        ),
    );
    text
}

fn cause(text: &mut String, explanation: &Explanation) {
    let _ = writeln!(
        text,
        "**Cause:** {}",
        escaped(&path_words(&explanation.cause_path))
    );
    for (title, content) in [
        ("Description", &explanation.description),
        ("Advice", &explanation.advice),
    ] {
        if !content.is_empty() {
            let _ = writeln!(text, "\n**{title}:** {}", escaped(content));
        }
    }
}

/// The leaves that made the root what it is, with what they read.
fn evidence(text: &mut String, explanation: &Explanation, style: Style) {
    let leaves = explanation.leaves.iter();
    let contributing: Vec<&LeafExplanation> = leaves.filter(|leaf| leaf.contributes && leaf.value).collect();
    if contributing.is_empty() {
        return;
    }
    text.push_str("\n## Evidence\n\n| Leaf | Rule | Found | Why |\n|---|---|---|---|\n");
    for leaf in contributing.iter().take(WRITTEN) {
        let teller = explanation.read_by(leaf);
        let rule = match teller.condition.as_str() {
            "" => leaf.check_item.clone(),
            condition => format!("{}: {condition}", leaf.check_item),
        };
        let found = teller.findings.first().map(|finding| {
            let mut found = finding.value.text().to_owned();
            if !finding.labels.is_empty() {
                found.push_str(&format!(" {}", label_words(&finding.labels)));
            }
            if !finding.range.is_empty() {
                let range = [finding.range.start_ms, finding.range.end_ms].map(style.show_time);
                found.push_str(&format!(", {} to {}", range[0], range[1]));
            }
            found
        });
        let why = teller
            .findings
            .first()
            .map(|finding| why(finding, style.show_time));
        let cells = [
            path_words(&leaf.path),
            rule,
            found.unwrap_or_default(),
            why.unwrap_or_default(),
        ];
        let cells = cells.map(|cell| escaped(&cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if contributing.len() > WRITTEN {
        let _ = writeln!(text, "\nand {} more", contributing.len() - WRITTEN);
    }
}

fn paths(text: &mut String, title: &str, paths: &[&Vec<String>]) {
    if paths.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n## {title}\n");
    for path in paths.iter().take(WRITTEN) {
        let _ = writeln!(text, "- {}", escaped(&path_words(path)));
    }
    if paths.len() > WRITTEN {
        let _ = writeln!(text, "- and {} more", paths.len() - WRITTEN);
    }
}

/// A block that is shown as it is, whatever it holds.
fn fenced(text: &mut String, block: &str) {
    let mut longest = 0;
    let mut run = 0;
    for character in block.chars() {
        run = if character == '`' { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    let fence = "`".repeat((longest + 1).max(3));
    let _ = writeln!(text, "{fence}text\n{block}{fence}");
}

/// The text as text: on one line, nothing in it formats.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in plain(text).chars() {
        if "\\`*_{}[]<>()#+|~!&$".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}
