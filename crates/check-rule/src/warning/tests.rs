use crate::Rule;

fn warnings(condition: &str) -> Vec<String> {
    let text = format!(
        r#"{{"check_item":"a","data_list":[{{"name":"m"}},{{"name":"n","transform":"rate"}},{{"name":"l","type":"log"}}],"condition":{}}}"#,
        serde_json::to_string(condition).expect("a text")
    );
    let rule = Rule::compile(&serde_json::from_str(&text).expect("a check item")).expect(condition);
    let each = rule.warnings().iter();
    each.map(|warning| {
        let place = (warning.line, warning.column);
        let (Some(line), Some(column)) = place else {
            panic!("a warning has a place");
        };
        format!("{}: {}", if line > 1 { line } else { column }, warning.reason)
    })
    .collect()
}

#[test]
fn what_can_only_be_one_way_is_told() {
    for (condition, expected) in [
        ("1 > 0", "1: 1 > 0 is always true: every sample is an anomaly"),
        ("0", "1: 0 is never true: it finds nothing"),
        ("''", "1: \"\" is never true: it finds nothing"),
        ("null", "1: null is never true: it finds nothing"),
        (
            "\"a\" > 1",
            "1: \"a\" > 1 joins a text and a number: it is always an error",
        ),
        (
            "$0 > 1 && $0 == '1'",
            "11: $0 == \"1\" compares a text with a number: it is never true",
        ),
        (
            "$0 != 'up'",
            "1: $0 != \"up\" compares a text with a number: it is always true",
        ),
        ("$0 / 0 > 1", "1: $0 / 0 divides by zero: it is always an error"),
        (
            "$0 + null",
            "1: $0 + null has null as an operand: it is always an error",
        ),
        (
            "count(60s, 1, '>') < 0",
            "1: count(60s, 1, '>') < 0 is never true",
        ),
        ("abschange(#1) >= 0", "1: abschange(#1) >= 0 is always true"),
        ("diff(#1) < 0 || $0 > 1", "1: diff(#1) < 0 is never true"),
        (
            "$0 > 1 ||\n keyword('a')",
            "2: keyword('a') looks into a text; $0 is a number",
        ),
        (
            "($0 == 1 || $0 > 5) && ($0 > 5 && $0 < 3)",
            "25: $0 > 5 and $0 < 3 exclude each other: they are never true together",
        ),
        (
            "$0 > 5 && $0 < 3",
            "1: $0 > 5 and $0 < 3 exclude each other: they are never true together",
        ),
        (
            "$0 > 5 && $0 <= 5",
            "1: $0 > 5 and $0 <= 5 exclude each other: they are never true together",
        ),
        (
            "$0 > 3 || $0 <= 5",
            "1: $0 > 3 and $0 <= 5 leave nothing out: one of them is always true",
        ),
        (
            "$0 == 1 && $0 == 2",
            "1: $0 == 1 and $0 == 2 exclude each other: they are never true together",
        ),
        (
            "keyword('a')",
            "1: keyword('a') looks into a text; $0 is a number",
        ),
        (
            "$2.max(60s) > 1",
            "4: $2.max(60s) computes with numbers; $2 is a log",
        ),
        (
            "count(60s, 'x', '==') > 1",
            "1: count(60s, \"x\", '==') compares a text with a number: it is never true",
        ),
        ("3 > 2 > 1", "1: 3 > 2 > 1 is never true: it finds nothing"),
    ] {
        let expected = expected.replace("keyword('a')", "keyword(\"a\")");
        assert_eq!(warnings(condition), [expected], "{condition}");
    }
}

#[test]
fn warnings_are_few_and_short_whatever_the_condition() {
    let same = format!("$0{}", " == 'a'".repeat(9_000));
    let told = warnings(&same);
    assert_eq!(told.len(), super::MAX_WARNINGS);
    assert!(told.iter().all(|text| text.len() < 400));
    let many: Vec<String> = (0..5_000).map(|number| format!("$0>{number}")).collect();
    assert_eq!(warnings(&many.join("&&")), [""; 0]);
}

#[test]
fn what_may_be_either_way_is_let_be() {
    for condition in [
        "$0",
        "$0 > 1",
        "$0 > 5 && $0 < 7",
        "$0 >= 5 && $0 <= 5",
        "$0 < 3 || $0 > 5",
        "$0 > 5 || $0 < 3 && $1 > 0",
        "$0 == 1 || $0 == 2",
        "!$0",
        "$1.max(1s) < 0",
        "$1 < 0",
        "($0 > 1 || 5) == 5",
        "($0 > 1 || 5) > 3",
        "9007199254740993 > $0",
        "min(-1) > 0 || $0 > 1",
        "$0 % 2 == 1",
        "$1 > 0",
        "$2.keyword('error')",
        "$2 == 'x'",
        "$2 == 5",
        "$2.count(60s, 'x', '==') > 1",
        "avg(60s) > 0.9 ? $1 > 1 : $0 > 2",
        "max(0s) > 1",
        "change(#1) > avg(600s) * 2",
        "2 * 'ab' == $2",
        "{'a': $0} in {'a': 1}",
    ] {
        assert_eq!(warnings(condition), [""; 0], "{condition}");
    }
}
