//! What the language takes and what it refuses, and where: the specification's B.2 and B.3.

use aops_api::TimeRange;
use aops_api::finding::FindingValue;
use aops_check_rule::{Rule, RuleError};

use crate::specification::{INTERVAL_MS, series, world};
use crate::world::compile;

/// Of a rule with two data items.
fn rule(condition: &str) -> String {
    format!(
        r#"{{"check_item":"it","data_list":[{{"name":"m"}},{{"name":"n"}}],"condition":{}}}"#,
        serde_json::Value::from(condition)
    )
}

fn read(condition: &str) -> Result<Rule, RuleError> {
    let item = serde_json::from_str(&rule(condition)).expect("a check item");
    Rule::compile(&item)
}

fn refused(condition: &str) -> RuleError {
    match read(condition) {
        Ok(_) => panic!("{condition} is taken"),
        Err(error) => error,
    }
}

fn key(condition: &str) -> String {
    match read(condition) {
        Ok(rule) => rule.key().to_string(),
        Err(error) => panic!("{condition} is refused: {error:?}"),
    }
}

/// `$0` is 5 and `$1` is 2.5, a minute long.
fn holds(condition: &str) {
    let samples = |value: f64| -> Vec<(i64, f64)> { (0..5).map(|step| (1_000 + 15 * step, value)).collect() };
    let world = world(vec![
        series("m", &[], &samples(5.0)),
        series("n", &[], &samples(2.5)),
    ]);
    let window = TimeRange::new(1_060_000, 1_060_001);
    let judged = world.judge(&compile(&rule(condition)), window, INTERVAL_MS);
    let found: Vec<FindingValue> = judged.findings.iter().map(|finding| finding.value).collect();
    assert_eq!(
        found,
        [FindingValue::Abnormal],
        "{condition}: {:?}",
        judged.findings
    );
}

#[test]
fn numbers() {
    for condition in [
        "1 == 1.0",
        "1.5 * 2 == 3",
        ".5 * 2 == 1",
        "5. == 5",
        "0x1F == 31",
        "0X1f == 31",
        "0b11 == 3",
        "1_000 == 1000",
        "00 == 0",
        "1e3 == 1000",
        "1.0e+3 == 1000",
        ".5e2 == 50",
        "2e-3 == 0.002",
        "1.5e10 == 15000000000",
        "1e05 == 100000",
        "1e400 > 1e308",
        "5 - 1e3 == -995",
        // The original tripped over the signs of these.
        "5-1e3 == -995",
        "10e-3 == 0.01",
        "12.5e+3 == 12500",
        "-1e3 == 0 - 1000",
        "170141183460469231731687303715884105727 > 1e38",
    ] {
        holds(condition);
    }
    for condition in [
        "010", "1l", "1L", "1.2.3", "1__0", "1_", "0x", "0b12", "1e", "0o17", "1 2",
    ] {
        refused(condition);
    }
}

#[test]
fn texts() {
    for condition in [
        r#""a" == 'a'"#,
        r#"'\x41\u00e9\U0001F600' == 'Aé😀'"#,
        r#"'\101' == 'A'"#,
        r#"'\'' == "'""#,
        r#""\"" == '"'"#,
        r#"'\\' != '\\\\'"#,
        r#"'\t' == '	'"#,
        r#"'\n' != 'n'"#,
        r#"'\d' == '\\d'"#,
        "'größer' > 'g'",
        "'a;b@c' != ''",
    ] {
        holds(condition);
    }
    for condition in [
        "'abc", "\"abc", "'abc\"", "'a\nb'", r"'abc\'", r"'\x4'", r"'\u12'",
    ] {
        refused(condition);
    }
}

#[test]
fn blanks_and_names() {
    for condition in [
        "\t$0\n>\r\n1\x0c",
        "$0>1",
        "$0 . max ( 60s ) == 5",
        "max (60s) == 5",
        "max( 60 s ) == 5",
        "TRUE && True && true",
        "!false && !False && !FALSE",
    ] {
        holds(condition);
    }
    for condition in [
        "",
        "  ",
        "tRUE",
        "NULL",
        "None",
        "m > 1",
        "s",
        "h",
        "max > 1",
        "$2 > 1",
        "$ > 1",
        "$a",
        "a$b",
        "$0$1",
        "m.max(60s)",
        "$7.max(60s)",
        "and",
        "$0 and $1",
        "not $0",
    ] {
        refused(condition);
    }
}

