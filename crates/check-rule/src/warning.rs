//! What looks wrong in a condition that can be evaluated: it is always true, never true, always an error.
//!
//! The condition is evaluated over what is known of values before any sample is seen: their kind, and between which
//! numbers they lie.

use aops_api::rule::Aggregate;

use crate::condition::{
    Call, Comparison, Condition, Expression, Function, Place, Spelling, WindowAggregate, print, print_call,
};
use crate::error::RuleWarning;
use crate::operation::{BinaryOperator, UnaryOperator};
use crate::rule::CompiledItem;
use crate::value::Value;

/// Most warnings of one rule.
const MAX_WARNINGS: usize = 10;
/// Most operands of one chain that are searched for such as exclude each other.
const MAX_COMPARED_OPERANDS: usize = 100;
/// Longest expression that a warning quotes, in characters.
const SHOWN_CHARACTERS: usize = 200;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    /// A number, or true or false as 1 or 0, in a closed range.
    Number {
        low: f64,
        high: f64,
    },
    Text,
    Null,
    /// Whatever: a line of a log, or what no rule here knows.
    Any,
    /// An error, which has been told or was in the author's eyes.
    Error,
}

const ANY_NUMBER: Known = Known::Number {
    low: f64::NEG_INFINITY,
    high: f64::INFINITY,
};
const TRUTH: Known = Known::Number { low: 0.0, high: 1.0 };

pub(crate) fn warnings(condition: &Condition, items: &[CompiledItem], text: &str) -> Vec<RuleWarning> {
    let mut search = Search {
        condition,
        items,
        found: Vec::new(),
    };
    for call in &condition.calls {
        search.call(call);
    }
    let root = search.expression(&condition.root);
    let truth = match &condition.root {
        Expression::Literal(value) => Some(value.is_truthy()).filter(|_| *value != Value::Null),
        _ => root.truth(),
    };
    let told = match truth {
        Some(true) => Some("is always true: every sample is an anomaly"),
        Some(false) => Some("is never true: it finds nothing"),
        None if root == Known::Null => Some("is never true: it finds nothing"),
        None => None,
    };
    // What is wrong in a part of it explains why, and stands there already.
    if let Some(reason) = told
        && search.found.is_empty()
    {
        search.warn(Place(0), |search| search.text(&condition.root), reason);
    }
    search
        .found
        .into_iter()
        .map(|(place, reason)| RuleWarning::at(reason, text, place.0))
        .collect()
}

impl Known {
    fn of(value: &Value) -> Self {
        match (value, value.number()) {
            (Value::Null, _) => Known::Null,
            (_, Some(number)) => match number.exact_float() {
                Some(float) => Known::Number {
                    low: float,
                    high: float,
                },
                None => ANY_NUMBER,
            },
            _ => Known::Text,
        }
    }

    fn at_least(low: f64) -> Self {
        Known::Number {
            low,
            high: f64::INFINITY,
        }
    }

    /// Whether it counts as true, if that is known.
    fn truth(self) -> Option<bool> {
        match self {
            Known::Number { low: 0.0, high: 0.0 } => Some(false),
            Known::Number { low, high } if low > 0.0 || high < 0.0 => Some(true),
            _ => None,
        }
    }

    fn is_zero(self) -> bool {
        self == Known::Number { low: 0.0, high: 0.0 }
    }

    fn one_of(self, other: Known) -> Self {
        match (self, other) {
            (
                Known::Number { low, high },
                Known::Number {
                    low: other_low,
                    high: other_high,
                },
            ) => Known::Number {
                low: low.min(other_low),
                high: high.max(other_high),
            },
            (Known::Error, _) | (_, Known::Error) => Known::Error,
            (one, another) if one == another => one,
            _ => Known::Any,
        }
    }
}

fn known_truth(truth: bool) -> Known {
    let number = f64::from(u8::from(truth));
    Known::Number {
        low: number,
        high: number,
    }
}

struct Search<'a> {
    condition: &'a Condition,
    items: &'a [CompiledItem],
    found: Vec<(Place, String)>,
}

