//! Options of all commands, and the option types that commands share.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use aops_api::id::HostId;
use aops_api::page::Direction;
use aops_api::read::Integer;
use clap::{Args, Parser, ValueEnum};

use crate::commands::Command;
use crate::failure::Failure;
use crate::moments::{self, Clock};

const AFTER_HELP: &str = "\
First steps:
  aops account --action login --username admin     asks for the password and remembers the login
  aops account --action change                     the first password must be changed
  aops host --action query                         the hosts and their ids
  aops checkrule --action add --conf rules.json
  aops faultree --action add --conf trees.json
  aops diag --host_list <ids> --tree_list <names>

Options may also be written with hyphens (--host-list).

Without a platform, rules are checked and tested:
  aops checkrule --action check --conf rules.json
  aops checkrule --action test --conf rules.json --data data.json

Exit codes:
  0    done
  1    refused or failed; the reason is on standard error
  2    wrong usage, or a refused rule or tree in a file that is checked, tested or converted
  3    done in part (206): what was not done, and why, is on standard error
  4    log in, change the password, or open the vault first (1200, 1201, 1203, 1204)
  5    the platform, or a part of it, cannot be reached (1001, 1101): try again later
  130  stopped by Ctrl-C while waiting for a diagnosis, which goes on";

/// Watch over machines: hosts, check rules, anomalies, fault trees and diagnoses.
#[derive(Debug, Parser)]
#[command(name = "aops", version, after_help = AFTER_HELP)]
pub(crate) struct Arguments {
    /// The platform to talk to, http:// or https:// [default: that of the profile, else http://127.0.0.1:8080].
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "AOPS_SERVER",
        value_name = "URL",
        value_parser = server
    )]
    pub(crate) server: Option<String>,

    /// The token of a session [default: that of the remembered login].
    #[arg(
        long = "access_token",
        aliases = ["access-token", "aceess_token"],
        global = true,
        help_heading = "Global options",
        env = "AOPS_ACCESS_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN"
    )]
    pub(crate) access_token: Option<String>,

    /// The remembered login to use; see `aops profile` [default: the one in use].
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        env = "AOPS_PROFILE",
        value_name = "NAME",
        value_parser = profile_name
    )]
    pub(crate) profile: Option<String>,

    /// For https://: trust the authorities in this file (PEM), instead of those of the system.
    #[arg(
        long = "ca_cert",
        alias = "ca-cert",
        global = true,
        help_heading = "Global options",
        env = "AOPS_CA_CERT",
        value_name = "FILE"
    )]
    pub(crate) ca_cert: Option<PathBuf>,

    /// Tables for people, or the platform's answer for programs [default: table; of a test of rules, json].
    #[arg(
        long,
        global = true,
        help_heading = "Global options",
        value_enum,
        value_name = "FORM"
    )]
    pub(crate) output: Option<Output>,

    /// Do not ask before something is deleted.
    #[arg(long, short = 'y', global = true, help_heading = "Global options")]
    pub(crate) yes: bool,

    /// Do not show long output in a pager (AOPS_PAGER, else PAGER, else less). There is none unless on a terminal.
    #[arg(
        long = "no-pager",
        alias = "no_pager",
        global = true,
        help_heading = "Global options"
    )]
    pub(crate) no_pager: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

fn server(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let rest = text
        .strip_prefix("http://")
        .or_else(|| text.strip_prefix("https://"));
    if rest.is_none_or(str::is_empty) {
        return Err("expected a URL such as http://127.0.0.1:8080 or https://aops.example.com".to_owned());
    }
    Ok(text.to_owned())
}

/// The name of a profile.
pub(crate) fn profile_name(text: &str) -> Result<String, String> {
    let name = text.trim();
    if name.is_empty()
        || name.chars().count() > 64
        || name
            .chars()
            .any(|character| character.is_control() || character.is_whitespace())
    {
        return Err("expected a name of 1 to 64 characters without blanks".to_owned());
    }
    Ok(name.to_owned())
}

/// `True` or `False`, as the manuals write it.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected True or False".to_owned()),
    }
}

/// Form of what is printed on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people.
    Table,
    /// For programs.
    Json,
    /// The same as JSON, for people and programs.
    Yaml,
}

impl Output {
    /// Whether it is the answer as it is, and not drawn.
    pub(crate) fn is_for_programs(self) -> bool {
        self != Output::Table
    }
}

/// Names or ids, separated by commas. Blanks around them do not count.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct List(Vec<String>);

impl FromStr for List {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let elements = text.split(',').map(str::trim);
        Ok(Self(
            elements
                .filter(|element| !element.is_empty())
                .map(str::to_owned)
                .collect(),
        ))
    }
}

impl List {
    /// The elements; of an option that was not given, none.
    pub(crate) fn of(option: Option<List>) -> Vec<String> {
        option.unwrap_or_default().0
    }

    /// The ids; of an option that was not given, none.
    pub(crate) fn hosts(option: Option<List>) -> Vec<HostId> {
        Self::of(option).into_iter().map(HostId::from).collect()
    }

    /// The elements, at least one.
    pub(crate) fn required(option: Option<List>, name: &str) -> Result<Vec<String>, Failure> {
        let elements = Self::of(option);
        if elements.is_empty() {
            return Err(Failure::Usage(format!("{name} is empty")));
        }
        Ok(elements)
    }
}

