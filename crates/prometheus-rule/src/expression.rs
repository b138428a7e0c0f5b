//! From an expression of PromQL to a condition.

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LAND, T_LOR, T_LSS, T_LTE, T_LUNLESS, T_MOD, T_MUL, T_NEQ,
    T_POW, T_SUB, TokenType,
};
use promql_parser::parser::value::ValueType;
use promql_parser::parser::{BinaryExpr, Call, Expr};

use crate::MAX_DEPTH;
use crate::items::Items;
use crate::keys::{Keys, Many, Matching};
use crate::label_set::LabelSet;
use crate::misfit::{Misfit, Remarks};
use crate::reading::{Reading, constant, reading_of};
use crate::refused::refuse_call;
use crate::term::{Operator, Term};

/// What an expression has become.
#[derive(Clone, Debug)]
pub(crate) enum Operand {
    Scalar(Term),
    Vector(Vector),
}

/// A vector: its elements are there where the filter holds.
#[derive(Clone, Debug)]
pub(crate) struct Vector {
    /// `None` where the elements are of either side of `or`.
    pub(crate) value: Option<Term>,
    /// From comparisons and set operators.
    pub(crate) filter: Option<Term>,
    /// From divisors that may be 0.
    pub(crate) guards: Option<Term>,
    pub(crate) labels: LabelSet,
}

impl Vector {
    /// When an element is there; `None` if nothing is compared.
    pub(crate) fn condition(&self) -> Option<Term> {
        let filter = self.filter.clone()?;
        Term::both(Some(filter), self.guards.clone())
    }
}

/// Reads expressions; collects the data items and the remarks.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) items: Items,
    pub(crate) remarks: Remarks,
    depth: usize,
}

impl Reader {
    pub(crate) fn operand(&mut self, expression: &Expr, keys: &Keys) -> Result<Operand, Misfit> {
        if self.depth == MAX_DEPTH {
            return Err(Misfit::new(format!(
                "the expression is nested deeper than {MAX_DEPTH} levels"
            )));
        }
        self.depth += 1;
        let operand = self.operand_at_depth(expression, keys);
        self.depth -= 1;
        operand
    }

    fn operand_at_depth(&mut self, expression: &Expr, keys: &Keys) -> Result<Operand, Misfit> {
        if let Some(reading) = reading_of(expression)? {
            return self.series(&reading, keys).map(Operand::Vector);
        }
        match expression {
            Expr::Paren(parentheses) => self.operand(&parentheses.expr, keys),
            Expr::NumberLiteral(number) => finite(number.val).map(Operand::Scalar),
            Expr::Unary(unary) => {
                let operand = self.operand(&unary.expr, keys)?;
                map_value(operand, |value| Ok(Term::negative(value)))
            }
            Expr::Binary(binary) => self.binary(binary, keys),
            Expr::Aggregate(aggregate) => self.aggregate(aggregate, keys).map(Operand::Vector),
            Expr::Call(call) => self.other_call(call, keys),
            Expr::Subquery(_) => Err(Misfit::new(
                "a subquery: a check rule reads samples, not earlier outcomes; record the inner expression as a series",
            )),
            Expr::StringLiteral(_)
            | Expr::MatrixSelector(_)
            | Expr::Extension(_)
            | Expr::VectorSelector(_) => Err(Misfit::new(
                "a text or a range where a number or a vector is expected",
            )),
        }
    }

    fn series(&mut self, reading: &Reading<'_>, keys: &Keys) -> Result<Vector, Misfit> {
        let labels = keys.of_series();
        let item = self.items.number(reading.item(labels.clone(), None)?);
        reading.remark(false, &mut self.remarks);
        Ok(Vector {
            value: Some(reading.term(item)),
            filter: None,
            guards: None,
            labels,
        })
    }

    fn other_call(&mut self, call: &Call, keys: &Keys) -> Result<Operand, Misfit> {
        let (name, arguments) = (call.func.name, &call.args.args);
        let [argument] = arguments.as_slice() else {
            return Err(refuse_call(name));
        };
        if name != "abs" {
            return Err(refuse_call(name));
        }
        let operand = self.operand(argument, keys)?;
        map_value(operand, |value| {
            if value.has_absolute() {
                return Err(Misfit::at("abs", "abs of abs"));
            }
            Ok(Term::Absolute(Box::new(value)))
        })
    }

