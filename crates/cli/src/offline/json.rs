//! The syntax tree of JSON, paths into it, places inside its strings.

use std::fmt::{self, Write};
use std::ops::Range;

use jsonc_parser::ast::{ObjectProp, StringLit, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use super::diagnostic::Diagnostic;
use super::source::Source;

/// Plain JSON: none of what the parser takes beside it.
const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// From a value to a value inside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// `data_list[0].name`
pub(super) struct ShownPath<'a>(pub(super) &'a [Step]);

impl fmt::Display for ShownPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(formatter, "[{index}]")?,
                Step::Key(key) if depth == 0 => formatter.write_str(key)?,
                Step::Key(key) => write!(formatter, ".{key}")?,
            }
        }
        Ok(())
    }
}

/// Reads JSON; the error says where it stops being JSON.
pub(super) fn parse(source: &Source) -> Result<Value<'_>, Diagnostic> {
    let text = source.text.as_str();
    let parsed = parse_to_ast(text, &CollectOptions::default(), &STRICT).map_err(|error| {
        let range = error.range();
        let is_open = matches!(text.as_bytes().get(range.start), Some(b'{' | b'[' | b'"'));
        // Of what is never closed the opening is shown, not all that follows.
        let end = if is_open { range.start + 1 } else { range.end };
        let reason = error.kind().to_string();
        let reason = lower_first(&reason);
        Diagnostic::error(format!("not JSON: {reason}"), range.start..end)
    })?;
    let value = parsed
        .value
        .ok_or_else(|| Diagnostic::error("not JSON: there is nothing in the file", 0..0))?;
    // What the parser lets pass and the platform does not, such as a line end in a string.
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(_) => Ok(value),
        Err(error) => {
            let offset = source.offset(error.line(), error.column());
            let reason = without_position(&error);
            Err(Diagnostic::error(format!("not JSON: {reason}"), offset..offset))
        }
    }
}

/// The message of an error without the place that it names, which is that in a part of the file.
pub(super) fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

fn lower_first(text: &str) -> String {
    let mut lowered = String::new();
    let mut letters = text.chars();
    if let Some(first) = letters.next() {
        let _ = write!(lowered, "{}", first.to_lowercase());
    }
    lowered.push_str(letters.as_str());
    lowered
}

/// The bytes of a value.
pub(super) fn span(value: &Value<'_>) -> Range<usize> {
    let range = value.range();
    range.start..range.end
}

/// A short span that stands for a value: of what holds others the opening bracket.
pub(super) fn short_span(value: &Value<'_>) -> Range<usize> {
    let span = span(value);
    match value {
        Value::Object(_) | Value::Array(_) => span.start..span.start + 1,
        _ => span,
    }
}