/// Which rows of a list.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Paging {
    /// Page, from 1; without --page and --per_page, everything, fetched page by page.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    pub(crate) page: Option<i64>,

    /// Rows on a page [default beside --page: 20].
    #[arg(
        long = "per_page",
        alias = "per-page",
        value_name = "NUMBER",
        value_parser = clap::value_parser!(i64).range(1..=1000)
    )]
    pub(crate) per_page: Option<i64>,
}

impl Paging {
    const DEFAULT_PER_PAGE: i64 = 20;

    /// `page` and `per_page` of a request, if a page was asked for.
    pub(crate) fn fields(&self) -> Option<(Option<Integer>, Option<Integer>)> {
        if self.page.is_none() && self.per_page.is_none() {
            return None;
        }
        let page = self.page.unwrap_or(1);
        let per_page = self.per_page.unwrap_or(Self::DEFAULT_PER_PAGE);
        Some((Some(Integer(page)), Some(Integer(per_page))))
    }
}

/// From when to when.
#[derive(Clone, Debug, Args)]
pub(crate) struct Window {
    /// From when: YYYYMMDD-HH:MM:SS in local time, seconds since 1970, or RFC 3339 [default: an hour before the end].
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<String>,

    /// Until when, in the same forms [default: now].
    #[arg(long, value_name = "TIME")]
    pub(crate) end: Option<String>,
}

impl Window {
    const DEFAULT_SECONDS: i64 = 3_600;

    /// Whether a start or an end was given.
    pub(crate) fn is_given(&self) -> bool {
        self.start.is_some() || self.end.is_some()
    }

    /// Start and end in seconds.
    pub(crate) fn resolve(&self, clock: &Clock) -> Result<[i64; 2], Failure> {
        let read = |name: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| moments::parse(text, &clock.zone))
                .transpose()
                .map_err(|reason| Failure::Usage(format!("{name}: {reason}")))
        };
        let start = read("--start", &self.start)?;
        let end = read("--end", &self.end)?.unwrap_or(clock.now.as_second());
        let start = start.unwrap_or((end - Self::DEFAULT_SECONDS).max(0));
        if start > end {
            return Err(Failure::Usage(format!(
                "the start, {}, is after the end, {}",
                moments::show(start, &clock.zone),
                moments::show(end, &clock.zone)
            )));
        }
        Ok([start, end])
    }
}

/// Order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// Smallest first.
    Asc,
    /// Largest first.
    Desc,
}

impl From<Order> for Direction {
    fn from(order: Order) -> Self {
        match order {
            Order::Asc => Direction::Asc,
            Order::Desc => Direction::Desc,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn the_declaration_of_the_options_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_option_with_an_underscore_has_a_form_with_hyphens() {
        for command in Arguments::command().get_subcommands() {
            for argument in command.get_arguments() {
                let name = argument.get_long().unwrap_or_default();
                if name.contains('_') {
                    let hyphenated = name.replace('_', "-");
                    let aliases = argument.get_all_aliases().unwrap_or_default();
                    assert!(aliases.contains(&hyphenated.as_str()), "--{name}");
                }
            }
        }
    }

    #[test]
    fn lists_are_split_at_commas() {
        let list: List = " a, b c ,,d".parse().expect("infallible");
        assert_eq!(List::of(Some(list)), ["a", "b c", "d"]);
        assert!(List::required(Some(List::default()), "--x").is_err());
    }

    #[test]
    fn a_page_has_a_size_and_a_size_a_page() {
        let fields = |page, per_page| Paging { page, per_page }.fields();
        let of = |page, per_page| Some((Some(Integer(page)), Some(Integer(per_page))));
        assert_eq!(fields(None, None), None);
        assert_eq!(fields(Some(2), None), of(2, 20));
        assert_eq!(fields(None, Some(5)), of(1, 5));
    }

    #[test]
    fn a_window_is_the_last_hour_unless_said_otherwise() {
        let clock = Clock {
            now: Timestamp::from_second(10_000).expect("in range"),
            zone: TimeZone::UTC,
        };
        let resolve = |start: Option<&str>, end: Option<&str>| {
            let window = Window {
                start: start.map(str::to_owned),
                end: end.map(str::to_owned),
            };
            window.resolve(&clock)
        };
        assert_eq!(resolve(None, None).expect("valid"), [6_400, 10_000]);
        assert_eq!(resolve(None, Some("5000")).expect("valid"), [1_400, 5_000]);
        assert_eq!(resolve(None, Some("60")).expect("valid"), [0, 60]);
        assert_eq!(resolve(Some("60"), Some("60")).expect("valid"), [60, 60]);
        let refusal = resolve(Some("61"), Some("60")).expect_err("refused");
        assert_eq!(
            refusal.to_string(),
            "the start, 1970-01-01 00:01:01+00:00, is after the end, 1970-01-01 00:01:00+00:00"
        );
        let refusal = resolve(Some("yesterday"), None).expect_err("refused");
        assert!(
            refusal
                .to_string()
                .starts_with("--start: 'yesterday' is not a time")
        );
    }
}
