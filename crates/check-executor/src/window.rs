//! One window of some hosts: rules, series, verdicts, findings saved.

use std::sync::Arc;

use aops_api::HostId;
use aops_api::finding::{FindingSaveRequest, JudgedWindow};
use aops_api::series::{SeriesFetchAnswer, SeriesFetchRequest};
use aops_check_rule::{ContinuedPlan, FetchPlan, Memory, Rule, SeriesSet};

use crate::consume::Executor;
use crate::error::ExecutorError;
use crate::metrics;
use crate::request::WindowRequest;
use crate::rules::{RuleInEffect, ShardRules};

/// Judges what the request asks for. When it returns, the findings are saved.
pub(crate) async fn judge(executor: &Executor, request: &WindowRequest) -> Result<(), ExecutorError> {
    let data_center = &executor.dependencies.data_center;
    let rules = executor
        .rules
        .of_shard(data_center, request.shard, request.rules_revision)
        .await?;
    let mut memory = executor.memories.take(request.shard);
    // The hosts of one fetch are limited, so that its answer is.
    for hosts in request.hosts.chunks(executor.config.fetch_limit) {
        let selected = select(&rules, hosts, request);
        if !selected.is_empty() {
            memory = judge_hosts(executor, &rules, selected, hosts, request, memory).await?;
        }
    }
    memory.forget_before(request.window.start_ms);
    executor.memories.put_back(request.shard, memory);
    Ok(())
}

/// Judges some of the hosts. Answers what is remembered afterwards.
async fn judge_hosts(
    executor: &Executor,
    rules: &ShardRules,
    selected: Vec<Arc<RuleInEffect>>,
    hosts: &[HostId],
    request: &WindowRequest,
    mut memory: Memory,
) -> Result<Memory, ExecutorError> {
    if !request.is_forward {
        // It is judged again because something may have come late: what was remembered may lack it.
        hosts.iter().for_each(|host| memory.forget(host));
    }
    let (plan, answer) = fetch(executor, rules, &selected, hosts, request, &mut memory).await?;
    let hosts = hosts.to_vec();
    let is_forward = request.is_forward;
    // Long enough to be in the way of the requests that this process answers.
    let judging = tokio::task::spawn_blocking(move || {
        let judged = judge_all(
            &plan,
            &answer,
            &selected,
            &hosts,
            is_forward.then_some(&mut memory),
        );
        (judged, memory)
    });
    let (judged, memory) = judging.await.map_err(ExecutorError::Judge)?;
    save(executor, judged).await?;
    Ok(memory)
}

/// The rules that are asked for and in effect on one of the hosts.
fn select(rules: &ShardRules, hosts: &[HostId], request: &WindowRequest) -> Vec<Arc<RuleInEffect>> {
    let is_asked_for =
        |rule: &RuleInEffect| request.keys.as_ref().is_none_or(|keys| keys.contains(&rule.key));
    let is_in_effect = |rule: &RuleInEffect| hosts.iter().any(|host| rule.hosts.contains(host));
    let selected = rules
        .rules
        .iter()
        .filter(|rule| is_asked_for(rule) && is_in_effect(rule));
    selected.cloned().collect()
}

/// Fetches what the rules need. How far they look back depends on how often the series are scraped, which comes with the
/// series: when one is scraped more seldom than was assumed, it is planned again, and remembered.
async fn fetch(
    executor: &Executor,
    rules: &ShardRules,
    selected: &[Arc<RuleInEffect>],
    hosts: &[HostId],
    request: &WindowRequest,
    memory: &mut Memory,
) -> Result<(ContinuedPlan, SeriesFetchAnswer), ExecutorError> {
    let compiled: Vec<Arc<Rule>> = selected.iter().map(|rule| rule.rule.clone()).collect();
    loop {
        let interval_ms = rules.interval_ms(executor.config.scrape_interval_ms);
        let plan = FetchPlan::new(compiled.clone(), request.window, interval_ms);
        let plan = memory.plan(plan, hosts);
        let fetch = SeriesFetchRequest {
            hosts: hosts.to_vec(),
            selectors: plan.fetch().selectors().to_vec(),
        };
        let data_center = &executor.dependencies.data_center;
        let answer = data_center
            .fetch_series(&fetch)
            .await
            .map_err(ExecutorError::data_center("fetching series"))?;
        match plan.fetch().suffices(&answer) {
            Ok(()) if memory.suffices(&plan, &answer) => return Ok((plan, answer)),
            // A series comes at another interval than it did: its host is forgotten, and with history this ends.
            Ok(()) => {}
            // Longer each time, and there are as many intervals as there are jobs: this ends.
            Err(longer_ms) => rules.remember_interval_ms(longer_ms),
        }
    }
}

/// Judges the rules on the hosts, host by host, so that what they have in common is computed once.
fn judge_all(
    plan: &ContinuedPlan,
    answer: &SeriesFetchAnswer,
    selected: &[Arc<RuleInEffect>],
    hosts: &[HostId],
    mut memory: Option<&mut Memory>,
) -> Vec<JudgedWindow> {
    let series = SeriesSet::new(answer);
    let mut judged = Vec::new();
    for host in hosts {
        let in_effect: Vec<usize> = (0..selected.len())
            .filter(|index| selected[*index].hosts.contains(host))
            .collect();
        let mut windows = match &mut memory {
            Some(memory) => memory.judge(plan, &in_effect, host, &series),
            None => plan.fetch().judge_all(&in_effect, host, &series),
        };
        for (window, index) in windows.iter_mut().zip(&in_effect) {
            // The key under which the data center knows the rule, also when a newer program hashes differently.
            window.key = selected[*index].key.clone();
        }
        judged.append(&mut windows);
    }
    judged
}

async fn save(executor: &Executor, mut judged: Vec<JudgedWindow>) -> Result<(), ExecutorError> {
    while !judged.is_empty() {
        let rest = judged.split_off(judged.len().min(executor.config.save_limit));
        let count = judged.len() as u64;
        let data_center = &executor.dependencies.data_center;
        data_center
            .save_findings(&FindingSaveRequest { windows: judged })
            .await
            .map_err(ExecutorError::data_center("saving findings"))?;
        metrics::WINDOWS.inc_by(count);
        judged = rest;
    }
    Ok(())
}
