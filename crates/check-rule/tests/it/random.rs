//! Random worlds, and random rules over them.

pub(crate) mod condition;

use aops_api::TimeRange;
use aops_api::rule::DataKind;
use proptest::prelude::*;

use crate::random::condition::{ItemKind, condition};
use crate::tree::Node;
use crate::world::{Sample, World, WorldSeries, labels};

pub(crate) const START_MS: i64 = 1_000_000;
pub(crate) const LENGTH_MS: i64 = 600_000;
pub(crate) const LONGEST_INTERVAL_MS: i64 = 15_000;

const LOGS: [&str; 2] = ["history", "messages"];

/// A rule and its condition as a tree.
#[derive(Clone, Debug)]
pub(crate) struct RandomRule {
    pub(crate) text: String,
    pub(crate) condition: Node,
}

/// A data item as JSON, and what its samples are.
type Item = (ItemKind, String);

fn number_item(name: &'static str) -> impl Strategy<Value = Item> {
    let label = prop::sample::select(vec![
        r#"{}"#,
        r#"{"device":"x"}"#,
        r#"{"device":"x","mode":"r"}"#,
        r#"{"device":{"not_re":"x"}}"#,
        r#"{"device":"*"}"#,
        r#"{"device":{"re":"x|y","each":true}}"#,
        r#"{"mode":"r","*":"*"}"#,
        r#"{"*":"*"}"#,
    ]);
    let transform = prop::sample::select(vec!["", "", "", "rate", "increase", "delta"]);
    let aggregate = prop::sample::select(vec!["", "", "", "", "", "sum", "avg", "min", "max", "count"]);
    (label, transform, aggregate).prop_map(move |(label, transform, aggregate)| {
        let transform = key("transform", transform);
        let aggregate = key("aggregate", aggregate);
        (
            ItemKind::Number,
            format!(r#"{{"name":"{name}","label":{label}{transform}{aggregate}}}"#),
        )
    })
}

/// A key of a JSON object and its text, unless that is empty.
fn key(name: &str, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    format!(r#","{name}":"{text}""#)
}

/// Its series have texts among the numbers.
fn mixed_item() -> impl Strategy<Value = Item> {
    prop_oneof![
        4 => Just((ItemKind::Text, r#"{"name":"mixed"}"#.to_owned())),
        1 => Just((ItemKind::Text, r#"{"name":"mixed","label":{"device":"x"}}"#.to_owned())),
        1 => Just((ItemKind::Number, r#"{"name":"mixed","aggregate":"count"}"#.to_owned())),
        1 => Just((ItemKind::Number, r#"{"name":"mixed","transform":"delta"}"#.to_owned())),
    ]
}

fn log_item(name: &'static str) -> impl Strategy<Value = Item> {
    Just((ItemKind::Text, format!(r#"{{"name":"{name}","type":"log"}}"#)))
}

fn main_item() -> impl Strategy<Value = Item> {
    prop_oneof![6 => number_item("a"), 2 => mixed_item(), 2 => log_item(LOGS[0])]
}

fn other_item() -> impl Strategy<Value = Item> {
    prop_oneof![
        4 => number_item("b"),
        1 => number_item("a"),
        1 => mixed_item(),
        3 => log_item(LOGS[1]),
        1 => Just((ItemKind::Number, r#"{"name":"never"}"#.to_owned())),
    ]
}

fn compiles(rule: &str) -> bool {
    let item = serde_json::from_str(rule).expect("a check item");
    aops_check_rule::Rule::compile(&item).is_ok()
}

fn rule_text(items: &[Item], condition: &str, more: &str) -> String {
    let items: Vec<&str> = items.iter().map(|(_, text)| text.as_str()).collect();
    format!(
        r#"{{"check_item":"r","data_list":[{}],"condition":{}{more}}}"#,
        items.join(","),
        serde_json::Value::from(condition)
    )
}

/// A rule that compiles.
pub(crate) fn rule() -> impl Strategy<Value = RandomRule> {
    let items = prop_oneof![
        3 => main_item().prop_map(|main| vec![main]),
        5 => (main_item(), other_item()).prop_map(|(main, other)| vec![main, other]),
        1 => (main_item(), other_item(), other_item()).prop_map(|(main, one, two)| vec![main, one, two]),
    ];
    // Items that are equal, or a star that $0 lacks; whether the condition is taken is not asked here.
    let items = items.prop_filter("the data items must go together", |items| {
        compiles(&rule_text(items, "1", ""))
    });
    let hold = prop::sample::select(vec!["", "", "", "20s", "70s"]);
    let gap = prop::sample::select(vec!["", "", "", "10s", "30s"]);
    let absent = prop::sample::select(vec!["", "", "ignore"]);
    (items, hold, gap, absent)
        .prop_flat_map(|(items, hold, gap, absent)| {
            let kinds: Vec<ItemKind> = items.iter().map(|(kind, _)| *kind).collect();
            let more = [key("for", hold), key("max_gap", gap), key("absent", absent)].concat();
            (condition(&kinds), Just(items), Just(more))
        })
        .prop_map(|(condition, items, more)| RandomRule {
            text: rule_text(&items, &condition.text(), &more),
            condition,
        })
}

fn number() -> impl Strategy<Value = Sample> {
    prop_oneof![
        20 => (-4_i32..20).prop_map(|quarters| f64::from(quarters) / 4.0),
        20 => (0_i32..50).prop_map(|tenths| f64::from(tenths) / 10.0),
        1 => Just(f64::NAN),
        1 => Just(f64::INFINITY),
    ]
    .prop_map(Sample::Number)
}

fn text() -> impl Strategy<Value = Sample> {
    let texts = vec![
        "boot ok",
        "disk error",
        "error error",
        "x",
        "x",
        "",
        "5",
        "5.5",
        "1e3",
        "-3",
        "007",
        "NaN",
        "inf",
    ];
    prop::sample::select(texts).prop_map(Sample::from)
}

/// What a series of this name has for samples.
fn sample(name: &str) -> BoxedStrategy<Sample> {
    match name {
        "mixed" => prop_oneof![3 => number(), 1 => text()].boxed(),
        name if LOGS.contains(&name) => text().boxed(),
        _ => number().boxed(),
    }
}

/// Samples about every `interval_ms`, some late, some missing, some no numbers.
fn samples(name: &str, interval_ms: i64) -> impl Strategy<Value = Vec<(i64, Sample)>> + use<> {
    let step = (
        prop_oneof![6 => Just(0_i64), 1 => 1..interval_ms],
        prop::bool::weighted(0.75),
        sample(name),
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

fn metric() -> impl Strategy<Value = WorldSeries> {
    let identity = (
        prop::sample::select(vec!["a", "a", "a", "b", "b", "mixed"]),
        prop::sample::select(vec!["", "x", "y"]),
        prop::sample::select(vec!["", "r", "r", "w"]),
        prop::sample::select(vec!["1", "1", "2"]),
    );
    let interval_ms = prop::sample::select(vec![LONGEST_INTERVAL_MS, LONGEST_INTERVAL_MS, 5_000]);
    (identity, interval_ms)
        .prop_flat_map(|(identity, interval_ms)| {
            let samples = samples(identity.0, interval_ms);
            (Just(identity), Just(interval_ms), samples)
        })
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
                kind: DataKind::Kpi,
                labels: labels(&there),
                interval_ms,
                samples,
            }
        })
}

fn log(name: &'static str) -> impl Strategy<Value = WorldSeries> {
    let interval_ms = prop::sample::select(vec![LONGEST_INTERVAL_MS, LONGEST_INTERVAL_MS, 5_000]);
    interval_ms
        .prop_flat_map(move |interval_ms| (Just(interval_ms), samples(name, interval_ms)))
        .prop_map(|(interval_ms, samples)| WorldSeries {
            name: name.to_owned(),
            kind: DataKind::Log,
            labels: labels(&[]),
            interval_ms,
            samples,
        })
}

/// When shippers were not heard: of one log at most once, so that no two stretches meet.
fn unheard() -> impl Strategy<Value = Vec<(String, TimeRange)>> {
    let of = |name: &'static str| {
        let stretch = window().prop_map(move |range| (name.to_owned(), range));
        prop::option::weighted(0.3, stretch)
    };
    (of(LOGS[0]), of(LOGS[1])).prop_map(|(one, other)| one.into_iter().chain(other).collect())
}

/// Up to six metrics, no two of the same name and labels, and two logs.
pub(crate) fn world() -> impl Strategy<Value = World> {
    let metrics = prop::collection::vec(metric(), 1..6).prop_map(|mut series| {
        series.sort_by(|left, right| (&left.name, &left.labels).cmp(&(&right.name, &right.labels)));
        series.dedup_by(|left, right| left.name == right.name && left.labels == right.labels);
        series
    });
    (metrics, log(LOGS[0]), log(LOGS[1]), unheard()).prop_map(|(mut series, one, other, unheard)| {
        series.extend([one, other]);
        World {
            series,
            broken: Vec::new(),
            unheard,
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
