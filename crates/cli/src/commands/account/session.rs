//! Log in, log out, change the password.

use std::io::{self, IsTerminal};
use std::path::Path;

use aops_api::account::{ChangePasswordRequest, LoginAnswer, LoginRequest};
use aops_api::code::Empty;
use aops_client::Outcome;

use super::Arguments;
use crate::connection::{self, Chosen};
use crate::context::{Context, check};
use crate::failure::Failure;
use crate::profiles::{Profile, Store};
use crate::screen;
use crate::secret::Secret;

const PASSWORD: Secret = Secret {
    prompt: "Password",
    option: "--password",
    variable: "AOPS_PASSWORD",
    is_new: false,
};

/// One that is chosen now.
pub(super) const NEW_PASSWORD: Secret = Secret {
    prompt: "New password",
    is_new: true,
    ..PASSWORD
};

pub(super) async fn login(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    // Read before the password is asked for: a file that cannot be used is told at once.
    let profiles = connection::remembered()?;
    let (chosen, profile_name) = connection::choose_login(&context.wanted, &profiles);
    let platform = context.connect_to_log_in(chosen.clone())?;
    let request = LoginRequest {
        username: arguments.username.unwrap_or_default(),
        password: PASSWORD.read(arguments.password)?,
    };
    let outcome = context.receive(platform.login(&request).await)?;
    check(&outcome)?;
    let Some(answer) = &outcome.payload else {
        return Err(Failure::Local(
            "the platform answered the login without a token".to_owned(),
        ));
    };
    let profile = profile(&chosen, &request.username, answer)?;
    let remembered = if arguments.no_remember {
        Ok(None)
    } else {
        remember(&profile_name, profile)
    };
    tell(&outcome, &chosen.server, &request.username, remembered, context)
}

fn profile(chosen: &Chosen, username: &str, answer: &LoginAnswer) -> Result<Profile, Failure> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|error| Failure::Local(format!("{}: {error}", path.display())))
    };
    Ok(Profile {
        server: chosen.server.clone(),
        username: username.to_owned(),
        access_token: Some(answer.access_token.clone()),
        expires: answer.expires,
        ca_cert: chosen.ca_cert.as_deref().map(absolute).transpose()?,
    })
}

/// What became of remembering: the name of the profile, and whether it is the one in use. `None`: nobody said where to.
type Remembered = Result<Option<(String, bool)>, Failure>;

/// The profile that is in use stays so: a script that logs in elsewhere must not turn a person's commands to there.
fn remember(name: &str, profile: Profile) -> Remembered {
    let Some(store) = Store::of_environment() else {
        return Ok(None);
    };
    store.change(|profiles| {
        if profiles.current().is_none() {
            profiles.current = name.to_owned();
        }
        profiles.profiles.insert(name.to_owned(), profile);
        Ok(Some((name.to_owned(), profiles.current == name)))
    })
}

/// Programs get the answer. People are told who is logged in where, until when, and what comes next.
fn tell(
    outcome: &Outcome<LoginAnswer>,
    server: &str,
    username: &str,
    remembered: Remembered,
    context: &Context,
) -> Result<(), Failure> {
    // Scripts of the original read the token from the answer.
    let is_for_programs = match context.output_given {
        Some(output) => output.is_for_programs(),
        None => !io::stdout().is_terminal(),
    };
    if is_for_programs {
        context.print_answer(outcome)?;
        if let Err(failure) = remembered {
            screen::note(&format!("note: {}", screen::plain(&failure.to_string())));
        }
        return Ok(());
    }
    let Some((profile, is_in_use)) = remembered? else {
        context.print_answer(outcome)?;
        screen::note("the login is not remembered: pass the token with --access_token or AOPS_ACCESS_TOKEN");
        return Ok(());
    };
    let answer = outcome.payload.as_ref();
    let expires = answer.map_or(0, |answer| answer.expires);
    let until = match expires {
        0 => String::new(),
        expires => format!(", until {}", context.show(expires)),
    };
    screen::print(&screen::plain(&format!(
        "logged in at {server} as {username}{until}"
    )))?;
    if !is_in_use {
        screen::note(&format!(
            "remembered as profile {profile}, which is not the one in use: aops profile use {profile}"
        ));
    }
    if answer.is_some_and(|answer| answer.must_change) {
        screen::note("the first password must be changed: aops account --action change");
    }
    Ok(())
}

pub(super) async fn logout(context: &Context) -> Result<(), Failure> {
    let answered = context.platform()?.logout(&Empty {}).await;
    context.take_done(answered, "logged out")?;
    forget(context)
}

pub(super) async fn logout_everywhere(context: &Context) -> Result<(), Failure> {
    let answered = context.platform()?.logout_everywhere(&Empty {}).await;
    context.take_done(answered, "logged out everywhere")?;
    forget(context)
}

/// The token is worth nothing any more. The profile stays, for the next login.
fn forget(context: &Context) -> Result<(), Failure> {
    let (Some(login), Some(store)) = (&context.chosen()?.login, Store::of_environment()) else {
        return Ok(());
    };
    let token = &context.chosen()?.token;
    store.change(|profiles| {
        if let Some(profile) = profiles.profiles.get_mut(&login.profile)
            && profile.access_token == *token
        {
            profile.access_token = None;
            profile.expires = 0;
        }
        Ok(())
    })
}

pub(super) async fn change(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let platform = context.platform()?;
    let request = ChangePasswordRequest {
        password: NEW_PASSWORD.read(arguments.password)?,
    };
    context.take_done(platform.change_password(&request).await, "password changed")
}
