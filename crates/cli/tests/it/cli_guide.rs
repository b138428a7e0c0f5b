//! `docs/cli.md`, the guide by task: every command in it is run, in its order, against a platform.
//!
//! | in the guide | what is done |
//! |---|---|
//! | a block `json file=NAME` | it is written to NAME |
//! | a block `sh` | bash runs it; it must succeed. Variables in lower case are kept for the next |
//! | `<!-- input: TEXT -->` | a line of standard input for the next block, which a person types |

use std::fs;
use std::path::Path;
use std::process::Stdio;

use aops_test_platform::{FakeNode, PASSWORD, TestPlatform};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/cli.md");

/// A part of the guide that is run.
#[derive(Debug, PartialEq)]
enum Step {
    File { name: String, content: String },
    Commands { input: String, script: String },
}

fn steps(guide: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut input = String::new();
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        if let Some(rest) = line.strip_prefix("<!-- input: ") {
            input.push_str(rest.strip_suffix(" -->").expect("the end of the comment"));
            input.push('\n');
            continue;
        }
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let block = block.join("\n") + "\n";
        let input = std::mem::take(&mut input);
        steps.push(match info.split_once(" file=") {
            Some((_, name)) => Step::File {
                name: name.to_owned(),
                content: block,
            },
            None if info == "sh" => Step::Commands { input, script: block },
            None => panic!("a block {info:?} that the test cannot run"),
        });
    }
    assert!(input.is_empty(), "nobody reads {input:?}");
    steps
}

/// A person with a home folder, and a shell in it.
struct Person {
    home: TempDir,
    server: String,
}

impl Person {
    async fn run(&self, script: &str, input: &str) -> Result<String, String> {
        // Variables are handed on from shell to shell.
        let script = format!(
            "touch state; source ./state\n{script}\n\
             for name in $(compgen -v | grep -E '^[a-z][a-z0-9_]*$'); do declare -p $name; done > state\n"
        );
        let programs = Path::new(env!("CARGO_BIN_EXE_aops")).parent().expect("a folder");
        let path = format!(
            "{}:{}",
            programs.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let mut shell = Command::new("bash")
            .args(["-eu", "-o", "pipefail", "-c", &script])
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home.path())
            .env("AOPS_SERVER", &self.server)
            .current_dir(self.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("bash");
        let mut stdin = shell.stdin.take().expect("piped");
        // A block that does not read its input has ended before.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        let output = shell.wait_with_output().await.expect("it ends");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(printed);
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        Err(format!("{:?}\n{printed}{complaint}", output.status.code()))
    }
}

#[tokio::test]
async fn every_command_of_the_guide_does_what_it_says() {
    let guide = fs::read_to_string(GUIDE).expect("docs/cli.md");
    let platform = TestPlatform::start().await;
    let node = FakeNode::start();
    node.set("node_load1", 9.0);
    platform.register(&node, "a web server").await;
    assert!(
        guide.contains(PASSWORD),
        "the guide logs in with the password of the test platform"
    );
    let person = Person {
        home: tempfile::tempdir().expect("a folder"),
        server: platform.url(),
    };
    let mut failures = Vec::new();
    for step in steps(&guide) {
        match step {
            Step::File { name, content } => {
                fs::write(person.home.path().join(name), content).expect("written")
            }
            Step::Commands { input, script } => {
                if let Err(failure) = person.run(&script, &input).await {
                    failures.push(format!("{script}{failure}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    platform.stop().await;
}

#[test]
fn the_exit_codes_of_the_guide_are_those_of_the_help() {
    let guide = fs::read_to_string(GUIDE).expect("docs/cli.md");
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_aops"))
        .arg("--help")
        .output()
        .expect("the program starts");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let help = words(&help);
    let section = guide.split("## Exit codes").nth(1).expect("there is one");
    let rows: Vec<(&str, &str)> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .filter(|(code, _)| code.parse::<u8>().is_ok())
        .collect();
    assert_eq!(rows.len(), 7);
    for (code, meaning) in rows {
        assert!(help.contains(&format!("{code} {meaning}")), "{code} {meaning}");
    }
}
