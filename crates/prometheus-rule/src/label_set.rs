//! Which labels the elements of a PromQL vector are told apart by.

use std::collections::BTreeSet;
use std::fmt;

/// A set of label names.
pub(crate) type Names = BTreeSet<String>;

/// The label that says which host a series is of. What is told apart without it mixes hosts.
pub(crate) const INSTANCE: &str = "instance";

/// Whether a label says whose series it is; check rules do not compare these.
pub(crate) fn is_identity(name: &str) -> bool {
    matches!(name, "instance" | "job" | "host_id")
}

/// The labels of a vector, as far as the expression says: the names of a plain series are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LabelSet {
    /// These.
    Named(Names),
    /// All that the series have, without these.
    AllBut(Names),
}

impl LabelSet {
    pub(crate) fn all() -> Self {
        Self::AllBut(Names::new())
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        match self {
            Self::Named(names) => names.contains(name),
            Self::AllBut(names) => !names.contains(name),
        }
    }

    pub(crate) fn without(&self, dropped: &Names) -> Self {
        match self {
            Self::Named(names) => Self::Named(names.difference(dropped).cloned().collect()),
            Self::AllBut(names) => Self::AllBut(names.union(dropped).cloned().collect()),
        }
    }

    /// The set as check rules compare it.
    pub(crate) fn compared(&self) -> Self {
        let keep = |names: &Names| names.iter().filter(|name| !is_identity(name)).cloned().collect();
        match self {
            Self::Named(names) => Self::Named(keep(names)),
            Self::AllBut(names) => Self::AllBut(keep(names)),
        }
    }

    /// Whether a data item told apart by `self` can be joined with a main one told apart by `main`: on the labels that
    /// it names, or on all that the main one has.
    pub(crate) fn joins(&self, main: &Self) -> bool {
        match (self.compared(), main.compared()) {
            (Self::Named(own), main) => own.iter().all(|name| main.contains(name)),
            (own @ Self::AllBut(_), main) => own == main,
        }
    }
}

impl fmt::Display for LabelSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let listed = |names: &Names| names.iter().cloned().collect::<Vec<_>>().join(", ");
        match self {
            Self::Named(names) => write!(formatter, "({})", listed(names)),
            Self::AllBut(names) if names.is_empty() => write!(formatter, "all labels"),
            Self::AllBut(names) => write!(formatter, "all labels but ({})", listed(names)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> LabelSet {
        LabelSet::Named(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn all_but(names: &[&str]) -> LabelSet {
        LabelSet::AllBut(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn an_item_joins_on_what_the_main_one_has() {
        assert!(named(&["instance"]).joins(&all_but(&[])));
        assert!(named(&["device", "instance", "job"]).joins(&named(&["instance", "device"])));
        assert!(all_but(&["job"]).joins(&all_but(&[])));
        assert!(!named(&["device"]).joins(&named(&["instance"])));
        assert!(!named(&["mode"]).joins(&all_but(&["mode"])));
        assert!(!all_but(&["mode"]).joins(&all_but(&[])));
        assert!(!all_but(&[]).joins(&named(&["device"])));
    }
}
