//! What goes to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use crate::failure::Failure;
use crate::table::Table;

/// Writes a result to standard output, with a line end.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut standard_output = io::stdout().lock();
    writeln!(standard_output, "{}", text.trim_end_matches('\n'))?;
    standard_output.flush()?;
    Ok(())
}

/// Writes a result as JSON in one line.
pub(crate) fn print_json(result: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(result)
        .map_err(|error| Failure::Local(format!("the answer cannot be written as JSON: {error}")))?;
    print(&text)
}

/// Writes a remark to standard error. That it cannot be written is no reason to fail.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Whether standard output shows colours: a terminal, and nobody asked for none (<https://no-color.org>).
pub(crate) fn has_colour() -> bool {
    let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
    io::stdout().is_terminal() && !no_colour && !is_dumb
}

/// Writes a result as YAML.
pub(crate) fn print_yaml(result: &impl Serialize) -> Result<(), Failure> {
    print(&yaml(result)?)
}

/// A result as YAML, with a line end.
pub(crate) fn yaml(result: &impl Serialize) -> Result<String, Failure> {
    serde_saphyr::to_string(result)
        .map_err(|error| Failure::Local(format!("the answer cannot be written as YAML: {error}")))
}

/// Cells on a line of the terminal; `None` where standard output is none.
pub(crate) fn line_width() -> Option<usize> {
    let size = terminal_size::terminal_size_of(io::stdout());
    size.map(|(width, _)| usize::from(width.0))
        .filter(|width| *width > 0)
}

/// A whole table, as wide as the terminal at most.
pub(crate) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    Table::new(header, line_width()).draw(rows).trim_end().to_owned()
}

/// Asks the person at the terminal; `None` where there is nobody to ask. Anything but yes is no.
pub(crate) fn ask(question: &str) -> Result<Option<bool>, Failure> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(None);
    }
    let mut standard_error = io::stderr().lock();
    let _ = write!(standard_error, "{} [y/N] ", plain(question));
    let _ = standard_error.flush();
    let mut answer = String::new();
    io::stdin()
        .read_line(&mut answer)
        .map_err(|error| Failure::Local(format!("the answer cannot be read: {error}")))?;
    Ok(Some(matches!(
        answer.trim().to_ascii_lowercase().as_str(),
        "y" | "yes"
    )))
}

/// The text without what would move the cursor, colour the terminal or change the order of what is read: names and reasons
/// come from elsewhere.
pub(crate) use aops_fault_tree::plain;

/// The same for a text of several lines.
pub(crate) fn plain_lines(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(plain).collect();
    lines.join("\n")
}

/// A line on standard error that changes in place. On anything but a terminal nothing is drawn.
pub(crate) struct ChangingLine {
    is_terminal: bool,
}

impl ChangingLine {
    pub(crate) fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
        }
    }

    /// Replaces the line.
    pub(crate) fn set(&self, text: &str) {
        if self.is_terminal {
            let mut standard_error = io::stderr().lock();
            let _ = write!(standard_error, "\r\x1b[K{text}");
            let _ = standard_error.flush();
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.set("");
    }
}
