//! `docs/rules.md`, the author's guide of check rules: every example in it is run.
//!
//! The guide is read line by line and written anew with what the program says today. It must come out as it went in.
//! If it does not, the new text is kept, so that it can be compared and, where it is right, copied. What is not known
//! here fails the test, so no example is left out.
//!
//! | in the guide | what is done |
//! |---|---|
//! | a block `json file=NAME`, also `yaml` | it is written to NAME, and must be used further down |
//! | … with `example` | it must be equal to `examples/NAME` |
//! | … with `cookbook` | its rules must be those of `examples/cookbook-rules.json`, in their order |
//! | a block `console` | each `$ aops …` is run among the files; its output follows. `$ echo $?` shows how it ended |
//! | `<!-- over RULES DATA at T -->` | of the tables below: which rule and series they vary, and the time |
//! | a table | what its columns say: see [`tables`] |

mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use serde_json::{Value, json};
use tables::Over;

use crate::aops;
use crate::checkrule::NO_PLATFORM;

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rules.md");
const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");
const COOKBOOK: &str = "cookbook-rules.json";

#[tokio::test]
async fn every_example_of_the_guide_does_what_the_guide_says() {
    let guide = fs::read_to_string(GUIDE).expect("docs/rules.md");
    let written = Run::new().guide(&guide).await;
    let difference = guide
        .lines()
        .zip(written.lines())
        .enumerate()
        .find(|(_, (old, new))| old != new);
    if written == guide {
        return;
    }
    let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join("rules.md");
    fs::write(&kept, &written).expect("written");
    panic!(
        "docs/rules.md is not what the program does; first at {difference:?}; as it is now: {}",
        kept.display()
    );
}

#[tokio::test]
#[should_panic(expected = "a block \"json\" that the test cannot run")]
async fn a_block_of_an_unknown_kind_fails() {
    Run::new().guide("```json\n{}\n```\n").await;
}

#[tokio::test]
#[should_panic(expected = "a table [\"one\"] that the test cannot run")]
async fn a_table_of_an_unknown_kind_fails() {
    Run::new().guide("| one |\n|---|\n| 1 |\n").await;
}

#[tokio::test]
async fn a_wrong_value_is_put_right() {
    let table = |value: &str| {
        format!(
            "```json file=r.json\n[{{\"check_item\": \"a\", \"data_list\": [{{\"name\": \"m\"}}], \"condition\": \"$0\"}}]\n```\n\
             ```json file=d.json\n{{\"h\": [{{\"name\": \"m\", \"values\": [[0, 3]]}}]}}\n```\n\
             <!-- over r.json d.json at 0 -->\n\n| condition | value |\n|---|---|\n| `$0 + 1` | `{value}` |\n"
        )
    };
    assert_eq!(Run::new().guide(&table("5")).await, table("4"));
}

/// The files written so far, and what the tables vary.
struct Run {
    folder: tempfile::TempDir,
    files: BTreeMap<String, String>,
    used: BTreeSet<String>,
    cookbook: Vec<Value>,
    over: Over,
    exit_code: i32,
}

