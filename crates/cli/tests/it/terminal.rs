//! What is different on a terminal: `script` (util-linux) gives the program one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::Duration;

use aops_test_server::FakeServer;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The program on a terminal of 60 columns and 10 rows.
struct Terminal {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
    /// What was on the screen so far.
    seen: String,
    _home: TempDir,
}

impl Terminal {
    fn start(server: &FakeServer, arguments: &str) -> Self {
        Self::start_with(server, arguments, &[])
    }

    fn start_with(server: &FakeServer, arguments: &str, variables: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        let program = env!("CARGO_BIN_EXE_aops");
        let line = format!(
            "stty cols 60 rows 10; tty; exec {program} --server {} {arguments}",
            server.url()
        );
        let mut child = Command::new("script")
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", home.path())
            .env("SHELL", "/bin/sh")
            .env("TERM", "xterm")
            .env("TZ", "UTC")
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("script, of util-linux");
        Self {
            input: child.stdin.take().expect("piped"),
            output: child.stdout.take().expect("piped"),
            child,
            seen: String::new(),
            _home: home,
        }
    }

    async fn read(&mut self) -> usize {
        let mut buffer = [0; 4096];
        let count = self.output.read(&mut buffer).await.expect("readable");
        self.seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
        count
    }

    /// Waits until this is on the screen.
    async fn expect(&mut self, text: &str) {
        while !self.seen.contains(text) {
            assert!(self.read().await > 0, "no {text:?} in {:?}", self.seen);
        }
    }

    async fn enter(&mut self, line: &str) {
        self.input
            .write_all(format!("{line}\n").as_bytes())
            .await
            .expect("written");
    }

