//! The Prometheus text format 0.0.4, read as strictly as Prometheus reads it: one bad line spoils the whole text.
//!
//! Not taken from a crate: those at hand split label values at commas and drop what they do not understand, which
//! would turn a damaged answer into wrong samples.

use aops_api::Labels;

/// A line with a value. The time that a line may carry is read and left aside: samples have the store's time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// Why a text is not in the format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub(super) struct ExpositionError {
    line: usize,
    reason: &'static str,
}

pub(super) fn parse(text: &str) -> Result<Vec<Line>, ExpositionError> {
    let mut lines = Vec::new();
    for (line, content) in (1..).zip(text.split('\n')) {
        let content = content.strip_suffix('\r').unwrap_or(content);
        let content = content.trim_matches(BLANKS);
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let parsed = parse_line(content).map_err(|reason| ExpositionError { line, reason })?;
        lines.push(parsed);
    }
    Ok(lines)
}

const BLANKS: [char; 2] = [' ', '\t'];

fn parse_line(content: &str) -> Result<Line, &'static str> {
    let (name, rest) = split_while(content, is_name_letter);
    if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err("a metric name is expected");
    }
    let rest = rest.trim_start_matches(BLANKS);
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => parse_labels(inside)?,
        None => (Labels::new(), rest),
    };
    let mut words = rest.split(BLANKS).filter(|word| !word.is_empty());
    let value = words.next().ok_or("a value is expected")?;
    let value = value.parse().map_err(|_| "the value is not a number")?;
    if let Some(time) = words.next() {
        time.parse::<i64>().map_err(|_| "the time is not an integer")?;
    }
    if words.next().is_some() {
        return Err("the line ends with too much");
    }
    Ok(Line {
        name: name.to_owned(),
        labels,
        value,
    })
}

const fn is_name_letter(letter: char) -> bool {
    is_label_letter(letter) || letter == ':'
}

const fn is_label_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

fn split_while(text: &str, is_inside: fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|letter| !is_inside(letter)).unwrap_or(text.len());
    text.split_at(end)
}

/// What stands after the opening brace; gives the rest after the closing one.
fn parse_labels(inside: &str) -> Result<(Labels, &str), &'static str> {
    let mut labels = Labels::new();
    let mut seen = Vec::new();
    let mut rest = inside.trim_start_matches(BLANKS);
    loop {
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = split_while(rest, is_label_letter);
        if name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
            return Err("a label name is expected");
        }
        if seen.contains(&name) {
            return Err("a label stands twice");
        }
        seen.push(name);
        let after = after.trim_start_matches(BLANKS);
        let after = after
            .strip_prefix('=')
            .ok_or("'=' is expected after a label name")?;
        let after = after.trim_start_matches(BLANKS);
        let after = after
            .strip_prefix('"')
            .ok_or("a label value must stand in quotes")?;
        let (value, after) = parse_quoted(after)?;
        // An empty label and a missing one are the same.
        if !value.is_empty() {
            labels.insert(name.to_owned(), value);
        }
        let after = after.trim_start_matches(BLANKS);
        rest = match after.strip_prefix(',') {
            Some(next) => next.trim_start_matches(BLANKS),
            None if after.starts_with('}') => after,
            None => return Err("',' or '}' is expected after a label value"),
        };
    }
}

