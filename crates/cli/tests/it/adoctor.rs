//! The other name of the program, and what packages install beside it.

use std::fs;
use std::os::unix::fs::symlink;

use aops_test_server::FakeServer;
use serde_json::json;
use tokio::process::Command;

use crate::{Ran, program};

async fn run(command: &mut Command) -> Ran {
    command.output().await.expect("the program starts").into()
}

#[tokio::test]
async fn called_as_adoctor_it_does_the_same() {
    let server = FakeServer::start();
    server.succeed("/check/rule/count", json!({ "rule_count": 2 }));
    let folder = tempfile::tempdir().expect("a folder");
    let link = folder.path().join("adoctor");
    symlink(env!("CARGO_BIN_EXE_aops"), &link).expect("linked");
    for path in [link.to_str().expect("UTF-8"), env!("CARGO_BIN_EXE_adoctor")] {
        let mut count = Command::new(path);
        count
            .env_clear()
            .args([
                "stat",
                "--action",
                "count",
                "--field",
                "check_rule",
                "--access_token",
                "t",
            ])
            .args(["--server", server.url()]);
        assert_eq!(run(&mut count).await.expect_code(0).stdout, "RULE_COUNT\n2\n");

        let help = run(Command::new(path).env_clear().arg("--help"))
            .await
            .expect_code(0);
        assert!(help.stdout.contains("Usage: adoctor "), "{}", help.stdout);
        assert!(
            help.stdout.contains("faultree") && !help.stdout.contains("certificate"),
            "{}",
            help.stdout
        );
        let wrong = run(Command::new(path).env_clear().args(["diag"]))
            .await
            .expect_code(2);
        assert!(wrong.stderr.contains("Usage: adoctor diag"), "{}", wrong.stderr);
    }
}

#[tokio::test]
async fn shells_learn_the_commands_and_their_options() {
    for shell in ["bash", "zsh", "fish"] {
        let ran = run(&mut program(&["completion", shell])).await.expect_code(0);
        for part in ["faultree", "host_group_name", "export-inventory"] {
            assert!(ran.stdout.contains(part), "{shell}: {part}");
        }
        if shell == "bash" {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("aops");
            fs::write(&path, &ran.stdout).expect("written");
            let line = format!(
                "source {}; COMP_WORDS=(aops chec); COMP_CWORD=1; _aops aops chec aops; echo ${{COMPREPLY[@]}}",
                path.display()
            );
            let completed = run(Command::new("bash").args(["-c", &line])).await.expect_code(0);
            assert_eq!(completed.stdout, "check checkrule\n");
        }
    }
}

#[tokio::test]
async fn every_command_has_a_manual_page_with_the_exit_codes_in_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("man1");
    let shown = dir.to_str().expect("UTF-8");
    run(&mut program(&["manpage", "--dir", shown]))
        .await
        .expect_code(0);
    let read = |name: &str| fs::read_to_string(dir.join(name)).expect(name);
    let main = read("aops.1");
    for part in ["Exit codes", "130", "AOPS_PROFILE"] {
        assert!(main.contains(part), "{part}");
    }
    for command in [
        "account",
        "audit",
        "certificate",
        "check",
        "checkrule",
        "completion",
        "diag",
        "faultree",
        "group",
        "host",
        "profile",
        "report",
        "stat",
    ] {
        assert!(read(&format!("aops-{command}.1")).contains(".TH"), "{command}");
    }
    assert_eq!(read("adoctor.1"), ".so man1/aops.1\n");
}
