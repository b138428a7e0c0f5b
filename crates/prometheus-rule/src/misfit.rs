//! Why an expression does not fit.

/// Why an expression cannot become a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// What was found, and what would fit.
    pub(crate) reason: String,
    pub(crate) place: Place,
}

/// Where in the rule it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Rule,
    Hold,
    Expression,
    /// At this word of the expression.
    Word(String),
}

impl Misfit {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            place: Place::Expression,
        }
    }

    pub(crate) fn of(place: Place, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            place,
        }
    }

    pub(crate) fn at(word: &str, reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            place: Place::Word(word.to_owned()),
        }
    }
}

/// What an item differs in from the rule that it was made of; each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Remarks(pub(crate) Vec<String>);

impl Remarks {
    pub(crate) fn add(&mut self, remark: impl Into<String>) {
        let remark = remark.into();
        if !self.0.contains(&remark) {
            self.0.push(remark);
        }
    }
}