#[test]
fn functions_and_their_windows() {
    for condition in [
        "max(0.5m) == 5",
        "max(0x1Es) == 5",
        "sum(30s) == 15",
        "sum(0x1Es) == 15",
        "sum(0.5m) == 15",
        "sum(1m) == 25",
        "sum(1h) == 25",
        "sum(30) == 15",
        "sum(#3) == 15",
        "$1.sum(#2) == 5",
        "$0.max(#1) == 5",
        "count(30s, $1, '>') == 3",
        "count(30s, 1 + 1 * 2, \">\") == 3",
        "count(#2, 'x', '!=') == 2",
        "keyword('5')",
        "!diff(#1)",
        "predict(1m, 1h) > 0",
        "predict(#3, 1h) > 0",
    ] {
        holds(condition);
    }
    for condition in [
        "max(60s",
        "max 60s",
        "max(60s,)",
        "max()",
        "max(60s, 1)",
        "max(1, 60s)",
        "max(#0)",
        "max(#01)",
        "max(#1.5)",
        "max(#-1)",
        "max(# 1)",
        "max(#)",
        "max(60d)",
        "max(60sm)",
        "max(60s + 1)",
        "max($0)",
        "max(max(60s))",
        "max('60s')",
        "60s > 1",
        "#2 > 1",
        "count(3, 30s, '>')",
        "count(30s, 3)",
        "count(30s, 3, '=')",
        "count(30s, 3, '<>')",
        "count(30s, 3, >)",
        "count(30s, 3, 1)",
        "count(30s, 3, 'a' + 'b')",
        "count(30s, 30s, '>')",
        "keyword()",
        "keyword(60s)",
        "keyword('a', 'b')",
        "predict(60s)",
        "predict(60s, $0)",
        "diff()",
        "change(1.5)",
        "median(60s)",
        "Max(60s)",
        "max(60s).max(3s)",
        "($0).max(3s)",
        "$0.max",
        "$0.max(3s)(3s)",
        "$0.($1)",
        "$0.$1",
        "1.max(60s)",
    ] {
        refused(condition);
    }
}

#[test]
fn what_is_no_expression() {
    for condition in [
        "$0 >",
        "> $0",
        "$0 > > 1",
        "$0 1",
        "$0 > 1 2",
        "()",
        "($0",
        "$0)",
        "(($0)",
        "$0[0]",
        "$0 = 1",
        "1 = 2",
        "$0 === 1",
        "$0 ** 2",
        "$0 <> 1",
        "$0 >>> 1",
        "$0; $1",
        "$0 @ 1",
        "$0, $1",
        "$0 # 1",
        "$0 ? 1",
        "$0 ? 1 : ",
        "$0 : 1",
        "{}",
        "{1:2}",
        "{1:2} in {}",
        "{} in {1:2}",
        "{1:2} in 3",
        "1 in {1:2}",
        "{1:2} + {1:2}",
        "{1+1:2} in {1:2}",
        "{(1):2} in {1:2}",
        "{1:max(60s)} in {1:2}",
        "{1:2,} in {1:2}",
        "{1} in {1:2}",
        "{1:2} not in {1:2}",
        "{1:2 in {1:2}",
        "$0 > 1 &&",
        "&& $0",
        "$0 & & $1",
        "ä > 1",
        "$0 ≥ 1",
    ] {
        refused(condition);
    }
}

/// Operators from loose to tight; those of one level together.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<", ">", "<=", ">="],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Needless parentheses do not change a key, others do.
#[test]
fn every_two_operators_bind_as_their_levels_say() {
    let operators: Vec<(usize, &str)> = LEVELS
        .iter()
        .enumerate()
        .flat_map(|(level, operators)| operators.iter().map(move |operator| (level, *operator)))
        .collect();
    for (first_level, first) in &operators {
        for (second_level, second) in &operators {
            let plain = key(&format!("7 {first} $0 {second} 3"));
            let left = key(&format!("(7 {first} $0) {second} 3"));
            let right = key(&format!("7 {first} ($0 {second} 3)"));
            let is_left = first_level >= second_level;
            assert_eq!(plain == left, is_left, "{first} before {second}, to the left");
            assert_eq!(plain == right, !is_left, "{first} before {second}, to the right");
            let plain = key(&format!("7{first}$0{second}3"));
            assert_eq!(
                plain,
                if is_left { left } else { right },
                "{first}{second} without blanks"
            );
        }
    }
}

