//! The cells of the sheet. Nothing is parsed before it is known how much it is.

use std::io::{self, Cursor, Read};

use calamine::{DataRef, Reader, Xlsx};
use zip::ZipArchive;

use super::{BOOKKEEPING, SHEET};
use crate::error::WorkbookError;
use crate::tree::MAX_DEPTH;

/// How large a workbook may be.
pub const MAX_WORKBOOK_BYTES: usize = 10 * 1024 * 1024;

/// How large all that is packed in a workbook may be, unpacked.
pub const MAX_UNPACKED_BYTES: u64 = 64 * 1024 * 1024;

/// How many cells of the sheet may hold something.
pub const MAX_CELLS: usize = 200_000;

/// How long the text of a cell may be, in characters; programs that write workbooks keep to it as well.
pub const MAX_CELL_CHARACTERS: usize = 32_767;

/// How long all texts of the sheet may be together. A text that many cells share is stored once in the file and counts
/// here for each of them.
pub const MAX_TEXT_BYTES: usize = 16 * 1024 * 1024;

/// How many files a workbook may pack.
const MAX_FILES: usize = 1_000;

/// The sheet, as far as it counts.
#[derive(Debug, PartialEq)]
pub(super) struct Cells {
    /// Text of A1.
    pub(super) root: String,
    /// The rows below the header that hold something, from top to bottom.
    pub(super) rows: Vec<Row>,
}

/// A row of the outline: one cell.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// Such as `C7`.
    pub(super) cell: String,
    /// From 0.
    pub(super) level: usize,
    /// Trimmed, not empty.
    pub(super) text: String,
}

/// What a cell holds.
enum Content {
    Text(String),
    /// Something else, described.
    Other(String),
}

struct Cell {
    row: u32,
    column: u32,
    content: Content,
}

pub(super) fn read(bytes: &[u8]) -> Result<Cells, WorkbookError> {
    check_size(bytes)?;
    let mut workbook = Xlsx::new(Cursor::new(bytes)).map_err(|error| unreadable(&error))?;
    let sheets = workbook.sheet_names();
    if !sheets.iter().any(|name| name == SHEET) {
        let shown: Vec<String> = sheets.iter().take(8).map(|name| format!("\"{name}\"")).collect();
        return Err(WorkbookError::NoSheet(shown.join(", ")));
    }
    arrange(sheet_cells(&mut workbook)?)
}

/// Unpacks everything once, into nothing, so that what is parsed later has a known size.
fn check_size(bytes: &[u8]) -> Result<(), WorkbookError> {
    let unreadable = |reason: String| Err(WorkbookError::Unreadable(reason));
    if bytes.len() > MAX_WORKBOOK_BYTES {
        return unreadable(format!(
            "it has {} bytes, not at most {MAX_WORKBOOK_BYTES}",
            bytes.len()
        ));
    }
    if bytes.starts_with(&[0xD0, 0xCF, 0x11, 0xE0]) {
        return unreadable(
            "it is protected by a password, or an xls file; save it as xlsx without one".to_owned(),
        );
    }
    let mut archive = match ZipArchive::new(Cursor::new(bytes)) {
        Ok(archive) => archive,
        Err(error) => return unreadable(format!("it is no xlsx file: {error}")),
    };
    if archive.len() > MAX_FILES {
        return unreadable(format!(
            "it packs {} files, not at most {MAX_FILES}",
            archive.len()
        ));
    }
    let mut unpacked = 0;
    for index in 0..archive.len() {
        let mut check = Check::default();
        let file = archive.by_index(index);
        let read = file.map_err(io::Error::other).and_then(|file| {
            let mut file = file.take(MAX_UNPACKED_BYTES - unpacked + 1);
            io::copy(&mut file, &mut check)
        });
        match read {
            Ok(length) => unpacked += length,
            Err(error) => return unreadable(format!("it is damaged: {error}")),
        }
        if unpacked > MAX_UNPACKED_BYTES {
            return unreadable(format!(
                "unpacked it is larger than {MAX_UNPACKED_BYTES} bytes; a tree is not"
            ));
        }
        if check.announced > unpacked {
            return unreadable(format!("it is damaged: it announces {} texts", check.announced));
        }
    }
    Ok(())
}

/// The parser makes room for as many texts as a file announces. Remembers the largest such number.
#[derive(Default)]
struct Check {
    announced: u64,
    /// How many bytes of the word have been seen, and then where in the number we are.
    matched: usize,
    number: Option<u64>,
}

