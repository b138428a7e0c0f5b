//! Random conditions over the whole language: most of them of fitting types, some not.

use proptest::prelude::*;
use proptest::strategy::Union;

use crate::tree::{Call, Difference, Fold, Node, Pairs, Width};
use crate::value::Value;

/// What the samples of an item mostly are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ItemKind {
    Number,
    Text,
}

/// Conditions of one depth, by the type of their value.
#[derive(Clone)]
struct Level {
    number: BoxedStrategy<Node>,
    text: BoxedStrategy<Node>,
    truth: BoxedStrategy<Node>,
}

impl Level {
    /// Of any type; now and then null.
    fn any(&self) -> BoxedStrategy<Node> {
        prop_oneof![
            8 => self.number.clone(),
            6 => self.text.clone(),
            5 => self.truth.clone(),
            1 => Just(null()),
        ]
        .boxed()
    }
}

pub(crate) fn condition(kinds: &[ItemKind]) -> impl Strategy<Value = Node> + use<> {
    let leaves = leaves(kinds);
    let one = deeper(&leaves, &leaves);
    let two = deeper(&one, &leaves);
    let three = deeper(&two, &leaves);
    prop_oneof![
        6 => one.truth,
        6 => two.truth.clone(),
        4 => three.truth,
        1 => two.any(),
    ]
}

fn null() -> Node {
    Node::Literal {
        text: "null".to_owned(),
        value: Value::Null,
    }
}

fn select<T: Clone + std::fmt::Debug + 'static>(values: &[T]) -> impl Strategy<Value = T> + use<T> {
    prop::sample::select(values.to_vec())
}

fn number_literal() -> impl Strategy<Value = Node> {
    let int = |text: &str, value: i128| Node::Literal {
        text: text.to_owned(),
        value: Value::Int(value),
    };
    let float = |text: &str, value: f64| Node::Literal {
        text: text.to_owned(),
        value: Value::Float(value),
    };
    let usual = [
        int("0", 0),
        int("1", 1),
        int("2", 2),
        int("3", 3),
        int("5", 5),
        int("0x1F", 31),
        int("1_0", 10),
        float("0.5", 0.5),
        float("2.5", 2.5),
        float(".25", 0.25),
        float("4.", 4.0),
        float("1e3", 1_000.0),
    ];
    let huge = [
        int("9007199254740993", 9_007_199_254_740_993),
        int("170141183460469231731687303715884105727", i128::MAX),
        float("9007199254740992.0", 9_007_199_254_740_992.0),
        float("1e400", f64::INFINITY),
        float("1.5e38", 1.5e38),
    ];
    prop_oneof![12 => select(&usual), 1 => select(&huge)]
}

fn text_literal() -> impl Strategy<Value = Node> {
    let texts = ["", "x", "boot ok", "error", "5", "ö"].map(Node::text_literal);
    select(&texts)
}

fn window() -> impl Strategy<Value = Width> {
    let seconds = [0, 10, 40, 90, 100].map(Width::Seconds);
    let plain = [-1, 0, 20, 60].map(Width::Plain);
    let samples = [1, 2, 5].map(Width::Samples);
    prop_oneof![3 => select(&seconds), 1 => select(&plain), 3 => select(&samples)]
}

fn back() -> impl Strategy<Value = Width> {
    let widths = [
        Width::Samples(1),
        Width::Samples(2),
        Width::Samples(4),
        Width::Plain(1),
        Width::Plain(3),
        Width::Seconds(5),
        Width::Seconds(15),
        Width::Seconds(60),
    ];
    select(&widths)
}

/// Items of one kind, or all when there are none; now and then one of the other kind.
fn items(kinds: &[ItemKind], wanted: ItemKind) -> BoxedStrategy<usize> {
    let all: Vec<usize> = (0..kinds.len()).collect();
    let fitting: Vec<usize> = all
        .iter()
        .copied()
        .filter(|item| kinds[*item] == wanted)
        .collect();
    if fitting.is_empty() {
        return select(&all).boxed();
    }
    prop_oneof![15 => select(&fitting), 1 => select(&all)].boxed()
}

fn leaves(kinds: &[ItemKind]) -> Level {
    let has_numbers = kinds.contains(&ItemKind::Number);
    let has_texts = kinds.contains(&ItemKind::Text);
    let numbers = items(kinds, ItemKind::Number);
    let texts = items(kinds, ItemKind::Text);
    let any = select(&(0..kinds.len()).collect::<Vec<_>>()).boxed();

    let folds = select(&[Fold::Max, Fold::Min, Fold::Sum, Fold::Avg]);
    let fold = (numbers.clone(), folds, window())
        .prop_map(|(item, fold, width)| Node::Call(item, Call::Fold(fold, width)));
    let changes = select(&[Difference::Change, Difference::AbsChange]);
    let change = (numbers.clone(), changes, back())
        .prop_map(|(item, change, width)| Node::Call(item, Call::Difference(change, width)));
    let differ = (any.clone(), back())
        .prop_map(|(item, width)| Node::Call(item, Call::Difference(Difference::Diff, width)));
    let keyword = (any, select(&["", "error", "x", "5", ".", "k"]))
        .prop_map(|(item, text)| Node::Call(item, Call::Keyword(text.to_owned())));

    let of_numbers = u32::from(has_numbers);
    let of_texts = u32::from(has_texts);
    Level {
        number: prop_oneof![
            4 => number_literal(),
            1 + 8 * of_numbers => numbers.prop_map(Node::Item),
            1 + 8 * of_numbers => fold,
            1 + 3 * of_numbers => change,
        ]
        .boxed(),
        text: prop_oneof![
            2 => text_literal(),
            1 + 6 * of_texts => texts.prop_map(Node::Item),
        ]
        .boxed(),
        truth: prop_oneof![
            1 => prop::bool::ANY.prop_map(Node::truth),
            2 => differ,
            2 + 4 * of_texts => keyword,
        ]
        .boxed(),
    }
}

