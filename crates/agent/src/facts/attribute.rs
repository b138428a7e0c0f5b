//! Texts of sysfs, and those that manufacturers forgot to fill in.

use std::fs;
use std::path::{Path, PathBuf};

/// What manufacturers leave where a name belongs.
const PLACEHOLDERS: &[&str] = &[
    "0123456789",
    "base board product name",
    "default string",
    "empty",
    "n/a",
    "na",
    "no dimm",
    "no module installed",
    "none",
    "not available",
    "not provided",
    "not specified",
    "null",
    "o.e.m.",
    "oem",
    "system manufacturer",
    "system product name",
    "system version",
    "to be filled by o.e.m.",
    "type2 - board product name1",
    "undefined",
    "unknown",
    "unspecified",
];

/// The text of a small file, trimmed; empty where there is none, or nothing is in it that means something.
pub(super) fn text(path: &Path) -> String {
    let bytes = fs::read(path).unwrap_or_default();
    meaning(&String::from_utf8_lossy(&bytes)).to_owned()
}

/// The text without the space and zeros around it; empty if a manufacturer forgot to fill it in.
pub(super) fn meaning(text: &str) -> &str {
    let text = text.trim_matches(|character: char| character.is_whitespace() || character.is_control());
    let is_placeholder = PLACEHOLDERS
        .iter()
        .any(|placeholder| text.eq_ignore_ascii_case(placeholder));
    if is_placeholder { "" } else { text }
}

/// The number in a file, decimal.
pub(super) fn number(path: &Path) -> Option<u64> {
    text(path).parse().ok()
}

/// The number in a file such as `0x8086`.
pub(super) fn hexadecimal(path: &Path) -> Option<u32> {
    u32::from_str_radix(text(path).strip_prefix("0x")?, 16).ok()
}

/// What is in a folder, by name; nothing where there is no folder.
pub(super) fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let Ok(found) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut entries: Vec<(String, PathBuf)> = found
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())))
        .collect();
    entries.sort();
    entries
}

/// The first text that is not empty.
pub(super) fn first_known<const COUNT: usize>(texts: [String; COUNT]) -> String {
    texts
        .into_iter()
        .find(|text| !text.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_filled_in_is_nothing() {
        for placeholder in [
            "To Be Filled By O.E.M.",
            " Not Specified\n",
            "None",
            "\0",
            "  ",
            "NO DIMM",
        ] {
            assert_eq!(meaning(placeholder), "", "{placeholder:?}");
        }
        assert_eq!(meaning("None of it\0\n"), "None of it");
    }
}
