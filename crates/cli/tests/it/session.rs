//! A login that is remembered: who can read it, where it is sent, how it ends.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use aops_test_server::FakeServer;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{Ran, program};

/// A person with a home folder.
struct Person {
    home: TempDir,
}

impl Person {
    fn new() -> Self {
        Self {
            home: tempfile::tempdir().expect("a folder"),
        }
    }

    fn file(&self) -> PathBuf {
        self.home.path().join(".config/aops/profiles.json")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(arguments);
        command.env("HOME", self.home.path()).env("AOPS_PASSWORD", "p");
        command
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().await;
        output.expect("the program starts").into()
    }

    /// Logs in to a server, for a person to read.
    async fn log_in(&self, options: &[&str]) -> Ran {
        let login = [
            "account",
            "--action",
            "login",
            "--username",
            "admin",
            "--output",
            "table",
        ];
        self.run(&[options, &login].concat()).await.expect_code(0)
    }
}

/// A server where one can log in until the year 2100, and that has no hosts.
fn server(token: &str) -> FakeServer {
    until(token, 4_102_444_800)
}

fn until(token: &str, expires: i64) -> FakeServer {
    let server = FakeServer::start();
    let login = json!({ "access_token": token, "must_change": true, "expires": expires });
    server.succeed("/manage/account/login", login);
    server.succeed("/manage/account/logout", json!({}));
    let hosts = json!({ "total_count": 0, "total_page": 0, "host_infos": [] });
    server.succeed("/manage/host/get", hosts);
    server
}

const HOSTS: [&str; 3] = ["host", "--action", "query"];

fn tokens(server: &FakeServer) -> Vec<Option<String>> {
    let calls = server.calls("/manage/host/get").into_iter();
    calls
        .map(|call| call.headers.get("access-token").cloned())
        .collect()
}

fn mode(path: &Path) -> u32 {
    let metadata = fs::metadata(path).expect("there");
    metadata.permissions().mode() & 0o777
}

#[tokio::test]
async fn a_login_is_remembered_for_its_owner_alone_until_the_logout() {
    let (person, server) = (Person::new(), server("t"));
    let ran = person.log_in(&["--server", server.url()]).await;
    let told = format!(
        "logged in at {} as admin, until 2100-01-01 00:00:00+00:00\n",
        server.url()
    );
    assert_eq!(ran.stdout, told);
    assert_eq!(
        ran.stderr,
        "the first password must be changed: aops account --action change\n"
    );
    assert_eq!(mode(&person.file()), 0o600);
    assert_eq!(mode(person.file().parent().expect("a folder")), 0o700);

    person.run(&HOSTS).await.expect_code(0);
    person
        .run(&["account", "--action", "logout"])
        .await
        .expect_code(0);
    person.run(&HOSTS).await.expect_code(0);
    assert_eq!(tokens(&server), [Some("t".to_owned()), None]);
    let text = fs::read_to_string(person.file()).expect("kept");
    assert!(!text.contains("\"t\""), "{text}");
}

#[tokio::test]
async fn a_script_gets_the_answer_and_the_login_is_remembered_too() {
    let (person, server) = (Person::new(), server("t"));
    let login = [
        "--server",
        server.url(),
        "account",
        "--action",
        "login",
        "--username",
        "admin",
    ];
    let ran = person.run(&login).await.expect_code(0);
    assert_eq!(ran.json()["access_token"], "t");
    let ran = person.run(&[&login[..], &["--output", "yaml"]].concat()).await;
    assert!(ran.expect_code(0).stdout.contains("\naccess_token: t\n"));
    person.run(&HOSTS).await.expect_code(0);
    assert_eq!(tokens(&server), [Some("t".to_owned())]);
}

#[tokio::test]
async fn a_login_is_not_remembered_where_nobody_wants_it() {
    let (person, server) = (Person::new(), server("t"));
    let ran = person
        .run(&[
            "--server",
            server.url(),
            "account",
            "--action",
            "login",
            "--username",
            "admin",
            "--no-remember",
        ])
        .await
        .expect_code(0);
    assert_eq!(ran.json()["access_token"], "t");
    assert!(!person.file().exists());
}

