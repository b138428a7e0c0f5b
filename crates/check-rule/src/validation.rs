//! What is refused in a rule beside its condition.

use aops_api::rule::{CheckItem, DataItem, DataKind, LabelValue};

use crate::error::RuleError;
use crate::label::{EVERY_OTHER_LABEL, HOST_LABEL, LabelSelection, is_identity};
use crate::rule::EXPRESSION_PLUGIN;

/// Longest name of a rule.
pub const MAX_NAME_CHARACTERS: usize = 128;
/// Most data items of a rule.
pub const MAX_DATA_ITEMS: usize = 64;
/// Longest name of a metric or a label, and longest text that a label must equal.
pub const MAX_METRIC_CHARACTERS: usize = 1_024;
/// Most labels of a data item.
pub const MAX_LABELS: usize = 64;
/// Longest regular expression.
pub const MAX_PATTERN_CHARACTERS: usize = 4_096;
/// Smallest `max_gap` that a rule may ask for, in milliseconds.
pub const MIN_GAP_MS: i64 = 1_000;
/// Largest `max_gap`, in milliseconds: one day.
pub const MAX_GAP_MS: i64 = 24 * 3_600_000;
/// Longest `for`, in milliseconds: 31 days.
pub const MAX_FOR_MS: i64 = 31 * 24 * 3_600_000;

/// Bound on the memory of one compiled pattern.
const MAX_PATTERN_BYTES: usize = 1 << 20;

pub(crate) fn validate(item: &CheckItem) -> Result<(), RuleError> {
    check_name(&item.check_item).map_err(RuleError::outside_condition)?;
    check_plugin(&item.plugin).map_err(RuleError::outside_condition)?;
    check_ranges(item).map_err(RuleError::outside_condition)?;
    check_data_list(&item.data_list).map_err(RuleError::outside_condition)
}

fn check_name(name: &str) -> Result<(), String> {
    let characters = name.chars().count();
    if characters == 0 || characters > MAX_NAME_CHARACTERS {
        return Err(format!(
            "check_item has {characters} characters; expected 1 to {MAX_NAME_CHARACTERS}"
        ));
    }
    if name.trim() != name {
        return Err("check_item begins or ends with a blank".to_owned());
    }
    if let Some(wrong) = name.chars().find(|letter| letter.is_control() || *letter == ',') {
        return Err(format!(
            "check_item contains {wrong:?}; commas and control characters are not allowed"
        ));
    }
    Ok(())
}

fn check_plugin(plugin: &str) -> Result<(), String> {
    if plugin.is_empty() || plugin == EXPRESSION_PLUGIN {
        return Ok(());
    }
    Err(format!(
        "plugin {plugin:?} is not supported; expected \"\" or \"{EXPRESSION_PLUGIN}\""
    ))
}

fn check_ranges(item: &CheckItem) -> Result<(), String> {
    if let Some(hold) = item.hold
        && hold.milliseconds > MAX_FOR_MS
    {
        return Err(format!(
            "for is {hold}; at most {}d is allowed",
            MAX_FOR_MS / 86_400_000
        ));
    }
    if let Some(gap) = item.max_gap
        && !(MIN_GAP_MS..=MAX_GAP_MS).contains(&gap.milliseconds)
    {
        return Err(format!("max_gap is {gap}; expected 1s to 24h"));
    }
    Ok(())
}

fn check_data_list(data_list: &[DataItem]) -> Result<(), String> {
    if data_list.is_empty() {
        return Err("data_list is empty; expected at least one data item".to_owned());
    }
    if data_list.len() > MAX_DATA_ITEMS {
        return Err(format!(
            "data_list has {} items; at most {MAX_DATA_ITEMS} are allowed",
            data_list.len()
        ));
    }
    for (index, data) in data_list.iter().enumerate() {
        check_data_item(data).map_err(|reason| format!("data_list, ${index}: {reason}"))?;
    }
    check_differences(data_list)?;
    check_stars(data_list)
}

