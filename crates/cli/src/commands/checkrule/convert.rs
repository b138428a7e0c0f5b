//! `aops checkrule --action convert`: alerting rules of Prometheus as check items. Needs no platform.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aops_api::rule::RuleImportRequest;
use aops_prometheus_rule::{Conversion, MAX_FILE_BYTES, RuleFileError, convert};

use crate::failure::Failure;
use crate::{documents, screen};

const EXPORT_NAME: &str = "check_rules.json";

/// Writes the check items to `export`, or to standard output; says of each rule that did not fit why, and where.
pub(crate) fn run(conf: &Path, export: Option<&Path>) -> Result<(), Failure> {
    let shown = conf.display();
    let text = read(conf).map_err(|error| Failure::Local(format!("cannot read {shown}: {error}")))?;
    let conversion = convert(&text).map_err(|error| {
        screen::note(&screen::plain(&unusable(conf, &error)));
        Failure::Unusable
    })?;
    for line in remarks(conf, &conversion) {
        screen::note(&screen::plain(&line));
    }
    let summary = summary(&conversion);
    let is_complete = conversion.misfits.is_empty();
    write(conversion, export)?;
    screen::note(&summary);
    if is_complete {
        return Ok(());
    }
    Err(Failure::Rejected(None))
}

/// Reads one byte more than is allowed at most, so that a file that is too large is seen as one.
fn read(conf: &Path) -> io::Result<String> {
    let mut text = String::new();
    let most = u64::try_from(MAX_FILE_BYTES).unwrap_or(u64::MAX);
    File::open(conf)?
        .take(most.saturating_add(1))
        .read_to_string(&mut text)?;
    Ok(text)
}

fn unusable(conf: &Path, error: &RuleFileError) -> String {
    let shown = conf.display();
    match error {
        RuleFileError::Unreadable { reason, line, column } => {
            format!("error: {shown}:{line}:{column}: {reason}")
        }
        RuleFileError::TooLarge { .. } => {
            format!("error: {shown}: the file is too large; at most {MAX_FILE_BYTES} bytes are read")
        }
        RuleFileError::NoGroups | RuleFileError::TooMany { .. } => format!("error: {shown}: {error}"),
    }
}

/// What is said of single rules, in the order of the file.
fn remarks(conf: &Path, conversion: &Conversion) -> Vec<String> {
    let shown = conf.display();
    let misfits = conversion
        .misfits
        .iter()
        .map(|rule| (rule.line, format!("{}: {}", rule.alert, rule.reason)));
    let recording = conversion.recording.iter().map(|rule| {
        (
            rule.line,
            format!("{}: a recording rule, not an alerting one; skipped", rule.record),
        )
    });
    let mut placed: Vec<(u64, String)> = misfits.chain(recording).collect();
    placed.sort();
    placed
        .into_iter()
        .map(|(line, text)| format!("{shown}:{line}: {text}"))
        .collect()
}

fn summary(conversion: &Conversion) -> String {
    let all = conversion.alerting_rules;
    let fitting = all - conversion.misfits.len();
    format!("{fitting} of {all} alerting rules converted")
}

fn write(conversion: Conversion, export: Option<&Path>) -> Result<(), Failure> {
    let check_items = conversion.converted.into_iter().map(|one| one.item).collect();
    let document = RuleImportRequest { check_items };
    if let Some(path) = export {
        return documents::write(path, EXPORT_NAME, &document).map(|_| ());
    }
    let text = serde_json::to_string_pretty(&document)
        .map_err(|error| Failure::Local(format!("the rules cannot be written as JSON: {error}")))?;
    screen::print(&text)
}