impl Run {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            files: BTreeMap::new(),
            used: BTreeSet::new(),
            cookbook: Vec::new(),
            over: Over::default(),
            exit_code: 0,
        }
    }

    /// The guide as the program has it.
    async fn guide(mut self, text: &str) -> String {
        let mut written = String::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            written.push_str(line);
            written.push('\n');
            assert!(
                !line.starts_with("    "),
                "{line:?}: code without a fence is not run"
            );
            if let Some(info) = line.strip_prefix("```") {
                let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
                written.push_str(&self.block(info, &block).await);
                written.push_str("```\n");
            } else if let Some(over) = line.strip_prefix("<!-- over ") {
                self.vary(over.strip_suffix(" -->").expect("the end of the comment"));
            } else if line.starts_with('|') {
                let mut table = Vec::new();
                while let Some(row) = lines.next_if(|next| next.starts_with('|')) {
                    table.push(row);
                }
                written.push_str(&self.table(line, &table).await);
            } else {
                assert!(
                    !line.contains("```"),
                    "{line:?}: a fence that is not at the start of its line"
                );
            }
        }
        self.finish();
        written
    }

    fn finish(&self) {
        let unused: Vec<&String> = self
            .files
            .keys()
            .filter(|name| !self.used.contains(*name))
            .collect();
        assert!(unused.is_empty(), "no example uses {unused:?}");
        if !self.cookbook.is_empty() {
            let example = fs::read_to_string(Path::new(EXAMPLES).join(COOKBOOK)).expect(COOKBOOK);
            let example: Value = serde_json::from_str(&example).expect(COOKBOOK);
            assert_eq!(example, json!({ "check_items": self.cookbook }), "{COOKBOOK}");
        }
    }

    async fn block(&mut self, info: &str, block: &[&str]) -> String {
        let words: Vec<&str> = info.split(' ').collect();
        match words.as_slice() {
            ["console"] => self.console(block).await,
            ["json" | "yaml", file, marks @ ..] if file.starts_with("file=") => {
                let content: String = block.iter().map(|line| format!("{line}\n")).collect();
                self.file(&file["file=".len()..], &content, marks);
                content
            }
            _ => panic!("a block {info:?} that the test cannot run"),
        }
    }

    fn file(&mut self, name: &str, content: &str, marks: &[&str]) {
        for mark in marks {
            match *mark {
                "example" => {
                    let example = fs::read_to_string(Path::new(EXAMPLES).join(name)).expect(name);
                    assert_eq!(example, content, "examples/{name}");
                }
                "cookbook" => {
                    let rules: Vec<Value> = serde_json::from_str(content).expect(name);
                    self.cookbook.extend(rules);
                }
                _ => panic!("{name}: a mark {mark:?} that the test does not know"),
            }
        }
        fs::write(self.folder.path().join(name), content).expect("written");
        let earlier = self.files.insert(name.to_owned(), content.to_owned());
        assert!(earlier.is_none(), "{name} is there twice");
    }

    /// A file that was shown before.
    fn shown(&mut self, name: &str) -> String {
        self.used.insert(name.to_owned());
        let content = self.files.get(name);
        content
            .unwrap_or_else(|| panic!("{name} is not there yet"))
            .clone()
    }

    async fn console(&mut self, block: &[&str]) -> String {
        let mut shown = String::new();
        let mut commands = 0;
        for line in block.iter().filter(|line| line.starts_with("$ ")) {
            commands += 1;
            shown.push_str(&format!("{line}\n"));
            let words: Vec<&str> = line.split(' ').skip(1).collect();
            match words.as_slice() {
                ["aops", arguments @ ..] => shown.push_str(&self.aops(arguments).await),
                ["echo", "$?"] => shown.push_str(&format!("{}\n", self.exit_code)),
                _ => panic!("{line:?}: not a command that the test can run"),
            }
        }
        assert!(commands > 0, "no command in {block:?}");
        shown
    }

    /// What the program writes on a terminal: both of its outputs, as they come.
    async fn aops(&mut self, arguments: &[&str]) -> String {
        for name in arguments
            .iter()
            .filter(|argument| argument.ends_with(".json") || argument.ends_with(".yml"))
        {
            self.shown(name);
        }
        let path = self.folder.path().join("output");
        let output = File::create(&path).expect("a file");
        let status = aops(NO_PLATFORM, arguments)
            .current_dir(self.folder.path())
            .stdout(output.try_clone().expect("a file"))
            .stderr(output)
            .status()
            .await
            .expect("the program starts");
        self.exit_code = status.code().expect("an exit code");
        fs::read_to_string(path).expect("UTF-8")
    }

    /// `rules.json data.json at 1105`
    fn vary(&mut self, over: &str) {
        let words: Vec<&str> = over.split(' ').collect();
        let (rules, data, at) = match words.as_slice() {
            [rules] => (rules, "", 0),
            [rules, data, "at", at] => (rules, *data, at.parse().expect("seconds")),
            _ => panic!("{over}: expected RULES, or RULES DATA at T"),
        };
        let rules: Value = serde_json::from_str(&self.shown(rules)).expect("rules");
        if !data.is_empty() {
            self.shown(data);
        }
        self.over = Over {
            rule: rules[0].clone(),
            data: data.to_owned(),
            at,
        };
    }
}
