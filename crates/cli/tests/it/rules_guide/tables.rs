//! The tables of the guide: what their columns say is done, and what comes out is put in.
//!
//! | columns | what is done |
//! |---|---|
//! | `condition` or `data item`, and `value` or `at T` | the condition is evaluated over the data, at that time |
//! | `label`, `judged for` | which label sets a rule with these labels is judged for |
//! | `condition` or `in the rule`, and `refused with` or `warned of` | what `check` says |
//! | `condition`, `reads as` | the two must mean the same |
//! | `field` or `in a data item`, `default`, `example` | the default means what its absence means; the example is taken |
//! | `PromQL`, and `condition` with `data items`, `remark` or `does not fit` | what the conversion makes of it |
//! | `limit` | the limits are those of the language |
//! | those of [`WORDS`] | nothing |

use std::fs;

use aops_check_rule::{
    DEFAULT_GAP_INTERVALS, MAX_AHEAD_MS, MAX_CALLS, MAX_CONDITION_BYTES, MAX_DATA_ITEMS,
    MAX_EXPLAINED_VALUES, MAX_FOR_MS, MAX_GAP_MS, MAX_LABEL_SETS, MAX_LABELS, MAX_MATCHING_SERIES,
    MAX_METRIC_CHARACTERS, MAX_NAME_CHARACTERS, MAX_NESTING, MAX_PAIRS, MAX_PATTERN_CHARACTERS,
    MAX_TEXT_BYTES, MAX_WINDOW_MS, MAX_WINDOW_SAMPLES, MIN_DEFAULT_GAP_MS, MIN_GAP_MS, Rule,
};
use serde_json::{Map, Value, json};

use super::Run;
use crate::aops;
use crate::checkrule::NO_PLATFORM;

/// Tables of words, with nothing to run.
const WORDS: [&[&str]; 2] = [&["to", "give"], &["state", "when", "kept as"]];

/// The rule and the series that tables vary.
#[derive(Clone, Default)]
pub(super) struct Over {
    pub(super) rule: Value,
    pub(super) data: String,
    pub(super) at: i64,
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
        self.cells[index.expect("a column")] = match found.contains('`') {
            true => format!("`` {found} ``"),
            false => format!("`{found}`"),
        };
    }

    fn fragment(&self, column: &str) -> Option<Map<String, Value>> {
        let text = self.cell(column)?;
        let object = serde_json::from_str(&format!("{{{text}}}"));
        Some(object.unwrap_or_else(|error| panic!("{column} {text}: {error}")))
    }
}

impl Run {
    /// The rows of a table as the program has them.
    pub(super) async fn table(&mut self, header: &str, lines: &[&str]) -> String {
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
            assert!(
                WORDS.contains(&names.as_slice()),
                "a table {names:?} that the test cannot run"
            );
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
        if !matches!(row.cell("default"), Some("required" | "none")) {
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
            if row.has("remark") {
                let lines = text(&item["description"]).lines();
                let remarks: Vec<&str> = lines.filter_map(|line| line.strip_prefix("Remark: ")).collect();
                row.set("remark", &remarks.join(" "));
                continue;
            }
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
    let days = |ms: i64| match ms / 86_400_000 {
        1 => "1 day".to_owned(),
        days => format!("{days} days"),
    };
    let kibibytes = |bytes: usize| format!("{} KiB", bytes / 1_024);
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
        ("size of a condition", kibibytes(MAX_CONDITION_BYTES)),
        ("different functions of a condition", MAX_CALLS.to_string()),
        ("pairs of a dictionary", MAX_PAIRS.to_string()),
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
            "size of a text that is looked at or made",
            kibibytes(MAX_TEXT_BYTES),
        ),
        (
            "label sets that a rule is judged for on a host",
            MAX_LABEL_SETS.to_string(),
        ),
        (
            "series that match a data item of one label set",
            MAX_MATCHING_SERIES.to_string(),
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
