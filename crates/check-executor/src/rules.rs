//! The rules in effect on a shard, compiled, and kept until a message names a newer revision.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use aops_api::rule::{EffectiveRulesAnswer, EffectiveRulesRequest};
use aops_api::{EvaluationKey, HostId, Shard};
use aops_check_rule::Rule;
use aops_client::DataCenter;

use crate::error::ExecutorError;

/// The rules of a shard at one revision.
#[derive(Debug, Default)]
pub(crate) struct ShardRules {
    revision: u64,
    pub(crate) rules: Vec<Arc<RuleInEffect>>,
    /// The longest scrape interval among their series, as far as it has shown; 0 before.
    longest_interval_ms: AtomicI64,
}

impl ShardRules {
    /// The scrape interval to plan with: the usual one, or a longer one that has been met.
    pub(crate) fn interval_ms(&self, usual_ms: i64) -> i64 {
        self.longest_interval_ms.load(Ordering::Relaxed).max(usual_ms)
    }

    pub(crate) fn remember_interval_ms(&self, interval_ms: i64) {
        self.longest_interval_ms.fetch_max(interval_ms, Ordering::Relaxed);
    }
}

/// A compiled rule and where it is in effect.
#[derive(Debug)]
pub(crate) struct RuleInEffect {
    pub(crate) key: EvaluationKey,
    pub(crate) rule: Arc<Rule>,
    pub(crate) hosts: BTreeSet<HostId>,
}

/// The rules of the shards that this executor has met: at most 64 entries.
#[derive(Default)]
pub(crate) struct RuleCache {
    shards: Mutex<HashMap<Shard, Arc<ShardRules>>>,
}

impl RuleCache {
    /// Rules of at least `revision`, or of now when there is none.
    ///
    /// After a restored backup the data center may know an older revision than a message names: what is in effect now
    /// counts then.
    pub(crate) async fn of_shard(
        &self,
        data_center: &DataCenter,
        shard: Shard,
        revision: Option<u64>,
    ) -> Result<Arc<ShardRules>, ExecutorError> {
        let known = self.lock().get(&shard).cloned();
        let is_new_enough =
            |known: &Arc<ShardRules>| revision.is_some_and(|revision| known.revision >= revision);
        if let Some(known) = known.filter(is_new_enough) {
            return Ok(known);
        }
        let request = EffectiveRulesRequest { shard };
        let answer = data_center
            .effective_rules(&request)
            .await
            .map_err(ExecutorError::data_center("reading the rules in effect"))?;
        // Long enough to be in the way of the requests that this process answers.
        let rules = tokio::task::spawn_blocking(move || compile(answer))
            .await
            .map_err(ExecutorError::Compile)?;
        let rules = Arc::new(rules);
        self.lock().insert(shard, rules.clone());
        Ok(rules)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Shard, Arc<ShardRules>>> {
        self.shards.lock().expect("nothing panics while it is held")
    }
}

fn compile(answer: EffectiveRulesAnswer) -> ShardRules {
    let mut rules = Vec::with_capacity(answer.rules.len());
    for effective in answer.rules {
        let name = &effective.item.check_item;
        match Rule::compile(&effective.item) {
            Ok(rule) => rules.push(Arc::new(RuleInEffect {
                key: effective.key,
                rule: Arc::new(rule),
                hosts: effective.hosts.into_iter().collect(),
            })),
            // It was compiled when it was imported: another version of the program did that. Its windows stay
            // uncovered, which is to say unknown.
            Err(error) => {
                tracing::error!(rule = name, key = %effective.key, %error, "a stored rule does not compile")
            }
        }
    }
    ShardRules {
        revision: answer.rules_revision,
        rules,
        longest_interval_ms: AtomicI64::new(0),
    }
}
