//! Rules and trees in files.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::failure::Failure;

/// Reads a file of JSON.
pub(crate) fn read(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let text = fs::read(path).map_err(|error| Failure::Local(format!("cannot read {shown}: {error}")))?;
    serde_json::from_slice(&text).map_err(|error| Failure::Local(format!("{shown} is not JSON: {error}")))
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