impl Search<'_> {
    /// Warns of an expression, unless enough has been said.
    fn warn(&mut self, place: Place, text: impl FnOnce(&Self) -> String, reason: &str) {
        if self.found.len() < MAX_WARNINGS {
            let text = shortened(&text(self));
            self.found.push((place, format!("{text} {reason}")));
        }
    }

    fn text(&self, expression: &Expression) -> String {
        print(self.condition, expression, Spelling::AsWritten)
    }

    /// The first operands of a chain, up to one of them.
    fn text_up_to(&self, first: &Expression, rest: &[(BinaryOperator, Expression)], count: usize) -> String {
        self.text(&Expression::Chain {
            first: Box::new(first.clone()),
            rest: rest[..count].to_vec(),
            place: Place(0),
        })
    }

    /// What calls are given wrongly.
    fn call(&mut self, call: &Call) {
        let is_log = self.items[call.item].is_log();
        let needs_numbers = match &call.function {
            Function::Aggregate { .. } | Function::Predict { .. } => true,
            Function::Compare { comparison, .. } => *comparison != Comparison::Diff,
            Function::Count { .. } | Function::Keyword { .. } => false,
        };
        let name = |search: &Self| print_call(search.condition, call, Spelling::AsWritten);
        if is_log && needs_numbers {
            let reason = format!("computes with numbers; ${} is a log", call.item);
            self.warn(call.place, name, &reason);
        }
        if !is_log && matches!(call.function, Function::Keyword { .. }) {
            let reason = format!("looks into a text; ${} is a number", call.item);
            self.warn(call.place, name, &reason);
        }
        if let Function::Count {
            operand, comparison, ..
        } = &call.function
        {
            let operand = self.expression(operand);
            let item = self.item(call.item);
            self.kinds(*comparison, item, operand, call.place, name);
        }
    }

    fn item(&self, item: usize) -> Known {
        let item = &self.items[item];
        if item.is_log() {
            return Known::Any;
        }
        match item.aggregate {
            Some(Aggregate::Count) => Known::at_least(1.0),
            _ => ANY_NUMBER,
        }
    }

    fn value_of_call(&self, call: usize) -> Known {
        let call = &self.condition.calls[call];
        match &call.function {
            // A window may be empty, of `$0` only one that is negative.
            Function::Aggregate { aggregate, .. } => match aggregate {
                WindowAggregate::Avg => self.item(call.item),
                _ => ANY_NUMBER,
            },
            Function::Count { .. } => Known::at_least(0.0),
            Function::Keyword { .. } => TRUTH,
            Function::Compare { comparison, .. } => match comparison {
                Comparison::Diff => TRUTH,
                Comparison::Change => ANY_NUMBER,
                Comparison::AbsChange => Known::at_least(0.0),
            },
            Function::Predict { .. } => ANY_NUMBER,
        }
    }

    fn expression(&mut self, expression: &Expression) -> Known {
        match expression {
            Expression::Literal(value) => Known::of(value),
            Expression::Item(item) => self.item(*item),
            Expression::Call(call) => self.value_of_call(*call),
            Expression::Unary { operator, operand } => {
                let operand = self.expression(operand);
                unary(*operator, operand)
            }
            Expression::Chain { first, rest, place } => self.chain(first, rest, *place),
            Expression::Conditional {
                condition,
                then,
                otherwise,
            } => {
                let question = self.expression(condition);
                let then = self.expression(then);
                let otherwise = self.expression(otherwise);
                match question.truth() {
                    Some(true) => then,
                    Some(false) => otherwise,
                    None => then.one_of(otherwise),
                }
            }
            Expression::Membership { .. } => TRUTH,
        }
    }

    fn chain(&mut self, first: &Expression, rest: &[(BinaryOperator, Expression)], place: Place) -> Known {
        let before = self.found.len();
        let mut value = self.expression(first);
        for (index, (operator, operand)) in rest.iter().enumerate() {
            let right = self.expression(operand);
            let text = |search: &Self| search.text_up_to(first, rest, index + 1);
            let divides = matches!(operator, BinaryOperator::Divide | BinaryOperator::Modulo);
            if divides && right.is_zero() {
                self.warn(place, text, "divides by zero: it is always an error");
                value = Known::Error;
                continue;
            }
            self.kinds(*operator, value, right, place, text);
            value = binary(*operator, value, right);
        }
        let joins = rest.first().map(|(operator, _)| *operator);
        if matches!(joins, Some(BinaryOperator::And | BinaryOperator::Or)) {
            let is_negated = joins == Some(BinaryOperator::Or);
            let operands = std::iter::once(first)
                .chain(rest.iter().map(|(_, operand)| operand))
                .take(MAX_COMPARED_OPERANDS);
            if let Some(parts) = exclusion(is_negated, operands, |part| self.text(part)) {
                let reason = if is_negated {
                    "leave nothing out: one of them is always true"
                } else {
                    "exclude each other: they are never true together"
                };
                self.warn(place, |_| parts.join(" and "), reason);
                return known_truth(is_negated);
            }
        }
        // A comparison of what is not constant, whose outcome is known all the same.
        let is_comparison = joins.is_some_and(BinaryOperator::is_comparison);
        if is_comparison && self.found.len() == before && !is_constant(first, rest) {
            let text = |search: &Self| search.text_up_to(first, rest, rest.len());
            match value.truth() {
                Some(true) => self.warn(place, text, "is always true"),
                Some(false) => self.warn(place, text, "is never true"),
                None => {}
            }
        }
        value
    }

    /// Warns of operands that do not go together.
    fn kinds(
        &mut self,
        operator: BinaryOperator,
        left: Known,
        right: Known,
        place: Place,
        text: impl FnOnce(&Self) -> String,
    ) {
        let mixes_text_and_number = matches!(
            (left, right),
            (Known::Number { .. }, Known::Text) | (Known::Text, Known::Number { .. })
        );
        let reason = match operator {
            _ if left == Known::Null || right == Known::Null => {
                "has null as an operand: it is always an error"
            }
            BinaryOperator::And | BinaryOperator::Or | BinaryOperator::Multiply => return,
            _ if !mixes_text_and_number => return,
            BinaryOperator::Equal => "compares a text with a number: it is never true",
            BinaryOperator::NotEqual => "compares a text with a number: it is always true",
            _ => "joins a text and a number: it is always an error",
        };
        self.warn(place, text, reason);
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn is_constant(first: &Expression, rest: &[(BinaryOperator, Expression)]) -> bool {
    let is_literal = |expression: &Expression| matches!(expression, Expression::Literal(_));
    is_literal(first) && rest.iter().all(|(_, operand)| is_literal(operand))
}

fn unary(operator: UnaryOperator, operand: Known) -> Known {
    match (operator, operand) {
        (_, Known::Null | Known::Error) => Known::Error,
        (UnaryOperator::Not, operand) => operand.truth().map_or(TRUTH, |truth| known_truth(!truth)),
        (UnaryOperator::Minus, Known::Number { low, high }) => Known::Number {
            low: -high,
            high: -low,
        },
        (UnaryOperator::Plus, operand) => operand,
        (UnaryOperator::Minus | UnaryOperator::Complement, _) => ANY_NUMBER,
    }
}

fn binary(operator: BinaryOperator, left: Known, right: Known) -> Known {
    use BinaryOperator as Operator;
    if matches!(left, Known::Null | Known::Error) || matches!(right, Known::Null | Known::Error) {
        return Known::Error;
    }
    match operator {
        Operator::And => match left.truth() {
            Some(true) => right,
            Some(false) => left,
            None if right.truth() == Some(false) => right,
            None => left.one_of(right),
        },
        Operator::Or => match (left.truth(), left) {
            (Some(true), _) => left,
            (Some(false), _) => right,
            // What is left of it when it is true.
            (None, Known::Number { low: 0.0, high }) => Known::Number {
                low: f64::MIN_POSITIVE,
                high,
            }
            .one_of(right),
            (None, _) => left.one_of(right),
        },
        operator if operator.is_comparison() => compared(operator, left, right),
        _ => arithmetic(operator, left, right),
    }
}

fn compared(operator: BinaryOperator, left: Known, right: Known) -> Known {
    let (
        Known::Number { low, high },
        Known::Number {
            low: right_low,
            high: right_high,
        },
    ) = (left, right)
    else {
        return TRUTH;
    };
    let is_apart = high < right_low || low > right_high;
    let is_one = low == high && right_low == right_high && low == right_low;
    let truth = match operator {
        BinaryOperator::Equal if is_apart => Some(false),
        BinaryOperator::Equal if is_one => Some(true),
        BinaryOperator::NotEqual if is_apart => Some(true),
        BinaryOperator::NotEqual if is_one => Some(false),
        BinaryOperator::Less if high < right_low => Some(true),
        BinaryOperator::Less if low >= right_high => Some(false),
        BinaryOperator::LessOrEqual if high <= right_low => Some(true),
        BinaryOperator::LessOrEqual if low > right_high => Some(false),
        BinaryOperator::Greater if low > right_high => Some(true),
        BinaryOperator::Greater if high <= right_low => Some(false),
        BinaryOperator::GreaterOrEqual if low >= right_high => Some(true),
        BinaryOperator::GreaterOrEqual if high < right_low => Some(false),
        _ => None,
    };
    truth.map_or(TRUTH, known_truth)
}

/// Bounds of sums of bounds are bounds; of the rest only constants are followed.
fn arithmetic(operator: BinaryOperator, left: Known, right: Known) -> Known {
    let (
        Known::Number { low, high },
        Known::Number {
            low: right_low,
            high: right_high,
        },
    ) = (left, right)
    else {
        return match (left, right) {
            (Known::Text, Known::Text) if operator == BinaryOperator::Add => Known::Text,
            _ => Known::Any,
        };
    };
    let bounds = match operator {
        BinaryOperator::Add => [low + right_low, high + right_high],
        BinaryOperator::Subtract => [low - right_high, high - right_low],
        BinaryOperator::Multiply if low >= 0.0 && right_low >= 0.0 => [low * right_low, high * right_high],
        BinaryOperator::Divide if low >= 0.0 && right_low > 0.0 => [low / right_high, high / right_low],
        _ => return ANY_NUMBER,
    };
    if bounds.iter().any(|bound| bound.is_nan()) {
        return ANY_NUMBER;
    }
    Known::Number {
        low: bounds[0],
        high: bounds[1],
    }
}

/// Comparisons of one expression with constants that cannot hold together. Negated: of which one always holds.
fn exclusion<'a>(
    is_negated: bool,
    operands: impl Iterator<Item = &'a Expression>,
    text: impl Fn(&Expression) -> String,
) -> Option<Vec<String>> {
    let mut bounds: Vec<Bounds> = Vec::new();
    for operand in operands {
        let Expression::Chain { first, rest, .. } = operand else {
            continue;
        };
        let [(operator, Expression::Literal(value))] = rest.as_slice() else {
            continue;
        };
        let Some(limit) = value.number().map(|number| number.as_float()) else {
            continue;
        };
        let operator = if is_negated { negated(*operator) } else { *operator };
        let subject = text(first);
        let index = bounds.iter().position(|known| known.subject == subject);
        let index = index.unwrap_or_else(|| {
            bounds.push(Bounds::new(subject));
            bounds.len() - 1
        });
        let known = &mut bounds[index];
        known.narrow(operator, limit);
        known.parts.push(text(operand));
        if known.is_empty() && known.parts.len() > 1 {
            return Some(std::mem::take(&mut known.parts));
        }
    }
    None
}

