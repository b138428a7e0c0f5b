//! `aops profile`: the logins that are remembered.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::arguments::profile_name;
use crate::context::Context;
use crate::failure::Failure;
use crate::profiles::{Profile, Profiles, Store};
use crate::screen;

/// The logins that are remembered: one profile per server.
///
/// `aops --profile NAME --server URL account --action login --username WHO` makes one; without --profile, the first is
/// named default. They are kept in ~/.config/aops/profiles.json (or below XDG_CONFIG_HOME), which only you can read.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List them; the one in use is marked.
    List,
    /// Use this one where none is named by --profile or AOPS_PROFILE.
    Use {
        /// Its name.
        #[arg(value_parser = profile_name)]
        name: String,
    },
    /// Forget this one. Its session goes on until it ends by itself: log out first.
    Remove {
        /// Its name.
        #[arg(value_parser = profile_name)]
        name: String,
    },
}

pub(crate) fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let store = Store::of_environment().ok_or_else(|| {
        Failure::Local("nothing is remembered: neither XDG_CONFIG_HOME nor HOME names a folder".to_owned())
    })?;
    match arguments.action {
        Action::List => list(&store.read()?, context),
        Action::Use { name } => {
            let server = store.change(|profiles| {
                let server = profiles.named(&name)?.server.clone();
                profiles.current.clone_from(&name);
                Ok(server)
            })?;
            screen::print(&screen::plain(&format!("{name} is in use now: {server}")))
        }
        Action::Remove { name } => {
            store.change(|profiles| {
                profiles.named(&name)?;
                profiles.profiles.remove(&name);
                Ok(())
            })?;
            screen::print(&screen::plain(&format!("removed   {name}")))
        }
    }
}

fn list(profiles: &Profiles, context: &Context) -> Result<(), Failure> {
    let all = profiles.profiles.iter();
    if context.output.is_for_programs() {
        let rows: Vec<Value> = all
            .map(|(name, profile)| value(name, profile, profiles))
            .collect();
        return context.print_value(&json!({ "profiles": rows }));
    }
    let rows = all.map(|(name, profile)| {
        [
            if *name == profiles.current { "*" } else { "" }.to_owned(),
            name.clone(),
            profile.server.clone(),
            profile.username.clone(),
            standing(profile, context),
        ]
    });
    let header = ["in_use", "profile", "server", "username", "logged_in"];
    screen::print(&screen::table(header, rows))
}

/// Never the token.
fn value(name: &str, profile: &Profile, profiles: &Profiles) -> Value {
    json!({
        "profile": name, "in_use": name == profiles.current, "server": profile.server,
        "username": profile.username, "logged_in": profile.access_token.is_some(),
        "expires": profile.expires, "ca_cert": profile.ca_cert
    })
}

fn standing(profile: &Profile, context: &Context) -> String {
    match (&profile.access_token, profile.expires) {
        (None, _) => "no".to_owned(),
        (Some(_), 0) => "yes".to_owned(),
        (Some(_), expires) if expires <= context.clock.now.as_second() => {
            format!("ended at {}", context.show(expires))
        }
        (Some(_), expires) => format!("until {}", context.show(expires)),
    }
}
