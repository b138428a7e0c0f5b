//! A rule read as a public route reads it: unknown fields and wrong types are refused, here with their places.

use std::ops::Range;

use aops_api::rule::{CheckItem, DataItem, Scope};
use jsonc_parser::ast::Value;

use super::field_names::{field_names, nearest};
use super::json::{self, ShownPath, Step};
use super::source::Source;

/// A reason and the bytes it is about.
pub(super) type Problem = (String, Range<usize>);

/// Reads a rule as a public route does: unknown fields and wrong types are refused. All unknown fields are told, and the
/// first wrong type.
pub(super) fn read(source: &Source, node: &Value<'_>) -> Result<CheckItem, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_str(&source.text[json::span(node)]);
    let mut track = serde_path_to_error::Track::new();
    let tracked = serde_path_to_error::Deserializer::new(&mut deserializer, &mut track);
    let item: Result<CheckItem, serde_json::Error> = serde_ignored::deserialize(tracked, |path| {
        problems.push(unknown_field(node, &steps_of_ignored(&path)));
    });
    let item = item.map(|mut item| {
        item.check_item = item.check_item.trim().to_owned();
        item
    });
    match item {
        Ok(item) if problems.is_empty() => return Ok(item),
        Ok(_) => {}
        Err(error) => {
            let path = steps_of_error(&track.path());
            let span = json::short_span(json::deepest(node, &path));
            let reason = json::without_position(&error);
            let reason = match path.is_empty() {
                true => reason,
                false => format!("{}: {reason}", ShownPath(&path)),
            };
            problems.push((reason, span));
        }
    }
    Err(problems)
}

fn unknown_field(node: &Value<'_>, path: &[Step]) -> Problem {
    let shown = ShownPath(path).to_string();
    let Some((Step::Key(name), parents)) = path.split_last() else {
        return (format!("{shown}: unknown field"), json::short_span(node));
    };
    let fields = match parents {
        [] => field_names::<CheckItem>(),
        [Step::Key(field), Step::Index(_)] if field == "data_list" => field_names::<DataItem>(),
        [Step::Key(field)] if field == "scope" => field_names::<Scope>(),
        _ => &[],
    };
    let reason = match nearest(name, fields) {
        Some(meant) => format!("{shown}: unknown field; did you mean {meant}?"),
        None => format!("{shown}: unknown field; expected one of {}", fields.join(", ")),
    };
    let parent = json::deepest(node, parents);
    let span = match json::member(parent, name) {
        Some(member) => json::name_span(member),
        None => json::short_span(parent),
    };
    (reason, span)
}

fn steps_of_error(path: &serde_path_to_error::Path) -> Vec<Step> {
    use serde_path_to_error::Segment;
    let step = |segment: &Segment| match segment {
        Segment::Seq { index } => Some(Step::Index(*index)),
        Segment::Map { key } => Some(Step::Key(key.clone())),
        Segment::Enum { .. } | Segment::Unknown => None,
    };
    path.iter().filter_map(step).collect()
}

fn steps_of_ignored(path: &serde_ignored::Path<'_>) -> Vec<Step> {
    use serde_ignored::Path;
    let (parent, step) = match path {
        Path::Root => return Vec::new(),
        Path::Seq { parent, index } => (parent, Some(Step::Index(*index))),
        Path::Map { parent, key } => (parent, Some(Step::Key(key.clone()))),
        Path::Some { parent } | Path::NewtypeStruct { parent } | Path::NewtypeVariant { parent } => {
            (parent, None)
        }
    };
    let mut steps = steps_of_ignored(parent);
    steps.extend(step);
    steps
}
