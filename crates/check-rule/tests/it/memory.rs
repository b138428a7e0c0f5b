//! What is carried from window to window, and when it is not.

use std::sync::Arc;

use aops_api::TimeRange;
use aops_check_rule::{ContinuedPlan, FetchPlan, Memory, Rule, SeriesSet};

use crate::world::{Sample, World, WorldSeries, compile, host, labels};

const MINUTE_MS: i64 = 60_000;

fn world(name: &str, interval_ms: i64) -> World {
    let samples = (0..40).map(|step| (step * interval_ms, Sample::Number(step as f64)));
    World {
        series: vec![WorldSeries {
            name: name.to_owned(),
            labels: labels(&[]),
            interval_ms,
            samples: samples.collect(),
            kind: aops_api::rule::DataKind::Kpi,
        }],
        ..World::default()
    }
}

fn planned(memory: &Memory, rule: &Arc<Rule>, minute: i64) -> ContinuedPlan {
    let window = TimeRange::new(minute * MINUTE_MS, (minute + 1) * MINUTE_MS);
    let plan = FetchPlan::new(vec![Arc::clone(rule)], window, MINUTE_MS);
    memory.plan(plan, &[host()])
}

fn reaches_back(plan: &ContinuedPlan) -> bool {
    plan.fetch().selectors()[0].range.start_ms < plan.fetch().window().start_ms
}

#[test]
fn a_series_that_changes_its_interval_is_fetched_anew() {
    let rule = compile(r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"sum(#3) > 1"}"#);
    let mut memory = Memory::default();
    let first = planned(&memory, &rule, 2);
    let answer = world("m", 15_000).fetch(first.fetch().selectors());
    memory.judge(&first, &[0], &host(), &SeriesSet::new(&answer));
    assert!(memory.bytes() > 0);

    let next = planned(&memory, &rule, 3);
    assert!(!reaches_back(&next));
    let same = world("m", 15_000).fetch(next.fetch().selectors());
    assert!(memory.suffices(&next, &same));
    let slower = world("m", 60_000).fetch(next.fetch().selectors());
    assert!(!memory.suffices(&next, &slower));
    assert_eq!(memory.hosts(), 0);
    assert!(reaches_back(&planned(&memory, &rule, 3)));
}

#[test]
fn a_host_that_could_not_be_read_is_forgotten() {
    let rule = compile(r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 1"}"#);
    let mut memory = Memory::default();
    let first = planned(&memory, &rule, 2);
    let mut world = world("m", 15_000);
    memory.judge(
        &first,
        &[0],
        &host(),
        &SeriesSet::new(&world.fetch(first.fetch().selectors())),
    );
    assert_eq!(memory.hosts(), 1);
    let next = planned(&memory, &rule, 3);
    world.broken.push("m".to_owned());
    let judged = memory.judge(
        &next,
        &[0],
        &host(),
        &SeriesSet::new(&world.fetch(next.fetch().selectors())),
    );
    assert!(!judged[0].covered);
    assert_eq!(memory.hosts(), 0);
}

#[test]
fn hosts_that_no_window_meets_are_forgotten() {
    let rule = compile(r#"{"check_item":"a","data_list":[{"name":"m"}],"condition":"$0 > 1"}"#);
    let mut memory = Memory::default();
    let first = planned(&memory, &rule, 2);
    let answer = world("m", 15_000).fetch(first.fetch().selectors());
    memory.judge(&first, &[0], &host(), &SeriesSet::new(&answer));
    memory.forget_before(3 * MINUTE_MS);
    assert_eq!(memory.hosts(), 1);
    memory.forget_before(3 * MINUTE_MS + 1);
    assert_eq!(memory.hosts(), 0);
}
