//! Functions and operators of PromQL that check rules do not have, and what comes near.

use crate::misfit::Misfit;

/// Functions with something to say about them.
const HINTS: [(&str, &str); 21] = [
    (
        "absent",
        "a series that a host had and lost is a finding `No data` of any rule that reads it",
    ),
    (
        "absent_over_time",
        "a series that a host had and lost is a finding `No data` of any rule that reads it",
    ),
    (
        "present_over_time",
        "a series that a host had and lost is a finding `No data` of any rule that reads it",
    ),
    (
        "changes",
        "diff(#1) says whether a sample differs from the one before",
    ),
    (
        "count_over_time",
        "count(w, x, '>') counts the samples that compare so with x",
    ),
    ("clamp_max", "write c ? a : b in a check rule"),
    ("clamp_min", "write c ? a : b in a check rule"),
    ("day_of_week", "conditions have no clock"),
    ("deriv", "predict(w, d) draws the same line"),
    ("double_exponential_smoothing", "avg(w) smooths"),
    (
        "histogram_quantile",
        "conditions have no histograms; the rate of one bucket can be compared with that of all",
    ),
    ("hour", "conditions have no clock"),
    ("label_join", "labels are taken as they are"),
    ("label_replace", "labels are taken as they are"),
    ("last_over_time", "max_gap says how old a sample may be"),
    ("quantile_over_time", "max(w), min(w) and avg(w) are there"),
    ("resets", "transform delta shows a fall"),
    (
        "scalar",
        "an item that stars no label is shared by all label sets as it is",
    ),
    (
        "time",
        "conditions have no clock; node_time_seconds is the host's",
    ),
    (
        "timestamp",
        "conditions have no clock; max_gap says how old a sample may be",
    ),
    ("vector", "a constant is abnormal on every host or on none"),
];

pub(crate) fn refuse_call(name: &str) -> Misfit {
    let hint = HINTS.iter().find(|(known, _)| *known == name);
    let reason = match hint {
        Some((_, hint)) => format!("function {name} is not known to check rules; {hint}"),
        None => format!("function {name} is not known to check rules"),
    };
    Misfit::at(name, reason)
}

pub(crate) fn refuse_aggregate(operator: &str) -> Misfit {
    let hint = match operator {
        "topk" | "bottomk" => "; a check rule judges each series by itself",
        "group" => "; count is there",
        "quantile" | "stddev" | "stdvar" => "; sum, avg, min, max and count are there",
        _ => "",
    };
    Misfit::at(
        operator,
        format!("aggregate {operator} is not known to check rules{hint}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_are_for_functions_that_exist() {
        for (name, _) in HINTS {
            let answer = promql_parser::parser::parse(&format!("{name}()"));
            let is_unknown = answer.is_err_and(|reason| reason.contains("unknown function"));
            assert!(!is_unknown, "{name}");
        }
    }
}
