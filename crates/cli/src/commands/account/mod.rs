//! `aops account`: log in, log out, change the password; who there is, and what they may do.
//!
//! | module | what it does |
//! |---|---|
//! | `session` | what people do with their own account |
//! | `people` | what admins do with accounts |
//! | `grants` | who has an access to what |

mod grants;
mod people;
mod session;

use aops_api::account::{AccountSort, Role};
use clap::{ArgAction, Args, ValueEnum};

use crate::arguments::{List, Order, Paging, boolean};
use crate::context::Context;
use crate::failure::Failure;

/// Log in, log out, change the password; manage accounts and who has an access to what.
///
/// `login` remembers the login in a file that only you can read, so that the other commands need no --access_token; see
/// `aops profile`. It says who is logged in where and until when. With --output json, and whenever standard output is no
/// terminal, it prints the platform's answer as JSON instead, with the `access_token`.
///
/// add, delete, role, reset, grant and revoke are for admins.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// Who logs in, or whose account it is.
    #[arg(
        long,
        required_if_eq_any([
            ("action", "login"), ("action", "add"), ("action", "role"), ("action", "reset"),
            ("action", "grant"), ("action", "revoke"),
        ]),
        value_name = "NAME"
    )]
    username: Option<String>,

    /// The password to log in with, or the new one. Others on this machine can see it while the command runs: better
    /// in AOPS_PASSWORD, or typed when asked, or as a line of standard input.
    #[arg(long, env = "AOPS_PASSWORD", hide_env_values = true, value_name = "PASSWORD")]
    password: Option<String>,

    /// To log in: do not remember it.
    #[arg(long = "no-remember", alias = "no_remember")]
    no_remember: bool,

    /// What the account may do, from now on [default of a new one: user].
    #[arg(long, value_enum, required_if_eq("action", "role"))]
    role: Option<RoleName>,

    /// Whether a new account must change its password before anything else [default: True].
    #[arg(
        long = "must_change", alias = "must-change", ignore_case = true, action = ArgAction::Set,
        value_name = "True|False", value_parser = boolean
    )]
    must_change: Option<bool>,

    /// User names, separated by commas: to delete; or to query or list grants, these only.
    #[arg(
        long = "account_list",
        alias = "account-list",
        required_if_eq("action", "delete"),
        value_name = "NAMES"
    )]
    account_list: Option<List>,

    /// Ids of hosts, separated by commas: to grant or revoke; or to list grants, of these only.
    #[arg(
        long = "host_list",
        alias = "host-list",
        required_if_eq_any([("action", "grant"), ("action", "revoke")]),
        value_name = "IDS"
    )]
    host_list: Option<List>,

    /// The group that the hosts get into [default: default].
    #[arg(long = "host_group_name", alias = "host-group-name", value_name = "NAME")]
    host_group_name: Option<String>,

    /// Sort accounts by this.
    #[arg(long, value_enum)]
    sort: Option<Sort>,

    /// Direction of the sort.
    #[arg(long, value_enum)]
    direction: Option<Order>,

    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Action {
    /// Open a session, and remember it.
    Login,
    /// End the session.
    Logout,
    /// End every session of the account that is logged in.
    #[value(alias = "logout-all")]
    LogoutAll,
    /// Change the password of the account that is logged in.
    Change,
    /// Make an account.
    Add,
    /// Delete accounts.
    Delete,
    /// List accounts; who is no admin sees their own.
    Query,
    /// Change what an account may do.
    Role,
    /// Give an account a new password, which has to be changed at the next login.
    Reset,
    /// Give an account accesses to hosts.
    Grant,
    /// Take accesses to hosts away.
    Revoke,
    /// List who has an access to what.
    Grants,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RoleName {
    /// Sees and manages all.
    Admin,
    /// Sees the hosts they have an access to, and what they own.
    User,
}

impl From<RoleName> for Role {
    fn from(role: RoleName) -> Self {
        match role {
            RoleName::Admin => Role::Admin,
            RoleName::User => Role::User,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Sort {
    Username,
    Role,
    LastLogin,
}

impl From<Sort> for AccountSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::Username => AccountSort::Username,
            Sort::Role => AccountSort::Role,
            Sort::LastLogin => AccountSort::LastLogin,
        }
    }
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Login => session::login(arguments, context).await,
        Action::Logout => session::logout(context).await,
        Action::LogoutAll => session::logout_everywhere(context).await,
        Action::Change => session::change(arguments, context).await,
        Action::Add => people::add(arguments, context).await,
        Action::Delete => people::delete(arguments, context).await,
        Action::Query => people::query(arguments, context).await,
        Action::Role => people::set_role(arguments, context).await,
        Action::Reset => people::reset(arguments, context).await,
        Action::Grant => grants::add(arguments, context).await,
        Action::Revoke => grants::delete(arguments, context).await,
        Action::Grants => grants::query(arguments, context).await,
    }
}
