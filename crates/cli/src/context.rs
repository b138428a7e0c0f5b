//! What a command works with: the server, the clock, the form of the output.

use aops_api::Code;
use aops_api::code::Answer;
use aops_client::{ClientError, Outcome, Platform};
use serde::Serialize;

use crate::arguments::{Arguments, Output};
use crate::failure::Failure;
use crate::moments::{self, Clock};
use crate::screen;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) platform: Platform,
    pub(crate) server: String,
    pub(crate) output: Output,
    /// The form that the person asked for.
    pub(crate) output_given: Option<Output>,
    pub(crate) clock: Clock,
}

impl Context {
    pub(crate) fn new(arguments: &Arguments, now: jiff::Timestamp, zone: jiff::tz::TimeZone) -> Self {
        let platform = Platform::new(arguments.server.as_str());
        let token = arguments.access_token.as_deref().map(str::trim);
        let platform = match token {
            Some(token) if !token.is_empty() => platform.with_token(token),
            _ => platform,
        };
        Self {
            platform,
            server: arguments.server.clone(),
            output: arguments.output.unwrap_or(Output::Table),
            output_given: arguments.output,
            clock: Clock { now, zone },
        }
    }

    /// A moment as people here write it.
    pub(crate) fn show(&self, seconds: i64) -> String {
        moments::show(seconds, &self.clock.zone)
    }

    /// What the platform answered, whatever the code; a failure when it did not answer.
    pub(crate) fn receive<A>(
        &self,
        answered: Result<Outcome<A>, ClientError>,
    ) -> Result<Outcome<A>, Failure> {
        answered.map_err(|error| Failure::NoAnswer {
            server: self.server.clone(),
            error,
        })
    }

    /// Prints the answer when it is to be JSON. Otherwise gives back the payload, to be drawn.
    ///
    /// Every code but 200 is a failure; what the platform did in part, the caller has to draw before.
    pub(crate) fn finish<A: Serialize>(&self, outcome: Outcome<A>) -> Result<Option<A>, Failure> {
        if self.output == Output::Json {
            self.print_json(&outcome)?;
            check(&outcome)?;
            return Ok(None);
        }
        check(&outcome)?;
        Ok(outcome.payload)
    }

    /// [`Context::receive`] and [`Context::finish`].
    pub(crate) fn take<A: Serialize>(
        &self,
        answered: Result<Outcome<A>, ClientError>,
    ) -> Result<Option<A>, Failure> {
        self.finish(self.receive(answered)?)
    }

    /// Prints an answer as the platform gave it.
    pub(crate) fn print_json<A: Serialize>(&self, outcome: &Outcome<A>) -> Result<(), Failure> {
        let answer = Answer {
            code: outcome.code,
            msg: outcome.msg.clone(),
            payload: outcome.payload.as_ref(),
        };
        screen::print_json(&answer)
    }

    /// Says what of a longer list is shown.
    pub(crate) fn note_rows(&self, shown: usize, total_count: u64) {
        if u64::try_from(shown) != Ok(total_count) {
            screen::note(&format!(
                "{shown} of {total_count}; see more with --page and --per_page"
            ));
        }
    }
}

/// Every code but 200 is a failure.
pub(crate) fn check<A>(outcome: &Outcome<A>) -> Result<(), Failure> {
    if outcome.code == Code::Succeed {
        return Ok(());
    }
    Err(Failure::Refused {
        code: outcome.code,
        msg: outcome.msg.clone(),
    })
}
