use aops_check_rule::Rule;

use crate::{Converted, convert};

pub(super) fn file_of(expression: &str) -> String {
    let quoted = serde_json::to_string(expression).expect("a text");
    format!("groups:\n- name: g\n  rules:\n  - alert: A\n    expr: {quoted}\n")
}

pub(super) fn items_of(expression: &str) -> Vec<Converted> {
    let conversion = convert(&file_of(expression)).expect("a rule file");
    assert_eq!(conversion.misfits, [], "{expression}");
    conversion.converted
}

fn reason_of(expression: &str) -> String {
    let conversion = convert(&file_of(expression)).expect("a rule file");
    assert!(
        conversion.converted.is_empty(),
        "{expression}: {:?}",
        conversion.converted
    );
    conversion.misfits[0].reason.clone()
}

/// The condition and the data items, short.
pub(super) fn shown(converted: &Converted) -> String {
    let items: Vec<String> = converted
        .item
        .data_list
        .iter()
        .map(|item| {
            let mut text = item.name.clone();
            if let Some(transform) = item.transform {
                text = format!("{}:{text}", format!("{transform:?}").to_lowercase());
            }
            if let Some(aggregate) = item.aggregate {
                text = format!("{}:{text}", format!("{aggregate:?}").to_lowercase());
            }
            if !item.label.is_empty() {
                text += &serde_json::to_string(&item.label).expect("labels are JSON");
            }
            text
        })
        .collect();
    format!("{} | {}", converted.item.condition, items.join(" | "))
}

pub(super) fn assert_compiles(converted: &Converted) {
    let compiled = Rule::compile(&converted.item);
    assert!(compiled.is_ok(), "{}: {compiled:?}", shown(converted));
}