fn check_data_item(data: &DataItem) -> Result<(), String> {
    check_text("name", &data.name)?;
    if data.name.is_empty() {
        return Err("name is empty".to_owned());
    }
    if data.kind == DataKind::Log {
        check_log(data)?;
    }
    if data.label.len() > MAX_LABELS {
        return Err(format!(
            "label has {} entries; at most {MAX_LABELS} are allowed",
            data.label.len()
        ));
    }
    data.label
        .iter()
        .try_for_each(|(name, value)| check_label(name, value))
}

/// A log has lines, which are not computed with, and which come one after the other for the whole host.
fn check_log(data: &DataItem) -> Result<(), String> {
    if data.transform.is_some() {
        return Err("transform is for numbers; a log has lines of text".to_owned());
    }
    if data.aggregate.is_some() {
        return Err("aggregate is for numbers; a log has lines of text".to_owned());
    }
    let starred = data.label.iter().find(|(_, value)| value.is_starred());
    match starred {
        Some((name, _)) => Err(format!("label {name:?} of a log cannot be starred")),
        None => Ok(()),
    }
}

fn check_label(name: &str, value: &LabelValue) -> Result<(), String> {
    check_text("a label's name", name)?;
    if name.is_empty() {
        return Err("a label's name is empty".to_owned());
    }
    if name == EVERY_OTHER_LABEL {
        return match value {
            LabelValue::Each => Ok(()),
            _ => Err("label \"*\" stars every label that is not named; its value must be \"*\"".to_owned()),
        };
    }
    if name == HOST_LABEL || name == "__name__" {
        return Err(format!(
            "label {name:?} is not for rules; the host is the one that is checked"
        ));
    }
    if is_identity(name) && value.is_starred() {
        return Err(format!(
            "label {name:?} says whose series it is and cannot be starred"
        ));
    }
    match value {
        LabelValue::Text(text) => check_text(&format!("the value of label {name:?}"), text),
        LabelValue::Each => Ok(()),
        LabelValue::Pattern { pattern, .. } => {
            check_pattern(pattern).map_err(|reason| format!("the pattern of label {name:?}: {reason}"))
        }
    }
}

fn check_text(what: &str, text: &str) -> Result<(), String> {
    let characters = text.chars().count();
    if characters > MAX_METRIC_CHARACTERS {
        return Err(format!(
            "{what} has {characters} characters; at most {MAX_METRIC_CHARACTERS} are allowed"
        ));
    }
    if text.chars().any(char::is_control) {
        return Err(format!("{what} contains a control character"));
    }
    Ok(())
}

fn check_pattern(pattern: &str) -> Result<(), String> {
    let characters = pattern.chars().count();
    if characters > MAX_PATTERN_CHARACTERS {
        return Err(format!(
            "it has {characters} characters; at most {MAX_PATTERN_CHARACTERS} are allowed"
        ));
    }
    let compiled = regex::RegexBuilder::new(pattern)
        .size_limit(MAX_PATTERN_BYTES)
        .build();
    match compiled {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => Err("it is too large".to_owned()),
        // The last line says what is wrong; those before it draw the place.
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or(&text);
            Err(reason.trim_start_matches("error: ").to_owned())
        }
    }
}

fn check_differences(data_list: &[DataItem]) -> Result<(), String> {
    for (index, data) in data_list.iter().enumerate() {
        let is_same = |earlier: &&DataItem| {
            earlier.name == data.name
                && earlier.label == data.label
                && earlier.transform == data.transform
                && earlier.aggregate == data.aggregate
        };
        if let Some(earlier) = data_list[..index].iter().position(|earlier| is_same(&earlier)) {
            return Err(format!(
                "data_list: ${earlier} and ${index} are the same; they must differ in name, label, transform or aggregate"
            ));
        }
    }
    Ok(())
}

