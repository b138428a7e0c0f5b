//! The author's guide of fault trees does what it says: its files are written, its commands run, their output compared.

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Ran, aops};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The fenced blocks of a page: what stands behind the fence, and what is inside.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(title)) => open = Some((title.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some((_, content)), None) => {
                content.push_str(line);
                content.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

async fn run_in(folder: &Path, command: &str) -> Ran {
    let arguments: Vec<&str> = command.split_whitespace().skip(1).collect();
    let mut program = aops("http://127.0.0.1:9", &arguments);
    program
        .current_dir(folder)
        .output()
        .await
        .expect("the program starts")
        .into()
}

#[tokio::test]
async fn the_guide_of_fault_trees_is_true() {
    let page = fs::read_to_string(repository().join("docs/fault-trees.md")).expect("there is a guide");
    let folder = tempfile::tempdir().expect("a temp folder");
    let mut commands = 0;
    for (title, content) in blocks(&page) {
        if let Some(name) = title.strip_prefix("json ") {
            fs::write(folder.path().join(name), &content).expect("written");
        }
        if title == "console" {
            let (command, expected) = content.split_once('\n').expect("a command and its output");
            let command = command.strip_prefix("$ ").expect("a prompt");
            let ran = run_in(folder.path(), command).await;
            // A terminal shows both.
            assert_eq!(ran.stdout + &ran.stderr, expected, "{command}");
            commands += 1;
        }
    }
    assert_eq!(commands, 2, "the guide shows two commands");
    let example =
        fs::read_to_string(repository().join("examples/slow-disks.json")).expect("there is an example");
    let shown = fs::read_to_string(folder.path().join("tree.json")).expect("written above");
    assert_eq!(shown, example);
}
