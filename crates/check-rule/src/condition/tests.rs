use proptest::prelude::*;

use super::*;
use crate::error::RuleError;

fn read(text: &str) -> Condition {
    parse(text, &["m", "node_load1"]).unwrap_or_else(|error| panic!("{text}: {error:?}"))
}

fn refused(text: &str) -> RuleError {
    parse(text, &["m", "node_load1"]).expect_err(text)
}

fn printed(text: &str) -> String {
    let condition = read(text);
    print(&condition, &condition.root, Spelling::AsWritten)
}

/// `$0` is 5 and `$1` is 5.5; no window can be read.
struct FiveAndMore;

impl Reading for FiveAndMore {
    fn item(&mut self, item: usize) -> Result<Value, String> {
        Ok([Value::Int(5), Value::Float(5.5)][item].clone())
    }

    fn call(&mut self, _call: usize) -> Result<Value, String> {
        Err("no window".to_owned())
    }
}

fn value(text: &str) -> String {
    let condition = read(text);
    match evaluate(&condition, &condition.root, &mut FiveAndMore) {
        Ok(value) => value.to_string(),
        Err(reason) => format!("error: {reason}"),
    }
}

#[test]
fn values_are_those_of_the_specification() {
    for (text, expected) in [
        // H.1, rows 10 to 15, as far as they are supported.
        ("$0 + $1", "10.5"),
        ("1||0&&0", "1"),
        ("0||1&&0", "0"),
        ("2*(3+4)-1", "13"),
        ("-$0 + 10", "5"),
        ("$0 >= 5 ? 'hi':'lo'", "\"hi\""),
        ("1|2^3&4", "3"),
        ("7.9&3", "3"),
        ("-8>>1", "-4"),
        ("1.5<<1", "2"),
        ("~5", "-6"),
        ("0 ? 2 : 1/0", "error: division by zero in 1 / 0"),
        ("{1:2} in {1:2,3:1}", "true"),
        ("{1:2,5:6} in {1:2}", "true"),
        ("{'a':$0} in {'a':5}", "true"),
        ("{'a':$0} notin {'a':5}", "false"),
        ("({1:2} in {1:2})", "true"),
        ("3>2>1", "false"),
        ("1<2<3", "true"),
        ("(3>2)>1", "false"),
        ("(3>2>1)", "false"),
        ("-7%3", "2"),
        ("True+1", "2"),
        ("1/3*3", "1.0"),
        ("5 && 7", "7"),
        ("0 || 3", "3"),
        ("!1==0", "true"),
        ("!\"\"", "true"),
        ("0 && 1/0", "error: division by zero in 1 / 0"),
        ("null == null", "error: null as an operand in null == null"),
        ("true && null", "error: null as an operand in true && null"),
        ("null", "null"),
        ("'x'", "\"x\""),
        // Levels and sides.
        ("1 ? 0 ? 2 : 3 : 4", "3"),
        ("0 ? 1 : 0 ? 2 : 3", "3"),
        ("1 || 0 ? 2 : 3", "2"),
        ("1 + 1 << 2 > 7 == 1 & 3", "1"),
        ("{1: 2} in {1: 2} == 1 && 1", "1"),
        ("1 ? null : 2", "error: null as an operand in 1 ? null : 2"),
        (
            "{1: null} in {1: 2}",
            "error: null as an operand in {1: null} in {1: 2}",
        ),
        ("{1: 2, 1: 3} in {1: 2}", "false"),
        ("{1: 2} in {true: 2.0}", "true"),
        ("1 << 127", "error: an integer beyond 128 bits in 1 << 127"),
        ("-1 << 127", "-170141183460469231731687303715884105728"),
        ("0 << 1000", "0"),
        ("1 << -1", "error: a shift by a negative number in 1 << -1"),
        ("-1 >> 1000", "-1"),
        ("~1.5", "error: '~' before a number, not a whole number in ~1.5"),
        ("'a' & 1", "error: a text with a number in \"a\" & 1"),
        ("1e400 | 1", "error: inf as a whole number in 1e999 | 1"),
        ("10-4-3", "3"),
        ("100/10/5", "2.0"),
        ("1+2*3", "7"),
        ("-2*-3", "6"),
        ("--5", "5"),
        ("!!5", "true"),
        ("!-1", "false"),
        ("- !1", "0"),
        ("+True", "1"),
        ("1 < 2 == 2 > 1", "true"),
        ("1 == 1 && 0 != 1 || 0", "true"),
        // Kinds.
        ("'1' == 1", "false"),
        ("$0 != '1'", "true"),
        ("true == 1", "true"),
        ("'a' + \"b\"", "\"ab\""),
        ("2 * 'ab'", "\"abab\""),
        ("'a' < 'b'", "true"),
        ("'a' < 1", "error: a text with a number in \"a\" < 1"),
        ("-'a'", "error: a sign before a text in -\"a\""),
        ("5 % 0", "error: division by zero in 5 % 0"),
        ("1 - max(3s)", "error: no window"),
        (
            "170141183460469231731687303715884105727 + 1",
            "error: an integer beyond 128 bits in 170141183460469231731687303715884105727 + 1",
        ),
        // Literals.
        ("1_000", "1000"),
        ("0x1F", "31"),
        ("0b11", "3"),
        ("00", "0"),
        (".5", "0.5"),
        ("5.", "5.0"),
        ("1e3", "1000.0"),
        ("2e-3", "0.002"),
        ("5-1e3", "-995.0"),
        ("1e400", "1e999"),
        ("0x1e-3", "27"),
        (r#"'a\n\x41\u00e9\101\'\q'"#, r#""a\nAéA'\\q""#),
        ("TRUE", "true"),
    ] {
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn a_condition_is_printed_in_one_form() {
    for (text, expected) in [
        ("$0>1", "$0 > 1"),
        ("(($0)) > (1)", "$0 > 1"),
        ("($0 + 1) + 2", "$0 + 1 + 2"),
        ("$0 + (1 + 2)", "$0 + (1 + 2)"),
        ("($0 + 1) * 2", "($0 + 1) * 2"),
        ("$0 > 1 && ($1 > 2 || $1 < 0)", "$0 > 1 && ($1 > 2 || $1 < 0)"),
        ("-($0 + 1)", "-($0 + 1)"),
        ("!($0)", "!$0"),
        ("!($0 == 1)", "!($0 == 1)"),
        ("max ( 0.5 m ) > 0", "max(0.5m) > 0"),
        ("$1 . avg(#3)", "$1.avg(#3)"),
        ("$0.max(60)", "max(60)"),
        ("max(2*30)", "max(2 * 30)"),
        ("$0?1:$1?2:3", "$0 ? 1 : $1 ? 2 : 3"),
        ("($0?1:2)?3:4", "($0 ? 1 : 2) ? 3 : 4"),
        ("1+($0?1:2)", "1 + ($0 ? 1 : 2)"),
        ("~-$0", "~-$0"),
        ("{1:$0,'a':2}in{1:5}", "{1: $0, \"a\": 2} in {1: 5}"),
        ("!({1:2} notin {1:5})", "!({1: 2} notin {1: 5})"),
        ("count( 1m ,$1*2,'>=')>0", "count(1m, $1 * 2, '>=') > 0"),
        ("$1.keyword('a'+'b')", "$1.keyword(\"a\" + \"b\")"),
        (
            "change(2)+diff(#1)+abschange(60s)",
            "change(2) + diff(#1) + abschange(60s)",
        ),
        ("predict(1h, 4*3600) < 0", "predict(1h, 4 * 3600) < 0"),
    ] {
        assert_eq!(printed(text), expected);
        assert_eq!(printed(expected), expected, "what is printed reads as itself");
    }
}

#[test]
fn windows_are_measured_in_milliseconds_or_samples() {
    for (text, expected) in [
        ("max(60s)", Window::Time { ms: 60_000 }),
        ("max(0.5m)", Window::Time { ms: 30_000 }),
        ("max(1 h)", Window::Time { ms: 3_600_000 }),
        ("max(0x1Es)", Window::Time { ms: 30_000 }),
        ("max(60)", Window::Time { ms: 60_000 }),
        ("max(1.5)", Window::Time { ms: 1_500 }),
        ("max(2*30)", Window::Time { ms: 60_000 }),
        ("max(-7)", Window::Time { ms: -1 }),
        ("max(#12)", Window::Samples { count: 12 }),
    ] {
        let Function::Aggregate { window, .. } = read(text).calls[0].function else {
            panic!("{text} is a function of a window");
        };
        assert_eq!(window, expected, "{text}");
    }
}

#[test]
fn equal_calls_are_one() {
    let condition = read("max(60s) > 1 && $0.max(1m) < 9 && max(#3) > 0 && $1.max(60s) > 0 && avg(60s) > 0");
    assert_eq!(condition.calls.len(), 4);
}

#[test]
fn refusals_say_where_what_and_what_else() {
    let long = format!("1{}", " ".repeat(MAX_CONDITION_BYTES));
    let deep = format!("{}1{}", "(".repeat(65), ")".repeat(65));
    let negated = format!("{}1", "!".repeat(65));
    for (text, line, column, part) in [
        ("", 1, 1, "the condition is empty"),
        ("  \n ", 1, 1, "the condition is empty"),
        ("$0 >", 1, 5, "found the end of the condition; expected a number"),
        ("$0 = 1", 1, 4, "found '='; did you mean '=='?"),
        ("$0 => 1", 1, 4, "did you mean '>='?"),
        ("$0 <> 1", 1, 4, "did you mean '!='?"),
        ("$0 > 1 and $1 > 2", 1, 8, "found 'and'; did you mean '&&'?"),
        ("not $0", 1, 1, "found 'not'; did you mean '!'?"),
        ("not($0)", 1, 1, "did you mean '!'?"),
        (
            "$0 >\n  $3",
            2,
            3,
            "found '$3'; the rule has 2 data items, $0 to $1",
        ),
        ("'ä' == 'ö' && $2", 1, 15, "found '$2'"),
        ("$00 > 1", 1, 1, "found '$00'"),
        (
            "node_load1 > 1",
            1,
            1,
            "found 'node_load1'; write $1 for this data item",
        ),
        ("cpu > 1", 1, 1, "unknown name 'cpu'"),
        (
            "Max(60s) > 1",
            1,
            1,
            "unknown function 'Max'; did you mean 'max'?",
        ),
        (
            "rate(60s) > 1",
            1,
            1,
            "unknown function 'rate'; known: max, min, sum, avg, count,",
        ),
        ("max > 1", 1, 1, "function 'max' lacks its parentheses"),
        ("$1.max > 1", 1, 8, "found '>'; expected '(' behind function max"),
        ("$1.5", 1, 3, "found '.5'"),
        ("max(60s).max(3s)", 1, 9, "a function may follow only a data item"),
        ("($0).max(3s)", 1, 5, "a function may follow only a data item"),
        (
            "max()",
            1,
            4,
            "function 'max' takes one argument, a window such as 60s or #3, as in max(60s); found 0",
        ),
        ("max(3s,4s)", 1, 4, "found 2"),
        ("max(1,30s)", 1, 9, "a duration may stand only first"),
        ("max(\"3\")", 1, 5, "a text cannot be a window"),
        ("max($0)", 1, 5, "the window must be constant"),
        ("max(max(3s))", 1, 5, "the window must be constant"),
        ("max(1/0)", 1, 5, "division by zero"),
        ("max(32*24*3600)", 1, 5, "the window is too long; at most 744h"),
        ("max(1e400h)", 1, 5, "the window is too long"),
        ("max(#10001)", 1, 5, "at most #10000"),
        (
            "max(#0)",
            1,
            5,
            "found '#0'; expected a number of samples such as #3",
        ),
        ("max(60d)", 1, 5, "'60d' is not a number"),
        (
            "max(60s",
            1,
            8,
            "found the end of the condition; expected an operator, ',' or ')'",
        ),
        ("$0 > 60s", 1, 8, "a duration may stand only first"),
        ("$0 > #3", 1, 6, "a number of samples may stand only first"),
        ("s > 1", 1, 1, "a unit of time, which cannot be a name"),
        ("($0 > 1", 1, 8, "expected an operator or ')'"),
        ("$0 > 1)", 1, 7, "found ')'; expected an operator or the end"),
        ("$0 1", 1, 4, "found '1'; expected an operator or the end"),
        (
            "count(60s, 1)",
            1,
            6,
            "takes three arguments: a window, a value and a comparison, as in count(60s, 3, '>'); found 2",
        ),
        ("count(60s, 1, '=')", 1, 15, "expected a comparison as a text"),
        ("count(60s, #1, '>')", 1, 12, "expected a value to compare with"),
        ("keyword()", 1, 8, "takes one argument, a text"),
        ("keyword(5)", 1, 9, "found 5; expected a text such as 'error'"),
        ("keyword(60s)", 1, 9, "found '60s'; expected a text"),
        ("diff()", 1, 5, "takes one argument, how far back"),
        (
            "diff(1.5)",
            1,
            6,
            "found 1.5 for how far back diff looks; expected a number of samples",
        ),
        ("change(-1)", 1, 8, "found -1 for how far back change looks"),
        ("change($0)", 1, 8, "how far back must be constant"),
        (
            "predict(1h)",
            1,
            8,
            "takes two arguments: a window, and how far ahead",
        ),
        ("predict(1h, #3)", 1, 13, "cannot say how far ahead"),
        ("predict(1h, -1)", 1, 13, "must be 0 to 366 days"),
        ("$0 >>> 1", 1, 4, "found '>>>'; did you mean '>>'?"),
        ("$0 ** 2", 1, 4, "found '**'; expected an operator"),
        (
            "$0 ? 1",
            1,
            7,
            "found the end of the condition; expected an operator or ':'",
        ),
        ("$0 ? : 2", 1, 6, "found ':'; expected a number"),
        ("{}", 1, 2, "found '}'; expected a number, a text or $i"),
        ("{1:2}", 1, 6, "expected 'in' or 'notin' behind a dictionary"),
        ("{1:2} in 1", 1, 10, "expected a dictionary"),
        ("{1:2 in", 1, 6, "found 'in'; expected ',' or '}'"),
        ("{1+1:2} in {1:2}", 1, 3, "found '+'; expected ':' behind a key"),
        ("1 + {1:2} in {1:2}", 1, 5, "put the membership in parentheses"),
        ("!{1:2} in {1:2}", 1, 2, "put the membership in parentheses"),
        (
            "{1:2} in {1:2} > 0",
            1,
            16,
            "found '>' behind a membership; put the membership in parentheses",
        ),
        (
            "$0 in 1",
            1,
            4,
            "found 'in'; it joins two dictionaries, as in {'state': $0} in {'state': 5}",
        ),
        ("$0 > 010", 1, 6, "'010' begins with 0"),
        ("$0 > 1.2.3", 1, 6, "'1.2.3' is not a number"),
        ("$0 > 1__0", 1, 6, "'1__0' is not a number"),
        ("$0 > 0x", 1, 6, "'0x' is not a number"),
        (
            "$0 > 170141183460469231731687303715884105728",
            1,
            6,
            "an integer beyond 128 bits",
        ),
        ("$0 == 'a", 1, 7, "a text without its closing quote"),
        ("$0 == 'a\n'", 1, 7, "found the end of the line in a text"),
        (r"$0 == '\x4'", 1, 7, "expected 2 hexadecimal digits"),
        (r"$0 == '\N{DASH}'", 1, 7, "expected a character by its code"),
        ("$0 ; 1", 1, 4, "found ';', which the language does not know"),
        ("$0 > 1 #", 1, 8, "expected a number of samples"),
        (&deep, 1, 65, "nests deeper than 64"),
        (&negated, 1, 65, "nests deeper than 64"),
    ] {
        let error = refused(text);
        assert!(error.reason.contains(part), "{text}: {}", error.reason);
        assert_eq!(
            (error.line, error.column),
            (Some(line), Some(column)),
            "{text}: {}",
            error.reason
        );
    }
    let error = refused(&long);
    assert!(
        error.reason.contains("at most 65536 are allowed"),
        "{}",
        error.reason
    );
    assert_eq!(error.column, None);
}

#[test]
fn a_long_condition_is_read_printed_and_evaluated_without_deep_recursion() {
    let text = format!("0{}", "+1".repeat(MAX_CONDITION_BYTES / 2 - 1));
    assert_eq!(value(&text), (MAX_CONDITION_BYTES / 2 - 1).to_string());
    assert_eq!(printed(&text).len(), text.len() * 2 - 1);
    let deep = format!("{}1{}", "-(1*".repeat(32), ")".repeat(32));
    assert_eq!(value(&deep), "1");
}

fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "$0", "$1", "$2", "max", "avg", "count", "keyword", "diff", "predict", "(", ")", "1h", "'>'", "~",
        "|", "<<", "60s", "#3", "1", "0x1F", "1e3", ".5", "'a'", "\"", "+", "-", "!", "&&", "||", "==", ">",
        "<=", "%", "/", "?", ":", "{", "}", ",", ".", " ", "\n", "true", "null", "in", "s", "\\",
    ]);
    prop_oneof![8 => known.prop_map(str::to_owned), 1 => any::<char>().prop_map(|letter| letter.to_string())]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// Whatever the text, it is refused at a place inside it, or it is read, evaluated, and printed in a form that reads
    /// as itself.
    #[test]
    fn any_text_is_read_or_refused(pieces in prop::collection::vec(piece(), 0..12)) {
        let text = pieces.concat();
        match parse(&text, &["m", "n"]) {
            Ok(condition) => {
                let _ = evaluate(&condition, &condition.root, &mut FiveAndMore);
                let once = print(&condition, &condition.root, Spelling::AsWritten);
                let again = parse(&once, &["m", "n"]).expect("what is printed reads");
                prop_assert_eq!(print(&again, &again.root, Spelling::AsWritten), once);
                prop_assert_eq!(
                    print(&again, &again.root, Spelling::Canonical),
                    print(&condition, &condition.root, Spelling::Canonical)
                );
            }
            Err(error) => {
                let lines: Vec<&str> = text.split('\n').collect();
                let line = lines[error.line.expect("a line") as usize - 1];
                prop_assert!(error.column.expect("a column") as usize <= line.chars().count() + 1);
            }
        }
    }
}
