//! Rules with their places: what of a file can run, what is refused, and why.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use aops_api::rule::CheckItem;
use aops_check_rule::{Rule, RuleError};
use jsonc_parser::ast::{StringLit, Value};

use super::diagnostic::{Diagnostic, Severity};
use super::source::Source;
use super::{json, named, strict};

/// Largest file, in bytes: what the platform takes in one request.
pub(crate) const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Most rules in a file, as in an import.
const MOST_RULES: usize = 10_000;

const ITEMS_FIELD: &str = "check_items";
const NAME_FIELD: &str = "check_item";
const CONDITION_FIELD: &str = "condition";
const DATA_FIELD: &str = "data_list";

/// The rules of a file.
#[derive(Debug, Default)]
pub(crate) struct RulesFile {
    /// Those that can run, in the order of the file.
    pub(crate) rules: Vec<Arc<Rule>>,
    /// Those that cannot, in the order of the file.
    pub(crate) refused: Vec<RefusedRule>,
    /// Why, and what looks wrong in the others, in the order of the file.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// A rule that cannot run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RefusedRule {
    /// Its name; of a rule without one, its place in the list.
    pub(crate) check_item: String,
    /// What is wrong first.
    pub(crate) reason: String,
}

impl RulesFile {
    /// Reads `{"check_items": […]}`, or the list alone. A rule with something wrong in it is refused, the others are not.
    ///
    /// # Errors
    /// What is no JSON, or no list of rules.
    pub(crate) fn read(source: &Source) -> Result<Self, Diagnostic> {
        let root = json::parse(source)?;
        let elements = elements(source, &root)?;
        let mut written: Vec<WrittenRule<'_, '_>> = elements
            .iter()
            .enumerate()
            .map(|(index, node)| WrittenRule::read(source, index, node))
            .collect();
        refuse_equal_names(source, &mut written);
        let mut file = Self::default();
        for rule in written {
            file.take(rule);
        }
        file.diagnostics
            .sort_by_key(|diagnostic| (diagnostic.span.start, diagnostic.span.end));
        Ok(file)
    }

    /// How many rules the file holds.
    pub(crate) fn count(&self) -> usize {
        self.rules.len() + self.refused.len()
    }

    /// How many warnings there are.
    pub(crate) fn warning_count(&self) -> usize {
        let warnings = self.diagnostics.iter().filter(is_warning);
        warnings.count()
    }

    fn take(&mut self, rule: WrittenRule<'_, '_>) {
        if let Some(first) = rule.problems.first() {
            self.refused.push(RefusedRule {
                check_item: rule.name,
                reason: first.reason.clone(),
            });
        } else {
            self.rules.extend(rule.compiled);
        }
        self.diagnostics.extend(rule.problems);
        self.diagnostics.extend(rule.warnings);
    }
}

fn is_warning(diagnostic: &&Diagnostic) -> bool {
    diagnostic.severity == Severity::Warning
}

/// The rules of the file, not read yet.
fn elements<'v, 'a>(source: &Source, root: &'v Value<'a>) -> Result<&'v [Value<'a>], Diagnostic> {
    let list = match root {
        Value::Array(_) => root,
        Value::Object(object) => {
            if let Some((member, first)) = json::repeated_names(root)
                .into_iter()
                .find(|(member, _)| object.properties.iter().any(|own| std::ptr::eq(own, *member)))
            {
                let reason = repeated_name(source, member.name.as_str(), first);
                return Err(Diagnostic::error(reason, json::name_span(member)));
            }
            if let Some(member) = object
                .properties
                .iter()
                .find(|member| member.name.as_str() != ITEMS_FIELD)
            {
                let name = member.name.as_str();
                let reason = format!("{name}: unknown field; expected {ITEMS_FIELD} alone");
                return Err(Diagnostic::error(reason, json::name_span(member)));
            }
            let items = json::member(root, ITEMS_FIELD);
            let items = items.ok_or_else(|| {
                let reason = format!("{ITEMS_FIELD} is missing; expected {{\"{ITEMS_FIELD}\": […]}}");
                Diagnostic::error(reason, json::short_span(root))
            })?;
            &items.value
        }
        _ => root,
    };
    let Value::Array(array) = list else {
        let found = json::kind(list);
        let reason = format!("found {found}; expected a list of rules, or {{\"{ITEMS_FIELD}\": […]}}");
        return Err(Diagnostic::error(reason, json::short_span(list)));
    };
    let count = array.elements.len();
    if count > MOST_RULES {
        let reason = format!("{ITEMS_FIELD}: {count} rules, not at most {MOST_RULES}");
        return Err(Diagnostic::error(reason, json::short_span(list)));
    }
    Ok(&array.elements)
}

