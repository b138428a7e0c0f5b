use aops_api::rule::{Absent, Severity};
use proptest::prelude::*;

use super::expressions::{assert_compiles, file_of};
use crate::{
    MAX_EXPRESSION_BYTES, MAX_FILE_BYTES, MAX_RULES, MAX_TOKENS, MisfitRule, RuleFileError, convert,
};

const FILE: &str = r#"# Rules of a test.
groups:
- name: first
  interval: 30s
  labels: {team: storage, severity: info}
  rules:
  - record: instance:load:ratio
    expr: node_load1 / on (instance) count by (instance) (node_cpu_info)
  - alert: Busy
    expr: instance:load:ratio > 2
    for: 1h30m
    labels:
      severity: warning
    annotations:
      summary: "{{ $labels.instance }} is busy"
      description: |
        The load is {{ $value }}.
      runbook_url: https://example.org/busy
  - alert: Busy
    expr: instance:load:ratio > 4
    keep_firing_for: 10m
    labels: {severity: page, tier: 1}
- name: second
  rules:
  - alert: Slow
    expr: |
      histogram_quantile(
        0.9,
        rate(request_seconds_bucket[5m])
      ) > 1
  - alert: Gone
    expr: >-
      up == 1
      and
      absent(node_load1)
    for: 0s
  - alert: Nothing
  - alert: "a,b"
    expr: up == 0
  - alert: Late
    expr: up == 0
    for: soon
"#;

#[test]
fn a_rule_keeps_what_it_says() {
    let conversion = convert(FILE).expect("a rule file");
    assert_eq!(conversion.alerting_rules, 7);
    assert_eq!(conversion.recording[0].record, "instance:load:ratio");
    assert_eq!(conversion.recording[0].line, 7);
    let [busy, busier] = conversion.converted.as_slice() else {
        panic!("{:?}", conversion.converted);
    };
    assert_eq!(busy.item.check_item, "Busy");
    assert_eq!(busy.line, 9);
    assert_eq!(busy.item.severity, Some(Severity::Warning));
    assert_eq!(busy.item.hold.map(|hold| hold.milliseconds), Some(5_400_000));
    assert_eq!(busy.item.absent, Some(Absent::Ignore));
    assert_eq!(
        busy.item.description,
        "{{ $labels.instance }} is busy\n\
         The load is {{ $value }}.\n\
         Runbook: https://example.org/busy\n\
         Labels: team=storage\n\
         Converted from PromQL: instance:load:ratio > 2\n\
         Remark: instance:load:ratio comes from a recording rule of this file and must go on being recorded."
    );
    assert_eq!(busier.item.check_item, "Busy (2)");
    assert_eq!(busier.item.severity, None);
    assert!(
        busier
            .item
            .description
            .contains("Labels: severity=page, team=storage, tier=1")
    );
    assert!(busier.remarks.contains(&"keep_firing_for is left out".to_owned()));
}

#[test]
fn what_does_not_fit_is_named_with_its_place() {
    let conversion = convert(FILE).expect("a rule file");
    let misfit = |alert: &str, line, reason: &str| MisfitRule {
        alert: alert.to_owned(),
        line,
        reason: reason.to_owned(),
    };
    assert_eq!(
        conversion.misfits,
        [
            misfit(
                "Slow",
                27,
                "function histogram_quantile is not known to check rules; conditions have no histograms; the rate of \
                 one bucket can be compared with that of all"
            ),
            misfit(
                "Gone",
                35,
                "function absent is not known to check rules; a series that a host had and lost is a finding `No \
                 data` of any rule that reads it"
            ),
            misfit("Nothing", 37, "the rule has no expression (expr)"),
            misfit(
                "a,b",
                38,
                "the name has 3 characters; a check item's has 1 to 128, no comma, no control character, no blank at \
                 its ends"
            ),
            misfit("Late", 42, "for: \"soon\" is not a duration such as 5m"),
        ]
    );
}

