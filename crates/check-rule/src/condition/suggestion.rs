//! What was probably meant by a wrong word.

use super::grammar::FUNCTIONS;

/// The operator that another language writes so.
pub(super) fn operator_for(found: &str) -> Option<&'static str> {
    match found {
        "=" => Some("=="),
        "=>" => Some(">="),
        "=<" => Some("<="),
        "<>" => Some("!="),
        ">>>" => Some(">>"),
        "and" | "AND" | "And" => Some("&&"),
        "or" | "OR" | "Or" => Some("||"),
        "not" | "NOT" | "Not" => Some("!"),
        _ => None,
    }
}

/// The function that a wrong name was probably meant for: equal but for case, or one slip away.
pub(super) fn function_for(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase();
    let wanted = match wanted.as_str() {
        "mean" | "average" | "avg_over_time" => "avg",
        "max_over_time" => "max",
        "min_over_time" => "min",
        "sum_over_time" | "total" => "sum",
        "count_over_time" => "count",
        "predict_linear" => "predict",
        "contains" => "keyword",
        "changes" | "delta" => "change",
        other => other,
    };
    let is_near = |name: &&str| *name == wanted || is_one_slip_away(name, wanted);
    FUNCTIONS.iter().map(|row| row.name).find(is_near)
}

/// Whether one insertion, deletion, substitution or swap of neighbours makes one of the other.
fn is_one_slip_away(left: &str, right: &str) -> bool {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let start = left
        .iter()
        .zip(right)
        .take_while(|(left, right)| left == right)
        .count();
    let (left, right) = (&left[start..], &right[start..]);
    match (left, right) {
        ([_, left @ ..], right_whole) if left == right_whole => true,
        (left_whole, [_, right @ ..]) if left_whole == right => true,
        ([_, left @ ..], [_, right @ ..]) if left == right => true,
        ([left_first, left_second, left @ ..], [right_first, right_second, right @ ..]) => {
            left == right && left_first == right_second && left_second == right_first
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        for (wrong, meant) in [
            ("Max", Some("max")),
            ("MAX", Some("max")),
            ("mx", Some("max")),
            ("maxx", Some("max")),
            ("mxa", Some("max")),
            ("average", Some("avg")),
            ("cuont", Some("count")),
            ("rate", None),
            ("f", None),
        ] {
            assert_eq!(function_for(wrong), meant, "{wrong}");
        }
    }
}
