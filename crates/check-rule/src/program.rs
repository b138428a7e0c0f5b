//! A condition over numbers as a flat list of steps: the fast way to a verdict, for as long as floats are exact.
//!
//! The steps work on floats alone. Whole numbers up to 2^53 are exact as floats, and so is all that the operators make of
//! them below that; a number that reaches it, a sample that is no finite number and a division by zero end the run
//! without an outcome, and the condition is evaluated by its tree, which knows integers, texts and errors.

use crate::condition::{Condition, Expression, Function};
use crate::explanation::compares_once;
use crate::operation::{BinaryOperator, UnaryOperator, floored_rest};
use crate::value::{LARGEST_EXACT_INTEGER, Number, Value};

/// Deepest stack of a program.
const MAX_STACK: usize = 64;

/// Where a program reads numbers at a moment; `None` where there is no finite number.
pub(crate) trait NumberReading {
    fn number_of_item(&mut self, item: usize) -> Option<f64>;
    fn number_of_call(&mut self, call: usize) -> Option<f64>;
}

/// Steps in the order of their evaluation.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Push(f64),
    Item(u32),
    Call(u32),
    Not,
    Negate,
    Binary(BinaryOperator),
    /// With a constant on the right.
    BinaryWith(BinaryOperator, f64),
    /// Of three, the second or the third.
    Select,
    /// How far one number is above another, exact or not.
    Difference,
    /// The same with a constant below.
    DifferenceWith(f64),
    Least,
    Greatest,
}

impl Program {
    /// A program for the value of a condition, if it is about numbers.
    pub(crate) fn of_value(condition: &Condition) -> Option<Self> {
        Self::compile(|compiler| compiler.value(condition, &condition.root))
    }

    /// A program for its margin, if it has one at every moment (see [`crate::explanation::margin`]).
    pub(crate) fn of_margin(condition: &Condition) -> Option<Self> {
        Self::compile(|compiler| compiler.margin(condition, &condition.root).flatten())
    }

    fn compile(read: impl FnOnce(&mut Compiler) -> Option<()>) -> Option<Self> {
        let mut compiler = Compiler::default();
        read(&mut compiler)?;
        (compiler.deepest <= MAX_STACK).then_some(Self {
            steps: compiler.steps,
        })
    }

    /// What the condition comes to. `stack` is there to be used again.
    #[inline]
    pub(crate) fn run(&self, reading: &mut impl NumberReading, stack: &mut Vec<f64>) -> Option<f64> {
        // The shape of most conditions and margins: an item against a constant.
        match *self.steps.as_slice() {
            [Step::Item(item), Step::BinaryWith(operator, right)] => {
                return binary(operator, reading.number_of_item(item as usize)?, right);
            }
            [Step::Item(item), Step::DifferenceWith(subtrahend)] => {
                return difference(reading.number_of_item(item as usize)?, subtrahend);
            }
            _ => stack.clear(),
        }
        for step in &self.steps {
            let outcome = match *step {
                Step::BinaryWith(operator, right) => {
                    let left = stack.last_mut()?;
                    *left = binary(operator, *left, right)?;
                    continue;
                }
                Step::Push(number) => number,
                Step::Item(item) => reading.number_of_item(item as usize)?,
                Step::Call(call) => reading.number_of_call(call as usize)?,
                Step::Not => truth(stack.pop()? == 0.0),
                Step::Negate => -stack.pop()?,
                Step::Binary(operator) => {
                    let right = stack.pop()?;
                    let left = stack.pop()?;
                    binary(operator, left, right)?
                }
                Step::Select => {
                    let otherwise = stack.pop()?;
                    let then = stack.pop()?;
                    if stack.pop()? != 0.0 { then } else { otherwise }
                }
                Step::Difference => {
                    let subtrahend = stack.pop()?;
                    difference(stack.pop()?, subtrahend)?
                }
                Step::DifferenceWith(subtrahend) => difference(stack.pop()?, subtrahend)?,
                Step::Least => stack.pop()?.min(stack.pop()?),
                Step::Greatest => stack.pop()?.max(stack.pop()?),
            };
            stack.push(outcome);
        }
        stack.pop()
    }
}

