//! The value of a condition at a sample of `$0`, operand by operand: the specification's B.4.

use crate::by_definition::function;
use crate::by_definition::series::Series;
use crate::tree::{Node, Pairs};
use crate::value::{Fault, Outcome, Value, binary, is_member, unary};
use crate::world::Sample;

/// What a condition sees at `time_ms`.
pub(crate) struct Reading<'a> {
    /// One for each data item.
    pub(crate) series: Vec<&'a Series>,
    pub(crate) time_ms: i64,
}

impl Reading<'_> {
    pub(crate) fn value(&self, node: &Node) -> Outcome {
        match node {
            Node::Literal { value, .. } => Ok(value.clone()),
            Node::Item(item) => Value::of_sample(&self.sample(*item)),
            Node::Unary(operator, operand) => unary(operator, &self.value(operand)?),
            Node::Binary(operator, left, right) => binary(operator, &self.value(left)?, &self.value(right)?),
            Node::Ternary(condition, yes, no) => {
                let parts = [self.value(condition)?, self.value(yes)?, self.value(no)?];
                if parts.contains(&Value::Null) {
                    return Err(Fault("null in a choice"));
                }
                let [condition, yes, no] = parts;
                Ok(if condition.is_truthy() { yes } else { no })
            }
            Node::Membership {
                left,
                right,
                is_negated,
            } => {
                let is_inside = is_member(&self.pairs(left)?, &self.pairs(right)?)?;
                Ok(Value::Bool(is_inside != *is_negated))
            }
            Node::Call(item, call) => function::value(self, *item, call),
        }
    }

    fn pairs(&self, pairs: &Pairs) -> Result<Vec<(Value, Value)>, Fault> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| Ok((self.value(key)?, self.value(value)?)))
            .collect()
    }

    /// What `$item` stands for: of `$0` and of numbers the newest sample, of another log what was logged meanwhile.
    pub(crate) fn sample(&self, item: usize) -> Sample {
        let series = self.series[item];
        if series.is_log && item > 0 {
            return Sample::Text(self.logged_since(series));
        }
        let newest = series.until(self.time_ms).last();
        newest.expect("a series with a sample is read").content.clone()
    }

    /// The lines since the previous sample of `$0`, or within its `max_gap` when that is older.
    fn logged_since(&self, log: &Series) -> String {
        let main = self.series[0];
        let earliest_ms = self.time_ms - main.gap_at(self.time_ms);
        let previous = main.until(self.time_ms - 1).last();
        let since_ms = previous.map_or(earliest_ms, |sample| sample.time_ms.max(earliest_ms));
        let lines = log.until(self.time_ms).filter(|line| line.time_ms > since_ms);
        let texts: Vec<String> = lines.map(|line| line.content.text()).collect();
        texts.join(" ")
    }
}
