//! Tables without lines: columns are found by eye, and by `awk`. On a terminal they fit it.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::screen::plain;

/// Between two columns.
const GAP: usize = 2;
/// A column is not made narrower than this, or than its heading.
const NARROWEST: usize = 6;
const ELLIPSIS: char = '…';

/// A table that is drawn a page at a time. A column grows when a later page has wider cells; it never shrinks.
pub(crate) struct Table<const COLUMNS: usize> {
    header: [String; COLUMNS],
    widths: [usize; COLUMNS],
    /// Cells on a line of the terminal; `None`: nothing is cut.
    line: Option<usize>,
    has_heading: bool,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub(crate) fn new(header: [&str; COLUMNS], line: Option<usize>) -> Self {
        Self {
            widths: header.map(UnicodeWidthStr::width),
            header: header.map(str::to_uppercase),
            line,
            has_heading: false,
        }
    }

    /// These rows, each on a line; the first time below the heading.
    pub(crate) fn draw(&mut self, rows: impl IntoIterator<Item = [String; COLUMNS]>) -> String {
        let rows: Vec<[String; COLUMNS]> = rows.into_iter().map(|row| row.map(|cell| plain(&cell))).collect();
        for row in &rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = cell.width().max(*width);
            }
        }
        let widths = self.fitting();
        let mut text = String::new();
        if !self.has_heading {
            self.has_heading = true;
            push_line(&mut text, &self.header, &widths);
        }
        for row in &rows {
            push_line(&mut text, row, &widths);
        }
        text
    }

    /// The widths, cut down so that a line fits: the widest columns first, ids (which are to be copied) never.
    fn fitting(&self) -> [usize; COLUMNS] {
        let Some(line) = self.line else {
            return self.widths;
        };
        let gaps = GAP * COLUMNS.saturating_sub(1);
        let mut fitting = self.widths;
        for most in (1..=line).rev() {
            if fitting.iter().sum::<usize>() + gaps <= line {
                break;
            }
            for (index, width) in fitting.iter_mut().enumerate() {
                let heading = &self.header[index];
                if !heading.ends_with("_ID") {
                    let least = NARROWEST.max(heading.width());
                    *width = self.widths[index].min(most.max(least));
                }
            }
        }
        fitting
    }
}

fn push_line<const COLUMNS: usize>(text: &mut String, cells: &[String; COLUMNS], widths: &[usize; COLUMNS]) {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        let cell = cut(cell, *width);
        line.push_str(&cell);
        let blanks = width.saturating_sub(cell.width()) + GAP;
        line.extend(std::iter::repeat_n(' ', blanks));
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// What fits into `width` cells, with an ellipsis where something is missing. A wide character takes two.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for character in text.chars() {
        used += character.width().unwrap_or(0);
        if used >= width {
            break;
        }
        kept.push(character);
    }
    kept.push(ELLIPSIS);
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn row<const COLUMNS: usize>(cells: [&str; COLUMNS]) -> [String; COLUMNS] {
        cells.map(str::to_owned)
    }

    #[test]
    fn columns_line_up_and_nothing_trails() {
        let rows = [row(["1", "内核", "x"]), row(["22", "a\u{1b}[31m", ""])];
        let text = Table::new(["id", "name", "end"], None).draw(rows);
        assert_eq!(text, "ID  NAME    END\n1   内核    x\n22  a [31m\n");
    }

    #[test]
    fn later_pages_have_no_heading_and_keep_the_columns() {
        let mut table = Table::new(["a", "b"], None);
        assert_eq!(table.draw([row(["long", "x"])]), "A     B\nlong  x\n");
        assert_eq!(table.draw([row(["s", "x"])]), "s     x\n");
        assert_eq!(table.draw([]), "");
    }

    #[test]
    fn the_widest_columns_are_cut_and_ids_are_not() {
        let mut table = Table::new(["host_id", "name", "why"], Some(40));
        let id = "0123456789abcdef";
        let text = table.draw([row([id, "a name", "because of this and of that"])]);
        assert_eq!(
            text,
            "HOST_ID           NAME    WHY\n0123456789abcdef  a name  because of th…\n"
        );
        assert!(text.lines().all(|line| line.width() <= 40), "{text}");
    }

    #[test]
    fn a_wide_character_is_not_halved() {
        assert_eq!(cut("内核版本", 8), "内核版本");
        assert_eq!(cut("内核版本", 7), "内核版…");
        assert_eq!(cut("内核版本", 6), "内核…");
        assert_eq!(cut("abc", 2), "a…");
    }

    proptest! {
        #[test]
        fn a_line_fits_whenever_it_can(cells in prop::array::uniform3("\\PC{0,60}"), line in 40_usize..200) {
            let mut table = Table::new(["name", "group", "why"], Some(line));
            let text = table.draw([cells]);
            for line_text in text.lines() {
                prop_assert!(line_text.width() <= line, "{} > {line}: {text}", line_text.width());
            }
        }
    }
}
