//! `aops account`: log in, log out, change the password.

use aops_api::account::{ChangePasswordRequest, LoginRequest};
use aops_api::code::Empty;
use clap::{Args, ValueEnum};

use crate::context::{Context, check};
use crate::failure::Failure;
use crate::{password, screen};

/// Log in, log out, change the password.
///
/// `login` prints the platform's answer as JSON; its `access_token` is what the other commands need, as --access_token
/// or in AOPS_ACCESS_TOKEN.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// Who logs in.
    #[arg(long, required_if_eq("action", "login"), value_name = "NAME")]
    username: Option<String>,

    /// The password to log in with, or the new one. Others on this machine can see it while the command runs: better
    /// in AOPS_PASSWORD, or typed when asked, or as a line of standard input.
    #[arg(long, env = "AOPS_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    password: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Open a session; prints its token.
    Login,
    /// End the session.
    Logout,
    /// Change the password of the account that is logged in.
    Change,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Login => login(arguments, context).await,
        Action::Logout => logout(context).await,
        Action::Change => change(arguments, context).await,
    }
}

async fn login(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = LoginRequest {
        username: arguments.username.unwrap_or_default(),
        password: password::read(arguments.password, "Password", false)?,
    };
    let outcome = context.receive(context.platform.login(&request).await)?;
    check(&outcome)?;
    context.print_json(&outcome)
}

async fn logout(context: &Context) -> Result<(), Failure> {
    match context.take(context.platform.logout(&Empty {}).await)? {
        Some(_) => screen::print("logged out"),
        None => Ok(()),
    }
}

async fn change(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let request = ChangePasswordRequest {
        password: password::read(arguments.password, "New password", true)?,
    };
    match context.take(context.platform.change_password(&request).await)? {
        Some(_) => screen::print("password changed"),
        None => Ok(()),
    }
}
