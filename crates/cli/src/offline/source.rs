//! A file's text, and where in it a byte lies.

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use crate::failure::Failure;

/// The text of a file.
pub(crate) struct Source {
    /// Its path, as the person gave it.
    pub(crate) name: String,
    pub(crate) text: String,
    /// By line, the byte at which it begins.
    line_starts: Vec<usize>,
}

/// Line and column, both from 1; the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Source {
    pub(crate) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let after_newlines = text.match_indices('\n').map(|(newline, _)| newline + 1);
        let line_starts = std::iter::once(0).chain(after_newlines).collect();
        Self {
            name: name.into(),
            text,
            line_starts,
        }
    }

    /// Reads a file of UTF-8.
    pub(crate) fn read(path: &Path, most_bytes: usize) -> Result<Self, Failure> {
        let shown = path.display();
        let refuse = |reason: String| Failure::Local(format!("cannot read {shown}: {reason}"));
        let file = File::open(path).map_err(|error| refuse(error.to_string()))?;
        let mut bytes = Vec::new();
        // One byte more than allowed, so that a pipe is bounded too.
        let mut bounded = file.take(most_bytes as u64 + 1);
        bounded
            .read_to_end(&mut bytes)
            .map_err(|error| refuse(error.to_string()))?;
        if bytes.len() > most_bytes {
            let mebibytes = most_bytes / (1024 * 1024);
            return Err(refuse(format!(
                "it is larger than {mebibytes} MiB, the most that is taken; split it"
            )));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            refuse(format!("byte {offset} is not UTF-8; save it as UTF-8"))
        })?;
        if text.starts_with('\u{feff}') {
            return Err(refuse(
                "it opens with a byte order mark; save it as UTF-8 without one".to_owned(),
            ));
        }
        Ok(Self::new(shown.to_string(), text))
    }

    /// Where a byte lies.
    pub(crate) fn position(&self, offset: usize) -> Position {
        let line = self.line_of(offset);
        let before = &self.text[self.line_starts[line]..offset.min(self.text.len())];
        Position {
            line: line + 1,
            column: before.chars().count() + 1,
        }
    }

    /// The byte that a reader means which counts lines, and bytes within a line, from 1. A column of 0 is what such a
    /// reader says right after a newline.
    pub(crate) fn offset(&self, line: usize, byte_column: usize) -> usize {
        let start = self.line_starts.get(line.saturating_sub(1)).copied();
        let offset = start.unwrap_or(self.text.len()) + byte_column.saturating_sub(1);
        let inside = offset.min(self.text.len());
        (0..=inside)
            .rev()
            .find(|offset| self.text.is_char_boundary(*offset))
            .unwrap_or(0)
    }

    /// The bytes of the line that a byte lies in, without its end.
    pub(crate) fn line(&self, offset: usize) -> Range<usize> {
        let line = self.line_of(offset);
        let start = self.line_starts[line];
        let end = match self.line_starts.get(line + 1) {
            Some(next) => next - 1,
            None => self.text.len(),
        };
        let text = &self.text[start..end];
        start..start + text.trim_end_matches('\r').len()
    }

    /// From 0.
    fn line_of(&self, offset: usize) -> usize {
        let lines_begun = self.line_starts.partition_point(|start| *start <= offset);
        lines_begun.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_lines_and_columns_in_characters() {
        let source = Source::new("f", "ab\nä=c\r\n\nz");
        let at = |offset| {
            let position = source.position(offset);
            (position.line, position.column, &source.text[source.line(offset)])
        };
        assert_eq!(at(0), (1, 1, "ab"));
        assert_eq!(at(2), (1, 3, "ab"));
        assert_eq!(at(5), (2, 2, "ä=c"));
        assert_eq!(at(9), (3, 1, ""));
        assert_eq!(at(10), (4, 1, "z"));
        assert_eq!(at(11), (4, 2, "z"));
        assert_eq!(source.offset(2, 3), 5);
        assert_eq!(source.offset(2, 2), 3, "never inside a character");
        assert_eq!(source.offset(4, 0), 10);
        assert_eq!(source.offset(9, 9), 11);
    }
}
