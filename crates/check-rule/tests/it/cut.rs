//! No verdict depends on how time was cut into windows.

use aops_api::TimeRange;
use aops_api::finding::{Finding, JudgedWindow};
use aops_check_rule::{FetchPlan, Memory, Rule, SeriesSet};
use proptest::prelude::*;
use std::sync::Arc;

use crate::random::{LONGEST_INTERVAL_MS, RandomRule, instant, rule, window, world};
use crate::world::{World, compile, host};

/// What a store makes of findings of neighbouring windows.
fn joined(pieces: &[JudgedWindow]) -> Vec<Finding> {
    let mut findings: Vec<Finding> = pieces.iter().flat_map(|piece| piece.findings.clone()).collect();
    findings.sort_by(|left, right| (&left.labels, left.range).cmp(&(&right.labels, right.range)));
    let mut joined: Vec<Finding> = Vec::new();
    for finding in findings {
        match joined.last_mut() {
            Some(last)
                if last.labels == finding.labels
                    && last.value == finding.value
                    && last.range.end_ms == finding.range.start_ms =>
            {
                last.range.end_ms = finding.range.end_ms;
                last.reason = finding.reason;
                last.evidence.merge(&finding.evidence);
            }
            _ => joined.push(finding),
        }
    }
    joined
}

/// Judges windows that follow each other, in their order.
type JudgePieces = fn(&World, &Arc<Rule>, &[TimeRange]) -> Vec<JudgedWindow>;

/// Each window planned, fetched and judged by itself.
fn apart(world: &World, rule: &Arc<Rule>, windows: &[TimeRange]) -> Vec<JudgedWindow> {
    let windows = windows.iter();
    windows
        .map(|window| world.judge(rule, *window, LONGEST_INTERVAL_MS))
        .collect()
}

/// Each window continues from what is remembered of the one before.
fn remembered(world: &World, rule: &Arc<Rule>, windows: &[TimeRange]) -> Vec<JudgedWindow> {
    let mut memory = Memory::default();
    windows
        .iter()
        .map(|window| {
            let plan = FetchPlan::new(vec![Arc::clone(rule)], *window, LONGEST_INTERVAL_MS);
            let plan = memory.plan(plan, &[host()]);
            let answer = world.fetch(plan.fetch().selectors());
            let set = SeriesSet::new(&answer);
            let mut judged = memory.judge(&plan, &[0], &host(), &set);
            judged.remove(0)
        })
        .collect()
}

fn check_pieces(
    world: &World,
    rule: &RandomRule,
    window: TimeRange,
    cuts: &[i64],
    judge_pieces: JudgePieces,
) -> Result<(), TestCaseError> {
    let rule = compile(&rule.text);
    let whole = world.judge(&rule, window, LONGEST_INTERVAL_MS);
    let inside = cuts.iter().copied().filter(|cut_ms| window.contains(*cut_ms));
    let mut edges: Vec<i64> = inside.chain([window.start_ms, window.end_ms]).collect();
    edges.sort_unstable();
    let windows: Vec<TimeRange> = edges
        .windows(2)
        .map(|edge| TimeRange::new(edge[0], edge[1]))
        .collect();
    let pieces = judge_pieces(world, &rule, &windows);
    let judged_windows: Vec<TimeRange> = pieces.iter().map(|piece| piece.window).collect();
    prop_assert_eq!(judged_windows, windows);
    prop_assert_eq!(&joined(&pieces), &whole.findings);
    let mut judged: Vec<_> = pieces.iter().flat_map(|piece| piece.judged.clone()).collect();
    judged.sort();
    judged.dedup();
    prop_assert_eq!(&judged, &whole.judged);
    prop_assert!(whole.covered && pieces.iter().all(|piece| piece.covered));
    Ok(())
}

fn cuts() -> impl Strategy<Value = Vec<i64>> {
    prop::collection::vec(instant(), 0..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn pieces_judged_apart_are_the_whole(world in world(), rule in rule(), window in window(), cuts in cuts()) {
        check_pieces(&world, &rule, window, &cuts, apart)?;
    }

    #[test]
    fn pieces_judged_from_memory_are_the_whole(world in world(), rule in rule(), window in window(), cuts in cuts()) {
        check_pieces(&world, &rule, window, &cuts, remembered)?;
    }

    /// More samples than were asked for, and another order of series, change nothing.
    #[test]
    fn what_was_not_asked_for_does_not_matter(world in world(), rule in rule(), window in window()) {
        let rule = compile(&rule.text);
        let exact = world.judge(&rule, window, LONGEST_INTERVAL_MS);
        let reversed = World {
            series: world.series.iter().rev().cloned().collect(),
            ..world
        };
        let generous = reversed.judge(&rule, window, 4 * LONGEST_INTERVAL_MS);
        prop_assert_eq!(exact, generous);
    }
}