/// Operators over what is less deep. `leaves` stand where the language takes nothing else.
fn deeper(inner: &Level, leaves: &Level) -> Level {
    let Level { number, text, truth } = inner.clone();
    let any = inner.any();
    // Mostly of the type that fits.
    let number = prop_oneof![20 => number, 1 => any.clone()].boxed();
    let text = prop_oneof![20 => text, 1 => any.clone()].boxed();
    let truth = prop_oneof![20 => truth, 1 => any.clone()].boxed();
    let choice = |of: &BoxedStrategy<Node>| {
        (truth.clone(), of.clone(), of.clone())
            .prop_map(|(condition, yes, no)| Node::Ternary(condition.into(), yes.into(), no.into()))
    };
    let small = select(&[0, 1, 3, 70, 200])
        .prop_map(|count: i128| Node::Literal {
            text: count.to_string(),
            value: Value::Int(count),
        })
        .boxed();
    Level {
        number: prop_oneof![
            6 => leaves.number.clone(),
            6 => joined(&["+", "-", "*", "/", "%"], &number, &number),
            2 => joined(&["|", "^", "&"], &number, &number),
            1 => joined(&["<<", ">>"], &number, &prop_oneof![3 => small.clone(), 1 => number.clone()].boxed()),
            2 => prefixed(&["-", "+"], &number),
            1 => prefixed(&["~"], &prop_oneof![number.clone(), truth.clone()].boxed()),
            1 => choice(&number),
            2 => counted(&any),
        ]
        .boxed(),
        text: prop_oneof![
            6 => leaves.text.clone(),
            2 => joined(&["+"], &text, &text),
            1 => joined(&["*"], &text, &small),
            1 => choice(&text),
        ]
        .boxed(),
        truth: prop_oneof![
            2 => leaves.truth.clone(),
            10 => joined(&[">", "<", ">=", "<=", "==", "!="], &number, &number),
            3 => joined(&["==", "!=", "<", ">="], &text, &text),
            1 => joined(&["==", "!="], &any, &any),
            5 => joined(&["&&", "||"], &truth, &truth),
            2 => prefixed(&["!"], &prop_oneof![3 => truth.clone(), 1 => any].boxed()),
            1 => choice(&truth),
            2 => membership(leaves),
            2 => predicted(),
        ]
        .boxed(),
    }
}

fn joined(
    operators: &[&'static str],
    left: &BoxedStrategy<Node>,
    right: &BoxedStrategy<Node>,
) -> impl Strategy<Value = Node> + use<> {
    (select(operators), left.clone(), right.clone())
        .prop_map(|(operator, left, right)| Node::binary(operator, left, right))
}

fn prefixed(
    operators: &[&'static str],
    operand: &BoxedStrategy<Node>,
) -> impl Strategy<Value = Node> + use<> {
    (select(operators), operand.clone()).prop_map(|(operator, operand)| Node::Unary(operator, operand.into()))
}

/// `$0` is always there.
fn counted(with: &BoxedStrategy<Node>) -> impl Strategy<Value = Node> + use<> {
    let operator = Union::new([
        select(&[">", "<", ">=", "<="]).boxed(),
        select(&["==", "!="]).boxed(),
    ]);
    (window(), with.clone(), operator).prop_map(|(width, with, operator)| {
        let with = with.into();
        let call = Call::Count {
            width,
            with,
            operator,
        };
        Node::Call(0, call)
    })
}

/// Keys and values are literals and items.
fn membership(leaves: &Level) -> impl Strategy<Value = Node> + use<> {
    let literal = prop_oneof![
        select(&["1", "5"]).prop_map(|text: &str| Node::Literal {
            text: text.to_owned(),
            value: Value::Int(text.parse().expect("a number")),
        }),
        Just(Node::text_literal("x")),
        Just(Node::truth(true)),
    ];
    let item = prop_oneof![leaves.number.clone(), leaves.text.clone()].prop_map(|leaf| {
        if matches!(leaf, Node::Item(_)) {
            leaf
        } else {
            Node::Item(0)
        }
    });
    let entry = prop_oneof![2 => literal, 1 => item].boxed();
    let pairs = move || -> BoxedStrategy<Pairs> {
        prop::collection::vec((entry.clone(), entry.clone()), 1..4).boxed()
    };
    (pairs(), pairs(), prop::bool::ANY).prop_map(|(left, right, is_negated)| Node::Membership {
        left,
        right,
        is_negated,
    })
}

/// Compared with what no line through such samples meets, so that the last digit does not matter.
fn predicted() -> impl Strategy<Value = Node> {
    let threshold = Node::Literal {
        text: "1.23456789".to_owned(),
        value: Value::Float(1.234_567_89),
    };
    (window(), select(&[0, 30, 3_600])).prop_map(move |(width, further_s)| {
        let predicted = Node::Call(0, Call::Predict(width, further_s));
        Node::binary(">", predicted, threshold.clone())
    })
}
