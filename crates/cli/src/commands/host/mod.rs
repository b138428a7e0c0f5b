//! `aops host`: the hosts that are watched.
//!
//! | module | what it does |
//! |---|---|
//! | `change` | add, modify, delete |
//! | `query` | list, with or without facts |
//! | `inventory` | an Ansible inventory |

mod change;
mod inventory;
mod query;

use std::path::PathBuf;

use aops_api::host::HostSort;
use clap::{ArgAction, Args, ValueEnum};

use crate::arguments::{List, Order, Paging, boolean};
use crate::context::Context;
use crate::failure::Failure;

/// The hosts that are watched, with their ids.
///
/// To add a host, or to change who logs in on it, its password and the key that seals it are needed. What is not given is
/// asked for, unseen, or is a line of standard input each: first the password, then the key.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to do.
    #[arg(long, value_enum)]
    action: Action,

    /// Name of the host that is added or modified.
    #[arg(
        long = "host_name",
        alias = "host-name",
        required_if_eq("action", "add"),
        value_name = "NAME"
    )]
    host_name: Option<String>,

    /// Ids of hosts, separated by commas: to delete, to modify (one), to export these only.
    #[arg(
        long = "host_list",
        aliases = ["host-list", "host_id", "host-id"],
        required_if_eq_any([("action", "delete"), ("action", "modify")]),
        value_name = "IDS"
    )]
    host_list: Option<List>,

    /// To add or modify: its group. To query: only these groups, separated by commas.
    #[arg(
        long = "host_group_name",
        alias = "host-group-name",
        required_if_eq("action", "add"),
        value_name = "NAME"
    )]
    host_group_name: Option<List>,

    /// Its address, IPv4 or IPv6.
    #[arg(
        long = "public_ip",
        alias = "public-ip",
        required_if_eq("action", "add"),
        value_name = "ADDRESS"
    )]
    public_ip: Option<String>,

    /// Port of its SSH server [default of a new host: 22].
    #[arg(
        long = "ssh_port",
        alias = "ssh-port",
        value_name = "PORT",
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    ssh_port: Option<u16>,

    /// Whether it is a managing node [default of a new host: False; to query: both].
    #[arg(long, ignore_case = true, action = ArgAction::Set, value_name = "True|False", value_parser = boolean)]
    management: Option<bool>,

    /// Who logs in on it.
    #[arg(long, required_if_eq("action", "add"), value_name = "NAME")]
    username: Option<String>,

    /// With this password. Others on this machine can see it while the command runs: better in AOPS_HOST_PASSWORD, or
    /// typed when asked, or as a line of standard input.
    #[arg(
        long,
        env = "AOPS_HOST_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    password: Option<String>,

    /// The password that sudo asks for [default: the password].
    #[arg(
        long = "sudo_password",
        alias = "sudo-password",
        env = "AOPS_SUDO_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD"
    )]
    sudo_password: Option<String>,

    /// The key that seals the credentials; the same for all your hosts. As with the password, better in AOPS_KEY.
    #[arg(long, env = "AOPS_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,

    /// To modify: refuse if somebody else changed the host since its row had this revision.
    #[arg(long, value_name = "NUMBER")]
    revision: Option<i64>,

    /// To query: with what the agents found out about the hosts.
    #[arg(
        long, ignore_case = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true",
        value_name = "True|False", value_parser = boolean
    )]
    verbose: Option<bool>,

    /// To export: the folder that is made for the inventory.
    #[arg(long, required_if_eq("action", "export-inventory"), value_name = "FOLDER")]
    export: Option<PathBuf>,

    /// Sort by this.
    #[arg(long, value_enum)]
    sort: Option<Sort>,

    /// Direction of the sort.
    #[arg(long, value_enum)]
    direction: Option<Order>,

    #[command(flatten)]
    paging: Paging,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Action {
    /// Add a host.
    Add,
    /// Delete hosts.
    Delete,
    /// List them.
    Query,
    /// Change a host; what is not named stays.
    Modify,
    /// Write an Ansible inventory whose vault opens with the key.
    #[value(alias = "export_inventory")]
    ExportInventory,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Sort {
    HostName,
    HostGroupName,
}

impl From<Sort> for HostSort {
    fn from(sort: Sort) -> Self {
        match sort {
            Sort::HostName => HostSort::HostName,
            Sort::HostGroupName => HostSort::HostGroupName,
        }
    }
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    match arguments.action {
        Action::Add => change::add(arguments, context).await,
        Action::Delete => change::delete(arguments, context).await,
        Action::Query => query::run(arguments, context).await,
        Action::Modify => change::modify(arguments, context).await,
        Action::ExportInventory => inventory::export(arguments, context).await,
    }
}
