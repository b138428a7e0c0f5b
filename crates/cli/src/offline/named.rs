//! The value in a rule that a message names which has no place of its own.

use jsonc_parser::ast::Value;

use super::json;

/// The value that a reason outside the condition names. Such a reason opens with a field of the rule; of `data_list`
/// it names the item by its macro, and the field or the label in it.
pub(super) fn value_in<'v, 'a>(rule: &'v Value<'a>, reason: &str) -> &'v Value<'a> {
    let name = match reason.strip_prefix("the condition ") {
        Some(_) => "condition",
        None => first_word(reason),
    };
    let Some(field) = json::member(rule, name) else {
        return rule;
    };
    if field.name.as_str() != "data_list" {
        return &field.value;
    }
    let Some((item, rest)) = named_data_item(&field.value, reason) else {
        return &field.value;
    };
    let labels = json::member(item, "label").map(|member| &member.value);
    let label = labels.and_then(|labels| json::member(labels, quoted_after(rest, "label ")?));
    if let Some(label) = label {
        return &label.value;
    }
    json::member(item, first_word(rest)).map_or(item, |member| &member.value)
}

/// The data item that a reason is about, `data_list, $1: …`, or the last one that it names, `data_list: $0 and $1 are …`;
/// and what follows on its macro.
fn named_data_item<'v, 'a, 'r>(list: &'v Value<'a>, reason: &'r str) -> Option<(&'v Value<'a>, &'r str)> {
    let after = match reason.strip_prefix("data_list, $") {
        Some(after) => after,
        None => reason.rsplit_once('$')?.1,
    };
    let digits = after.len()
        - after
            .trim_start_matches(|letter: char| letter.is_ascii_digit())
            .len();
    let index: usize = after[..digits].parse().ok()?;
    let item = list.as_array()?.elements.get(index)?;
    let rest = &after[digits..];
    Some((item, rest.trim_start_matches([':', ' '])))
}

fn first_word(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
    &text[..end.unwrap_or(text.len())]
}

/// The text in double quotes right after `marker`.
fn quoted_after<'t>(text: &'t str, marker: &str) -> Option<&'t str> {
    let (_, after) = text.split_once(marker)?;
    let (quoted, _) = after.strip_prefix('"')?.split_once('"')?;
    Some(quoted)
}
