//! Why a rule was refused.

/// Why a rule was refused, and, when it is for its condition, where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct RuleError {
    /// What is wrong and, where it can be said, what was expected.
    pub reason: String,
    /// Line in the condition, from 1.
    pub line: Option<u32>,
    /// Column in the condition, in characters, from 1.
    pub column: Option<u32>,
}

/// What looks wrong in a rule that is accepted all the same, and where in its condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleWarning {
    /// What looks wrong.
    pub reason: String,
    /// Line in the condition, from 1.
    pub line: Option<u32>,
    /// Column in the condition, in characters, from 1.
    pub column: Option<u32>,
}

impl RuleWarning {
    /// A warning about what begins at a byte of the condition.
    pub(crate) fn at(reason: String, condition: &str, offset: usize) -> Self {
        let RuleError { reason, line, column } = RuleError::in_condition(reason, condition, offset);
        Self { reason, line, column }
    }
}

impl RuleError {
    /// An error that is not in the condition.
    pub(crate) fn outside_condition(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            line: None,
            column: None,
        }
    }

    /// An error at a byte of the condition.
    pub(crate) fn in_condition(reason: impl Into<String>, condition: &str, offset: usize) -> Self {
        let before = &condition[..offset];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = before[line_start..].chars().count() + 1;
        Self {
            reason: reason.into(),
            line: Some(u32::try_from(line).unwrap_or(u32::MAX)),
            column: Some(u32::try_from(column).unwrap_or(u32::MAX)),
        }
    }
}
