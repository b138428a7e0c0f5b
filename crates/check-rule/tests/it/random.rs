//! Random worlds, and random rules over them.

use aops_api::TimeRange;
use proptest::prelude::*;

use crate::world::{World, WorldSeries, labels};

pub(crate) const START_MS: i64 = 1_000_000;
pub(crate) const LENGTH_MS: i64 = 600_000;
pub(crate) const LONGEST_INTERVAL_MS: i64 = 15_000;

/// A condition as a tree of the tests' own.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Number(f64),
    Item(usize),
    Window(usize, Function, Width),
    Negated(Box<Node>),
    Not(Box<Node>),
    Joined(&'static str, Box<Node>, Box<Node>),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Function {
    Avg,
    Max,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Width {
    Seconds(i64),
    Samples(usize),
}

/// A rule and its condition as a tree.
#[derive(Clone, Debug)]
pub(crate) struct RandomRule {
    pub(crate) text: String,
    pub(crate) condition: Node,
}

impl Node {
    /// The condition in the language, with every parenthesis.
    pub(crate) fn text(&self) -> String {
        match self {
            Node::Number(number) => format!("{number}"),
            Node::Item(item) => format!("${item}"),
            Node::Window(item, function, width) => {
                let function = match function {
                    Function::Avg => "avg",
                    Function::Max => "max",
                };
                match width {
                    Width::Seconds(seconds) => format!("${item}.{function}({seconds}s)"),
                    Width::Samples(count) => format!("${item}.{function}(#{count})"),
                }
            }
            Node::Negated(operand) => format!("(-{})", operand.text()),
            Node::Not(operand) => format!("(!{})", operand.text()),
            Node::Joined(operator, left, right) => {
                format!("({} {operator} {})", left.text(), right.text())
            }
        }
    }
}

fn node(items: usize) -> impl Strategy<Value = Node> {
    let window = (
        0..items,
        prop_oneof![Just(Function::Avg), Just(Function::Max)],
        prop_oneof![
            prop::sample::select(vec![0, 10, 40, 100]).prop_map(Width::Seconds),
            prop::sample::select(vec![1, 2, 5]).prop_map(Width::Samples),
        ],
    )
        .prop_map(|(item, function, width)| Node::Window(item, function, width));
    let leaf = prop_oneof![
        1 => prop::sample::select(vec![0.0, 1.0, 2.5, 4.0]).prop_map(Node::Number),
        3 => (0..items).prop_map(Node::Item),
        2 => window,
    ];
    let value = leaf.prop_recursive(2, 6, 2, |inner| {
        let operator = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        prop_oneof![
            4 => (operator, inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| Node::Joined(operator, left.into(), right.into())),
            1 => inner.prop_map(|operand| Node::Negated(operand.into())),
        ]
    });
    let comparison = (
        prop::sample::select(vec![">", "<", ">=", "<=", "==", "!="]),
        value.clone(),
        value,
    )
        .prop_map(|(operator, left, right)| Node::Joined(operator, left.into(), right.into()));
    comparison.prop_recursive(2, 4, 2, |inner| {
        let operator = prop::sample::select(vec!["&&", "||"]);
        prop_oneof![
            4 => (operator, inner.clone(), inner.clone())
                .prop_map(|(operator, left, right)| Node::Joined(operator, left.into(), right.into())),
            1 => inner.prop_map(|operand| Node::Not(operand.into())),
        ]
    })
}

fn data_item(name: &'static str) -> impl Strategy<Value = (bool, String)> {
    let label = prop::sample::select(vec![
        (false, r#"{}"#),
        (false, r#"{"device":"x"}"#),
        (false, r#"{"device":"x","mode":"r"}"#),
        (false, r#"{"device":{"not_re":"x"}}"#),
        (true, r#"{"device":"*"}"#),
        (true, r#"{"device":{"re":"x|y","each":true}}"#),
        (true, r#"{"mode":"r","*":"*"}"#),
        (true, r#"{"*":"*"}"#),
    ]);
    let transform = prop::sample::select(vec!["", "", "rate", "increase", "delta"]);
    (label, transform).prop_map(move |((is_starred, label), transform)| {
        let transform = match transform {
            "" => String::new(),
            other => format!(r#","transform":"{other}""#),
        };
        (
            is_starred,
            format!(r#"{{"name":"{name}","label":{label}{transform}}}"#),
        )
    })
}

/// A rule that compiles.
pub(crate) fn rule() -> impl Strategy<Value = RandomRule> {
    let items = prop_oneof![
        3 => data_item("a").prop_map(|(_, main)| vec![main]),
        3 => (data_item("a"), data_item("b"))
            .prop_filter("a join needs a star in $0", |((main, _), (other, _))| *main || !other)
            .prop_map(|((_, main), (_, other))| vec![main, other]),
        1 => data_item("a").prop_map(|(_, main)| vec![main, r#"{"name":"never"}"#.to_owned()]),
    ];
    let more = (
        prop::sample::select(vec!["", "", r#","for":"20s""#, r#","for":"70s""#]),
        prop::sample::select(vec!["", "", r#","max_gap":"10s""#, r#","max_gap":"30s""#]),
        prop::sample::select(vec!["", r#","absent":"ignore""#]),
    );
    (items, more)
        .prop_flat_map(|(items, more)| (node(items.len()), Just(items), Just(more)))
        .prop_map(|(condition, items, (hold, gap, absent))| RandomRule {
            text: format!(
                r#"{{"check_item":"r","data_list":[{}],"condition":"{}"{hold}{gap}{absent}}}"#,
                items.join(","),
                condition.text()
            ),
            condition,
        })
        .prop_filter("stars of $1 must be stars of $0", |rule| {
            let item = serde_json::from_str(&rule.text).expect("a check item");
            aops_check_rule::Rule::compile(&item).is_ok()
        })
}

/// Samples about every `interval_ms`, some late, some missing, some no numbers.
fn samples(interval_ms: i64) -> impl Strategy<Value = Vec<(i64, f64)>> {
    let value = prop_oneof![
        20 => (-4_i32..20).prop_map(|quarters| f64::from(quarters) / 4.0),
        20 => (0_i32..50).prop_map(|tenths| f64::from(tenths) / 10.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ];
    let step = (
        prop_oneof![6 => Just(0_i64), 1 => 1..interval_ms],
        prop::bool::weighted(0.75),
        value,
    );
    let count = (LENGTH_MS / interval_ms) as usize;
    // Series of one phase meet at the very edges of gaps and windows.
    let phase_ms = prop_oneof![Just(0), 0..interval_ms];
    (phase_ms, 0..count, prop::collection::vec(step, 0..count)).prop_map(move |(phase_ms, first, steps)| {
        let times = (0_i64..).map(|index| START_MS + phase_ms + index * interval_ms);
        let placed = times.skip(first / 2).zip(steps);
        placed
            .filter(|(_, (_, is_there, _))| *is_there)
            .map(|(time_ms, (late_ms, _, value))| (time_ms + late_ms / 2, value))
            .collect()
    })
}

fn series() -> impl Strategy<Value = WorldSeries> {
    let identity = (
        prop::sample::select(vec!["a", "a", "b"]),
        prop::sample::select(vec!["", "x", "y"]),
        prop::sample::select(vec!["", "r", "r", "w"]),
        prop::sample::select(vec!["1", "1", "2"]),
    );
    let interval_ms = prop::sample::select(vec![LONGEST_INTERVAL_MS, LONGEST_INTERVAL_MS, 5_000]);
    (identity, interval_ms)
        .prop_flat_map(|(identity, interval_ms)| (Just(identity), Just(interval_ms), samples(interval_ms)))
        .prop_map(|((name, device, mode, instance), interval_ms, samples)| {
            let all = [
                ("device", device),
                ("mode", mode),
                ("instance", instance),
                ("job", "node"),
            ];
            let there: Vec<(&str, &str)> = all.into_iter().filter(|(_, value)| !value.is_empty()).collect();
            WorldSeries {
                name: name.to_owned(),
                labels: labels(&there),
                interval_ms,
                samples,
            }
        })
}

/// Up to six series, no two of the same name and labels.
pub(crate) fn world() -> impl Strategy<Value = World> {
    prop::collection::vec(series(), 1..6).prop_map(|mut series| {
        series.sort_by(|left, right| (&left.name, &left.labels).cmp(&(&right.name, &right.labels)));
        series.dedup_by(|left, right| left.name == right.name && left.labels == right.labels);
        World {
            series,
            broken: Vec::new(),
        }
    })
}

/// An instant: often beside the edge of what a sample of phase 0 decides.
pub(crate) fn instant() -> impl Strategy<Value = i64> {
    let beside_an_edge =
        (0..LENGTH_MS / 5_000, -1..=1_i64).prop_map(|(step, beside_ms)| step * 5_000 + beside_ms);
    prop_oneof![0..LENGTH_MS, beside_an_edge].prop_map(|offset_ms| START_MS + offset_ms)
}

pub(crate) fn window() -> impl Strategy<Value = TimeRange> {
    (instant(), instant())
        .prop_map(|(one_ms, other_ms)| TimeRange::new(one_ms.min(other_ms), one_ms.max(other_ms) + 1))
}