fn truth(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

#[inline]
fn binary(operator: BinaryOperator, left: f64, right: f64) -> Option<f64> {
    let number = match operator {
        BinaryOperator::Or => return Some(if left != 0.0 { left } else { right }),
        BinaryOperator::And => return Some(if left != 0.0 { right } else { left }),
        operator if operator.is_comparison() => return Some(truth(operator.holds(left, right))),
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::Multiply => left * right,
        BinaryOperator::Divide if right != 0.0 => left / right,
        BinaryOperator::Modulo if right != 0.0 => floored_rest(left, right),
        _ => return None,
    };
    // Also false of what is not a number.
    (number.abs() < LARGEST_EXACT_INTEGER).then_some(number)
}

#[inline]
fn difference(minuend: f64, subtrahend: f64) -> Option<f64> {
    Some(minuend - subtrahend).filter(|difference| difference.is_finite())
}

#[derive(Default)]
struct Compiler {
    steps: Vec<Step>,
    depth: usize,
    deepest: usize,
}

impl Compiler {
    /// A step that takes so many numbers from the stack and puts one there.
    fn step(&mut self, step: Step, takes: usize) {
        self.steps.push(step);
        self.depth = self.depth - takes + 1;
        self.deepest = self.deepest.max(self.depth);
    }

    fn value(&mut self, condition: &Condition, expression: &Expression) -> Option<()> {
        match expression {
            Expression::Literal(value) => {
                let number = literal(value)?;
                self.step(Step::Push(number), 0);
            }
            Expression::Item(item) => self.step(Step::Item(u32::try_from(*item).ok()?), 0),
            Expression::Call(call) => {
                if matches!(condition.calls[*call].function, Function::Keyword { .. }) {
                    return None;
                }
                self.step(Step::Call(u32::try_from(*call).ok()?), 0);
            }
            Expression::Unary { operator, operand } => {
                self.value(condition, operand)?;
                match operator {
                    UnaryOperator::Plus => {}
                    UnaryOperator::Minus => self.step(Step::Negate, 1),
                    UnaryOperator::Not => self.step(Step::Not, 1),
                    UnaryOperator::Complement => return None,
                }
            }
            Expression::Chain { first, rest, .. } => {
                self.value(condition, first)?;
                for (operator, operand) in rest {
                    if is_for_integers(*operator) {
                        return None;
                    }
                    if let Expression::Literal(value) = operand {
                        self.step(Step::BinaryWith(*operator, literal(value)?), 1);
                        continue;
                    }
                    self.value(condition, operand)?;
                    self.step(Step::Binary(*operator), 2);
                }
            }
            Expression::Conditional {
                condition: question,
                then,
                otherwise,
            } => {
                self.value(condition, question)?;
                self.value(condition, then)?;
                self.value(condition, otherwise)?;
                self.step(Step::Select, 3);
            }
            Expression::Membership { .. } => return None,
        }
        Some(())
    }

    fn difference(
        &mut self,
        condition: &Condition,
        minuend: &Expression,
        subtrahend: &Expression,
    ) -> Option<()> {
        self.value(condition, minuend)?;
        if let Expression::Literal(value) = subtrahend {
            self.step(Step::DifferenceWith(literal(value)?), 1);
            return Some(());
        }
        self.value(condition, subtrahend)?;
        self.step(Step::Difference, 2);
        Some(())
    }

    /// `None`: not about numbers; `Some(None)`: without a margin.
    fn margin(&mut self, condition: &Condition, expression: &Expression) -> Option<Option<()>> {
        let Expression::Chain { first, rest, .. } = expression else {
            return Some(None);
        };
        let (operator, second) = rest.first()?;
        let joins = match operator {
            BinaryOperator::And => Step::Least,
            BinaryOperator::Or => Step::Greatest,
            BinaryOperator::Greater | BinaryOperator::GreaterOrEqual if compares_once(first, rest) => {
                return self.difference(condition, first, second).map(Some);
            }
            BinaryOperator::Less | BinaryOperator::LessOrEqual if compares_once(first, rest) => {
                return self.difference(condition, second, first).map(Some);
            }
            _ => return Some(None),
        };
        let mut has_one = false;
        let operands = std::iter::once(&**first).chain(rest.iter().map(|(_, operand)| operand));
        for operand in operands {
            if self.margin(condition, operand)?.is_some() {
                if has_one {
                    self.step(joins, 2);
                }
                has_one = true;
            }
        }
        Some(has_one.then_some(()))
    }
}

fn literal(value: &Value) -> Option<f64> {
    let number = value.number()?;
    match number {
        Number::Float(float) => Some(float),
        Number::Int(_) => number.exact_float(),
    }
}

fn is_for_integers(operator: BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::BitOr
            | BinaryOperator::BitXor
            | BinaryOperator::BitAnd
            | BinaryOperator::ShiftLeft
            | BinaryOperator::ShiftRight
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::condition::{Reading, evaluate, parse};
    use crate::explanation::margin;

    /// `$0` and `$1`; there are no calls.
    struct Two(f64, f64);

    impl NumberReading for Two {
        fn number_of_item(&mut self, item: usize) -> Option<f64> {
            Some([self.0, self.1][item]).filter(|number| number.is_finite())
        }

        fn number_of_call(&mut self, _call: usize) -> Option<f64> {
            None
        }
    }

    impl Reading for Two {
        fn item(&mut self, item: usize) -> Result<Value, String> {
            let number = [self.0, self.1][item];
            if !number.is_finite() {
                return Err("not finite".to_owned());
            }
            Ok(Value::of_sample(number))
        }

        fn call(&mut self, _call: usize) -> Result<Value, String> {
            Err("no calls here".to_owned())
        }
    }

    #[test]
    fn what_is_not_about_numbers_has_no_program() {
        for (text, has_program) in [
            ("$0 > 1", true),
            ("$0 > 1 ? $1 : -$0 % 3", true),
            ("max(60s) > 1 && !$1", true),
            ("$0 > 9007199254740993", false),
            ("$0 == 'a'", false),
            ("keyword('a')", false),
            ("$0 & 1", false),
            ("~$0", false),
            ("{1: $0} in {1: 2}", false),
            ("null", false),
        ] {
            let condition = parse(text, &["m", "n"]).expect(text);
            assert_eq!(Program::of_value(&condition).is_some(), has_program, "{text}");
        }
    }

    fn expression() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            3 => Just("$0".to_owned()),
            2 => Just("$1".to_owned()),
            2 => prop::sample::select(vec!["0", "1", "3", "0.5", "9007199254740991", "1e300", "true"])
                .prop_map(str::to_owned),
        ];
        leaf.prop_recursive(4, 24, 3, |inner| {
            let operator = prop::sample::select(vec![
                "+", "-", "*", "/", "%", "<", ">", "<=", ">=", "==", "!=", "&&", "||",
            ]);
            prop_oneof![
                6 => (inner.clone(), operator, inner.clone())
                    .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
                1 => inner.clone().prop_map(|operand| format!("(-{operand})")),
                1 => inner.clone().prop_map(|operand| format!("(!{operand})")),
                1 => (inner.clone(), inner.clone(), inner)
                    .prop_map(|(question, then, otherwise)| format!("({question} ? {then} : {otherwise})")),
            ]
        })
    }

    fn sample() -> impl Strategy<Value = f64> {
        prop_oneof![
            4 => (-8_i32..8).prop_map(f64::from),
            4 => (-80_i32..80).prop_map(|tenths| f64::from(tenths) / 10.0),
            1 => any::<f64>(),
            1 => Just(9_007_199_254_740_992.0),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// Where the program has an outcome, the tree has the same.
        #[test]
        fn a_program_agrees_with_the_tree(text in expression(), first in sample(), second in sample()) {
            let condition = parse(&text, &["m", "n"]).expect("a condition");
            let mut two = Two(first, second);
            let mut stack = Vec::new();
            let program = Program::of_value(&condition).expect("all are about numbers");
            if let Some(number) = program.run(&mut two, &mut stack) {
                let value = evaluate(&condition, &condition.root, &mut two).expect("no error");
                prop_assert_eq!(value.number().expect("a number").as_float(), number);
            }
            let program = Program::of_margin(&condition);
            if let Some(number) = program.and_then(|program| program.run(&mut two, &mut stack)) {
                prop_assert_eq!(margin(&condition, &condition.root, &mut two), Some(number));
            }
        }
    }
}