/// A rule as it stands in the file.
struct WrittenRule<'v, 'a> {
    name: String,
    node: &'v Value<'a>,
    /// If nothing is wrong.
    compiled: Option<Arc<Rule>>,
    problems: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl<'v, 'a> WrittenRule<'v, 'a> {
    fn read(source: &Source, index: usize, node: &'v Value<'a>) -> Self {
        let mut rule = Self {
            name: name(index, node),
            node,
            compiled: None,
            problems: Vec::new(),
            warnings: Vec::new(),
        };
        rule.check_form(source);
        match strict::read(source, node) {
            Ok(item) if rule.problems.is_empty() => rule.compile(source, &item),
            Ok(_) => {}
            Err(problems) => {
                for (reason, span) in problems {
                    rule.refuse(reason, span);
                }
            }
        }
        rule
    }

    fn refuse(&mut self, reason: String, span: Range<usize>) {
        // A list for an object is told once, by whoever sees it first.
        if self.problems.iter().any(|problem| problem.span == span) {
            return;
        }
        self.problems.push(Diagnostic {
            check_item: Some(self.name.clone()),
            ..Diagnostic::error(reason, span)
        });
    }

    /// What serde lets pass: names that are there twice, and lists in place of objects, whose elements it would take for
    /// the fields in their order.
    fn check_form(&mut self, source: &Source) {
        for (member, first) in json::repeated_names(self.node) {
            let reason = repeated_name(source, member.name.as_str(), first);
            self.refuse(reason, json::name_span(member));
        }
        let data = json::member(self.node, DATA_FIELD).and_then(|member| member.value.as_array());
        let data_items = data.map(|array| array.elements.as_slice()).unwrap_or_default();
        let scope = json::member(self.node, "scope").map(|member| &member.value);
        let wanted = std::iter::once((ITEMS_FIELD, self.node))
            .chain(data_items.iter().map(|item| (DATA_FIELD, item)))
            .chain(scope.map(|scope| ("scope", scope)));
        for (field, value) in wanted {
            if matches!(value, Value::Array(_)) {
                let reason = format!("{field}: found a list; expected an object with named fields");
                self.refuse(reason, json::short_span(value));
            }
        }
    }

    fn compile(&mut self, source: &Source, item: &CheckItem) {
        match Rule::compile(item) {
            Ok(rule) => {
                for warning in rule.warnings() {
                    let span = self.place(source, warning.line, warning.column, &warning.reason);
                    self.warnings.push(Diagnostic {
                        severity: Severity::Warning,
                        check_item: Some(self.name.clone()),
                        ..Diagnostic::error(warning.reason.clone(), span)
                    });
                }
                self.compiled = Some(Arc::new(rule));
            }
            Err(RuleError { reason, line, column }) => {
                let span = self.place(source, line, column, &reason);
                self.refuse(reason, span);
            }
        }
    }

    /// The bytes that a compiled rule's message is about.
    fn place(&self, source: &Source, line: Option<u32>, column: Option<u32>, reason: &str) -> Range<usize> {
        match (line, column, self.condition()) {
            (Some(line), Some(column), Some(condition)) => {
                json::span_in_string(source, condition, line, column)
            }
            _ => json::short_span(named::value_in(self.node, reason)),
        }
    }

    fn condition(&self) -> Option<&'v StringLit<'a>> {
        json::member(self.node, CONDITION_FIELD)?.value.as_string_lit()
    }
}

/// The name of a rule, or where it stands.
fn name(index: usize, node: &Value<'_>) -> String {
    let written = json::member(node, NAME_FIELD).and_then(|member| member.value.as_string_lit());
    let trimmed = written.map(|written| written.value.trim()).unwrap_or_default();
    if trimmed.is_empty() {
        return format!("{ITEMS_FIELD}[{index}]");
    }
    trimmed.to_owned()
}

fn repeated_name(source: &Source, name: &str, first: usize) -> String {
    let line = source.position(first).line;
    format!("{name}: the field is there twice; first in line {line}")
}

/// A name that is there twice means none of them: it cannot be known which.
fn refuse_equal_names(source: &Source, rules: &mut [WrittenRule<'_, '_>]) {
    let mut first_of: HashMap<String, usize> = HashMap::new();
    for index in 0..rules.len() {
        let Some(span) = name_span(&rules[index]) else {
            continue;
        };
        let name = rules[index].name.clone();
        let Some(first) = first_of.get(&name).copied() else {
            first_of.insert(name, index);
            continue;
        };
        let first_span = name_span(&rules[first]).unwrap_or_default();
        let line_of_first = source.position(first_span.start).line;
        let line = source.position(span.start).line;
        let reason = format!("check_item: '{name}' is there twice; first in line {line_of_first}");
        rules[index].refuse(reason, span);
        let reason = format!("check_item: '{name}' is there twice; again in line {line}");
        rules[first].refuse(reason, first_span);
    }
}

fn name_span(rule: &WrittenRule<'_, '_>) -> Option<Range<usize>> {
    let name = &json::member(rule.node, NAME_FIELD)?.value;
    name.as_string_lit()?;
    Some(json::span(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> RulesFile {
        RulesFile::read(&Source::new("rules.json", text)).expect(text)
    }

    /// The reasons and what is marked.
    fn marked(text: &str) -> Vec<(String, String)> {
        let of = |diagnostic: &Diagnostic| {
            let marked = text[diagnostic.span.clone()].to_owned();
            (diagnostic.reason.clone(), marked)
        };
        read(text).diagnostics.iter().map(of).collect()
    }

    fn rule(more: &str) -> String {
        format!(r#"[{{"check_item":"a","data_list":[{{"name":"m"}}],"condition":"$0>1",{more}}}]"#)
    }

    fn with_data(data: &str) -> String {
        format!(r#"[{{"check_item":"a","data_list":[{data}],"condition":"$0>1"}}]"#)
    }

    #[track_caller]
    fn assert_marked(text: &str, part: &str, expected_mark: &str) {
        let found = marked(text);
        let is_expected = |(reason, mark): &(String, String)| reason.contains(part) && mark == expected_mark;
        assert!(found.iter().any(is_expected), "{text}: {found:?}");
    }

    #[test]
    fn an_object_and_a_bare_list_are_read() {
        let list = r#"[{"check_item":" a ","data_list":[{"name":"m"}],"condition":"$0>1"}]"#;
        for text in [list.to_owned(), format!(r#"{{"check_items":{list}}}"#)] {
            let file = read(&text);
            assert_eq!(file.rules[0].item().check_item, "a");
            assert_eq!(
                (file.count(), file.refused.len(), file.warning_count()),
                (1, 0, 0)
            );
        }
        assert_eq!(read("[]").count(), 0);
    }

    #[test]
    fn what_is_no_list_of_rules_is_refused_whole() {
        let many = format!("[{}{{}}]", "{},".repeat(MOST_RULES));
        for (text, part) in [
            ("1", "found a number; expected a list of rules"),
            ("{}", "check_items is missing"),
            (
                r#"{"check_items":{}}"#,
                "found an object; expected a list of rules",
            ),
            (r#"{"check_items":[],"more":1}"#, "more: unknown field"),
            (
                r#"{"check_items":[],"check_items":[]}"#,
                "check_items: the field is there twice; first in line 1",
            ),
            ("[", "not JSON: unterminated array"),
            (many.as_str(), "10001 rules, not at most 10000"),
        ] {
            let diagnostic = RulesFile::read(&Source::new("f", text)).expect_err(text);
            assert!(diagnostic.reason.contains(part), "{}", diagnostic.reason);
        }
    }

    #[test]
    fn wrong_types_and_unknown_fields_are_marked() {
        for (text, part, mark) in [
            (
                rule(r#""severity":"bad""#),
                "severity: unknown variant `bad`",
                "\"bad\"",
            ),
            (rule(r#""description":5"#), "description: invalid type", "5"),
            (
                rule(r#""for":"5 min""#),
                "for: '5 min' is not a duration",
                "\"5 min\"",
            ),
            (
                rule(r#""max-gap":"5m""#),
                "max-gap: unknown field; did you mean max_gap?",
                "\"max-gap\"",
            ),
            (
                rule(r#""owner":"x""#),
                "expected one of check_item, data_list, condition",
                "\"owner\"",
            ),
            (
                rule(r#""scope":{"host":[]}"#),
                "scope.host: unknown field; did you mean hosts?",
                "\"host\"",
            ),
            (
                rule(r#""scope":[]"#),
                "scope: found a list; expected an object",
                "[",
            ),
            (
                rule(r#""condition":"1""#),
                "condition: the field is there twice; first in line 1",
                "\"condition\"",
            ),
            (
                with_data(r#"{"name":"m","type":"kpis"}"#),
                "data_list[0].type: unknown variant `kpis`",
                "\"kpis\"",
            ),
            (
                with_data(r#"{"name":"m","macro":"$0"}"#),
                "data_list[0].macro: unknown field; expected one of name, type",
                "\"macro\"",
            ),
            (
                with_data(r#"{"name":"m","label":{"a":[]}}"#),
                "data_list[0].label.a: invalid type",
                "[",
            ),
            (
                with_data(r#"{"name":"m","label":{"a":"1","a":"2"}}"#),
                "a: the field is there twice",
                "\"a\"",
            ),
            (
                with_data(r#"["m"]"#),
                "data_list: found a list; expected an object",
                "[",
            ),
            (with_data("{}"), "data_list[0]: missing field `name`", "{"),
            ("[5]".to_owned(), "invalid type: integer `5`", "5"),
            ("[[]]".to_owned(), "check_items: found a list", "["),
            (
                r#"[{"check_item":"a"}]"#.to_owned(),
                "missing field `data_list`",
                "{",
            ),
        ] {
            assert_marked(&text, part, mark);
            assert_eq!(read(&text).refused.len(), 1, "{text}");
        }
    }

    #[test]
    fn what_the_rule_itself_refuses_is_marked() {
        for (text, part, mark) in [
            (rule(r#""plugin":"x""#), "plugin \"x\" is not supported", "\"x\""),
            (rule(r#""for":"40d""#), "for is 40d", "\"40d\""),
            (rule(r#""max_gap":"0s""#), "max_gap is", "\"0s\""),
            (with_data(""), "data_list is empty", "["),
            (with_data(r#"{"name":""}"#), "$0: name is empty", "\"\""),
            (
                with_data(r#"{"name":"m","label":{"b":"1","a":{"re":"("}}}"#),
                "the pattern of label \"a\"",
                "{",
            ),
            (
                with_data(r#"{"name":"m","label":{"host_id":"x"}}"#),
                "label \"host_id\"",
                "\"x\"",
            ),
            (
                with_data(r#"{"name":"m"},{"name":"n","label":{"a":"*"}}"#),
                "$1: label \"a\" is starred",
                "\"*\"",
            ),
            (
                with_data(r#"{"name":"m"}, {"name":"m","label":{}}"#),
                "$0 and $1 are the same",
                "{",
            ),
            (
                r#"[{"check_item":"a,b","data_list":[{"name":"m"}],"condition":"1"}]"#.to_owned(),
                "check_item contains",
                "\"a,b\"",
            ),
            (
                r#"[{"check_item":"","data_list":[{"name":"m"}],"condition":"1"}]"#.to_owned(),
                "check_item has 0 characters",
                "\"\"",
            ),
        ] {
            assert_marked(&text, part, mark);
        }
        let long = format!("\"{}\"", "1 + ".repeat(20_000));
        let text = format!(r#"[{{"check_item":"a","data_list":[{{"name":"m"}}],"condition":{long}}}]"#);
        assert_marked(&text, "the condition has 80000 bytes", &long);
        let text = with_data(r#"{"name":"m"}, {"name":"m","label":{}}"#);
        let diagnostics = read(&text).diagnostics;
        assert_eq!(
            diagnostics[0].span.start,
            text.find(r#"{"name":"m","label"#).expect("there")
        );
    }

    #[test]
    fn a_condition_is_marked_where_it_is_wrong() {
        let conditions = [
            (r#"$0 = 1"#, "="),
            (r#"\"\u00e9\" = 1"#, "="),
            (r#"$0 > 1 &&\n$0 = 1"#, "="),
            (r"Max(60s) > 1", "Max"),
            (r"$3 > 1", "$3"),
            (r"$0 >", "\""),
            ("", "\""),
        ];
        for (condition, mark) in conditions {
            let text =
                format!(r#"[{{"check_item":"a","condition":"{condition}","data_list":[{{"name":"m"}}]}}]"#);
            let found = marked(&text);
            assert_eq!(found.len(), 1, "{condition}: {found:?}");
            assert_eq!(found[0].1, mark, "{condition}: {found:?}");
        }
    }

    #[test]
    fn of_two_rules_of_one_name_neither_runs() {
        let one = r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1"}"#;
        let file = read(&format!("[{one},\n{one},\n{}]", one.replace("\"a\"", "\"b\"")));
        assert_eq!(file.rules.len(), 1);
        let reasons: Vec<&str> = file
            .refused
            .iter()
            .map(|refused| refused.reason.as_str())
            .collect();
        assert_eq!(
            reasons,
            [
                "check_item: 'a' is there twice; again in line 2",
                "check_item: 'a' is there twice; first in line 1"
            ]
        );
    }

    #[test]
    fn a_rule_without_a_name_is_named_by_its_place() {
        let file = read(r#"[{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0>1"},{}]"#);
        assert_eq!(file.rules.len(), 1);
        assert_eq!(file.refused[0].check_item, "check_items[1]");
    }
}
