//! Rows of documented answers. Pure.

use aops_api::ResultId;
use aops_api::result::{ResultDataItem, ResultRow};
use aops_api::rule::DataItem;

use super::ResultDocument;
use crate::store::{KeyPeriod, RuleHistory};

/// A document as rows: one for each of the rules that points to its key, or did so at its time.
pub fn rows_of<'a>(
    result_id: &ResultId,
    document: &ResultDocument,
    rules: impl IntoIterator<Item = &'a RuleHistory>,
) -> Vec<ResultRow> {
    rules
        .into_iter()
        .filter_map(|rule| row_of(result_id, document, rule))
        .collect()
}

fn row_of(result_id: &ResultId, document: &ResultDocument, rule: &RuleHistory) -> Option<ResultRow> {
    let overlapping: Vec<&KeyPeriod> = rule
        .keys
        .iter()
        .filter(|period| is_of(document, period) && overlaps(document, period))
        .collect();
    let (first, last) = (overlapping.first()?, overlapping.last()?);
    let start_ms = first
        .from_ms
        .map_or(document.start_ms, |from_ms| from_ms.max(document.start_ms));
    let end_ms = last
        .to_ms
        .map_or(document.end_ms, |to_ms| to_ms.min(document.end_ms));
    // What decided is shown as it was then, what is for people as it is now.
    let (item, judged) = (&rule.item, &last.item);
    Some(ResultRow {
        result_id: result_id.clone(),
        host_id: document.host_id.clone(),
        check_item: item.check_item.clone(),
        condition: judged.condition.clone(),
        description: item.description.clone(),
        plugin: judged.plugin.clone(),
        severity: item.severity,
        data_list: judged.data_list.iter().enumerate().map(data_item).collect(),
        labels: document.labels.clone(),
        value: document.value,
        start: start_ms.div_euclid(1_000),
        end: end_ms.saturating_add(999).div_euclid(1_000),
        evidence: document.evidence.clone(),
        reason: document.reason.clone(),
    })
}

fn is_of(document: &ResultDocument, period: &KeyPeriod) -> bool {
    let is_there = period
        .hosts
        .as_ref()
        .is_none_or(|hosts| hosts.contains(&document.host_id));
    is_there && period.key == document.key
}

fn overlaps(document: &ResultDocument, period: &KeyPeriod) -> bool {
    period.to_ms.is_none_or(|to_ms| document.start_ms < to_ms)
        && period.from_ms.is_none_or(|from_ms| document.end_ms > from_ms)
}

fn data_item((index, item): (usize, &DataItem)) -> ResultDataItem {
    ResultDataItem {
        item: item.clone(),
        macro_name: format!("${index}"),
        data_name_str: data_name(item),
    }
}

/// Name and label pairs, sorted by value, as the original writes them: `m[["cpu", "1"], ["mode", "irq"]]`, or `m[]`.
fn data_name(item: &DataItem) -> String {
    let mut pairs: Vec<(String, String)> = item
        .label
        .iter()
        .map(|(name, value)| (json(value), json(name)))
        .collect();
    // By value only: equal values stay in order of their names.
    pairs.sort_by(|left, right| left.0.cmp(&right.0));
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(value, name)| format!("[{name}, {value}]"))
        .collect();
    format!("{}[{}]", item.name, pairs.join(", "))
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("texts and labels are JSON")
}

#[cfg(test)]
mod tests {
    use aops_api::finding::{Evidence, FindingValue};
    use aops_api::{EvaluationKey, HostId, Labels};

    use super::*;
    use crate::results::plan::tests::rule;

    fn document(key: &str, start_ms: i64, end_ms: i64) -> ResultDocument {
        ResultDocument {
            key: EvaluationKey::from(key),
            host_id: HostId::from("h"),
            labels: Labels::new(),
            value: FindingValue::Abnormal,
            start_ms,
            end_ms,
            evidence: Evidence::default(),
            reason: String::new(),
            closed: true,
        }
    }

    fn rows(document: &ResultDocument, rules: &[RuleHistory]) -> Vec<(String, i64, i64)> {
        rows_of(&ResultId::from("r"), document, rules)
            .into_iter()
            .map(|row| (row.check_item, row.start, row.end))
            .collect()
    }

    #[test]
    fn times_are_rounded_outwards() {
        let rules = [rule("a", &[("k", None, None)])];
        assert_eq!(
            rows(&document("k", 1_999, 3_001), &rules),
            [("a".to_owned(), 1, 4)]
        );
        assert_eq!(
            rows(&document("k", 2_000, 3_000), &rules),
            [("a".to_owned(), 2, 3)]
        );
    }

    #[test]
    fn a_changed_rule_shows_each_key_in_its_time() {
        let rules = [rule(
            "a",
            &[("old", None, Some(10_000)), ("new", Some(10_000), None)],
        )];
        assert_eq!(
            rows(&document("old", 8_000, 12_000), &rules),
            [("a".to_owned(), 8, 10)]
        );
        assert_eq!(
            rows(&document("new", 8_000, 12_000), &rules),
            [("a".to_owned(), 10, 12)]
        );
        assert_eq!(rows(&document("new", 8_000, 10_000), &rules), []);
        assert_eq!(rows(&document("old", 10_000, 12_000), &rules), []);
    }

    #[test]
    fn what_decided_is_shown_as_it_was_then() {
        let mut changed = rule("a", &[("old", None, Some(10_000)), ("new", Some(10_000), None)]);
        changed.item.condition = "$0 > 2".to_owned();
        changed.item.description = "now".to_owned();
        changed.keys[1].item = changed.item.clone();
        let shown = |key: &str| {
            let row = row_of(&ResultId::from("r"), &document(key, 8_000, 12_000), &changed).expect("a row");
            (row.condition, row.description)
        };
        assert_eq!(shown("old"), ("$0 > 1".to_owned(), "now".to_owned()));
        assert_eq!(shown("new"), ("$0 > 2".to_owned(), "now".to_owned()));
    }

    #[test]
    fn a_result_belongs_to_the_rules_in_effect_on_its_host() {
        let scoped = |name: &str, host: &str| {
            let mut rule = rule(name, &[("k", None, None)]);
            rule.keys[0].hosts = Some([HostId::from(host)].into());
            rule
        };
        let rules = [scoped("here", "h"), scoped("elsewhere", "other")];
        assert_eq!(
            rows(&document("k", 1_000, 2_000), &rules),
            [("here".to_owned(), 1, 2)]
        );
    }

    #[test]
    fn once_for_each_rule_even_if_it_came_back_to_the_key() {
        let rules = [
            rule(
                "a",
                &[
                    ("k", None, Some(5_000)),
                    ("x", Some(5_000), Some(9_000)),
                    ("k", Some(9_000), None),
                ],
            ),
            rule("b", &[("k", None, None)]),
        ];
        assert_eq!(
            rows(&document("k", 1_000, 20_000), &rules),
            [("a".to_owned(), 1, 20), ("b".to_owned(), 1, 20)]
        );
    }

    #[test]
    fn data_items_are_named_as_in_the_original() {
        let rules = [rule("a", &[("k", None, None)])];
        let rows = rows_of(&ResultId::from("r"), &document("k", 0, 1), &rules);
        let item = &rows[0].data_list[0];
        assert_eq!(item.macro_name, "$0");
        assert_eq!(item.data_name_str, r#"m[["cpu", "1"], ["mode", "irq"]]"#);
        let bare: DataItem = serde_json::from_str(r#"{"name":"m"}"#).expect("an item");
        assert_eq!(data_name(&bare), "m[]");
    }
}
