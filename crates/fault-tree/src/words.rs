//! The words of a diagnosis, whatever the form: findings, samples, paths, what was concluded.

use std::collections::BTreeSet;

use aops_api::Labels;
use aops_api::diagnosis::{Explanation, LeafFinding, LeafSource};
use aops_api::finding::{DecidingSample, FindingValue};

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

/// The text without what would move the cursor or colour the terminal.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect()
}