#[test]
fn a_kubernetes_resource_is_a_rule_file_too() {
    let text =
        "kind: PrometheusRule\nspec:\n  groups:\n  - name: g\n    rules:\n    - {alert: A, expr: up == 0}\n";
    let conversion = convert(text).expect("a rule file");
    assert_eq!(conversion.converted.len(), 1);
}

#[test]
fn what_is_not_a_rule_file_is_refused_with_its_place() {
    for (text, expected) in [
        ("groups:\n- name: [\n", "line 2, column"),
        ("groups:\n  - rules: 3\n", "line 2, column 12: expected sequence"),
        (
            "groups:\n- name: a\n  name: b\n",
            "line 3, column 3: duplicate mapping key: name",
        ),
        (
            "groups:\n- rules:\n  - alert: a\n    labels: {a: [1]}\n",
            "line 4, column 17: expected string",
        ),
        ("groups:\n\t- a\n", "line 2"),
        (
            "groups: []\n---\ngroups: []\n",
            "line 3, column 1: multiple YAML documents",
        ),
        ("", "found no groups"),
        ("name: a\n", "found no groups"),
        ("- alert: a\n", "line 1"),
        ("[[[[", "line 1"),
    ] {
        let error = convert(text).expect_err(text).to_string();
        assert!(error.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn an_alias_that_grows_without_end_is_refused() {
    let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let before = format!("*a{}", level - 1);
        text += &format!("a{level}: &a{level} [{}]\n", [before.as_str(); 10].join(","));
    }
    text += "groups:\n- rules: *a9\n";
    assert!(matches!(convert(&text), Err(RuleFileError::Unreadable { .. })));
}

#[test]
fn limits_are_told() {
    let text = "#".repeat(MAX_FILE_BYTES + 1);
    assert_eq!(
        convert(&text),
        Err(RuleFileError::TooLarge {
            bytes: MAX_FILE_BYTES + 1
        })
    );

    let rules = MAX_RULES + 1;
    let text = format!(
        "groups:\n- rules:\n{}",
        "  - {alert: A, expr: up == 0}\n".repeat(rules)
    );
    assert_eq!(convert(&text), Err(RuleFileError::TooMany { rules }));

    let reason = |expression: &str| {
        let conversion = convert(&file_of(expression)).expect("a rule file");
        conversion
            .misfits
            .first()
            .map(|misfit| misfit.reason.clone())
            .unwrap_or_default()
    };
    let long = format!("m > {}", "1".repeat(MAX_EXPRESSION_BYTES));
    assert!(reason(&long).contains("at most 8192 are read"));
    assert!(reason(&format!("m{} > 1", "+m".repeat(MAX_TOKENS))).contains("more than 1000 words and signs"));
    assert!(reason(&format!("m{} > 1", "+m".repeat(100))).contains("nested deeper than 80"));
    assert!(reason(&format!("{}m > 1", "abs(".repeat(3) + "m" + ")))+")).contains("abs of abs"));
    let too_long_for = "groups:\n- rules:\n  - {alert: A, expr: up == 0, for: 5w}\n";
    let conversion = convert(too_long_for).expect("a rule file");
    assert!(conversion.misfits[0].reason.contains("for: 5w; at most 744h"));
}

#[test]
fn deep_expressions_end_in_a_refusal() {
    // As deep as the limit on words and signs lets them be.
    let half = MAX_TOKENS / 2;
    for expression in [
        "(".repeat(half) + "m" + &")".repeat(half - 1),
        "-".repeat(MAX_TOKENS - 1) + "m",
        "m".to_owned() + &"+m".repeat(half - 1),
        "m".to_owned() + &"^m".repeat(half - 1),
        "sum(".repeat(half / 2) + "m" + &")".repeat(half / 2),
        "1".to_owned() + &"^1".repeat(half - 1),
        "{".repeat(MAX_TOKENS),
    ] {
        let conversion = convert(&file_of(&expression)).expect("a rule file");
        assert_eq!(conversion.misfits.len(), 1);
    }
}

#[test]
fn limits_are_those_of_check_rules() {
    assert_eq!(crate::MAX_NAME_CHARACTERS, aops_check_rule::MAX_NAME_CHARACTERS);
    assert_eq!(crate::MAX_WINDOW_MS, aops_check_rule::MAX_WINDOW_MS);
    assert_eq!(crate::MAX_FOR_MS, aops_check_rule::MAX_FOR_MS);
}

#[test]
fn names_stay_different_and_short() {
    let name = "ü".repeat(128);
    let rule = format!("  - {{alert: {name}, expr: up == 0}}\n");
    let conversion = convert(&format!("groups:\n- rules:\n{}", rule.repeat(12))).expect("a rule file");
    let mut names: Vec<_> = conversion
        .converted
        .iter()
        .map(|one| one.item.check_item.clone())
        .collect();
    assert!(names.iter().all(|name| name.chars().count() <= 128));
    assert!(names[11].ends_with("ü (12)"));
    names.dedup();
    assert_eq!(names.len(), 12);
    conversion.converted.iter().for_each(assert_compiles);
}

/// Expressions of which many fit: operators and functions at random.
fn expression() -> impl Strategy<Value = String> {
    let selector = prop::sample::select(vec![
        "a",
        "b",
        r#"a{x="1"}"#,
        r#"b{x!~"2|3",y=""}"#,
        r#"c{job="j",x=~"z.*"}"#,
    ]);
    let range = (
        prop::sample::select(vec![
            "rate",
            "irate",
            "increase",
            "avg_over_time",
            "max_over_time",
            "delta",
        ]),
        selector.clone(),
        prop::sample::select(vec!["5m", "90s", "1d", "500ms"]),
    )
        .prop_map(|(function, selector, range)| format!("{function}({selector}[{range}])"));
    let grouping = prop::sample::select(vec![
        "by (instance)",
        "by (instance, x)",
        "without (x)",
        "by (job)",
        "",
    ]);
    let series = prop_oneof![2 => selector.prop_map(str::to_owned), 2 => range];
    let aggregate = (
        prop::sample::select(vec!["sum", "avg", "min", "max", "count"]),
        grouping,
        series.clone(),
    )
        .prop_map(|(operator, grouping, series)| format!("{operator} {grouping} ({series})"));
    let leaf =
        prop_oneof![3 => series, 2 => aggregate, 1 => (-5i32..2000).prop_map(|number| number.to_string())];
    let value = leaf.prop_recursive(4, 16, 2, |inner| {
        let operator = prop::sample::select(vec![
            "+",
            "-",
            "*",
            "/",
            "%",
            "/ on (instance)",
            "- ignoring (x)",
            "* on (instance) group_left ()",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            inner.clone().prop_map(|inner| format!("abs({inner})")),
            inner.prop_map(|inner| format!("-{inner}")),
        ]
    });
    let comparison = (
        value.clone(),
        prop::sample::select(vec!["==", "!=", "<", ">", "<=", ">="]),
        value,
    )
        .prop_map(|(left, operator, right)| format!("{left} {operator} {right}"));
    comparison.prop_recursive(3, 8, 2, |inner| {
        let operator = prop::sample::select(vec![
            "and",
            "or",
            "unless",
            "and on (instance)",
            "unless ignoring (x)",
        ]);
        (inner.clone(), operator, inner)
            .prop_map(|(left, operator, right)| format!("({left}) {operator} ({right})"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn every_item_is_a_good_check_rule(expression in expression()) {
        let conversion = convert(&file_of(&expression)).expect("a rule file");
        prop_assert_eq!(conversion.alerting_rules, 1);
        prop_assert_ne!(conversion.converted.is_empty(), conversion.misfits.is_empty());
        conversion.converted.iter().for_each(assert_compiles);
    }

    #[test]
    fn any_text_has_an_answer(text in "[ -~\n]{0,200}", expression in "[a-z0-9(){}\\[\\]=!~<>+*/^%@:,. \"-]{0,60}") {
        let _ = convert(&text);
        let conversion = convert(&file_of(&expression)).expect("a rule file");
        prop_assert_eq!(conversion.alerting_rules, 1);
    }
}
