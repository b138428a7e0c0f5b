//! What is done to a list of names may be done in part, and says so name by name.

use aops_api::account::ListOutcome;
use aops_client::Outcome;

use crate::context::{Context, check};
use crate::failure::Failure;
use crate::screen;

/// Prints what became of each element; `done` is the word for those that were done. A code other than 200 is a failure,
/// after what was done is told.
pub(super) fn finish(outcome: &Outcome<ListOutcome>, done: &str, context: &Context) -> Result<(), Failure> {
    if context.output.is_for_programs() {
        context.print_answer(outcome)?;
        return check(outcome);
    }
    if let Some(answer) = &outcome.payload {
        for name in &answer.succeed_list {
            print_done(done, name)?;
        }
        for name in &answer.fail_list {
            let reason = answer.fail_reasons.iter().find(|reason| reason.name == *name);
            note_refused(name, reason.map(|reason| reason.reason.as_str()));
        }
    }
    check(outcome)
}

/// `deleted   web1`
pub(super) fn print_done(done: &str, name: &str) -> Result<(), Failure> {
    screen::print(&format!("{done:<10}{}", screen::plain(name)))
}

/// `refused   web1: it has hosts`
pub(super) fn note_refused(name: &str, reason: Option<&str>) {
    let text = match reason {
        Some(reason) => format!("{name}: {reason}"),
        None => name.to_owned(),
    };
    screen::note(&format!("refused   {}", screen::plain(&text)));
}
