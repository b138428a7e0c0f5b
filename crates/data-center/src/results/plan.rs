//! Which documents belong to which rules. Pure.

use std::collections::BTreeSet;

use aops_api::EvaluationKey;

use crate::documents::{Field, Filter};
use crate::store::{KeyPeriod, RuleHistory};

/// Rules in groups of which no two share a key: within a layer a document belongs to at most one rule, so that
/// documents can be counted instead of rows. One layer is the rule; two rules of a caller seldom share a key.
pub type Layers<'a> = Vec<Vec<&'a RuleHistory>>;

/// A group of filters that must all hold.
pub type Clause = Vec<Filter>;

/// Puts each rule into the first layer where no other has one of its keys. Rules that were never enabled have no
/// results: they are in none.
pub fn layers(rules: &[RuleHistory]) -> Layers<'_> {
    let mut layers: Vec<(BTreeSet<&EvaluationKey>, Vec<&RuleHistory>)> = Vec::new();
    for rule in rules.iter().filter(|rule| !rule.keys.is_empty()) {
        let keys: BTreeSet<&EvaluationKey> = rule.keys.iter().map(|period| &period.key).collect();
        match layers.iter_mut().find(|(taken, _)| taken.is_disjoint(&keys)) {
            Some((taken, members)) => {
                taken.extend(keys);
                members.push(rule);
            }
            None => layers.push((keys, vec![rule])),
        }
    }
    layers.into_iter().map(|(_, members)| members).collect()
}

/// The documents of these rules: those that match any of the clauses.
pub(super) fn clauses<'a>(rules: impl IntoIterator<Item = &'a RuleHistory>) -> Vec<Clause> {
    let mut always = BTreeSet::new();
    let mut clauses = Vec::new();
    for period in rules.into_iter().flat_map(|rule| &rule.keys) {
        if period.from_ms.is_none() && period.to_ms.is_none() && period.hosts.is_none() {
            always.insert(period.key.as_str().to_owned());
            continue;
        }
        clauses.push(bounded_clause(period));
    }
    if !always.is_empty() {
        let keys = always.into_iter().collect();
        clauses.push(vec![Filter::In(Field::EvaluationKey, keys)]);
    }
    clauses
}

/// What overlaps the period, on its hosts.
fn bounded_clause(period: &KeyPeriod) -> Clause {
    let mut clause = vec![Filter::In(
        Field::EvaluationKey,
        vec![period.key.as_str().to_owned()],
    )];
    if let Some(hosts) = &period.hosts {
        let hosts = hosts.iter().map(|host| host.as_str().to_owned()).collect();
        clause.push(Filter::In(Field::HostId, hosts));
    }
    if let Some(to_ms) = period.to_ms {
        clause.push(Filter::Range(Field::StartMs, None, Some(to_ms)));
    }
    if let Some(from_ms) = period.from_ms {
        clause.push(Filter::Range(Field::EndMs, Some(from_ms.saturating_add(1)), None));
    }
    clause
}

#[cfg(test)]
pub(super) mod tests {
    use aops_api::rule::CheckItem;

    use super::*;

    /// A rule with the keys it had: key, from, to.
    pub(crate) fn rule(name: &str, keys: &[(&str, Option<i64>, Option<i64>)]) -> RuleHistory {
        let item = serde_json::json!({
            "check_item": name,
            "data_list": [{"name": "m", "label": {"mode": "irq", "cpu": "1"}}],
            "condition": "$0 > 1",
        });
        let item = serde_json::from_value::<CheckItem>(item).expect("a rule");
        let period = |(key, from_ms, to_ms): &(&str, Option<i64>, Option<i64>)| KeyPeriod {
            key: EvaluationKey::from(*key),
            item: item.clone(),
            hosts: None,
            from_ms: *from_ms,
            to_ms: *to_ms,
        };
        RuleHistory {
            item: item.clone(),
            keys: keys.iter().map(period).collect(),
        }
    }

    fn names(layers: &Layers<'_>) -> Vec<Vec<String>> {
        let names =
            |layer: &Vec<&RuleHistory>| layer.iter().map(|rule| rule.item.check_item.clone()).collect();
        layers.iter().map(names).collect()
    }

    #[test]
    fn rules_that_share_a_key_are_in_different_layers() {
        let rules = [
            rule("a", &[("k1", None, None)]),
            rule("b", &[("k2", None, None)]),
            rule("c", &[("k3", None, Some(5)), ("k1", Some(5), None)]),
            rule("d", &[("k1", None, None)]),
            rule("e", &[("k3", None, None)]),
        ];
        assert_eq!(
            names(&layers(&rules)),
            [vec!["a", "b", "e"], vec!["c"], vec!["d"]]
        );
    }

    #[test]
    fn keys_without_bounds_are_asked_for_together() {
        let rules = [
            rule("a", &[("k1", None, None)]),
            rule("b", &[("k2", None, Some(50)), ("k3", Some(50), None)]),
            rule("c", &[("k4", None, None)]),
        ];
        let key = |key: &str| Filter::In(Field::EvaluationKey, vec![key.to_owned()]);
        assert_eq!(
            clauses(&rules),
            [
                vec![key("k2"), Filter::Range(Field::StartMs, None, Some(50))],
                vec![key("k3"), Filter::Range(Field::EndMs, Some(51), None)],
                vec![Filter::In(
                    Field::EvaluationKey,
                    vec!["k1".to_owned(), "k4".to_owned()]
                )],
            ]
        );
    }
}