#[test]
fn expressions_become_conditions() {
    for (expression, expected) in [
        ("up == 0", r#"$0 == 0 | up{"*":"*"}"#),
        (
            r#"m{a="x",b!="y",c=~"u|v"} > 1.5"#,
            r#"$0 > 1.5 | m{"*":"*","a":"x","b":{"not_re":"y","each":true},"c":{"re":"u|v","each":true}}"#,
        ),
        (
            r#"m{job="node",instance=~"db.*"} > 1"#,
            r#"$0 > 1 | m{"*":"*","instance":{"re":"db.*"},"job":"node"}"#,
        ),
        ("5 < m", r#"5 < $0 | m{"*":"*"}"#),
        ("0 < m < 10", r#"0 < $0 && $0 < 10 | m{"*":"*"}"#),
        ("(m > 5) * 2 > 20", r#"$0 > 5 && $0 * 2 > 20 | m{"*":"*"}"#),
        ("-m > -1", r#"-$0 > -1 | m{"*":"*"}"#),
        ("m > 2^10 * 1e3", r#"$0 > 1024 * 1000 | m{"*":"*"}"#),
        (
            "a / b > 0.9",
            r#"$0 / ($1 || 1) > 0.9 && $1 != 0 | a{"*":"*"} | b{"*":"*"}"#,
        ),
        (
            "(a - b) / 2 > 1",
            r#"($0 - $1) / 2 > 1 | a{"*":"*"} | b{"*":"*"}"#,
        ),
        (
            "a - (b - c) > 1",
            r#"$0 - ($1 - $2) > 1 | a{"*":"*"} | b{"*":"*"} | c{"*":"*"}"#,
        ),
        ("a > b", r#"$0 > $1 | a{"*":"*"} | b{"*":"*"}"#),
        ("a > a * 2", r#"$0 > $0 * 2 | a{"*":"*"}"#),
        // Ranges.
        ("rate(m[5m]) > 1", r#"avg(5m) > 1 | rate:m{"*":"*"}"#),
        ("irate(m[5m]) > 1", r#"$0 > 1 | rate:m{"*":"*"}"#),
        ("increase(m[1h30m]) > 1", r#"sum(90m) > 1 | increase:m{"*":"*"}"#),
        ("delta(m[90s]) < -1", r#"sum(90s) < -1 | delta:m{"*":"*"}"#),
        ("idelta(m[90s]) < -1", r#"$0 < -1 | delta:m{"*":"*"}"#),
        (
            "max_over_time(m[1d]) - min_over_time(m[1d]) > avg_over_time(m[500ms])",
            r#"max(24h) - min(24h) > avg(0.5s) | m{"*":"*"}"#,
        ),
        ("sum_over_time(m[1w]) > 1", r#"sum(168h) > 1 | m{"*":"*"}"#),
        (
            "predict_linear(m[1h], 4 * 3600) < 0",
            r#"predict(1h, 4h) < 0 | m{"*":"*"}"#,
        ),
        (
            "abs(delta(m[5m])) > 3",
            r#"(sum(5m) < 0 ? -sum(5m) : sum(5m)) > 3 | delta:m{"*":"*"}"#,
        ),
        // Aggregates.
        ("sum by (instance) (m) > 1", "$0 > 1 | sum:m"),
        (
            "sum(m) by (instance, job, device) > 1",
            r#"$0 > 1 | sum:m{"device":"*"}"#,
        ),
        (
            r#"count without (cpu) (m{mode="idle"}) > 1"#,
            r#"$0 > 1 | count:m{"*":"*","cpu":{"re":".*"},"mode":"idle"}"#,
        ),
        (
            r#"max by (instance) (m{a=~"x|y"}) > 1"#,
            r#"$0 > 1 | max:m{"a":{"re":"x|y"}}"#,
        ),
        (
            r#"max by (instance, a) (m{a=~"x|y",b="z"}) > 1"#,
            r#"$0 > 1 | max:m{"a":{"re":"x|y","each":true},"b":"z"}"#,
        ),
        (
            r#"100 - (avg by (instance) (rate(cpu{mode="idle"}[5m])) * 100) > 80"#,
            r#"100 - avg(5m) * 100 > 80 | avg:rate:cpu{"mode":"idle"}"#,
        ),
        (
            r#"sum by (instance) (100 * rate(m[5m]) / 8) > 80"#,
            r#"avg(5m) * 100 / 8 > 80 | sum:rate:m"#,
        ),
        (
            "max by (instance) (max_over_time(m[5m])) > 1",
            "max(5m) > 1 | max:m",
        ),
        ("max by (instance) (irate(m[5m])) > 1", "$0 > 1 | max:rate:m"),
        (
            "sum by (instance) (increase(m[1h])) > 1",
            "sum(1h) > 1 | sum:increase:m",
        ),
        (
            "sum by (instance) (predict_linear(m[1h], 60)) > 1",
            "predict(1h, 1m) > 1 | sum:m",
        ),
        // Matching.
        (
            r#"a{mode="idle"} / b > 1"#,
            r#"$0 / ($1 || 1) > 1 && $1 != 0 | a{"*":"*","mode":"idle"} | b{"*":"*","mode":"idle"}"#,
        ),
        (
            r#"a{mode="x"} / ignoring (mode) a{mode="y"} > 1"#,
            r#"$0 / ($1 || 1) > 1 && $1 != 0 | a{"*":"*","mode":"x"} | a{"*":"*","mode":"y"}"#,
        ),
        (
            "load / on (instance) count by (instance) (cpu) > 2",
            "$0 / $1 > 2 | load | count:cpu",
        ),
        (
            "a / on (instance, device) b > 2",
            r#"$0 / ($1 || 1) > 2 && $1 != 0 | a{"device":"*"} | b{"device":"*"}"#,
        ),
        (
            "a * on (instance) group_left (nodename) info > 2",
            r#"$0 * $1 > 2 | a{"*":"*"} | info"#,
        ),
        (
            "info * on (instance) group_right a > 2",
            r#"$1 * $0 > 2 | a{"*":"*"} | info"#,
        ),
        (
            "sum by (instance) (a) / sum by (instance) (b) > 0.05",
            "$0 / ($1 || 1) > 0.05 && $1 != 0 | sum:a | sum:b",
        ),
        (
            "sum by (instance) (a) < on (instance) group_right () b",
            r#"$1 < $0 | b{"*":"*"} | sum:a"#,
        ),
        // Sets.
        ("a > 1 and b < 2", r#"$0 > 1 && $1 < 2 | a{"*":"*"} | b{"*":"*"}"#),
        (
            "a > 1 unless b < 2",
            r#"$0 > 1 && !($1 < 2) | a{"*":"*"} | b{"*":"*"}"#,
        ),
        (
            "a > 1 and on (instance) c == 1",
            r#"$0 > 1 && $1 == 1 | a{"*":"*"} | c"#,
        ),
        ("a and b > 5", r#"$1 > 5 | a{"*":"*"} | b{"*":"*"}"#),
        ("m < 10 or m > 90", r#"$0 < 10 || $0 > 90 | m{"*":"*"}"#),
        (
            "(a > 1 or b > 2) and a < 100",
            r#"($0 > 1 || $1 > 2) && $0 < 100 | a{"*":"*"} | b{"*":"*"}"#,
        ),
        (
            "a / b < 0.1 and c == 0",
            r#"$0 / ($1 || 1) < 0.1 && $1 != 0 && $2 == 0 | a{"*":"*"} | b{"*":"*"} | c{"*":"*"}"#,
        ),
        (r#"{__name__="a",x="1"} > 0"#, r#"$0 > 0 | a{"*":"*","x":"1"}"#),
        ("a\n  # why\n  > 1", r#"$0 > 1 | a{"*":"*"}"#),
    ] {
        let items = items_of(expression);
        assert_eq!(items.len(), 1, "{expression}");
        assert_eq!(shown(&items[0]), expected, "{expression}");
        assert_compiles(&items[0]);
    }
}

#[test]
fn sides_of_or_that_read_different_series_are_items_of_their_own() {
    let items = items_of("a > 1 or (b > 2 or a < -1)");
    let texts: Vec<String> = items.iter().map(shown).collect();
    assert_eq!(
        texts,
        [r#"$0 > 1 || $0 < -1 | a{"*":"*"}"#, r#"$0 > 2 | b{"*":"*"}"#]
    );
    assert_eq!(items[0].item.check_item, "A");
    assert_eq!(items[1].item.check_item, "A (2)");
    assert!(items[0].remarks[0].contains("one check item each"));
}

#[test]
fn what_does_not_fit_is_refused_with_the_reason() {
    for (expression, part) in [
        // Hosts.
        (
            "sum(m) > 1",
            "goes across hosts; a check rule is judged host by host: aggregate by (instance)",
        ),
        ("sum by (job) (m) > 1", "add instance to by"),
        ("avg without (instance) (m) > 1", "take instance out of without"),
        ("a / on (device) b > 1", "add instance to on"),
        ("a / ignoring (instance) b > 1", "take instance out of ignoring"),
        // Comparisons.
        ("m", "nothing is compared"),
        ("vector(1)", "function vector"),
        ("rate(m[5m])", "nothing is compared"),
        ("m > bool 1", "modifier bool"),
        ("(a > bool 1) + (b > bool 2) == 2", "modifier bool"),
        ("m > Inf", "finite"),
        ("m / 0 > 1", "division by 0"),
        ("m > 1 / 0", "division by 0"),
        ("m ^ 2 > 1", "operator '^'"),
        ("a atan2 b > 1", "trigonometry"),
        // Time.
        ("m offset 5m > 1", "offset"),
        ("rate(m[5m] offset 1h) > 1", "offset"),
        ("m @ 1609746000 > 1", "modifier @"),
        ("max_over_time(rate(m[5m])[1h:1m]) > 1", "subquery"),
        ("m[5m:1m] > 1", "not PromQL"),
        ("time() - m > 60", "no clock; node_time_seconds"),
        ("avg_over_time(m[40d]) > 1", "at most 744h"),
        ("predict_linear(m[1h], -60) < 0", "from 0 to 31 days"),
        ("predict_linear(m[1h], scalar(x)) < 0", "from 0 to 31 days"),
        // Functions and aggregates.
        ("absent(m)", "No data"),
        (
            "histogram_quantile(0.9, sum by (instance, le) (rate(m_bucket[5m]))) > 1",
            "no histograms",
        ),
        ("ceil(m) > 1", "function ceil"),
        ("changes(m[5m]) > 1", "diff(#1)"),
        ("deriv(m[5m]) > 1", "predict"),
        ("topk(3, m) > 1", "aggregate topk"),
        ("quantile by (instance) (0.9, m) > 1", "aggregate quantile"),
        (
            "max by (instance) (rate(m[5m])) > 1",
            "without the aggregate each series is judged by itself",
        ),
        ("sum by (instance) (max_over_time(m[5m])) > 1", "aggregates first"),
        (
            "count by (instance) (rate(m[5m])) > 1",
            "count the series themselves",
        ),
        ("sum by (instance) (m > 1) > 2", "sum of a comparison"),
        (
            "count by (instance) (sum by (instance, cpu) (m)) > 2",
            "count of an aggregate",
        ),
        (
            "sum by (instance) (a + b) > 2",
            "sum of arithmetic between series",
        ),
        ("max by (instance) (m * -1) > 2", "multiplied with 0 or less"),
        ("sum by (instance) (ceil(m)) > 2", "function ceil"),
        ("abs(abs(m)) > 1", "abs of abs"),
        // Matching.
        (
            "a / sum by (instance) (b) > 1",
            "different labels, all labels and (instance)",
        ),
        (
            "sum by (instance) (a) / sum by (instance, job) (b) > 1",
            "different labels",
        ),
        (r#"a{x="1"} / b{x="2"} > 1"#, "never match"),
        (r#"a{x="1"} / b{x!="1"} > 1"#, "never match"),
        (r#"a{x="1",x="2"} > 1"#, "contradict"),
        ("a / ignoring (mode) group_left b > 1", "naming the labels"),
        (
            "sum by (instance, mode) (a) / on (instance) b > 1",
            "both must be the same",
        ),
        (
            "sum by (instance, mode) (a) / ignoring (mode) sum by (instance) (b) > 1",
            "aggregate it away",
        ),
        (
            "sum by (instance) (a) * on (instance, device) group_left b > 1",
            "cannot be joined",
        ),
        // Sets.
        ("a > 1 and b", "asks whether it is there"),
        ("a > 1 unless on (instance) b", "asks whether it is there"),
        ("(a or b) > 1", "asks whether it is there"),
        ("(a > 1 or b > 1) > 2", "the value of 'or'"),
        ("a > 1 and (b > 1 or c)", "asks whether it is there"),
        // Selectors.
        (r#"{job="x"} > 1"#, "metric name"),
        (r#"{__name__=~"a|b"} > 1"#, "metric name"),
        (r#"m{a="1" or b="2"} > 1"#, "'or' between label matchers"),
        (r#"m{host_id="1"} > 1"#, "host_id"),
        (r#"ALERTS{alertstate="firing"} == 1"#, "fault trees"),
        // PromQL.
        ("m >", "not PromQL"),
        ("nosuch(m) > 1", "unknown function"),
        ("rate(m) > 1", "expected type"),
        ("", "no expression"),
    ] {
        let reason = reason_of(expression);
        assert!(reason.contains(part), "{expression}: {reason}");
    }
}

#[test]
fn what_is_only_nearly_the_same_is_remarked() {
    for (expression, part) in [
        ("rate(m[5m]) > 1", "rate(…[5m]) is the mean of the rates"),
        ("increase(m[5m]) > 1", "up to one sample interval more"),
        ("predict_linear(m[1h], 60) > 1", "of a single sample"),
        (
            "sum by (instance) (rate(m[5m])) > 1",
            "aggregated before rate(…[5m])",
        ),
        ("a / b > 1", "where a divisor is 0"),
        ("m % 7 > 1", "sign of the divisor"),
        (r#"m{a!="x"} > 1"#, "series without the label a are left out"),
        (
            "a * on (instance) group_left (nodename) info > 2",
            "label nodename",
        ),
        ("a > 1 unless b > 2", "on the right of 'unless' is missing"),
        ("(a > 1 or b > 2) and c > 3", "one side of 'or'"),
        ("a > 1 and on (instance) b > 2", "one that holds is enough"),
    ] {
        let items = items_of(expression);
        let remark = items[0].remarks.iter().find(|remark| remark.contains(part));
        let remark = remark.unwrap_or_else(|| panic!("{expression}: {:?}", items[0].remarks));
        assert!(
            items[0].item.description.contains(remark.as_str()),
            "{expression}"
        );
    }
    assert!(items_of("m > 1")[0].remarks.is_empty());
    assert!(
        items_of("max by (instance) (max_over_time(m[5m])) > 1")[0]
            .remarks
            .is_empty()
    );
}