const ANNOUNCEMENT: &[u8] = b"uniqueCount";

impl io::Write for Check {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            self.byte(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Check {
    fn byte(&mut self, byte: u8) {
        if self.matched < ANNOUNCEMENT.len() {
            self.matched = match byte {
                byte if byte == ANNOUNCEMENT[self.matched] => self.matched + 1,
                // No letter comes twice at the beginning of the word, so a new match can only begin here.
                byte if byte == ANNOUNCEMENT[0] => 1,
                _ => 0,
            };
            return;
        }
        match (byte, self.number) {
            (b'0'..=b'9', number) => {
                let digit = u64::from(byte - b'0');
                let number = number.unwrap_or(0).saturating_mul(10).saturating_add(digit);
                self.number = Some(number);
                self.announced = self.announced.max(number);
            }
            (_, None) if byte.is_ascii_whitespace() || b"='\"+".contains(&byte) => {}
            _ => {
                self.matched = 0;
                self.number = None;
            }
        }
    }
}

/// The cells that hold something, row by row.
fn sheet_cells(workbook: &mut Xlsx<Cursor<&[u8]>>) -> Result<Vec<Cell>, WorkbookError> {
    let mut reader = workbook
        .worksheet_cells_reader(SHEET)
        .map_err(|error| unreadable(&error))?;
    let mut cells = Vec::new();
    let mut text_bytes = 0;
    while let Some(record) = reader
        .next_cell_with_formula_metadata()
        .map_err(|error| unreadable(&error))?
    {
        let (row, column) = record.pos;
        let content = match record.formula {
            Some(_) => Some(Content::Other("a formula".to_owned())),
            None => {
                // Before anything is looked at or copied: a short file can refer to a long text many times.
                text_bytes += check_length(&record.value, text_bytes, row, column)?;
                content(&record.value)
            }
        };
        let Some(content) = content else { continue };
        if cells.len() == MAX_CELLS {
            let reason = format!("more than {MAX_CELLS} cells of sheet {SHEET} hold something");
            return Err(WorkbookError::Unreadable(reason));
        }
        cells.push(Cell { row, column, content });
    }
    // A file may list them in any order.
    cells.sort_by_key(|cell| (cell.row, cell.column));
    Ok(cells)
}

/// The text of a cell that holds one.
fn text<'value>(value: &'value DataRef) -> Option<&'value str> {
    match value {
        DataRef::String(text) => Some(text.as_str()),
        DataRef::SharedString(text) => Some(text),
        _ => None,
    }
}

/// How many bytes of text a cell adds to those before it, unless that is too much.
fn check_length(value: &DataRef, before: usize, row: u32, column: u32) -> Result<usize, WorkbookError> {
    let Some(text) = text(value) else { return Ok(0) };
    let refuse = |reason: String| Err(WorkbookError::at(&cell_name(row, column), reason));
    if before + text.len() > MAX_TEXT_BYTES {
        return refuse(format!(
            "up to this cell the texts of the sheet have more than {MAX_TEXT_BYTES} bytes together; a tree has less"
        ));
    }
    if text.len() > MAX_CELL_CHARACTERS && text.chars().count() > MAX_CELL_CHARACTERS {
        return refuse(format!(
            "the text of the cell has more than {MAX_CELL_CHARACTERS} characters; shorten it"
        ));
    }
    Ok(text.len())
}

/// `None` for a cell without content.
fn content(value: &DataRef) -> Option<Content> {
    let other = |what: String| Some(Content::Other(what));
    let text = match value {
        DataRef::Empty => return None,
        DataRef::String(_) | DataRef::SharedString(_) => text(value).unwrap_or_default(),
        DataRef::Int(number) => return other(format!("the number {number}")),
        DataRef::Float(number) => return other(format!("the number {number}")),
        DataRef::Bool(value) => return other(format!("the value {value}")),
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) => return other("a date".to_owned()),
        DataRef::DurationIso(_) => return other("a duration".to_owned()),
        DataRef::Error(error) => return other(format!("the error {error}")),
    };
    let text = text.trim();
    (!text.is_empty()).then(|| Content::Text(text.to_owned()))
}