    fn binary(&mut self, binary: &BinaryExpr, keys: &Keys) -> Result<Operand, Misfit> {
        let matching = Matching::of(binary)?;
        if binary.op.is_set_operator() {
            return self.set_operator(binary, &matching, keys).map(Operand::Vector);
        }
        let is_scalar = |side: &Expr| side.value_type() == ValueType::Scalar;
        if is_scalar(&binary.lhs) && is_scalar(&binary.rhs) {
            return self.numbers(binary);
        }
        if is_scalar(&binary.lhs) || is_scalar(&binary.rhs) {
            let left = self.operand(&binary.lhs, keys)?;
            let right = self.operand(&binary.rhs, keys)?;
            return self.joined(binary, left, right).map(Operand::Vector);
        }
        let (left, right) = self.matched(binary, &matching, keys)?;
        self.joined(binary, Operand::Vector(left), Operand::Vector(right))
            .map(Operand::Vector)
    }

    fn numbers(&mut self, binary: &BinaryExpr) -> Result<Operand, Misfit> {
        if binary.op.id() == T_POW {
            let power = constant(&Expr::Binary(binary.clone()));
            let power = power.ok_or_else(|| refuse_operator(binary.op))?;
            return finite(power).map(Operand::Scalar);
        }
        let left = self.operand(&binary.lhs, &Keys::Free)?;
        let right = self.operand(&binary.rhs, &Keys::Free)?;
        let (Operand::Scalar(left), Operand::Scalar(right)) = (left, right) else {
            return Err(refuse_operator(binary.op));
        };
        let operator = operator_of(binary.op).ok_or_else(|| refuse_operator(binary.op))?;
        if divides(operator) && constant(&binary.rhs) == Some(0.0) {
            return Err(Misfit::new("a division by 0"));
        }
        Ok(Operand::Scalar(Term::binary(operator, left, right)))
    }

    /// Both sides of an operator between vectors; the many side comes with the labels of the outcome.
    fn matched(
        &mut self,
        binary: &BinaryExpr,
        matching: &Matching,
        keys: &Keys,
    ) -> Result<(Vector, Vector), Misfit> {
        if matching.many == Many::Neither {
            let own = matching.keys.as_ref().unwrap_or(keys);
            let mut left = self.vector(&binary.lhs, own)?;
            let right = self.vector(&binary.rhs, own)?;
            refuse_unequal(&left.labels, &right.labels, binary.op)?;
            if matching.keys.is_some() {
                left.labels = keys.applied_to(left.labels)?;
            }
            return Ok((left, right));
        }
        let (many, one) = match matching.many {
            Many::Right => (&binary.rhs, &binary.lhs),
            _ => (&binary.lhs, &binary.rhs),
        };
        let one_keys = matching.keys.clone().unwrap_or(Keys::Free);
        let many_vector = self.vector(many, keys)?;
        let one_vector = self.vector(one, &one_keys)?;
        refuse_unjoinable(&many_vector.labels, &one_vector.labels, &one_keys)?;
        if !matching.taken_over.is_empty() {
            self.remarks.add(format!(
                "the label {} of the other side is not added to findings",
                matching.taken_over.join(", ")
            ));
        }
        Ok(match matching.many {
            Many::Right => (one_vector, many_vector),
            _ => (many_vector, one_vector),
        })
    }

    fn vector(&mut self, expression: &Expr, keys: &Keys) -> Result<Vector, Misfit> {
        match self.operand(expression, keys)? {
            Operand::Vector(vector) => Ok(vector),
            Operand::Scalar(_) => Err(Misfit::new("a number where a vector is expected")),
        }
    }

