//! What `checkrule` and `faultree` share: an import may be done in part, and says so name by name.

use aops_api::rule::{ImportAnswer, ImportReason};
use aops_client::Outcome;

use crate::context::{Context, check};
use crate::failure::Failure;
use crate::screen;

/// Prints what became of each element. A code other than 200 is a failure, after what was done is told.
pub(crate) fn finish(outcome: &Outcome<ImportAnswer>, context: &Context) -> Result<(), Failure> {
    if context.output.is_for_programs() {
        context.print_answer(outcome)?;
        return check(outcome);
    }
    if let Some(answer) = &outcome.payload {
        print_stored(answer)?;
        note_warnings(answer);
        note_refused(answer);
    }
    check(outcome)
}

fn print_stored(answer: &ImportAnswer) -> Result<(), Failure> {
    for name in &answer.succeed_list {
        screen::print(&format!("added     {}", screen::plain(name)))?;
    }
    for name in &answer.update_list {
        screen::print(&format!("replaced  {}", screen::plain(name)))?;
    }
    Ok(())
}

fn note_warnings(answer: &ImportAnswer) {
    for warning in &answer.warnings {
        let name = names(warning).map_or("", String::as_str);
        let text = format!("{name}: {}", show_reason(warning));
        screen::note(&format!("warning   {}", screen::plain(&text)));
    }
}

fn note_refused(answer: &ImportAnswer) {
    for name in &answer.fail_list {
        let reason = answer
            .fail_reasons
            .iter()
            .find(|reason| names(reason) == Some(name));
        let text = reason.map_or_else(
            || name.clone(),
            |reason| format!("{name}: {}", show_reason(reason)),
        );
        screen::note(&format!("refused   {}", screen::plain(&text)));
    }
}

fn names(reason: &ImportReason) -> Option<&String> {
    reason.check_item.as_ref().or(reason.tree_name.as_ref())
}

/// `unexpected '>' (line 1, column 4)`
fn show_reason(reason: &ImportReason) -> String {
    let text = &reason.reason;
    match (reason.line, reason.column) {
        (Some(line), Some(column)) => format!("{text} (line {line}, column {column})"),
        (None, Some(column)) => format!("{text} (column {column})"),
        (Some(line), None) => format!("{text} (line {line})"),
        (None, None) => text.clone(),
    }
}
