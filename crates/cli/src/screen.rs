//! What goes to standard output and standard error.

use std::io::{self, IsTerminal, Write};

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::failure::Failure;

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

/// A table without lines: columns are found by eye, and by `awk`.
pub(crate) fn table<const COLUMNS: usize>(
    header: [&str; COLUMNS],
    rows: impl IntoIterator<Item = [String; COLUMNS]>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header.map(str::to_uppercase));
    for row in rows {
        table.add_row(row.map(|cell| plain(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

/// The text without what would move the cursor, colour the terminal or change the order of what is read: names and reasons
/// come from elsewhere.
pub(crate) use aops_fault_tree::plain;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let rows = [
            ["1".to_owned(), "内核".to_owned(), "x".to_owned()],
            ["22".to_owned(), "a\u{1b}[31m".to_owned(), String::new()],
        ];
        let text = table(["id", "name", "end"], rows);
        assert_eq!(text, "ID  NAME    END\n1   内核    x\n22  a [31m");
    }
}