#[test]
fn choices_prefixes_and_membership_bind_as_their_levels_say() {
    for operator in LEVELS.concat() {
        for (plain, bound) in [
            ("-$0 o 3", "(-$0) o 3"),
            ("!$0 o 3", "(!$0) o 3"),
            ("~$0 o 3", "(~$0) o 3"),
            ("3 o -$0", "3 o (-$0)"),
            ("3 o !$0", "3 o (!$0)"),
            ("$0 o 3 ? 1 : 2", "($0 o 3) ? 1 : 2"),
            ("$0 ? 1 o 2 : 3", "$0 ? (1 o 2) : 3"),
            ("$0 ? 1 : 2 o 3", "$0 ? 1 : (2 o 3)"),
        ] {
            let (plain, bound) = (plain.replace('o', operator), bound.replace('o', operator));
            assert_eq!(key(&plain), key(&bound), "{plain}");
        }
    }
    for (plain, bound) in [
        ("$0 ? 1 : $1 ? 2 : 3", "$0 ? 1 : ($1 ? 2 : 3)"),
        ("$0 ? $1 ? 1 : 2 : 3", "$0 ? ($1 ? 1 : 2) : 3"),
        ("-!$0", "-(!$0)"),
        ("- -$0", "-(-$0)"),
        ("!!$0", "!(!$0)"),
        ("-~$0 + 1", "(-(~$0)) + 1"),
        ("1 && {1:2} in {1:2}", "1 && ({1:2} in {1:2})"),
        ("{1:2} in {1:2} || 0", "({1:2} in {1:2}) || 0"),
        ("1 & {1:2} notin {1:2}", "1 & ({1:2} notin {1:2})"),
        ("{1:2} in {1:2} ? 1 : 2", "({1:2} in {1:2}) ? 1 : 2"),
    ] {
        assert_eq!(key(plain), key(bound), "{plain}");
    }
    assert_ne!(key("($0 ? 1 : $1) ? 2 : 3"), key("$0 ? 1 : $1 ? 2 : 3"));
    assert_ne!(key("-($0 + 1)"), key("-$0 + 1"));
}

/// A level that binds differently would compute something else.
#[test]
fn operators_compute_as_they_bind() {
    for condition in [
        "1 || 0 && 0",
        "(1 | 2 ^ 3 & 4) == 3",
        "2 + 3 * 4 == 14",
        "10 - 4 - 3 == 3",
        "2 * 7 % 4 == 2",
        "1 + 1 << 3 == 16",
        "(1 < 2 == 1) == true",
        "(3 == 2 < 1) == false",
        "(6 & 3 == 3) == 0",
        "-7 % 3 == 2",
        "(!1 == 0) == true",
        "(0 ? 1 : 0 ? 2 : 3) == 3",
    ] {
        holds(condition);
    }
}

#[test]
fn refusals_say_where() {
    for (condition, line, column) in [
        ("$0 = 1", 1, 4),
        ("$0 ; 1", 1, 4),
        ("$0 > 010", 1, 6),
        ("$0 > 1 2", 1, 8),
        ("$3 > 1", 1, 1),
        ("$0 > $3", 1, 6),
        ("$0 >\n  $3", 2, 3),
        ("$0 >\r\n\t$3", 2, 2),
        ("'ä' == foo", 1, 8),
        ("Max(60s) > 1", 1, 1),
        ("$0.Max(60s) > 1", 1, 4),
        ("max(1, 60s)", 1, 10),
        ("max(60s, 1)", 1, 4),
        ("max($0)", 1, 5),
        ("max(#0)", 1, 5),
        ("count(30s, 3, '<>')", 1, 15),
        ("$0 > 'abc", 1, 6),
        ("$0 >", 1, 5),
        ("($0 > 1", 1, 8),
        ("$0 >>> 1", 1, 4),
        ("{} in {1:2}", 1, 2),
        ("$0 && {1:2}", 1, 12),
    ] {
        let error = refused(condition);
        let found = (error.line, error.column);
        assert_eq!(found, (Some(line), Some(column)), "{condition}: {}", error.reason);
    }
}

#[test]
fn refusals_suggest_what_was_meant() {
    for (condition, words) in [
        ("$0 = 1", &["'='", "=="][..]),
        ("$3 > 1", &["$3", "$0", "$1"]),
        ("Max(60s) > 1", &["Max", "max"]),
        ("maximum(60s) > 1", &["maximum", "max"]),
        ("cuont(60s, 1, '>')", &["cuont", "count"]),
        ("$0 > 1 and $1 > 1", &["and", "&&"]),
        ("$0 > 1 or $1 > 1", &["or", "||"]),
        ("n > 1", &["n", "$1"]),
        ("count(30s, 3, '=')", &["==", ">="]),
    ] {
        let error = refused(condition);
        let is_told = words.iter().all(|word| error.reason.contains(word));
        assert!(is_told, "{condition}: {} lacks one of {words:?}", error.reason);
    }
}

#[test]
fn what_looks_wrong_is_told_and_taken() {
    let wrong = ["1 > 0", "0", "'x'", "null", "max(60s) == '5'", "$0 > 1 || true"];
    let untold: Vec<&str> = wrong
        .into_iter()
        .filter(|condition| read(condition).expect(condition).warnings().is_empty())
        .collect();
    assert_eq!(untold, [""; 0]);
    for condition in ["$0 > 1", "max(60s) > 5 && $1 != 2", "$0 ? $1 : 0"] {
        let rule = read(condition).expect(condition);
        assert_eq!(rule.warnings(), [], "{condition}");
    }
}