#[tokio::test]
async fn a_file_that_others_can_read_is_refused_with_what_to_do() {
    let (person, server) = (Person::new(), server("t"));
    person.log_in(&["--server", server.url()]).await;
    fs::set_permissions(person.file(), fs::Permissions::from_mode(0o644)).expect("mine");
    let advice = format!("chmod 600 {}", person.file().display());
    for arguments in [
        &HOSTS[..],
        &["account", "--action", "login", "--username", "admin"],
    ] {
        let ran = person.run(arguments).await.expect_code(1);
        assert!(ran.stderr.contains(&advice), "{}", ran.stderr);
    }
    assert_eq!(server.calls("/manage/account/login").len(), 1);
    assert_eq!(tokens(&server), []);
    // What needs no login does not look at it.
    person.run(&["--help"]).await.expect_code(0);
    person.run(&["completion", "bash"]).await.expect_code(0);
}

#[tokio::test]
async fn a_login_that_has_ended_says_how_to_log_in_again() {
    let (person, server) = (Person::new(), until("t", 1_000));
    let options = ["--profile", "east", "--server", server.url()];
    person.log_in(&options).await;
    let ran = person.run(&HOSTS).await.expect_code(4);
    assert_eq!(
        ran.stderr,
        format!(
            "error: the login of admin at {} ended at 1970-01-01 00:16:40+00:00\n\
             log in again: aops --profile east account --action login --username admin\n",
            server.url()
        )
    );
    // A token that is given by hand counts instead.
    person
        .run(&[&HOSTS[..], &["--access_token", "other"]].concat())
        .await
        .expect_code(0);
    assert_eq!(tokens(&server), [Some("other".to_owned())]);
    // Logging in again is what helps.
    person.log_in(&["--profile", "east"]).await;
}

#[tokio::test]
async fn a_session_that_the_platform_ended_says_so_too() {
    let (person, server) = (Person::new(), server("t"));
    person.log_in(&["--server", server.url()]).await;
    server.answer(
        "/manage/host/get",
        json!({ "code": 1201, "msg": "the session is invalid" }),
    );
    let ran = person.run(&HOSTS).await.expect_code(4);
    assert!(
        ran.stderr
            .contains("log in: aops account --action login --username admin\n"),
        "{}",
        ran.stderr
    );
}

#[tokio::test]
async fn a_token_is_sent_to_its_own_server_only() {
    let (person, east, west) = (Person::new(), server("te"), server("tw"));
    person.log_in(&["--server", east.url()]).await;
    let to_west = [&["--server", west.url()], &HOSTS[..]].concat();
    person.run(&to_west).await.expect_code(0);
    assert_eq!(tokens(&west), [None]);

    // A login elsewhere gets a profile of its own, and is not the one in use.
    let ran = person.log_in(&["--server", west.url()]).await;
    let name = west.url().trim_start_matches("http://");
    assert!(
        ran.stderr.contains(&format!("aops profile use {name}")),
        "{}",
        ran.stderr
    );
    person.run(&HOSTS).await.expect_code(0);
    person.run(&to_west).await.expect_code(0);
    assert_eq!(tokens(&east), [Some("te".to_owned())]);
    assert_eq!(tokens(&west), [None, Some("tw".to_owned())]);
}

#[tokio::test]
async fn profiles_are_listed_used_and_removed() {
    let (person, east, west) = (Person::new(), server("te"), server("tw"));
    person
        .log_in(&["--profile", "east", "--server", east.url()])
        .await;
    person
        .log_in(&["--profile", "west", "--server", west.url()])
        .await;
    let ran = person.run(&["profile", "list"]).await.expect_code(0);
    let rows: Vec<Vec<&str>> = ran
        .stdout
        .lines()
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(rows[1][..4], ["*", "east", east.url(), "admin"]);
    assert_eq!(rows[2][..4], ["west", west.url(), "admin", "until"]);

    let output = person.command(&HOSTS).env("AOPS_PROFILE", "west").output().await;
    Ran::from(output.expect("the program starts")).expect_code(0);
    person.run(&["profile", "use", "west"]).await.expect_code(0);
    person.run(&HOSTS).await.expect_code(0);
    assert_eq!(tokens(&west).len(), 2);
    person.run(&["profile", "remove", "west"]).await.expect_code(0);
    let ran = person
        .run(&["--output", "json", "profile", "list"])
        .await
        .expect_code(0);
    let profile = &ran.json()["profiles"][0];
    assert_eq!(
        (&profile["profile"], &profile["in_use"]),
        (&json!("east"), &json!(false))
    );
    assert!(!ran.stdout.contains("te\""), "{}", ran.stdout);
    let ran = person
        .run(&["--profile", "west", "host", "--action", "query"])
        .await
        .expect_code(2);
    assert!(
        ran.stderr
            .contains("there is no profile 'west' (there are: east)"),
        "{}",
        ran.stderr
    );
    person.run(&["profile", "use", "west"]).await.expect_code(2);
}
