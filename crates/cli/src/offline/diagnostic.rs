//! What is wrong in a file and where, as a compiler shows it, or as JSON.

use std::fmt::Write;
use std::io::{self, IsTerminal};
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::Serialize;

use super::source::{Position, Source};
use crate::screen;

/// Of a longer line only the part around the place is drawn.
const DRAWN_BYTES_EACH_SIDE: usize = 500;

/// What is wrong, or looks wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    pub(crate) severity: Severity,
    /// The rule it is about.
    pub(crate) check_item: Option<String>,
    pub(crate) reason: String,
    /// The bytes that are meant; of several lines only the first is drawn.
    pub(crate) span: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    Error,
    Warning,
}

impl Diagnostic {
    pub(crate) fn error(reason: impl Into<String>, span: Range<usize>) -> Self {
        Self {
            severity: Severity::Error,
            check_item: None,
            reason: reason.into(),
            span,
        }
    }
}

/// A diagnostic for programs. `end_column` is exclusive; both columns are in one line.
#[derive(Serialize)]
pub(crate) struct DiagnosticRow<'a> {
    severity: Severity,
    #[serde(skip_serializing_if = "Option::is_none")]
    check_item: Option<&'a str>,
    reason: &'a str,
    line: usize,
    column: usize,
    end_column: usize,
}

/// The form for programs.
pub(crate) fn row<'a>(source: &Source, diagnostic: &'a Diagnostic) -> DiagnosticRow<'a> {
    let drawn = drawn_span(source, &diagnostic.span);
    let Position { line, column } = source.position(drawn.start);
    DiagnosticRow {
        severity: diagnostic.severity,
        check_item: diagnostic.check_item.as_deref(),
        reason: &diagnostic.reason,
        line,
        column,
        end_column: column + source.text[drawn].chars().count().max(1),
    }
}

/// Shows diagnostics on standard error, in colour on a terminal that wants it.
pub(crate) fn show(source: &Source, diagnostics: &[Diagnostic]) {
    let wants_no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    let in_colour = io::stderr().is_terminal() && !wants_no_colour && !is_dumb;
    let renderer = if in_colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    for diagnostic in diagnostics {
        screen::note(&draw(source, diagnostic, &renderer));
    }
}

/// `rules.json:12:23: error: found '='; did you mean '=='?`, the line, and a mark below the place.
fn draw(source: &Source, diagnostic: &Diagnostic, renderer: &Renderer) -> String {
    let span = drawn_span(source, &diagnostic.span);
    let Position { line, column } = source.position(span.start);
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let (excerpt, marked) = excerpt(source, span);
    let annotation = AnnotationKind::Primary.span(marked);
    let snippet = Snippet::source(excerpt).line_start(line).annotation(annotation);
    let title = level.clone().primary_title(screen::plain(&diagnostic.reason));
    let mut text = format!("{}:{line}:{column}: ", screen::plain(&source.name));
    let title_alone = renderer.render(&[Group::with_title(title)]);
    let drawing = renderer.render(&[Group::with_level(level).element(snippet)]);
    let _ = write!(text, "{title_alone}\n{drawing}");
    text
}

/// The part of a span that lies in its first line.
fn drawn_span(source: &Source, span: &Range<usize>) -> Range<usize> {
    let line = source.line(span.start);
    let start = span.start.min(line.end).max(line.start);
    start..span.end.clamp(start, line.end)
}

/// The line of a span, or the part around it, and the span in that text.
fn excerpt(source: &Source, span: Range<usize>) -> (String, Range<usize>) {
    let line = source.line(span.start);
    let text = &source.text;
    let start = text.ceil_char_boundary(line.start.max(span.start.saturating_sub(DRAWN_BYTES_EACH_SIDE)));
    let start = start.min(span.start);
    // A long span, such as a whole object on one line, is cut as well.
    let end = text.floor_char_boundary(line.end.min(span.start + DRAWN_BYTES_EACH_SIDE));
    let left_out = |is_cut: bool| if is_cut { "…" } else { "" };
    let before = left_out(start > line.start);
    let after = left_out(end < line.end);
    let excerpt = format!("{before}{}{after}", &text[start..end]);
    let marked_start = before.len() + span.start - start;
    let marked_end = before.len() + span.end.min(end) - start;
    (excerpt, marked_start..marked_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(text: &str, part: &str) -> String {
        let source = Source::new("f.json", text);
        let start = text.find(part).expect("the part is there");
        let diagnostic = Diagnostic::error("bad", start..start + part.len());
        draw(&source, &diagnostic, &Renderer::plain())
    }

    #[test]
    fn the_place_is_marked_below_its_line() {
        assert_eq!(
            drawn("{\n  \"ä\": \"$0 = 1\"\n}", "="),
            "f.json:2:12: error: bad\n  |\n2 |   \"ä\": \"$0 = 1\"\n  |            ^"
        );
    }

    #[test]
    fn of_several_lines_the_first_is_marked() {
        assert_eq!(
            drawn("[\r\n {},\r\n {}]", "{},\r\n {}"),
            "f.json:2:2: error: bad\n  |\n2 |  {},\n  |  ^^^"
        );
    }

    #[test]
    fn a_long_line_is_cut_around_the_place() {
        let text = format!("{}=={}", "ä".repeat(100_000), "ö".repeat(100_000));
        let drawing = drawn(&text, "==");
        assert!(drawing.starts_with("f.json:1:100001: error: bad\n"), "{drawing}");
        assert!(drawing.len() < 2_000, "{}", drawing.len());
        assert!(drawing.contains("ä==ö") && drawing.contains("^^"), "{drawing}");
        // A span that is long itself.
        assert!(drawn(&text, &text).len() < 4_000);
    }

    #[test]
    fn what_would_steer_the_terminal_is_not_drawn() {
        let drawing = drawn("\"a\u{1b}[31m\" x", "x");
        assert!(!drawing.contains('\u{1b}'), "{drawing}");
    }

    #[test]
    fn the_end_of_the_file_can_be_marked() {
        let source = Source::new("f.json", "");
        let drawing = draw(&source, &Diagnostic::error("empty", 0..0), &Renderer::plain());
        assert!(drawing.starts_with("f.json:1:1: error: empty"), "{drawing}");
    }

    #[test]
    fn programs_get_line_and_columns() {
        let source = Source::new("f.json", "\n äb==c");
        let diagnostic = Diagnostic::error("bad", 5..7);
        let text = serde_json::to_string(&row(&source, &diagnostic)).expect("serializable");
        assert_eq!(
            text,
            r#"{"severity":"error","reason":"bad","line":2,"column":4,"end_column":6}"#
        );
    }
}