/// What stands after the opening quote; gives the rest after the closing one.
fn parse_quoted(inside: &str) -> Result<(String, &str), &'static str> {
    let mut value = String::new();
    let mut letters = inside.char_indices();
    while let Some((place, letter)) = letters.next() {
        match letter {
            '"' => return Ok((value, &inside[place + 1..])),
            '\\' => match letters.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                Some(_) => return Err("only \\\\, \\\" and \\n are escapes"),
                None => break,
            },
            _ => value.push(letter),
        }
    }
    Err("a label value has no end")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Line {
        let mut lines = parse(text).expect(text);
        assert_eq!(lines.len(), 1, "{text}");
        lines.remove(0)
    }

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let owned = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn the_example_of_the_format() {
        let text = r#"# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1395066363000
http_requests_total{method="post",code="400"}    3 1395066363000

# Escaping in label values:
msdos_file_access_time_seconds{path="C:\\DIR\\FILE.TXT",error="Cannot find file:\n\"FILE.TXT\""} 1.458255915e9

# Minimalistic line:
metric_without_timestamp_and_labels 12.47

# A weird metric from before the epoch:
something_weird{problem="division by zero"} +Inf -3982045

# A histogram, which has a pretty complex representation in the text format:
http_request_duration_seconds_bucket{le="0.05"} 24054
http_request_duration_seconds_bucket{le="+Inf"} 144320
http_request_duration_seconds_sum 53423
"#;
        let lines = parse(text).expect("the format");
        assert_eq!(lines.len(), 8);
        assert_eq!(lines[0].labels, labels(&[("method", "post"), ("code", "200")]));
        let escaped = labels(&[
            ("path", "C:\\DIR\\FILE.TXT"),
            ("error", "Cannot find file:\n\"FILE.TXT\""),
        ]);
        assert_eq!(lines[2].labels, escaped);
        assert_eq!(lines[2].value, 1_458_255_915.0);
        assert_eq!(lines[4].value, f64::INFINITY);
        assert_eq!(lines[6].labels, labels(&[("le", "+Inf")]));
    }

    #[test]
    fn what_other_parsers_stumble_over() {
        assert_eq!(one(r#"a{b="x,y=z}",} 1"#).labels, labels(&[("b", "x,y=z}")]));
        assert_eq!(one("ns:rule:sum 1").name, "ns:rule:sum");
        assert_eq!(one("\ta \t{ b = \"c\" , }\t-Inf ").value, f64::NEG_INFINITY);
        assert!(one("a NaN").value.is_nan());
        assert_eq!(one("a{} 1e-3\r\n").value, 0.001);
        assert_eq!(one(r#"a{b="",c="ä"} 1"#).labels, labels(&[("c", "ä")]));
        assert_eq!(one("a 1 -5").value, 1.0);
        assert_eq!(parse("\n \n# EOF\n"), Ok(vec![]));
    }

    #[test]
    fn a_bad_line_is_refused_with_its_number() {
        for (text, reason) in [
            ("<html>", "a metric name is expected"),
            ("1a 1", "a metric name is expected"),
            ("a", "a value is expected"),
            ("a x", "the value is not a number"),
            ("a 1 2.5", "the time is not an integer"),
            ("a 1 2 3", "the line ends with too much"),
            ("a{b} 1", "'=' is expected after a label name"),
            ("a{b=c} 1", "a label value must stand in quotes"),
            ("a{b=\"c} 1", "a label value has no end"),
            ("a{b=\"c\\", "a label value has no end"),
            ("a{b=\"\\t\"} 1", "only \\\\, \\\" and \\n are escapes"),
            (
                "a{b=\"c\" d=\"e\"} 1",
                "',' or '}' is expected after a label value",
            ),
            ("a{b=\"c\",b=\"c\"} 1", "a label stands twice"),
            ("a{b:c=\"d\"} 1", "'=' is expected after a label name"),
            ("a{,} 1", "a label name is expected"),
            ("a{b=\"c\"", "',' or '}' is expected after a label value"),
        ] {
            let error = parse(&format!("ok 1\n{text}")).expect_err(text);
            assert_eq!(error, ExpositionError { line: 2, reason }, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(?s)[ -~\n\t\\\\\"{}=,a]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn written_lines_are_read(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,9}",
            pairs in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,5}", "(?s).{1,9}", 0..4),
            value: f64,
        ) {
            let escape = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
            let written: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", escape(value)))
                .collect();
            let line = one(&format!("{name}{{{}}} {value}", written.join(",")));
            prop_assert_eq!(line, Line { name, labels: pairs, value });
        }
    }
}
