//! `aops checkrule --action check`: what is wrong in a file of rules, and where.

use std::path::Path;
use std::slice;

use serde::Serialize;

use crate::arguments::Output;
use crate::context::Context;
use crate::failure::Failure;
use crate::offline::diagnostic::{self, DiagnosticRow};
use crate::offline::rules_file::{self, RulesFile};
use crate::offline::source::Source;
use crate::screen;

/// What was found, for programs.
#[derive(Serialize)]
struct CheckReport<'a> {
    rule_count: usize,
    refused_count: usize,
    warning_count: usize,
    diagnostics: Vec<DiagnosticRow<'a>>,
}

pub(super) fn run(conf: &Path, context: &Context) -> Result<(), Failure> {
    let source = Source::read(conf, rules_file::MOST_BYTES)?;
    let read = RulesFile::read(&source);
    let nothing = RulesFile::default();
    let (file, diagnostics) = match &read {
        Ok(file) => (file, file.diagnostics.as_slice()),
        Err(diagnostic) => (&nothing, slice::from_ref(diagnostic)),
    };
    if context.output.is_for_programs() {
        let report = CheckReport {
            rule_count: file.count(),
            refused_count: file.refused.len(),
            warning_count: file.warning_count(),
            diagnostics: diagnostics
                .iter()
                .map(|diagnostic| diagnostic::row(&source, diagnostic))
                .collect(),
        };
        context.print_value(&report)?;
    } else {
        diagnostic::show(&source, diagnostics);
    }
    if read.is_err() {
        return Err(Failure::Unusable);
    }
    if context.output == Output::Table {
        screen::print(&summary(file))?;
    }
    if file.refused.is_empty() {
        Ok(())
    } else {
        Err(Failure::Rejected(None))
    }
}

/// `3 rules, 1 refused, 2 warnings`
pub(super) fn summary(file: &RulesFile) -> String {
    let counted = |count: usize, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    };
    let mut text = counted(file.count(), "rule", "rules");
    match file.refused.len() {
        0 => text.push_str(", none refused"),
        refused => text.push_str(&format!(", {refused} refused")),
    }
    match file.warning_count() {
        0 => {}
        warnings => text.push_str(&format!(", {}", counted(warnings, "warning", "warnings"))),
    }
    text
}