    fn set_operator(
        &mut self,
        binary: &BinaryExpr,
        matching: &Matching,
        keys: &Keys,
    ) -> Result<Vector, Misfit> {
        let (left_keys, right_keys) = match &matching.keys {
            None => (keys, keys),
            Some(on @ Keys::On(_)) => (keys, on),
            Some(ignoring) => (ignoring, ignoring),
        };
        let left = self.vector(&binary.lhs, left_keys)?;
        let known = self.items.len();
        let right = self.vector(&binary.rhs, right_keys)?;
        match matching.keys {
            Some(Keys::On(_)) => refuse_unjoinable(&left.labels, &right.labels, right_keys)?,
            _ => refuse_unequal(&left.labels, &right.labels, binary.op)?,
        }
        if matching.keys.is_some() && self.items.has_plain_after(known) {
            self.remarks.add(format!(
                "several series on the right of '{}' that match are an error; in Prometheus one that holds is enough",
                binary.op
            ));
        }
        let mut outcome = set_outcome(binary.op, left, &right, &mut self.remarks)?;
        if matching.keys.is_some() {
            outcome.labels = keys.applied_to(outcome.labels)?;
        }
        Ok(outcome)
    }

    /// Arithmetic or a comparison with at least one vector.
    fn joined(&mut self, binary: &BinaryExpr, left: Operand, right: Operand) -> Result<Vector, Misfit> {
        let operator = operator_of(binary.op).ok_or_else(|| refuse_operator(binary.op))?;
        let is_many_right = Matching::of(binary)?.many == Many::Right;
        let (left_value, left_vector) = parts(left)?;
        let (mut right_value, right_vector) = parts(right)?;
        let both = |part: fn(&Vector) -> Option<Term>| {
            Term::both(
                left_vector.as_ref().and_then(part),
                right_vector.as_ref().and_then(part),
            )
        };
        let mut filter = both(|vector| vector.filter.clone());
        let mut guards = both(|vector| vector.guards.clone());
        let main = if is_many_right {
            right_vector.or(left_vector)
        } else {
            left_vector.or(right_vector)
        };
        let main = main.ok_or_else(|| refuse_operator(binary.op))?;
        if binary.op.is_comparison_operator() {
            let comparison = Term::binary(operator, left_value, right_value);
            filter = Term::both(filter, Some(comparison));
            return Ok(Vector {
                filter,
                guards,
                ..main
            });
        }
        if divides(operator) && self.may_be_zero(&binary.rhs, &right_value)? {
            self.remarks.add(
                "where a divisor is 0 the condition does not hold; Prometheus has an infinite value or NaN then",
            );
            let is_not_zero = Term::binary(Operator::NotEqual, right_value.clone(), Term::Number(0.0));
            guards = Term::both(guards, Some(is_not_zero));
            right_value = Term::binary(Operator::Or, right_value, Term::Number(1.0));
        }
        if operator == Operator::Modulo {
            self.remarks
                .add("a remainder has the sign of the divisor; in Prometheus that of the dividend");
        }
        Ok(Vector {
            value: Some(Term::binary(operator, left_value, right_value)),
            filter,
            guards,
            ..main
        })
    }

    /// Whether a divisor may be 0; one that always is 0 is refused.
    fn may_be_zero(&self, divisor: &Expr, value: &Term) -> Result<bool, Misfit> {
        if let Some(number) = constant(divisor) {
            return if number == 0.0 {
                Err(Misfit::new("a division by 0"))
            } else {
                Ok(false)
            };
        }
        // Where nothing is counted there is no sample.
        Ok(!matches!(value, Term::Item(item) if self.items.counts(*item)))
    }
}