fn negated(operator: BinaryOperator) -> BinaryOperator {
    match operator {
        BinaryOperator::Less => BinaryOperator::GreaterOrEqual,
        BinaryOperator::GreaterOrEqual => BinaryOperator::Less,
        BinaryOperator::Greater => BinaryOperator::LessOrEqual,
        BinaryOperator::LessOrEqual => BinaryOperator::Greater,
        BinaryOperator::Equal => BinaryOperator::NotEqual,
        BinaryOperator::NotEqual => BinaryOperator::Equal,
        other => other,
    }
}

/// Between which numbers an expression must lie.
struct Bounds {
    subject: String,
    parts: Vec<String>,
    low: f64,
    is_low_open: bool,
    high: f64,
    is_high_open: bool,
}

impl Bounds {
    fn new(subject: String) -> Self {
        Self {
            subject,
            parts: Vec::new(),
            low: f64::NEG_INFINITY,
            is_low_open: false,
            high: f64::INFINITY,
            is_high_open: false,
        }
    }

    fn narrow(&mut self, operator: BinaryOperator, limit: f64) {
        let is_open = matches!(operator, BinaryOperator::Less | BinaryOperator::Greater);
        let is_lower = matches!(
            operator,
            BinaryOperator::Greater | BinaryOperator::GreaterOrEqual | BinaryOperator::Equal
        );
        let is_upper = matches!(
            operator,
            BinaryOperator::Less | BinaryOperator::LessOrEqual | BinaryOperator::Equal
        );
        if is_lower && (limit > self.low || (limit == self.low && is_open)) {
            self.low = limit;
            self.is_low_open = is_open;
        }
        if is_upper && (limit < self.high || (limit == self.high && is_open)) {
            self.high = limit;
            self.is_high_open = is_open;
        }
    }

    fn is_empty(&self) -> bool {
        self.low > self.high || (self.low == self.high && (self.is_low_open || self.is_high_open))
    }
}

#[cfg(test)]
mod tests;
