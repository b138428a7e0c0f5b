//! The effective configuration as TOML, each value with its origin, and nothing that must stay secret.

use serde::Serialize;
use toml::{Table, Value};

use super::layer::{KeyPath, Leaves, Origin};

/// Stands for what is not shown.
const HIDDEN: &str = "***";
/// A key that ends in one of these holds a secret itself. (One that ends in `_file` names a file.)
const SECRET_ENDINGS: [&str; 4] = ["password", "secret", "token", "credential"];

/// What is in effect, not just what was set: values that a section has by itself included.
pub(super) fn text(config: &impl Serialize, leaves: &Leaves) -> String {
    let table =
        Table::try_from(config).expect("a configuration that was read from TOML can be written as TOML");
    let mut lines = Vec::new();
    write_section(&table, &mut Vec::new(), leaves, &mut lines);
    lines.join("\n") + "\n"
}

/// The values of a section first: in TOML, what follows a section's head belongs to it.
fn write_section(table: &Table, path: &mut KeyPath, leaves: &Leaves, lines: &mut Vec<String>) {
    let is_section = |value: &Value| value.is_table();
    let values: Vec<(&String, &Value)> = table.iter().filter(|(_, value)| !is_section(value)).collect();
    if !path.is_empty() && !values.is_empty() {
        lines.push(format!("\n[{}]", path.join(".")));
    }
    for (key, value) in values {
        path.push(key.clone());
        let origin = leaves.get(path).map_or(&Origin::Default, |leaf| &leaf.origin);
        lines.push(format!("{key} = {}  # {}", shown(key, value), origin.describe()));
        path.pop();
    }
    for (key, value) in table {
        let Value::Table(inner) = value else { continue };
        path.push(key.clone());
        write_section(inner, path, leaves, lines);
        path.pop();
    }
}

fn shown(key: &str, value: &Value) -> String {
    if SECRET_ENDINGS.iter().any(|ending| key.ends_with(ending)) {
        return format!("\"{HIDDEN}\"");
    }
    without_passwords(&value.to_string())
}

/// A text with the passwords in its URLs hidden: `mysql://aops:***@host/aops`.
pub fn without_passwords(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(found) = rest.find("://") {
        let (before, after) = rest.split_at(found + "://".len());
        shown.push_str(before);
        rest = after;
        // A password may have been written as it is, with signs that end a URL's host: all to the last at sign counts.
        let end = rest
            .find(|letter: char| letter.is_whitespace() || matches!(letter, '"' | '\'' | '`'))
            .unwrap_or(rest.len());
        let Some(at_sign) = rest[..end].rfind('@') else {
            continue;
        };
        if let Some(colon) = rest[..at_sign].find(':') {
            shown.push_str(&rest[..=colon]);
            shown.push_str(HIDDEN);
            rest = &rest[at_sign..];
        }
    }
    shown + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_in_urls_are_hidden() {
        for (text, expected) in [
            (
                "mysql://aops:p@ss/word@db:3306/aops",
                "mysql://aops:***@db:3306/aops",
            ),
            (
                "[\"http://a:b@x\", \"http://c:d@y\"]",
                "[\"http://a:***@x\", \"http://c:***@y\"]",
            ),
            ("mysql://root@db/aops", "mysql://root@db/aops"),
            (
                "invalid value: string \"kafka://u:pw@h\", expected",
                "invalid value: string \"kafka://u:***@h\", expected",
            ),
            ("http://host:9200/a", "http://host:9200/a"),
            ("no address at all: a@b", "no address at all: a@b"),
        ] {
            assert_eq!(without_passwords(text), expected);
        }
    }
}