/// What a value is, for messages.
pub(super) fn kind(value: &Value<'_>) -> &'static str {
    match value {
        Value::StringLit(_) => "a text",
        Value::NumberLit(_) => "a number",
        Value::BooleanLit(_) => "true or false",
        Value::Object(_) => "an object",
        Value::Array(_) => "a list",
        Value::NullKeyword(_) => "null",
    }
}

/// The member of an object with this name.
pub(super) fn member<'v, 'a>(value: &'v Value<'a>, name: &str) -> Option<&'v ObjectProp<'a>> {
    let members = &value.as_object()?.properties;
    members.iter().find(|member| member.name.as_str() == name)
}

/// The bytes of a member's name, with its quotes.
pub(super) fn name_span(member: &ObjectProp<'_>) -> Range<usize> {
    let range = member.name.range();
    range.start..range.end
}

/// The value at the end of a path, or the last one on the way that is there.
pub(super) fn deepest<'v, 'a>(value: &'v Value<'a>, path: &[Step]) -> &'v Value<'a> {
    let mut current = value;
    for step in path {
        let next = match step {
            Step::Key(key) => member(current, key).map(|member| &member.value),
            Step::Index(index) => current.as_array().and_then(|array| array.elements.get(*index)),
        };
        match next {
            Some(next) => current = next,
            None => return current,
        }
    }
    current
}

/// Names that an object holds twice, here or further in: the later member, and where the earlier one lies.
pub(super) fn repeated_names<'v, 'a>(value: &'v Value<'a>) -> Vec<(&'v ObjectProp<'a>, usize)> {
    let mut repeated = Vec::new();
    collect_repeated_names(value, &mut repeated);
    repeated
}

fn collect_repeated_names<'v, 'a>(value: &'v Value<'a>, repeated: &mut Vec<(&'v ObjectProp<'a>, usize)>) {
    match value {
        Value::Object(object) => {
            let mut known = std::collections::HashMap::new();
            for member in &object.properties {
                let start = member.name.range().start;
                match known.get(member.name.as_str()) {
                    Some(first) => repeated.push((member, *first)),
                    None => {
                        known.insert(member.name.as_str(), start);
                    }
                }
                collect_repeated_names(&member.value, repeated);
            }
        }
        Value::Array(array) => {
            for element in &array.elements {
                collect_repeated_names(element, repeated);
            }
        }
        _ => {}
    }
}

/// The bytes in the file of one character of a string's value, by line and column (both from 1, in characters) of the
/// value. After the last character comes the closing quote.
pub(super) fn span_in_string(
    source: &Source,
    string: &StringLit<'_>,
    line: u32,
    column: u32,
) -> Range<usize> {
    let value = &string.value;
    let before_line: usize = value
        .split_inclusive('\n')
        .take(line.saturating_sub(1) as usize)
        .map(|line| line.chars().count())
        .sum();
    let character = before_line + column.saturating_sub(1) as usize;
    let content_start = string.range.start + 1;
    let content_end = string.range.end - 1;
    let content = &source.text[content_start..content_end];
    let starts = character_starts(content);
    let at = |index: usize| content_start + starts.get(index).copied().unwrap_or(content.len());
    let word_end = word_end(value, character);
    match starts.get(character) {
        Some(_) => at(character)..at(word_end),
        None => content_end..content_end + 1,
    }
}

/// Where each character of a string's value begins in its escaped form.
fn character_starts(content: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut offset = 0;
    while offset < content.len() {
        starts.push(offset);
        offset += escaped_length(&content[offset..]);
    }
    starts
}

/// How many bytes the first character of a string's value takes in its escaped form.
fn escaped_length(content: &str) -> usize {
    const UNICODE_ESCAPE: usize = 6;
    let Some(escaped) = content.strip_prefix('\\') else {
        return content.chars().next().map_or(0, char::len_utf8);
    };
    if !escaped.starts_with('u') {
        return 2;
    }
    let is_high_surrogate = content
        .get(2..UNICODE_ESCAPE)
        .and_then(|digits| u16::from_str_radix(digits, 16).ok())
        .is_some_and(|unit| (0xd800..0xdc00).contains(&unit));
    if is_high_surrogate {
        2 * UNICODE_ESCAPE
    } else {
        UNICODE_ESCAPE
    }
}

/// The end of the word that begins at a character: of a name or a number all of it, else that one character.
fn word_end(value: &str, character: usize) -> usize {
    let is_word = |letter: &char| letter.is_alphanumeric() || matches!(letter, '_' | '$');
    let letters = value.chars().skip(character).take_while(is_word).count();
    character + letters.max(1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn refusal(text: &str) -> (String, usize) {
        let source = Source::new("f", text);
        let diagnostic = parse(&source).expect_err(text);
        (diagnostic.reason, diagnostic.span.start)
    }

    #[test]
    fn what_is_not_json_is_told_with_its_place() {
        for (text, reason, start) in [
            ("", "there is nothing in the file", 0),
            ("{", "unterminated object", 0),
            ("[{\"a\": 1", "unterminated object", 1),
            ("[1", "unterminated array", 0),
            ("{\"a\": \"$0", "unterminated string literal", 6),
            ("{\"a\":1,}", "trailing commas are not allowed", 6),
            ("{\"a\":1 \"b\":2}", "expected comma", 6),
            ("{a:1}", "expected string for object property", 1),
            ("{} // x", "comments are not allowed", 3),
            ("{\"a\":\"\n\"}", "control character", 7),
            ("{\"a\":1e999}", "number out of range", 9),
            ("1 2", "text cannot contain more than one JSON value", 2),
        ] {
            let (found, found_start) = refusal(text);
            assert!(
                found.starts_with(&format!("not JSON: {reason}")),
                "{text}: {found}"
            );
            assert_eq!(found_start, start, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused() {
        for open in ["[", "{\"a\":"] {
            let (reason, _) = refusal(&open.repeat(100_000));
            assert_eq!(reason, "not JSON: maximum nesting depth exceeded");
        }
        let nested = format!("{}{}", "[".repeat(300), "]".repeat(300));
        assert_eq!(refusal(&nested).0, "not JSON: recursion limit exceeded");
    }

    #[test]
    fn paths_lead_to_values_and_repeated_names_are_found() {
        let source = Source::new("f", r#"{"a":[{"b":1},{"b":2,"b":3}],"c":4}"#);
        let value = parse(&source).expect("JSON");
        let path = [
            Step::Key("a".to_owned()),
            Step::Index(0),
            Step::Key("b".to_owned()),
        ];
        assert_eq!(&source.text[span(deepest(&value, &path))], "1");
        assert_eq!(ShownPath(&path).to_string(), "a[0].b");
        let astray = [Step::Key("a".to_owned()), Step::Index(7)];
        assert_eq!(&source.text[short_span(deepest(&value, &astray))], "[");
        let repeated = repeated_names(&value);
        assert_eq!(repeated.len(), 1);
        assert_eq!((name_span(repeated[0].0).start, repeated[0].1), (21, 15));
    }

    fn marked<'a>(source: &'a Source, value: &Value<'_>, line: u32, column: u32) -> &'a str {
        let string = value.as_string_lit().expect("a string");
        &source.text[span_in_string(source, string, line, column)]
    }

    #[test]
    fn places_in_a_string_are_found_behind_escapes() {
        let source = Source::new("f", r#" "\"\u00e9\" ==\n\ud83d\ude00$0 = max(1)""#);
        let value = parse(&source).expect("JSON");
        for (line, column, expected) in [
            (1, 1, r#"\""#),
            (1, 2, r"\u00e9"),
            (1, 5, "="),
            (1, 7, r"\n"),
            (2, 1, r"\ud83d\ude00"),
            (2, 2, "$0"),
            (2, 5, "="),
            (2, 7, "max"),
            (2, 13, "\""),
            (2, 99, "\""),
            (9, 1, "\""),
        ] {
            assert_eq!(marked(&source, &value, line, column), expected, "{line}:{column}");
        }
    }

    /// A character as JSON may write it.
    fn escaped(letter: char, form: u8) -> String {
        let mut units = [0; 2];
        match (form % 2, letter) {
            (0, letter) if letter >= ' ' && !matches!(letter, '"' | '\\') => letter.to_string(),
            (_, '\n') if form == 2 => "\\n".to_owned(),
            (_, '"') if form == 2 => "\\\"".to_owned(),
            _ => letter
                .encode_utf16(&mut units)
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn every_character_is_found_however_it_is_escaped(
            letters in prop::collection::vec((any::<char>(), 0..3_u8), 0..40)
        ) {
            let forms: Vec<String> = letters.iter().map(|(letter, form)| escaped(*letter, *form)).collect();
            let source = Source::new("f", format!("\"{}\"", forms.concat()));
            let value = parse(&source).expect("JSON");
            let (mut line, mut column) = (1, 1);
            for ((letter, _), form) in letters.iter().zip(&forms) {
                let found = marked(&source, &value, line, column);
                prop_assert!(found.starts_with(form.as_str()), "{found} for {form}");
                if *letter == '\n' {
                    (line, column) = (line + 1, 1);
                } else {
                    column += 1;
                }
            }
            prop_assert_eq!(marked(&source, &value, line, column), "\"");
        }
    }
}
