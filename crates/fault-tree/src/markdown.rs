//! Writes a diagnosed tree as Markdown: for a ticket, a chat, a wiki.

use std::collections::HashSet;
use std::fmt::Write;

use aops_api::diagnosis::{Explanation, LeafExplanation, LeafSource, Outcome};
use aops_api::tree::TreeContent;

use crate::left_out::LeftOut;
use crate::text::{Style, draw};
use crate::words::{
    also_true, cause_words, evaluated_now, firmly_ruled_out, label_words, path_words, plain, undecided, why,
};

/// How many rows of a table or points of a list are written before "and 90 more".
const WRITTEN: usize = 50;

/// How many other branches that are true are named before "and 5 more".
const NAMED: usize = 8;

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
        Outcome::CauseFound => cause(&mut text, report, explanation),
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
    if let Some(left_out) = LeftOut::of(report, explanation).words() {
        let _ = writeln!(
            text,
            "\nLeft out of the explanation, which would be too long: {left_out}."
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

fn cause(text: &mut String, report: &TreeContent, explanation: &Explanation) {
    let _ = writeln!(text, "**Cause:** {}", escaped(&cause_words(explanation)));
    let others = also_true(report, explanation);
    if !others.is_empty() {
        let named = others.iter().take(NAMED).map(|path| escaped(&path_words(path)));
        let named: Vec<String> = named.collect();
        let _ = write!(text, "\n**Also true:** {}", named.join("; "));
        if others.len() > NAMED {
            let _ = write!(text, "; and {} more", others.len() - NAMED);
        }
        text.push('\n');
    }
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
    let unsupported: HashSet<&Vec<String>> = explanation.unsupported.iter().collect();
    // A cause may rest on a leaf that has no data: that is no evidence, and has to be seen.
    let counts =
        |leaf: &&LeafExplanation| leaf.contributes && (leaf.value || unsupported.contains(&leaf.path));
    let contributing: Vec<&LeafExplanation> = explanation.leaves.iter().filter(counts).collect();
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
            found.unwrap_or_else(|| no_finding(leaf)),
            why.unwrap_or_default(),
        ];
        let cells = cells.map(|cell| escaped(&cell));
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    if contributing.len() > WRITTEN {
        let _ = writeln!(text, "\nand {} more", contributing.len() - WRITTEN);
    }
}

/// What is said of a leaf without a finding: nothing is known of it.
fn no_finding(leaf: &LeafExplanation) -> String {
    match leaf.source {
        LeafSource::NoRule => "No data: there is no such rule in effect here".to_owned(),
        _ => "No data".to_owned(),
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

/// The text as text: on one line, nothing in it formats, begins a list, links or mentions someone.
fn escaped(text: &str) -> String {
    let text = plain(text);
    let text = text.trim();
    let mut escaped = String::with_capacity(text.len());
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    for (position, character) in text.char_indices() {
        let begins_a_list = match character {
            '-' | '=' => position == 0,
            // `1.` and `1)`; the parenthesis is escaped everywhere.
            '.' => position > 0 && position == digits,
            _ => false,
        };
        if begins_a_list || "\\`*_{}[]<>()#+|~!&$".contains(character) {
            escaped.push('\\');
        }
        // Autolinks and mentions are made of plain text, where a backslash does not help everywhere; a character
        // reference does.
        let rest = &text[position..];
        match character {
            '@' => escaped.push_str("&#64;"),
            ':' if rest.starts_with("://") => escaped.push_str("&#58;"),
            '.' if follows_www(&text.as_bytes()[..position]) => escaped.push_str("&#46;"),
            _ => escaped.push(character),
        }
    }
    escaped
}

fn follows_www(before: &[u8]) -> bool {
    let start = before.len().saturating_sub(3);
    before[start..].eq_ignore_ascii_case(b"www")
}
