//! What a command works with: the server, the clock, the form of the output.

use std::cell::OnceCell;

use aops_api::Code;
use aops_api::code::Answer;
use aops_client::{ClientError, Outcome, Platform};
use serde::Serialize;

use crate::arguments::{Arguments, Output};
use crate::connection::{self, Chosen, Wanted};
use crate::failure::Failure;
use crate::moments::{self, Clock};
use crate::pager::LongOutput;
use crate::screen;

/// What a command works with.
pub(crate) struct Context {
    pub(crate) output: Output,
    /// The form that the person asked for.
    pub(crate) output_given: Option<Output>,
    pub(crate) clock: Clock,
    pub(crate) wanted: Wanted,
    /// Made when the first command asks for it: what needs no platform reads no login.
    connection: OnceCell<Connection>,
    /// Nothing is asked before something is deleted.
    is_sure: bool,
    wants_pager: bool,
}

struct Connection {
    chosen: Chosen,
    platform: Platform,
}

/// What is done where there is nobody to ask whether it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unasked {
    /// It is done: scripts of the original delete without asking.
    GoesOn,
    /// It is refused without --yes.
    Refused,
}

impl Context {
    pub(crate) fn new(arguments: &Arguments, now: jiff::Timestamp, zone: jiff::tz::TimeZone) -> Self {
        Self {
            output: arguments.output.unwrap_or(Output::Table),
            output_given: arguments.output,
            clock: Clock { now, zone },
            wanted: Wanted::of(arguments),
            connection: OnceCell::new(),
            is_sure: arguments.yes,
            wants_pager: !arguments.no_pager,
        }
    }

    /// The platform, as the person who is logged in.
    pub(crate) fn platform(&self) -> Result<&Platform, Failure> {
        Ok(&self.connection()?.platform)
    }

    /// The server, and as whom it is asked.
    pub(crate) fn chosen(&self) -> Result<&Chosen, Failure> {
        Ok(&self.connection()?.chosen)
    }

    fn connection(&self) -> Result<&Connection, Failure> {
        if let Some(connection) = self.connection.get() {
            return Ok(connection);
        }
        let profiles = connection::remembered_for(&self.wanted)?;
        self.connect(connection::choose(&self.wanted, &profiles)?)
    }

    /// Talks to this server from now on.
    pub(crate) fn connect_to_log_in(&self, chosen: Chosen) -> Result<&Platform, Failure> {
        let anonymous = Chosen {
            token: None,
            login: None,
            ..chosen
        };
        Ok(&self.connect(anonymous)?.platform)
    }

    fn connect(&self, chosen: Chosen) -> Result<&Connection, Failure> {
        let platform = chosen.platform()?;
        let connection = self.connection.get_or_init(|| Connection { chosen, platform });
        if let Some(login) = &connection.chosen.login
            && login.expires > 0
            && login.expires <= self.clock.now.as_second()
        {
            return Err(Failure::LoginEnded {
                username: login.username.clone(),
                server: connection.chosen.server.clone(),
                ended: self.show(login.expires),
            });
        }
        Ok(connection)
    }

    /// The command that logs in to the server at hand.
    pub(crate) fn login_command(&self) -> String {
        match self.connection.get() {
            Some(connection) => connection.chosen.login_command(),
            None => "aops account --action login --username NAME".to_owned(),
        }
    }

    /// A moment as people here write it.
    pub(crate) fn show(&self, seconds: i64) -> String {
        moments::show(seconds, &self.clock.zone)
    }

    /// Goes on if the person means it.
    pub(crate) fn confirm(&self, action: &str, unasked: Unasked) -> Result<(), Failure> {
        if self.is_sure {
            return Ok(());
        }
        match screen::ask(&format!("{action}?"))? {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::Local("nothing was changed".to_owned())),
            None if unasked == Unasked::GoesOn => Ok(()),
            None => Err(Failure::Usage(format!(
                "{action}? There is no terminal to ask on: say --yes"
            ))),
        }
    }

    /// Where long output goes.
    pub(crate) fn long_output(&self) -> LongOutput {
        LongOutput::new(self.wants_pager)
    }

    /// What the platform answered, whatever the code; a failure when it did not answer.
    pub(crate) fn receive<A>(
        &self,
        answered: Result<Outcome<A>, ClientError>,
    ) -> Result<Outcome<A>, Failure> {
        answered.map_err(|error| Failure::NoAnswer {
            server: self
                .connection
                .get()
                .map(|connection| connection.chosen.server.clone())
                .unwrap_or_default(),
            error,
        })
    }

    /// Prints the answer when it is for programs. Otherwise gives back the payload, to be drawn.
    ///
    /// Every code but 200 is a failure; what the platform did in part, the caller has to draw before.
    pub(crate) fn finish<A: Serialize>(&self, outcome: Outcome<A>) -> Result<Option<A>, Failure> {
        if self.output.is_for_programs() {
            self.print_answer(&outcome)?;
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

    /// Of a call whose answer holds nothing: says that it is done.
    pub(crate) fn take_done<A: Serialize>(
        &self,
        answered: Result<Outcome<A>, ClientError>,
        done: &str,
    ) -> Result<(), Failure> {
        match self.take(answered)? {
            Some(_) => screen::print(&screen::plain(done)),
            None => Ok(()),
        }
    }

    /// Prints an answer as the platform gave it: YAML if that was asked for, else JSON.
    pub(crate) fn print_answer<A: Serialize>(&self, outcome: &Outcome<A>) -> Result<(), Failure> {
        self.print_value(&answer(outcome))
    }

    /// Prints a result of our own in the same forms.
    pub(crate) fn print_value(&self, value: &impl Serialize) -> Result<(), Failure> {
        match self.output {
            Output::Yaml => screen::print_yaml(value),
            Output::Json | Output::Table => screen::print_json(value),
        }
    }
}

/// The envelope of an answer.
pub(crate) fn answer<A>(outcome: &Outcome<A>) -> Answer<&A> {
    Answer {
        code: outcome.code,
        msg: outcome.msg.clone(),
        payload: outcome.payload.as_ref(),
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
