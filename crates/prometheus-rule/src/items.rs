//! Data items: met one by one in an expression, then fitted to each other.

use aops_api::rule::{Aggregate, DataItem, DataKind, LabelValue, Transform};
use std::collections::BTreeMap;

use crate::label_set::{LabelSet, is_identity};
use crate::matchers::{Demand, LabelDemand, any_value};
use crate::misfit::{Misfit, Remarks};

/// A data item that is told apart by some labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: String,
    pub(crate) demands: BTreeMap<String, LabelDemand>,
    pub(crate) labels: LabelSet,
    pub(crate) transform: Option<Transform>,
    pub(crate) aggregate: Option<Aggregate>,
}

/// The data items of one expression, in the order in which they were met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Items(Vec<Item>);

/// Data items as a rule lists them.
#[derive(Debug)]
pub(crate) struct DataList {
    pub(crate) items: Vec<DataItem>,
    /// For each item that was met, its number in the list.
    pub(crate) numbers: Vec<usize>,
}

impl Items {
    /// The number of an item; equal ones share it.
    pub(crate) fn number(&mut self, item: Item) -> usize {
        if let Some(known) = self.0.iter().position(|known| *known == item) {
            return known;
        }
        self.0.push(item);
        self.0.len() - 1
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether an item says how many series there are.
    pub(crate) fn counts(&self, item: usize) -> bool {
        self.0[item].aggregate == Some(Aggregate::Count)
    }

    /// Whether an item after the first `skipped` may stand for several series.
    pub(crate) fn has_plain_after(&self, skipped: usize) -> bool {
        self.0[skipped..].iter().any(|item| item.aggregate.is_none())
    }

    /// Fits the items to each other and puts the one that is told apart by most labels first.
    pub(crate) fn into_data_list(mut self, remarks: &mut Remarks) -> Result<DataList, Misfit> {
        self.share_equal_labels()?;
        let mut distinct: Vec<&Item> = Vec::new();
        for item in &self.0 {
            if !distinct.contains(&item) {
                distinct.push(item);
            }
        }
        let main = distinct
            .iter()
            .position(|main| distinct.iter().all(|item| item.labels.joins(&main.labels)))
            .ok_or_else(|| {
                let listed: Vec<String> = distinct
                    .iter()
                    .map(|item| format!("{} by {}", item.name, item.labels))
                    .collect();
                Misfit::new(format!(
                    "the series have different labels ({}); in a check rule one has all labels that the others are joined on",
                    listed.join("; ")
                ))
            })?;
        let main = distinct.remove(main);
        distinct.insert(0, main);
        let number_of = |item: &Item| distinct.iter().position(|known| *known == item).unwrap_or(0);
        Ok(DataList {
            numbers: self.0.iter().map(number_of).collect(),
            items: distinct.iter().map(|item| item.data_item(remarks)).collect(),
        })
    }

    /// Items are joined on equal labels: what one demands of a label that it is told apart by, all demand.
    fn share_equal_labels(&mut self) -> Result<(), Misfit> {
        let mut shared: BTreeMap<String, String> = BTreeMap::new();
        for item in &self.0 {
            for (label, demand) in &item.demands {
                let Demand::Equal(value) = &demand.demand else {
                    continue;
                };
                if !item.labels.contains(label) {
                    continue;
                }
                let known = shared.entry(label.clone()).or_insert_with(|| value.clone());
                if known != value {
                    return Err(never_match(label, known, value));
                }
            }
        }
        for (label, value) in &shared {
            for item in self.0.iter_mut().filter(|item| item.labels.contains(label)) {
                let demand = item
                    .demands
                    .entry(label.clone())
                    .or_insert_with(|| LabelDemand::equal(value));
                if !demand.allows(value) {
                    return Err(Misfit::at(
                        label,
                        format!("the sides never match: one has {label}={value:?}, the other excludes it"),
                    ));
                }
                *demand = LabelDemand::equal(value);
            }
        }
        Ok(())
    }
}

fn never_match(label: &str, one: &str, other: &str) -> Misfit {
    Misfit::at(
        label,
        format!(
            "the sides never match: one has {label}={one:?}, the other {label}={other:?}; match them on (instance) or ignoring ({label})"
        ),
    )
}

impl Item {
    fn data_item(&self, remarks: &mut Remarks) -> DataItem {
        let mut label = BTreeMap::new();
        for (name, demand) in &self.demands {
            let is_starred = self.labels.contains(name) && !is_identity(name);
            let value = demand.value(is_starred);
            if matches!(
                value,
                LabelValue::Pattern {
                    negated: true,
                    each: true,
                    ..
                }
            ) {
                remarks.add(format!("series without the label {name} are left out"));
            }
            label.insert(name.clone(), value);
        }
        let (names, value) = match &self.labels {
            LabelSet::Named(names) => (names, LabelValue::Each),
            LabelSet::AllBut(names) => {
                label.insert("*".to_owned(), LabelValue::Each);
                (names, any_value())
            }
        };
        for name in names.iter().filter(|name| !is_identity(name)) {
            label.entry(name.clone()).or_insert_with(|| value.clone());
        }
        DataItem {
            name: self.name.clone(),
            kind: DataKind::Kpi,
            label,
            transform: self.transform,
            aggregate: self.aggregate,
        }
    }
}
