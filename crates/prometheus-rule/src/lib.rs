//! Alerting rules of Prometheus, turned into check items.
//!
//! [`convert`] takes the text of a rule file and gives the check items, and the rules that do not fit with the reason
//! and the line. It converts what says the same in the language of check rules, or nearly the same in a way that the
//! item's description states as a remark; everything else is refused by name.
//!
//! What every converted item takes for granted:
//!
//! - A check rule is judged host by host, so an expression that mixes hosts is refused. `instance` and `job` say whose
//!   series it is; a metric comes to a host from one scraped job.
//! - It is judged at every sample of `$0` and not at an interval of its own; a sample speaks for `max_gap` and not for
//!   Prometheus' five minutes.
//! - A series without an aggregate stars all its labels (`"*": "*"`), as an alert is one per label set.
//! - A series that a host never had is let be (`absent: ignore`); one that it had and lost is a finding `No data`,
//!   where Prometheus is silent.
//!
//! The crate is pure: text in, items out. Neighbours: `check-rule` has the language; the tests here hold every item
//! against it. Only the `aops` command uses this crate.
//!
//! | module | what it does |
//! |---|---|
//! | `rule_file` | reads the YAML; where a rule or a word of it stands |
//! | `alert` | from an alerting rule to check items: name, `for`, severity, description, parts of `or` |
//! | `expression`, `aggregate` | from PromQL to a condition |
//! | `reading` | a series, or a function over a range of it |
//! | `keys`, `label_set` | by which labels vectors are told apart and matched |
//! | `items`, `matchers` | data items, label matchers |
//! | `term` | conditions as they are built and written |
//! | `refused`, `misfit` | why an expression does not fit |

mod aggregate;
mod alert;
mod expression;
mod items;
mod keys;
mod label_set;
mod matchers;
mod misfit;
mod reading;
mod refused;
mod rule_file;
mod term;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use aops_api::rule::CheckItem;

use crate::alert::drafts;
use crate::misfit::{Misfit, Place};
use crate::rule_file::{PlacedRule, RuleFile, line_of};

/// Largest file.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;
/// Most rules of a file, recording ones included.
pub const MAX_RULES: usize = 10_000;
/// Longest expression.
pub const MAX_EXPRESSION_BYTES: usize = 8 * 1024;
/// Most words, numbers and signs of an expression.
pub const MAX_TOKENS: usize = 1_000;
/// Deepest nesting of an expression. Operators in a row count as well: `a + b + c` is two levels.
pub const MAX_DEPTH: usize = 80;

// Limits of check rules.
const MAX_NAME_CHARACTERS: usize = 128;
const MAX_WINDOW_MS: i64 = 31 * 24 * 3_600_000;
const MAX_FOR_MS: i64 = 31 * 24 * 3_600_000;

/// What a file of rules became.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conversion {
    /// The check items, in the order of the file.
    pub converted: Vec<Converted>,
    /// Alerting rules that do not fit.
    pub misfits: Vec<MisfitRule>,
    /// Recording rules; they do not alert and are skipped.
    pub recording: Vec<RecordingRule>,
    /// How many alerting rules the file has.
    pub alerting_rules: usize,
}

/// A check item and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Converted {
    /// The item.
    pub item: CheckItem,
    /// The line of its rule in the file.
    pub line: u64,
    /// In what it differs from the rule; the item's description says it as well.
    pub remarks: Vec<String>,
}

/// An alerting rule that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MisfitRule {
    /// Its name.
    pub alert: String,
    /// The line in the file, as near to the cause as can be said.
    pub line: u64,
    /// What was found, and what would fit.
    pub reason: String,
}

/// A recording rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordingRule {
    /// The metric that it records.
    pub record: String,
    /// Its line in the file.
    pub line: u64,
}

/// Why a file is not one of rules.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleFileError {
    /// It is too large.
    #[error("the file has {bytes} bytes; at most {MAX_FILE_BYTES} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// It is not YAML, or not of the form of a rule file.
    #[error("line {line}, column {column}: {reason}")]
    Unreadable {
        /// What is wrong.
        reason: String,
        /// Line, from 1.
        line: u64,
        /// Column in characters, from 1.
        column: u64,
    },
    /// It has no groups.
    #[error("found no groups; a rule file of Prometheus begins with `groups:`")]
    NoGroups,
    /// It has too many rules.
    #[error("the file has {rules} rules; at most {MAX_RULES} are read")]
    TooMany {
        /// How many.
        rules: usize,
    },
}

/// Turns the alerting rules of a file into check items.
///
/// # Errors
/// When the text is not a rule file. A rule that does not fit is not an error: see [`Conversion::misfits`].
pub fn convert(text: &str) -> Result<Conversion, RuleFileError> {
    let file = RuleFile::read(text)?;
    let recorded: Vec<&str> = file
        .rules()
        .filter_map(|placed| placed.rule.record.as_deref())
        .collect();
    let mut conversion = Conversion::default();
    let mut names = BTreeSet::new();
    for placed in file.rules() {
        let rule = placed.rule;
        if let (Some(record), None) = (&rule.record, &rule.alert) {
            conversion.recording.push(RecordingRule {
                record: record.clone(),
                line: placed.line,
            });
            continue;
        }
        conversion.alerting_rules += 1;
        match drafts(&placed, &recorded) {
            Ok(drafts) => conversion.converted.extend(drafts.into_iter().map(|draft| {
                let mut item = draft.item;
                item.check_item = unique_name(item.check_item, &mut names);
                Converted {
                    item,
                    line: placed.line,
                    remarks: draft.remarks,
                }
            })),
            Err(misfit) => conversion.misfits.push(misfit_rule(text, &placed, misfit)),
        }
    }
    Ok(conversion)
}

fn misfit_rule(text: &str, placed: &PlacedRule<'_>, misfit: Misfit) -> MisfitRule {
    let rule = placed.rule;
    let expression = rule.expr.as_ref().map(|expression| expression.defined);
    let hold = rule.hold.as_ref().map(|hold| hold.defined.line());
    let line = match &misfit.place {
        Place::Rule => None,
        Place::Hold => hold,
        Place::Expression => expression.map(|expression| expression.line()),
        Place::Word(word) => expression.map(|expression| line_of(text, expression, word)),
    };
    MisfitRule {
        alert: rule.alert.clone().unwrap_or_default(),
        line: line.unwrap_or(placed.line),
        reason: misfit.reason,
    }
}

/// A name that no item has yet: alerts may share one, check items may not.
fn unique_name(name: String, names: &mut BTreeSet<String>) -> String {
    let mut unique = name.clone();
    let mut number = 1;
    while !names.insert(unique.clone()) {
        number += 1;
        let suffix = format!(" ({number})");
        let kept: String = name.chars().take(MAX_NAME_CHARACTERS - suffix.len()).collect();
        unique = format!("{}{suffix}", kept.trim_end());
    }
    unique
}
