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
//! | a table | what its columns say: see [`Run::row`] |

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::Path;

use aops_check_rule::*;
use serde_json::{Map, Value, json};

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

/// The rule and the series that tables vary.
#[derive(Clone, Default)]
struct Over {
    rule: Value,
    data: String,
    at: i64,
}

/// A row of a table: its cells by column.
struct Row<'a> {
    columns: &'a [String],
    cells: Vec<String>,
}

impl Row<'_> {
    fn cell(&self, column: &str) -> Option<&str> {
        let index = self.columns.iter().position(|name| name == column)?;
        Some(self.cells[index].trim_matches('`'))
    }

    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    /// Puts what was found in a cell, as code.
    fn set(&mut self, column: &str, found: &str) {
        let index = self.columns.iter().position(|name| name == column);
        self.cells[index.expect("a column")] = format!("`{found}`");
    }

    fn fragment(&self, column: &str) -> Option<Map<String, Value>> {
        let text = self.cell(column)?;
        let object = serde_json::from_str(&format!("{{{text}}}"));
        Some(object.unwrap_or_else(|error| panic!("{column} {text}: {error}")))
    }
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

    /// Runs the program for the rows of a table; answers what it writes on standard output.
    async fn answer(&self, arguments: &[&str], conf: &str, content: &str) -> (Value, String) {
        fs::write(self.folder.path().join(conf), content).expect("written");
        let all = [&["checkrule", "--conf", conf], arguments].concat();
        let ran = aops(NO_PLATFORM, &all)
            .current_dir(self.folder.path())
            .output()
            .await;
        let ran = ran.expect("the program starts");
        let stderr = String::from_utf8(ran.stderr).expect("UTF-8");
        let answer = serde_json::from_slice(&ran.stdout);
        (answer.unwrap_or_else(|_| panic!("{all:?}: {stderr}")), stderr)
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

    async fn table(&mut self, header: &str, lines: &[&str]) -> String {
        let columns = cells(header);
        let (ruler, lines) = lines.split_first().expect("a line below the header");
        let mut text = format!("{ruler}\n");
        let row = |line: &&str| Row {
            columns: &columns,
            cells: cells(line),
        };
        let mut rows: Vec<Row<'_>> = lines.iter().map(row).collect();
        self.rows(&columns, &mut rows).await;
        for row in rows {
            let cells: Vec<String> = row.cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
        }
        text
    }

    async fn rows(&self, columns: &[String], rows: &mut [Row<'_>]) {
        let names: Vec<&str> = columns.iter().map(String::as_str).collect();
        let has = |name: &str| names.contains(&name);
        let times: Vec<&str> = names
            .iter()
            .copied()
            .filter(|name| *name == "value" || name.starts_with("at "))
            .collect();
        if !times.is_empty() && (has("condition") || has("data item")) {
            for column in times {
                self.values(column, rows).await;
            }
        } else if has("label") && has("judged for") {
            self.label_sets(rows).await;
        } else if let Some(column) = ["refused with", "warned of"].into_iter().find(|name| has(name)) {
            self.messages(column, rows).await;
        } else if has("reads as") {
            rows.iter().for_each(|row| self.same_meaning(row));
        } else if has("default") {
            rows.iter().for_each(|row| self.field(row));
        } else if has("PromQL") {
            self.converted(rows).await;
        } else if has("limit") {
            limits(rows);
        } else {
            panic!("a table {names:?} that the test cannot run");
        }
    }

    /// The rule that the tables vary, as a row has it.
    fn rule(&self, number: usize, row: &Row<'_>) -> Value {
        let mut rule = self.over.rule.clone();
        rule["check_item"] = json!(name_of(number));
        if let Some(condition) = row.cell("condition") {
            rule["condition"] = json!(condition);
        }
        for (name, value) in row.fragment("in the rule").into_iter().flatten() {
            rule[name] = value;
        }
        let of_item = [
            row.fragment("data item"),
            row.fragment("label")
                .map(|label| Map::from_iter([("label".to_owned(), Value::Object(label))])),
        ];
        for (name, value) in of_item.into_iter().flatten().flatten() {
            rule["data_list"][0][name] = value;
        }
        rule
    }

    fn all_rules(&self, rows: &[Row<'_>]) -> Vec<Value> {
        rows.iter()
            .enumerate()
            .map(|(number, row)| self.rule(number, row))
            .collect()
    }

    /// What conditions are worth: a condition that is true whatever it is worth has its value among the evidence.
    async fn values(&self, column: &str, rows: &mut [Row<'_>]) {
        let at = column
            .strip_prefix("at ")
            .map_or(self.over.at, |at| at.parse().expect("seconds"));
        let mut rules = self.all_rules(rows);
        for rule in &mut rules {
            rule["condition"] = json!(format!(
                "({}) || true",
                rule["condition"].as_str().expect("a text")
            ));
        }
        let (start, end) = (at.to_string(), (at + 1).to_string());
        let arguments = [
            "--action",
            "test",
            "--data",
            &self.over.data,
            "--explain",
            "--start",
            &start,
            "--end",
            &end,
        ];
        let (answer, stderr) = self
            .answer(&arguments, "rows.json", &json!(rules).to_string())
            .await;
        for (number, row) in rows.iter_mut().enumerate() {
            let result = results(&answer, number)
                .next()
                .unwrap_or_else(|| panic!("{:?}: {stderr}", row.cells));
            let found = match result["value"].as_str() {
                Some("Abnormal") => value(&result["evidence"]["first"]["values"]),
                Some("Internal error") => format!("error: {}", text(&result["reason"])),
                _ => text(&result["value"]).to_owned(),
            };
            row.set(column, &found);
        }
    }

    async fn label_sets(&self, rows: &mut [Row<'_>]) {
        let mut rules = self.all_rules(rows);
        rules
            .iter_mut()
            .for_each(|rule| rule["condition"] = json!("true"));
        let arguments = ["--action", "test", "--data", &self.over.data];
        let (answer, _) = self
            .answer(&arguments, "rows.json", &json!(rules).to_string())
            .await;
        for (number, row) in rows.iter_mut().enumerate() {
            let found = results(&answer, number).map(|result| match result["value"].as_str() {
                Some("Abnormal") => result["labels"].to_string(),
                _ => format!("{}: {}", text(&result["value"]), text(&result["reason"])),
            });
            row.set("judged for", &found.collect::<Vec<_>>().join(" "));
        }
    }

    async fn messages(&self, column: &str, rows: &mut [Row<'_>]) {
        let rules = self.all_rules(rows);
        let arguments = ["--action", "check", "--output", "json"];
        let (answer, _) = self
            .answer(&arguments, "rows.json", &json!(rules).to_string())
            .await;
        let severity = if column == "refused with" {
            "error"
        } else {
            "warning"
        };
        for (number, row) in rows.iter_mut().enumerate() {
            let name = rules[number]["check_item"].as_str().unwrap_or_default();
            let diagnostics = answer["diagnostics"].as_array().into_iter().flatten();
            let found: Vec<&str> = diagnostics
                .filter(|diagnostic| diagnostic["check_item"] == name)
                .inspect(|diagnostic| assert_eq!(diagnostic["severity"], severity, "{diagnostic}"))
                .map(|diagnostic| text(&diagnostic["reason"]))
                .collect();
            row.set(column, &found.join("; "));
        }
    }

    /// The key of a rule does not change with needless parentheses.
    fn same_meaning(&self, row: &Row<'_>) {
        let key = |column: &str| {
            let mut rule = self.over.rule.clone();
            rule["condition"] = json!(row.cell(column));
            compiled(&rule).key().clone()
        };
        assert_eq!(key("condition"), key("reads as"), "{:?}", row.cells);
    }

    /// The default of a field means what its absence means; the example is taken.
    fn field(&self, row: &Row<'_>) {
        let of_item = row.has("in a data item");
        let with = |fragment: Option<Map<String, Value>>| {
            let mut rule = self.over.rule.clone();
            for (name, value) in fragment.into_iter().flatten() {
                let whole = if of_item {
                    &mut rule["data_list"][0]
                } else {
                    &mut rule
                };
                whole[name] = value;
            }
            compiled(&rule)
        };
        let example = with(row.fragment("example"));
        assert_eq!(example.warnings(), [], "{:?}", row.cells);
        if row.cell("default") != Some("required") {
            let default = with(row.fragment("default"));
            assert_eq!(default.key(), with(None).key(), "{:?}", row.cells);
        }
    }

    /// Alerting rules of Prometheus, one for each row.
    async fn converted(&self, rows: &mut [Row<'_>]) {
        let alert = |(number, row): (usize, &Row<'_>)| json!({ "alert": name_of(number), "expr": row.cell("PromQL") });
        let rules: Vec<Value> = rows.iter().enumerate().map(alert).collect();
        // JSON is YAML; a line for each row.
        let file = json!({ "groups": [{ "name": "g", "rules": rules }] }).to_string();
        let (answer, stderr) = self.answer(&["--action", "convert"], "rows.yml", &file).await;
        for (number, row) in rows.iter_mut().enumerate() {
            let name = name_of(number);
            let items = answer["check_items"].as_array().expect("a list").iter();
            let item = items.clone().find(|item| item["check_item"] == name.as_str());
            if row.has("does not fit") {
                let part = format!(" {name}: ");
                let reason = stderr.lines().find_map(|line| line.split_once(&part));
                row.set(
                    "does not fit",
                    reason.unwrap_or_else(|| panic!("{name} fits: {stderr}")).1,
                );
                continue;
            }
            let item = item.unwrap_or_else(|| panic!("{:?} does not fit: {stderr}", row.cells));
            row.set("condition", text(&item["condition"]));
            let data: Vec<String> = item["data_list"]
                .as_array()
                .expect("a list")
                .iter()
                .map(data_item)
                .collect();
            row.set("data items", &data.join(", "));
        }
    }
}

fn name_of(number: usize) -> String {
    format!("row{number}")
}

/// The cells of a row; `\|` is no border.
fn cells(line: &str) -> Vec<String> {
    let inner = line
        .trim()
        .trim_start_matches('|')
        .strip_suffix('|')
        .expect("a border at the end");
    let inner = inner.replace("\\|", "\0");
    inner
        .split('|')
        .map(|cell| cell.trim().replace('\0', "|"))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn compiled(rule: &Value) -> Rule {
    let item = serde_json::from_value(rule.clone()).unwrap_or_else(|error| panic!("{rule}: {error}"));
    Rule::compile(&item).unwrap_or_else(|error| panic!("{rule}: {error}"))
}

fn results(answer: &Value, number: usize) -> impl Iterator<Item = &Value> {
    let name = name_of(number);
    let all = answer["check_result"].as_array().expect("a list").iter();
    all.filter(move |result| result["check_item"] == name.as_str())
}

/// The value of `X` in the evidence of `(X) || true`. Literals are not shown, but are what the whole is worth.
fn value(values: &Value) -> String {
    match values.as_array().expect("a list").as_slice() {
        [.., part, _] => text(&part["value"]).to_owned(),
        [whole] => {
            let value = text(&whole["value"]);
            let is_literal = value != "true" || text(&whole["expression"]).starts_with("true");
            assert!(
                is_literal,
                "{whole}: the value of a literal that is not true is not shown"
            );
            value.to_owned()
        }
        [] => panic!("no values"),
    }
}

/// A data item in short: name, labels, transform, aggregate.
fn data_item(item: &Value) -> String {
    let mut item = item.clone();
    let fields = item.as_object_mut().expect("an object");
    fields.remove("type");
    item.to_string()
}

/// The limits are those of the language.
fn limits(rows: &mut [Row<'_>]) {
    let days = |ms: i64| format!("{} days", ms / 86_400_000);
    let seconds = |ms: i64| format!("{} s", ms / 1_000);
    let known = [
        ("characters of a rule's name", MAX_NAME_CHARACTERS.to_string()),
        ("data items of a rule", MAX_DATA_ITEMS.to_string()),
        ("labels of a data item", MAX_LABELS.to_string()),
        (
            "characters of a metric, a label or its value",
            MAX_METRIC_CHARACTERS.to_string(),
        ),
        ("characters of a pattern", MAX_PATTERN_CHARACTERS.to_string()),
        ("bytes of a condition", MAX_CONDITION_BYTES.to_string()),
        ("nesting of a condition", MAX_NESTING.to_string()),
        ("a window by time", days(MAX_WINDOW_MS)),
        ("a window by samples", format!("#{MAX_WINDOW_SAMPLES}")),
        ("how far `predict` looks ahead", days(MAX_AHEAD_MS)),
        ("`for`", days(MAX_FOR_MS)),
        ("`max_gap`, at least", seconds(MIN_GAP_MS)),
        ("`max_gap`, at most", days(MAX_GAP_MS)),
        (
            "default of `max_gap`, in sample periods",
            DEFAULT_GAP_INTERVALS.to_string(),
        ),
        ("default of `max_gap`, at least", seconds(MIN_DEFAULT_GAP_MS)),
        (
            "bytes of a text that is looked at or made",
            MAX_TEXT_BYTES.to_string(),
        ),
        (
            "label sets that a rule is judged for on a host",
            MAX_LABEL_SETS.to_string(),
        ),
        (
            "parts of a condition that evidence shows",
            MAX_EXPLAINED_VALUES.to_string(),
        ),
    ];
    assert_eq!(rows.len(), known.len(), "limits in the guide");
    for (row, (of, limit)) in rows.iter_mut().zip(known) {
        row.cells = vec![of.to_owned(), limit];
    }
}