    /// Waits until the terminal shows nothing of what is typed.
    async fn expect_no_echo(&mut self) {
        self.expect("/dev/pts/").await;
        self.expect("\n").await;
        let start = self.seen.find("/dev/pts/").expect("seen");
        let device: String = self.seen[start..]
            .chars()
            .take_while(|character| !character.is_whitespace())
            .collect();
        let hidden = async {
            loop {
                let state = Command::new("stty").args(["-F", &device, "-a"]).output().await;
                let state = state.expect("stty, of coreutils").stdout;
                if String::from_utf8_lossy(&state).contains("-echo ") {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let limit = Duration::from_secs(60);
        tokio::time::timeout(limit, hidden)
            .await
            .expect("the echo is turned off");
    }

    /// What was on the screen in the end, and the exit code.
    async fn finish(mut self) -> (String, Option<i32>) {
        while self.read().await > 0 {}
        let status = self.child.wait().await.expect("it ends");
        let screen = self.seen.replace('\r', "");
        let shown = screen.split_once('\n').expect("the name of the terminal").1;
        (shown.to_owned(), status.code())
    }
}

fn groups(count: usize) -> FakeServer {
    let server = FakeServer::start();
    let rows: Vec<Value> = (0..count)
        .map(|number| {
            json!({
                "host_group_name": format!("group {number}"), "host_count": 1,
                "description": "机器在北京和上海的机房里，都由同一个团队来维护"
            })
        })
        .collect();
    let payload = json!({ "total_count": count, "total_page": 1, "host_group_infos": rows });
    server.succeed("/manage/host/group/get", payload);
    server
}

#[tokio::test]
async fn a_table_fits_and_wide_characters_count_double() {
    let server = groups(1);
    let (screen, code) = Terminal::start(&server, "group --action query").finish().await;
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(
        screen,
        "HOST_GROUP_NAME  HOST_COUNT  DESCRIPTION\n\
         group 0          1           机器在北京和上海的机房里，都由…\n"
    );
}

#[tokio::test]
async fn long_output_goes_through_the_pager() {
    let folder = tempfile::tempdir().expect("a folder");
    let pager = folder.path().join("pager");
    fs::write(&pager, "#!/bin/sh\necho \"page $1\"; cat\n").expect("written");
    fs::set_permissions(&pager, fs::Permissions::from_mode(0o755)).expect("mine");
    let pager = format!("{} one", pager.display());
    let variables = [("PAGER", pager.as_str())];
    for (count, arguments, is_paged) in [
        (20, "group --action query", true),
        (5, "group --action query", false),
        (20, "--no-pager group --action query", false),
    ] {
        let server = groups(count);
        let (screen, code) = Terminal::start_with(&server, arguments, &variables)
            .finish()
            .await;
        assert_eq!(code, Some(0), "{screen}");
        assert_eq!(
            screen.starts_with("page one\n"),
            is_paged,
            "{arguments}: {screen}"
        );
        let rows = screen.lines().filter(|line| line.starts_with("group ")).count();
        assert_eq!(rows, count, "{screen}");
    }
    // A pager that is not there, and one that ends at once, are no reason to fail.
    for missing in ["/nonexistent", "true"] {
        let variables = [("AOPS_PAGER", missing)];
        let server = groups(20);
        let (screen, code) = Terminal::start_with(&server, "group --action query", &variables)
            .finish()
            .await;
        assert_eq!(code, Some(0), "{missing}: {screen}");
    }
}

#[tokio::test]
async fn nothing_is_deleted_before_the_person_says_yes() {
    for (answer, code, calls) in [("y", 0, 1), ("n", 1, 0), ("", 1, 0)] {
        let server = FakeServer::start();
        server.succeed("/check/rule/delete", json!({}));
        let mut terminal = Terminal::start(&server, "checkrule --action delete --check_items a,b");
        terminal.expect("delete the check rules a, b? [y/N] ").await;
        terminal.enter(answer).await;
        let (screen, exit_code) = terminal.finish().await;
        assert_eq!(exit_code, Some(code), "{screen}");
        assert_eq!(server.calls("/check/rule/delete").len(), calls, "{screen}");
        assert_eq!(screen.contains("nothing was changed"), code == 1, "{screen}");
    }
    let server = FakeServer::start();
    server.succeed("/check/rule/delete", json!({}));
    let sure = "checkrule --action delete --check_items a,b --yes";
    let (screen, code) = Terminal::start(&server, sure).finish().await;
    assert_eq!((screen.as_str(), code), ("deleted\n", Some(0)));
}

#[tokio::test]
async fn a_password_is_typed_unseen_and_the_login_is_told_in_words() {
    let server = FakeServer::start();
    let login = json!({ "access_token": "the token", "must_change": false, "expires": 4_102_444_800_i64 });
    server.succeed("/manage/account/login", login);
    let mut terminal = Terminal::start(&server, "account --action login --username admin");
    terminal.expect("Password: ").await;
    terminal.expect_no_echo().await;
    terminal.enter("unseen").await;
    let (screen, code) = terminal.finish().await;
    assert_eq!(code, Some(0), "{screen}");
    assert!(
        !screen.contains("unseen") && !screen.contains("the token"),
        "{screen}"
    );
    let told = format!(
        "logged in at {} as admin, until 2100-01-01 00:00:00+00:00\n",
        server.url()
    );
    assert!(screen.ends_with(&told), "{screen}");
    let call = server.only_call("/manage/account/login");
    assert_eq!(call.body["password"], "unseen");
}

#[tokio::test]
async fn a_new_password_is_typed_twice() {
    let server = FakeServer::start();
    server.succeed("/manage/account/change", json!({}));
    let mut terminal = Terminal::start(&server, "account --action change");
    terminal.expect("New password: ").await;
    terminal.expect_no_echo().await;
    terminal.enter("one").await;
    terminal.expect("New password, again: ").await;
    terminal.expect_no_echo().await;
    terminal.enter("two").await;
    let (screen, code) = terminal.finish().await;
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("the two differ"), "{screen}");
    assert_eq!(server.calls("/manage/account/change"), []);
}

#[tokio::test]
async fn the_progress_of_a_diagnosis_is_shown() {
    let server = FakeServer::start();
    server.succeed(
        "/diag/execute",
        json!({ "task_id": "t", "expected_report_num": 2 }),
    );
    let mut progress = 0;
    server.answer_with("/diag/progress/get", move |_| {
        progress += 1;
        json!({ "code": 200, "msg": "", "result": [{ "task_id": "t", "progress": progress }] })
    });
    let payload = json!({ "total_count": 0, "total_page": 0, "result": [] });
    server.succeed("/diag/report/get_list", payload);
    let diag = "diag --host_list h --tree_list slow --start 60 --end 80";
    let (screen, code) = Terminal::start(&server, diag).finish().await;
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("1 of 2 reports"), "{screen}");
}

#[tokio::test]
async fn colours_are_for_terminals_of_those_who_want_them() {
    let server = FakeServer::start();
    let report = json!({
        "node name": "slow", "value": true, "condition": "cpu",
        "children": [{ "node name": "cpu", "value": true, "check item": "cpu_busy", "msg": "" }]
    });
    let explanation = json!({
        "outcome": "cause_found", "cause_path": ["slow", "cpu"], "description": "", "advice": "",
        "leaves": [], "ruled_out": [], "unsupported": []
    });
    let row = json!({
        "report_id": "r", "task_id": "t", "host_id": "h", "tree_name": "slow", "start": 60, "end": 70,
        "report": report, "explanation": explanation
    });
    server.succeed("/diag/report/get", json!({ "result": [row] }));
    let show = "--no-pager report --action get --report_list r";
    for (variables, is_coloured) in [
        (&[][..], true),
        (&[("NO_COLOR", "1")], false),
        (&[("TERM", "dumb")], false),
    ] {
        let (screen, code) = Terminal::start_with(&server, show, variables).finish().await;
        assert_eq!(code, Some(0), "{screen}");
        assert_eq!(screen.contains('\u{1b}'), is_coloured, "{variables:?}: {screen}");
    }
}
