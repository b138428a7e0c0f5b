//! A compiled rule.

use aops_api::EvaluationKey;
use aops_api::rule::{Absent, Aggregate, CheckItem, DataKind, Transform};

use crate::condition::{Condition, parse};
use crate::error::{RuleError, RuleWarning};
use crate::key::evaluation_key;
use crate::label::LabelSelection;
use crate::program::Program;
use crate::validation::validate;
use crate::warning::warnings;

/// The evaluator that is meant when a rule names none.
pub const EXPRESSION_PLUGIN: &str = "expression_rule_plugin";

/// A rule that has been read and checked, ready to be planned and judged.
#[derive(Clone, Debug)]
pub struct Rule {
    item: CheckItem,
    key: EvaluationKey,
    pub(crate) condition: Condition,
    /// The condition and its margin over numbers, where it is about numbers.
    pub(crate) value_program: Option<Program>,
    pub(crate) margin_program: Option<Program>,
    pub(crate) data: Vec<CompiledItem>,
    /// 0 = at once.
    pub(crate) hold_ms: i64,
    /// `None`: by the interval of each series.
    pub(crate) max_gap_ms: Option<i64>,
    pub(crate) absent: Absent,
    warnings: Vec<RuleWarning>,
}

/// A data item as judging needs it.
#[derive(Clone, Debug)]
pub(crate) struct CompiledItem {
    pub(crate) name: String,
    pub(crate) kind: DataKind,
    pub(crate) selection: LabelSelection,
    pub(crate) transform: Option<Transform>,
    pub(crate) aggregate: Option<Aggregate>,
}

impl CompiledItem {
    pub(crate) fn is_log(&self) -> bool {
        self.kind == DataKind::Log
    }
}

impl Rule {
    /// Reads and checks a rule.
    ///
    /// # Errors
    /// What is wrong first: the name, the data items, the ranges, then the condition, with its line and column.
    pub fn compile(item: &CheckItem) -> Result<Self, RuleError> {
        validate(item)?;
        let names: Vec<&str> = item.data_list.iter().map(|data| data.name.as_str()).collect();
        let condition = parse(&item.condition, &names)?;
        let data: Vec<CompiledItem> = item
            .data_list
            .iter()
            .map(|data| CompiledItem {
                name: data.name.clone(),
                kind: data.kind,
                selection: LabelSelection::of(data),
                transform: data.transform,
                aggregate: data.aggregate,
            })
            .collect();
        Ok(Self {
            item: item.clone(),
            warnings: warnings(&condition, &data, &item.condition),
            key: evaluation_key(item, &condition),
            value_program: Program::of_value(&condition),
            margin_program: Program::of_margin(&condition),
            condition,
            data,
            hold_ms: item.hold.map_or(0, |hold| hold.milliseconds),
            max_gap_ms: item.max_gap.map(|gap| gap.milliseconds),
            absent: item.absent.unwrap_or_default(),
        })
    }

    /// What looks wrong in the rule and does not keep it from being evaluated.
    pub fn warnings(&self) -> &[RuleWarning] {
        &self.warnings
    }

    /// What equal rules share: a hash of all that decides a verdict. Name, description, severity, scope, blanks and
    /// needless parentheses in the condition do not count.
    pub fn key(&self) -> &EvaluationKey {
        &self.key
    }

    /// The rule as its author wrote it.
    pub fn item(&self) -> &CheckItem {
        &self.item
    }

    /// How far before the moment judged the rule looks, when the series are scraped every `interval_ms`: a sample that
    /// comes late can change verdicts for so long after its time.
    pub fn look_back_ms(&self, interval_ms: i64) -> i64 {
        (0..self.data.len())
            .map(|item| self.item_look_back_ms(item, interval_ms))
            .max()
            .unwrap_or(0)
    }
}
