//! Rules and trees in files.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;
use crate::offline::source::Source;

/// How large a file of JSON or a workbook may be.
pub(crate) const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Reads a file of JSON.
pub(crate) fn read(path: &Path) -> Result<Value, Failure> {
    let source = Source::read(path, MOST_BYTES)?;
    let shown = path.display();
    serde_json::from_str(&source.text).map_err(|error| {
        let text = error.to_string();
        Failure::Local(match text.strip_prefix("recursion limit exceeded") {
            Some(place) => format!(
                "{shown} is nested too deep: a tree may have 60 levels, and JSON 128 objects and lists inside each \
                 other{place}"
            ),
            None => format!("{shown} is not JSON: {text}"),
        })
    })
}

/// Writes a file of JSON for people to read and change: `path`, or `default_name` in the folder `path`. Returns which.
pub(crate) fn write(path: &Path, default_name: &str, document: &impl Serialize) -> Result<PathBuf, Failure> {
    let path = if path.is_dir() {
        path.join(default_name)
    } else {
        path.to_owned()
    };
    let refuse = |reason: String| Failure::Local(format!("cannot write {}: {reason}", path.display()));
    let mut text = serde_json::to_string_pretty(document).map_err(|error| refuse(error.to_string()))?;
    text.push('\n');
    fs::write(&path, text).map_err(|error| refuse(error.to_string()))?;
    Ok(path)
}
