//! How many verdicts a core gives in a second, and how many rules it reads. Measured in time of the processor, so that
//! what else the machine does hardly matters.

mod processor_time;

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::hint::black_box;
use std::sync::Arc;

use aops_api::rule::CheckItem;
use aops_api::series::{FetchedSeries, SeriesFetchAnswer, SeriesSelector};
use aops_api::{HostId, Labels, TimeRange};
use aops_check_rule::{ContinuedPlan, FetchPlan, Memory, Rule, SeriesSet};
use criterion::{BatchSize, Throughput, criterion_group, criterion_main};

use crate::processor_time::{ProcessorTime, measured};

type Criterion = criterion::Criterion<ProcessorTime>;

const SAMPLE_PERIOD_MS: i64 = 15_000;
const WINDOW_MS: i64 = 60_000;

fn host() -> HostId {
    HostId::from("host")
}

fn item(name: &str, condition: &str) -> CheckItem {
    let text = format!(
        r#"{{"check_item":"{name}","data_list":[{{"name":"load","type":"kpi"}}],"condition":"{condition}"}}"#
    );
    serde_json::from_str(&text).expect("a check item")
}

fn rule(condition: &str) -> Arc<Rule> {
    Arc::new(Rule::compile(&item("rule", condition)).expect("a good rule"))
}

/// Samples that rise and fall around 1 in the course of hours, each a little different.
fn sample(step: i64) -> f64 {
    1.0 + (step as f64 * 0.005).sin() * 0.5 + 0.01 * (step % 7) as f64
}

fn answer(selectors: &[SeriesSelector]) -> SeriesFetchAnswer {
    let mut answer = SeriesFetchAnswer::default();
    for (number, selector) in selectors.iter().enumerate() {
        let first = selector.range.start_ms.div_euclid(SAMPLE_PERIOD_MS) + 1;
        let steps = (first..).take_while(|step| step * SAMPLE_PERIOD_MS < selector.range.end_ms);
        let (times_ms, values) = steps.map(|step| (step * SAMPLE_PERIOD_MS, sample(step))).unzip();
        answer.series.push(FetchedSeries {
            selector: number,
            host_id: host(),
            labels: Labels::from([("cpu".to_owned(), "0".to_owned())]),
            interval_ms: SAMPLE_PERIOD_MS,
            times_ms,
            values,
            texts: Vec::new(),
        });
    }
    answer
}

/// A day of one series: what a verdict costs when nothing else does.
fn verdicts(criterion: &mut Criterion) {
    const DAY_MS: i64 = 24 * 3_600_000;
    let mut group = criterion.benchmark_group("verdicts");
    group.throughput(Throughput::Elements((DAY_MS / SAMPLE_PERIOD_MS) as u64));
    for condition in [
        "$0>1",
        "$0>0",
        "max(600s)>1",
        "avg(600s)>1",
        "change(#1) > avg(600s) * 2",
        "count(600s, 1, '>') > 5 && $0 < 3 || min(#10) > 0.5",
        "predict(600s, 3600s) > 5",
    ] {
        let window = TimeRange::new(0, DAY_MS);
        let plan = FetchPlan::new(vec![rule(condition)], window, SAMPLE_PERIOD_MS);
        let answer = answer(plan.selectors());
        let set = SeriesSet::new(&answer);
        group.bench_function(condition, |bencher| {
            bencher.iter(|| plan.judge(0, &host(), &set, window));
        });
    }
    group.finish();
}

/// Windows of a minute, one after the other, with 35 rules on one host: with the history fetched each time, and with a
/// memory. The elements are verdicts of rules.
fn windows(criterion: &mut Criterion) {
    const RULES: usize = 35;
    let rules: Vec<Arc<Rule>> = (0..RULES)
        .map(|number| match number % 5 {
            0 => rule(&format!("avg(600s) > {number}")),
            _ => rule(&format!("$0 > {number}")),
        })
        .collect();
    let all: Vec<usize> = (0..RULES).collect();
    let window_at = |number: i64| TimeRange::new(number * WINDOW_MS, (number + 1) * WINDOW_MS);
    let mut group = criterion.benchmark_group("windows");
    group.throughput(Throughput::Elements(
        RULES as u64 * (WINDOW_MS / SAMPLE_PERIOD_MS) as u64,
    ));
    group.bench_function("history fetched", |bencher| {
        let plan = FetchPlan::new(rules.clone(), window_at(100), SAMPLE_PERIOD_MS);
        let answer = answer(plan.selectors());
        bencher.iter(|| plan.judge_all(&all, &host(), &SeriesSet::new(&answer)));
    });
    let memory = RefCell::new(Memory::default());
    let number = Cell::new(100);
    let next = || {
        let plan = FetchPlan::new(rules.clone(), window_at(number.get()), SAMPLE_PERIOD_MS);
        number.set(number.get() + 1);
        let plan = memory.borrow().plan(plan, &[host()]);
        let answer = answer(plan.fetch().selectors());
        (plan, answer)
    };
    let judge = |(plan, answer): (ContinuedPlan, SeriesFetchAnswer)| {
        let set = SeriesSet::new(&answer);
        memory.borrow_mut().judge(&plan, &all, &host(), &set)
    };
    // The first fills the memory.
    judge(next());
    group.bench_function("history remembered", |bencher| {
        bencher.iter_batched(next, judge, BatchSize::PerIteration);
    });
    let bytes = memory.borrow().bytes();
    println!("memory: {bytes} bytes for {RULES} rules over one series");
    group.finish();
}

fn reading(criterion: &mut Criterion) {
    const RULES: usize = 1_000;
    let items: Vec<CheckItem> = (0..RULES)
        .map(|number| {
            let mut condition = String::new();
            write!(
                condition,
                "$0 > {number} && max(60s) < {number}.5 || change(#1) > 3"
            )
            .expect("a String takes all that is written");
            item(&format!("rule {number}"), &condition)
        })
        .collect();
    let mut group = criterion.benchmark_group("reading");
    group.throughput(Throughput::Elements(RULES as u64));
    group.bench_function("rules", |bencher| {
        bencher.iter(|| {
            for item in &items {
                black_box(Rule::compile(item).expect("a good rule"));
            }
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = measured();
    targets = verdicts, windows, reading
}
criterion_main!(benches);