/// Sorts out what the cells are: root, header, outline.
fn arrange(cells: Vec<Cell>) -> Result<Cells, WorkbookError> {
    let levels = level_columns(&cells)?;
    let mut root = None;
    let mut rows: Vec<Row> = Vec::new();
    let mut last_row = 0;
    for cell in cells {
        let name = cell_name(cell.row, cell.column);
        match cell.row {
            0 if cell.column == 0 => root = Some(text_of(cell.content, &name)?),
            0 => {
                let reason = "row 1 holds the name of the root in A1 and nothing else";
                return Err(WorkbookError::at(&name, reason));
            }
            1 => {}
            row if cell.column < levels => {
                if row == last_row {
                    let first = rows.last().map_or("", |row| row.cell.as_str());
                    let reason =
                        format!("this row has a cell already, {first}; a row of the outline has one");
                    return Err(WorkbookError::at(&name, reason));
                }
                last_row = row;
                rows.push(Row {
                    level: cell.column as usize,
                    text: text_of(cell.content, &name)?,
                    cell: name,
                });
            }
            _ if cell.column >= levels + BOOKKEEPING.len() as u32 => {
                return Err(WorkbookError::at(
                    &name,
                    "the cell lies beyond the last column of the header",
                ));
            }
            _ => {}
        }
    }
    let root = root.ok_or_else(|| WorkbookError::at("A1", "the name of the root is missing"))?;
    Ok(Cells { root, rows })
}

/// How many columns are levels: all of the header but the last seven.
fn level_columns(cells: &[Cell]) -> Result<u32, WorkbookError> {
    let header: Vec<&Cell> = cells.iter().filter(|cell| cell.row == 1).collect();
    let expected = "row 2 must be a header: Level 1, Level 2, … and then Resources, Priority, Progress, Date start, \
                    Date finish, Duration, Milestone";
    let width = header.last().map_or(0, |cell| cell.column + 1);
    let bookkeeping = BOOKKEEPING.len() as u32;
    if width <= bookkeeping {
        let cell = header
            .last()
            .map_or("A2".to_owned(), |cell| cell_name(1, cell.column));
        return Err(WorkbookError::at(&cell, expected));
    }
    let levels = width - bookkeeping;
    let is_level = |cell: &&&Cell| {
        cell.column >= levels
            && matches!(&cell.content, Content::Text(text) if text.to_lowercase().starts_with("level"))
    };
    if let Some(cell) = header.iter().find(is_level) {
        let reason = format!("this is one of the last seven columns, which do not count; {expected}");
        return Err(WorkbookError::at(&cell_name(1, cell.column), reason));
    }
    if levels as usize > MAX_DEPTH {
        let reason = format!("there are {levels} level columns; a tree may have {MAX_DEPTH} levels at most");
        return Err(WorkbookError::at(&cell_name(1, levels - 1), reason));
    }
    Ok(levels)
}

fn text_of(content: Content, cell: &str) -> Result<String, WorkbookError> {
    match content {
        Content::Text(text) => Ok(text),
        Content::Other(what) => {
            let reason = format!(
                "the cell holds {what}; the outline is text only: format the cell as text and type it anew"
            );
            Err(WorkbookError::at(cell, reason))
        }
    }
}

/// `A1` for (0, 0).
fn cell_name(row: u32, column: u32) -> String {
    let mut letters = Vec::new();
    let mut rest = u64::from(column) + 1;
    while rest > 0 {
        rest -= 1;
        letters.push(char::from(b'A' + u8::try_from(rest % 26).unwrap_or_default()));
        rest /= 26;
    }
    let column: String = letters.into_iter().rev().collect();
    format!("{column}{}", u64::from(row) + 1)
}

fn unreadable(error: &calamine::XlsxError) -> WorkbookError {
    WorkbookError::Unreadable(format!("it is damaged: {error}"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn cells_are_named_as_in_a_spreadsheet() {
        for (row, column, name) in [
            (0, 0, "A1"),
            (6, 2, "C7"),
            (0, 25, "Z1"),
            (9, 26, "AA10"),
            (0, 16_383, "XFD1"),
        ] {
            assert_eq!(cell_name(row, column), name);
        }
    }

    #[test]
    fn announced_numbers_are_found_wherever_the_text_is_cut() {
        let text = b"<sst count=\"9\" uniqueCount = '123456'><unuuniqueCount=\"7\"/>";
        for cut in 0..text.len() {
            let mut check = Check::default();
            check.write_all(&text[..cut]).expect("written");
            check.write_all(&text[cut..]).expect("written");
            assert_eq!(check.announced, 123_456);
        }
    }
}
