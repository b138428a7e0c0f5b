//! The words of a diagnosis, whatever the form: findings, samples, paths, what was concluded.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use aops_api::Labels;
use aops_api::diagnosis::{Explanation, LeafFinding, LeafSource};
use aops_api::finding::{DecidingSample, FindingValue};
use aops_api::tree::TreeContent;
use serde_json::Value;

use crate::tree::key;

/// `Abnormal {device="sda"} since … until …: $0 = 0.98 at …`
pub(crate) fn finding_words(finding: &LeafFinding, show_time: &dyn Fn(i64) -> String) -> String {
    let mut words = finding.value.text().to_owned();
    if !finding.labels.is_empty() {
        words.push_str(&format!(" {}", label_words(&finding.labels)));
    }
    // What a file of results tells has no time.
    if !finding.range.is_empty() {
        let (start, end) = (show_time(finding.range.start_ms), show_time(finding.range.end_ms));
        words.push_str(&format!(" since {start} until {end}"));
    }
    let why = why(finding, show_time);
    if !why.is_empty() {
        words.push_str(&format!(": {why}"));
    }
    words
}

/// The sample that decided, or the reason.
pub(crate) fn why(finding: &LeafFinding, show_time: &dyn Fn(i64) -> String) -> String {
    let evidence = &finding.evidence;
    let sample = evidence.worst.as_ref().or(evidence.first.as_ref());
    match sample {
        Some(sample) if finding.value == FindingValue::Abnormal => sample_words(sample, show_time),
        _ => plain(&finding.reason),
    }
}

/// `$0 = 0.98, max(60s) = 0.99 at 2026-11-21T10:11:12Z`
fn sample_words(sample: &DecidingSample, show_time: &dyn Fn(i64) -> String) -> String {
    let values: Vec<String> = sample
        .values
        .iter()
        .map(|value| format!("{} = {}", plain(&value.expression), plain(&value.value)))
        .collect();
    format!("{} at {}", values.join(", "), show_time(sample.time_ms))
}

/// `{device="sda"}`
pub(crate) fn label_words(labels: &Labels) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{}=\"{}\"", plain(name), plain(value)))
        .collect();
    format!("{{{}}}", pairs.join(", "))
}

/// The cause, and that it rests on missing data if it does: with all data the end of the path might be false.
pub(crate) fn cause_words(explanation: &Explanation) -> String {
    let words = path_words(&explanation.cause_path);
    if explanation.unsupported.contains(&explanation.cause_path) {
        return format!("{words} (unproven: it is true for lack of data, see below)");
    }
    words
}

/// Other branches that made the root true, beside or below what is named as the cause: the highest of them.
pub(crate) fn also_true(report: &TreeContent, explanation: &Explanation) -> Vec<Vec<String>> {
    let mut found: Vec<Vec<String>> = Vec::new();
    for leaf in explanation.leaves.iter().filter(|leaf| leaf.contributes) {
        let cause = explanation.cause_path.iter();
        let common = cause
            .zip(&leaf.path)
            .take_while(|(left, right)| left == right)
            .count();
        // A leaf right below the path is a reason of it. Leaves of one branch stand side by side.
        let is_below_another_branch = common > 0 && leaf.path.len() > common + 1;
        if !is_below_another_branch || found.last().is_some_and(|last| leaf.path.starts_with(last)) {
            continue;
        }
        let branch = &leaf.path[..=common];
        if node_at(report, branch).is_some_and(|node| node[key::VALUE] == Value::Bool(true)) {
            found.push(branch.to_vec());
        }
    }
    found
}

/// The node that a path of names leads to.
fn node_at<'report>(report: &'report Value, path: &[String]) -> Option<&'report Value> {
    let below = path.get(1..)?;
    below.iter().try_fold(report, |node, name| {
        let children = node[key::CHILDREN].as_array()?;
        children
            .iter()
            .find(|child| child[key::NAME].as_str() == Some(name))
    })
}

/// What was ruled out and does not rest on missing data: the highest branches.
pub(crate) fn firmly_ruled_out(explanation: &Explanation) -> Vec<&Vec<String>> {
    let unsupported: BTreeSet<&Vec<String>> = explanation.unsupported.iter().collect();
    let paths = explanation.ruled_out.iter();
    highest(paths.filter(|path| !unsupported.contains(path)))
}

/// What could have come out otherwise with all data: the highest nodes.
pub(crate) fn undecided(explanation: &Explanation) -> Vec<&Vec<String>> {
    highest(explanation.unsupported.iter())
}

/// `3 of 5 leaves`, of those whose rule was evaluated because nothing was stored; `None` if there is none.
pub(crate) fn evaluated_now(explanation: &Explanation) -> Option<String> {
    let leaves = explanation.leaves.iter();
    let is_evaluated = |source| matches!(source, LeafSource::Evaluated | LeafSource::Both);
    let evaluated = leaves.filter(|leaf| is_evaluated(leaf.source)).count();
    (evaluated > 0).then(|| format!("{evaluated} of {} leaves", explanation.leaves.len()))
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

pub(crate) fn path_words(path: &[String]) -> String {
    plain(&path.join(" / "))
}

/// The text without what would move the cursor, colour the terminal, or change the order in which it is read: control
/// and format characters (Unicode Cc, Cf, line and paragraph separators) are blanks.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|character| if is_invisible(character) { ' ' } else { character })
        .collect()
}

fn is_invisible(character: char) -> bool {
    character.is_control() || FORMAT.iter().any(|range| range.contains(&character))
}

/// General category Cf of Unicode 16, and the separators U+2028 and U+2029.
const FORMAT: [RangeInclusive<char>; 21] = [
    '\u{ad}'..='\u{ad}',
    '\u{600}'..='\u{605}',
    '\u{61c}'..='\u{61c}',
    '\u{6dd}'..='\u{6dd}',
    '\u{70f}'..='\u{70f}',
    '\u{890}'..='\u{891}',
    '\u{8e2}'..='\u{8e2}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200f}',
    '\u{2028}'..='\u{202e}',
    '\u{2060}'..='\u{2064}',
    '\u{2066}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{110bd}'..='\u{110bd}',
    '\u{110cd}'..='\u{110cd}',
    '\u{13430}'..='\u{1343f}',
    '\u{1bca0}'..='\u{1bca3}',
    '\u{1d173}'..='\u{1d17a}',
    '\u{e0001}'..='\u{e0001}',
    '\u{e0020}'..='\u{e007f}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_becomes_a_blank() {
        let text = "a\u{1b}[31m\u{202e}txt\u{2066}\u{feff}名\u{2028}é";
        assert_eq!(plain(text), "a [31m txt  名 é");
    }
}
