//! Operating system and firmware.

use std::fs;

use aops_api::facts::OsFacts;

use super::smbios::{Tables, kind};
use super::{Roots, attribute};

/// In the firmware's structure.
const VERSION: usize = 0x05;

pub(super) fn find(roots: &Roots, tables: &Tables) -> OsFacts {
    let firmware = tables.of(kind::FIRMWARE).next();
    OsFacts {
        name: name(roots),
        kernel_version: attribute::text(&roots.proc.join("sys/kernel/osrelease")),
        bios_verison: attribute::first_known([
            attribute::text(&roots.sys.join("class/dmi/id/bios_version")),
            firmware
                .map(|firmware| firmware.text(VERSION))
                .unwrap_or_default(),
        ]),
    }
}

/// As `os-release` has it; a machine without that file has no name.
fn name(roots: &Roots) -> String {
    let text = fs::read_to_string(roots.etc.join("os-release")).unwrap_or_default();
    let value = |name: &str| {
        text.lines()
            .filter_map(|line| line.trim().split_once('='))
            .filter(|(found, _)| *found == name)
            .map(|(_, value)| unquoted(value))
            .next_back()
            .unwrap_or_default()
    };
    let short = format!("{} {}", value("NAME"), value("VERSION_ID"));
    attribute::first_known([value("PRETTY_NAME"), short.trim().to_owned()])
}

/// A value as a shell reads it, which is how the file is defined: in quotes or not, `\` before what would mean something.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    let is_literal = value.starts_with('\'');
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(value);
    if is_literal {
        return inner.to_owned();
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        if character == '\\' {
            text.extend(characters.next());
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_a_shell_does() {
        assert_eq!(unquoted("openEuler"), "openEuler");
        assert_eq!(unquoted("\"openEuler 20.09\""), "openEuler 20.09");
        assert_eq!(unquoted("'a \\b'"), "a \\b");
        assert_eq!(unquoted(r#""the \"best\" \$5""#), r#"the "best" $5"#);
        assert_eq!((unquoted("\""), unquoted("\\")), ("\"".to_owned(), String::new()));
    }
}
