//! A file of rules as Prometheus reads it, with the place of each rule.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::{Location, Spanned};

use crate::{MAX_FILE_BYTES, MAX_RULES, RuleFileError};

/// An alerting or recording rule, and where it stands.
#[derive(Debug)]
pub(crate) struct PlacedRule<'file> {
    pub(crate) rule: &'file Rule,
    pub(crate) group_labels: &'file BTreeMap<String, String>,
    pub(crate) line: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RuleFile {
    groups: Option<Vec<Group>>,
    /// The file may be a resource of Kubernetes.
    spec: Option<Specification>,
}

#[derive(Debug, Deserialize)]
struct Specification {
    groups: Option<Vec<Group>>,
}

#[derive(Debug, Deserialize)]
struct Group {
    #[serde(default)]
    labels: BTreeMap<String, String>,
    rules: Option<Vec<Spanned<Rule>>>,
}

/// A rule; of alerting and recording ones, `alert` or `record` is there.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Rule {
    pub(crate) alert: Option<String>,
    pub(crate) record: Option<String>,
    pub(crate) expr: Option<Spanned<String>>,
    #[serde(rename = "for")]
    pub(crate) hold: Option<Spanned<String>>,
    pub(crate) keep_firing_for: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl RuleFile {
    pub(crate) fn read(text: &str) -> Result<Self, RuleFileError> {
        if text.len() > MAX_FILE_BYTES {
            return Err(RuleFileError::TooLarge { bytes: text.len() });
        }
        let file: Self = serde_saphyr::from_str(text).map_err(|error| unreadable(&error))?;
        let Some(rules) = file.groups().map(|groups| groups.iter().map(Group::len).sum()) else {
            return Err(RuleFileError::NoGroups);
        };
        if rules > MAX_RULES {
            return Err(RuleFileError::TooMany { rules });
        }
        Ok(file)
    }

    fn groups(&self) -> Option<&Vec<Group>> {
        let specified = self.spec.as_ref().and_then(|spec| spec.groups.as_ref());
        self.groups.as_ref().or(specified)
    }

    pub(crate) fn rules(&self) -> impl Iterator<Item = PlacedRule<'_>> {
        self.groups().into_iter().flatten().flat_map(|group| {
            let rules = group.rules.iter().flatten();
            rules.map(|rule| PlacedRule {
                rule: &rule.value,
                group_labels: &group.labels,
                line: rule.defined.line(),
            })
        })
    }
}

impl Group {
    fn len(&self) -> usize {
        self.rules.as_ref().map_or(0, Vec::len)
    }
}

fn unreadable(error: &serde_saphyr::Error) -> RuleFileError {
    let location = error.location().filter(|location| *location != Location::UNKNOWN);
    let text = error.without_snippet().to_string();
    // The place is said by line and column.
    let reason = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(reason, _)| reason);
    RuleFileError::Unreadable {
        reason: reason.to_owned(),
        line: location.map_or(1, |location| location.line()),
        column: location.map_or(1, |location| location.column()),
    }
}

/// The line of a word of a scalar in the file; that of the scalar if the word is not found.
pub(crate) fn line_of(text: &str, scalar: Location, word: &str) -> u64 {
    let span = scalar.span();
    let source = span
        .byte_offset()
        .zip(span.byte_len())
        .and_then(|(offset, length)| {
            let start = usize::try_from(offset).ok()?;
            let end = start.checked_add(usize::try_from(length).ok()?)?;
            text.get(start..end)
        });
    let before = source.and_then(|source| {
        let found = find_word(source, word)?;
        Some(source[..found].matches('\n').count() as u64)
    });
    scalar.line() + before.unwrap_or(0)
}

/// Where a word stands that is not a part of a longer one.
fn find_word(source: &str, word: &str) -> Option<usize> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let is_name = word.chars().all(is_part);
    source.match_indices(word).map(|(start, _)| start).find(|start| {
        let before = source[..*start].chars().next_back();
        let after = source[start + word.len()..].chars().next();
        !is_name || !(before.is_some_and(is_part) || after.is_some_and(is_part))
    })
}