fn check_stars(data_list: &[DataItem]) -> Result<(), String> {
    let main = LabelSelection::of(&data_list[0]);
    for (index, data) in data_list.iter().enumerate().skip(1) {
        if let Some(label) = LabelSelection::of(data).star_unknown_to(&main) {
            return Err(format!(
                "data_list, ${index}: label {label:?} is starred but not in $0; an item is joined on labels that $0 stars too"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::{MAX_DATA_ITEMS, Rule, RuleError};

    fn refusal(rule: &str) -> RuleError {
        let item = serde_json::from_str(rule).expect(rule);
        Rule::compile(&item).expect_err(rule)
    }

    fn with_data(data: &str) -> String {
        format!(r#"{{"check_item":"a","data_list":{data},"condition":"$0>1"}}"#)
    }

    #[test]
    fn what_is_wrong_outside_the_condition_is_refused() {
        let named =
            |name: &str| format!(r#"{{"check_item":"{name}","data_list":[{{"name":"m"}}],"condition":"1"}}"#);
        let with = |more: &str| {
            format!(r#"{{"check_item":"a","data_list":[{{"name":"m"}}],"condition":"1",{more}}}"#)
        };
        let many: Vec<String> = (0..=MAX_DATA_ITEMS)
            .map(|index| format!(r#"{{"name":"m{index}"}}"#))
            .collect();
        for (rule, part) in [
            (named(""), "check_item has 0 characters; expected 1 to 128"),
            (named(&"ü".repeat(129)), "check_item has 129 characters"),
            (named(" a"), "blank"),
            (named("a,b"), "contains ','"),
            (named(r"a\nb"), r"contains '\n'"),
            (with(r#""plugin":"other""#), r#"plugin "other" is not supported"#),
            (with(r#""for":"40d""#), "for is 40d; at most 31d"),
            (with(r#""max_gap":"0s""#), "max_gap is 0d; expected 1s to 24h"),
            (with(r#""max_gap":"2d""#), "max_gap is 2d; expected 1s to 24h"),
            (with_data("[]"), "data_list is empty"),
            (
                with_data(&format!("[{}]", many.join(","))),
                "data_list has 65 items",
            ),
            (with_data(r#"[{"name":""}]"#), "$0: name is empty"),
            (
                with_data(r#"[{"name":"a\u0007"}]"#),
                "$0: name contains a control character",
            ),
            (
                with_data(r#"[{"name":"m","type":"log","transform":"rate"}]"#),
                "$0: transform is for numbers",
            ),
            (
                with_data(r#"[{"name":"m","type":"log","aggregate":"sum"}]"#),
                "$0: aggregate is for numbers",
            ),
            (
                with_data(r#"[{"name":"m","type":"log","label":{"unit":"*"}}]"#),
                "$0: label \"unit\" of a log cannot be starred",
            ),
            (
                with_data(r#"[{"name":"m","label":{"a":{"re":"("}}}]"#),
                "the pattern of label \"a\": unclosed group",
            ),
            (
                with_data(r#"[{"name":"m","label":{"a":{"re":"((a{100}){100}){100}"}}}]"#),
                "it is too large",
            ),
            (
                with_data(r#"[{"name":"m","label":{"*":"x"}}]"#),
                "its value must be",
            ),
            (
                with_data(r#"[{"name":"m","label":{"host_id":"x"}}]"#),
                "is not for rules",
            ),
            (
                with_data(r#"[{"name":"m","label":{"job":"*"}}]"#),
                "cannot be starred",
            ),
            (
                with_data(r#"[{"name":"m"},{"name":"m","label":{}}]"#),
                "$0 and $1 are the same",
            ),
            (
                with_data(r#"[{"name":"m"},{"name":"n","label":{"a":"*"}}]"#),
                "$1: label \"a\" is starred but not in $0",
            ),
        ] {
            let error = refusal(&rule);
            assert!(error.reason.contains(part), "{rule}: {}", error.reason);
            assert_eq!((error.line, error.column), (None, None), "{rule}");
        }
    }

    #[test]
    fn items_that_differ_in_transform_differ() {
        let rule = with_data(r#"[{"name":"m"},{"name":"m","transform":"rate"}]"#);
        let item = serde_json::from_str(&rule).expect("a check item");
        Rule::compile(&item).expect("two different items");
    }
}