fn set_outcome(
    operator: TokenType,
    left: Vector,
    right: &Vector,
    remarks: &mut Remarks,
) -> Result<Vector, Misfit> {
    let word = operator.to_string();
    let right_condition = right.condition().ok_or_else(|| {
        Misfit::at(
            &word,
            format!("'{word}' with a series that is not compared asks whether it is there; a condition cannot ask that"),
        )
    })?;
    match operator.id() {
        T_LAND => Ok(Vector {
            filter: Term::both(left.condition(), Some(right_condition)),
            guards: if left.filter.is_some() { None } else { left.guards },
            ..left
        }),
        T_LUNLESS => {
            remarks.add("where the series on the right of 'unless' is missing the rule says `No data`; Prometheus takes the left side then");
            Ok(Vector {
                filter: Term::both(left.condition(), Some(Term::negation(right_condition))),
                guards: if left.filter.is_some() { None } else { left.guards },
                ..left
            })
        }
        _ => {
            let left_condition = left.condition().ok_or_else(|| {
                Misfit::at(&word, "'or' with a series that is not compared asks whether it is there; a condition cannot ask that")
            })?;
            remarks.add("where a series on one side of 'or' is missing the rule says `No data`; Prometheus takes the other side then");
            Ok(Vector {
                value: None,
                filter: Some(Term::binary(Operator::Or, left_condition, right_condition)),
                guards: None,
                labels: left.labels,
            })
        }
    }
}

fn parts(operand: Operand) -> Result<(Term, Option<Vector>), Misfit> {
    match operand {
        Operand::Scalar(value) => Ok((value, None)),
        Operand::Vector(vector) => Ok((value_of(&vector)?, Some(vector))),
    }
}

fn value_of(vector: &Vector) -> Result<Term, Misfit> {
    vector.value.clone().ok_or_else(|| {
        Misfit::at(
            "or",
            "the value of 'or' is that of either side; compare on each side of it",
        )
    })
}

fn map_value(operand: Operand, map: impl Fn(Term) -> Result<Term, Misfit>) -> Result<Operand, Misfit> {
    match operand {
        Operand::Scalar(value) => map(value).map(Operand::Scalar),
        Operand::Vector(vector) => {
            let value = map(value_of(&vector)?)?;
            Ok(Operand::Vector(Vector {
                value: Some(value),
                ..vector
            }))
        }
    }
}

fn finite(number: f64) -> Result<Term, Misfit> {
    if number.is_finite() {
        return Ok(Term::Number(number));
    }
    Err(Misfit::new(format!(
        "the number {number}; a condition has finite numbers"
    )))
}

fn divides(operator: Operator) -> bool {
    matches!(operator, Operator::Divide | Operator::Modulo)
}

fn refuse_unequal(left: &LabelSet, right: &LabelSet, operator: TokenType) -> Result<(), Misfit> {
    if left == right {
        return Ok(());
    }
    Err(Misfit::at(
        &operator.to_string(),
        format!(
            "the sides of '{operator}' have different labels, {left} and {right}; match them on (instance, …)"
        ),
    ))
}

fn refuse_unjoinable(many: &LabelSet, one: &LabelSet, one_keys: &Keys) -> Result<(), Misfit> {
    let wanted = match one_keys {
        Keys::Free => many.clone(),
        Keys::On(names) => LabelSet::Named(names.clone()),
        Keys::Ignoring(names) => many.without(names),
    };
    if one.compared() == wanted.compared() && one.joins(many) {
        return Ok(());
    }
    Err(Misfit::at(
        "group_left",
        format!(
            "a side by {one} cannot be joined with one by {many}; match them on (instance, …), naming the labels"
        ),
    ))
}

fn operator_of(operator: TokenType) -> Option<Operator> {
    let operator = match operator.id() {
        T_EQLC => Operator::Equal,
        T_NEQ => Operator::NotEqual,
        T_LSS => Operator::Less,
        T_GTR => Operator::Greater,
        T_LTE => Operator::LessOrEqual,
        T_GTE => Operator::GreaterOrEqual,
        T_ADD => Operator::Add,
        T_SUB => Operator::Subtract,
        T_MUL => Operator::Multiply,
        T_DIV => Operator::Divide,
        T_MOD => Operator::Modulo,
        _ => return None,
    };
    Some(operator)
}

fn refuse_operator(operator: TokenType) -> Misfit {
    let hint = match operator.id() {
        T_POW => "; a power of numbers alone is",
        T_ATAN2 => "; conditions have no trigonometry",
        T_LOR => "; it joins comparisons",
        _ => "",
    };
    let word = operator.to_string();
    Misfit::at(
        &word,
        format!("operator '{word}' is not known to check rules{hint}"),
    )
}
