//! By which labels the two sides of an operator are matched.

use promql_parser::label::Labels;
use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use crate::label_set::{INSTANCE, LabelSet, Names, is_identity};
use crate::misfit::Misfit;

/// By what the elements of a vector must be told apart, as the operator around it wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Keys {
    /// By all labels that they have.
    Free,
    /// By these alone.
    On(Names),
    /// By all but these.
    Ignoring(Names),
}

/// Which side of an operator may have several elements for one of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    Neither,
    Left,
    Right,
}

/// How an operator matches its two sides.
#[derive(Debug)]
pub(crate) struct Matching {
    pub(crate) many: Many,
    /// `None`: on all labels.
    pub(crate) keys: Option<Keys>,
    /// Labels that are taken over from the other side.
    pub(crate) taken_over: Vec<String>,
}

pub(crate) fn names(labels: &Labels) -> Names {
    labels.labels.iter().cloned().collect()
}

impl Keys {
    /// What a series that is not aggregated is told apart by.
    pub(crate) fn of_series(&self) -> LabelSet {
        match self {
            Keys::Free => LabelSet::all(),
            Keys::On(names) => LabelSet::Named(names.clone()),
            Keys::Ignoring(names) => LabelSet::AllBut(names.clone()),
        }
    }

    /// What is left of the labels of a vector; refuses where elements would have to be made one.
    pub(crate) fn applied_to(&self, labels: LabelSet) -> Result<LabelSet, Misfit> {
        match self {
            Keys::Free => Ok(labels),
            Keys::On(names) => {
                let wanted = LabelSet::Named(names.clone());
                if labels.compared() == wanted.compared() {
                    return Ok(wanted);
                }
                Err(Misfit::at(
                    "on",
                    format!("matched on {wanted}, but told apart by {labels}; both must be the same"),
                ))
            }
            Keys::Ignoring(ignored) => {
                let lost = ignored
                    .iter()
                    .find(|name| !is_identity(name) && labels.contains(name));
                match lost {
                    None => Ok(labels.without(ignored)),
                    Some(lost) => Err(Misfit::at(
                        "ignoring",
                        format!("matched ignoring {lost}, but told apart by it; aggregate it away"),
                    )),
                }
            }
        }
    }
}

impl Matching {
    pub(crate) fn of(binary: &BinaryExpr) -> Result<Self, Misfit> {
        let Some(modifier) = &binary.modifier else {
            return Ok(Self {
                many: Many::Neither,
                keys: None,
                taken_over: Vec::new(),
            });
        };
        refuse_unknown(modifier)?;
        let (many, taken_over) = match &modifier.card {
            VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => {
                (Many::Neither, Vec::new())
            }
            VectorMatchCardinality::ManyToOne(labels) => (Many::Left, labels.labels.clone()),
            VectorMatchCardinality::OneToMany(labels) => (Many::Right, labels.labels.clone()),
        };
        Ok(Self {
            many,
            keys: keys(modifier.matching.as_ref())?,
            taken_over,
        })
    }
}

fn refuse_unknown(modifier: &BinModifier) -> Result<(), Misfit> {
    if modifier.return_bool {
        return Err(Misfit::at(
            "bool",
            "the modifier bool is not known to check rules: a comparison in a condition is true or false by itself",
        ));
    }
    if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
        return Err(Misfit::at(
            "fill",
            "the modifier fill is not known to check rules; a side that is missing is `No data`",
        ));
    }
    Ok(())
}

fn keys(matching: Option<&LabelModifier>) -> Result<Option<Keys>, Misfit> {
    let keys = match matching {
        None => return Ok(None),
        Some(LabelModifier::Exclude(labels)) if labels.is_empty() => return Ok(None),
        Some(LabelModifier::Include(labels)) => Keys::On(names(labels)),
        Some(LabelModifier::Exclude(labels)) => Keys::Ignoring(names(labels)),
    };
    if keys.of_series().contains(INSTANCE) {
        return Ok(Some(keys));
    }
    let (word, advice) = match keys {
        Keys::On(_) => ("on", "add instance to on (…)"),
        _ => ("ignoring", "take instance out of ignoring (…)"),
    };
    Err(Misfit::at(
        word,
        format!("the sides are matched across hosts; a check rule is judged host by host: {advice}"),
    ))
}
