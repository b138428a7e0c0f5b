//! From tokens to the tree, by precedence climbing over the tables of `grammar`.

use super::call::Argument;
use super::grammar::{LEVEL_MEMBERSHIP, LEVEL_PRIMARY, binary_row, function_row, prefix_row};
use super::suggestion::operator_for;
use super::token::{Placed, Token, split};
use super::{Call, Condition, Expression, MAX_CALLS, MAX_CONDITION_BYTES, MAX_NESTING, MAX_PAIRS, Place};
use crate::error::RuleError;
use crate::operation::BinaryOperator;

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Refusal {
    reason: String,
    offset: usize,
}

impl Refusal {
    pub(super) fn new(reason: impl Into<String>, offset: usize) -> Self {
        Self {
            reason: reason.into(),
            offset,
        }
    }
}

/// Reads a condition of a rule with data items of these names.
pub(crate) fn parse(text: &str, items: &[&str]) -> Result<Condition, RuleError> {
    if text.len() > MAX_CONDITION_BYTES {
        return Err(RuleError::outside_condition(format!(
            "the condition has {} bytes; at most {MAX_CONDITION_BYTES} are allowed",
            text.len()
        )));
    }
    read(text, items).map_err(|refusal| RuleError::in_condition(refusal.reason, text, refusal.offset))
}

fn read(text: &str, items: &[&str]) -> Result<Condition, Refusal> {
    let tokens = split(text)?;
    let mut parser = Parser {
        text,
        tokens: &tokens,
        next: 0,
        items,
        calls: Vec::new(),
        nesting: 0,
    };
    if tokens.is_empty() {
        return Err(parser.refuse("the condition is empty"));
    }
    let root = parser.expression()?;
    if parser.peek().is_some() {
        return Err(parser.refuse_after_operand("an operator or the end of the condition"));
    }
    Ok(Condition {
        root,
        calls: parser.calls,
    })
}

/// Operators between operands of at least this level are what is not a conditional.
const LEVEL_CHAIN: u8 = 2;

pub(super) struct Parser<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: &'a [Placed],
    pub(super) next: usize,
    items: &'a [&'a str],
    pub(super) calls: Vec<Call>,
    nesting: usize,
}

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    pub(super) fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.next + 1).map(|placed| &placed.token)
    }

    pub(super) fn peek_symbol(&self) -> Option<&'static str> {
        match self.peek() {
            Some(Token::Symbol(symbol)) => Some(symbol),
            _ => None,
        }
    }

    /// Where the next token stands, or where one is missing at the end.
    pub(super) fn offset(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.text.trim_end().len(), |placed| placed.start)
    }

    /// The next token as it stands in the condition, quoted and not too long.
    pub(super) fn found(&self) -> String {
        const SHOWN_CHARACTERS: usize = 40;
        let Some(placed) = self.tokens.get(self.next) else {
            return "the end of the condition".to_owned();
        };
        let source = &self.text[placed.start..placed.end];
        let mut shown: String = source.chars().take(SHOWN_CHARACTERS).collect();
        if shown.len() < source.len() {
            shown.push('…');
        }
        format!("'{shown}'")
    }

    pub(super) fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::new(reason, self.offset())
    }

    pub(super) fn refuse_found(&self, expected: &str) -> Refusal {
        self.refuse(format!("found {}; expected {expected}", self.found()))
    }

    /// An operand is complete; what follows is neither an operator nor what was expected.
    pub(super) fn refuse_after_operand(&self, expected: &str) -> Refusal {
        let meant = match self.peek() {
            Some(Token::Symbol(symbol)) => operator_for(symbol),
            Some(Token::Name(name)) => operator_for(name),
            _ => None,
        };
        if let Some(meant) = meant {
            return self.refuse(format!("found {}; did you mean '{meant}'?", self.found()));
        }
        match self.peek() {
            Some(Token::Symbol(symbol @ ("in" | "notin"))) => self.refuse(format!(
                "found {}; it joins two dictionaries, as in {{'state': $0}} {symbol} {{'state': 5}}",
                self.found()
            )),
            Some(Token::Unit(_)) => self.refuse(format!(
                "found {}; a duration may stand only first in the parentheses of a function, as in max(60s)",
                self.found()
            )),
            Some(Token::Symbol(".")) => {
                self.refuse("found '.'; a function may follow only a data item, as in $1.max(60s)")
            }
            _ => self.refuse_found(expected),
        }
    }

    /// A whole expression: the loosest operator is `c ? a : b`.
    pub(super) fn expression(&mut self) -> Result<Expression, Refusal> {
        let condition = self.chain(LEVEL_CHAIN)?;
        if self.peek_symbol() != Some("?") {
            return Ok(condition);
        }
        self.nested(|parser| parser.branches(condition))
    }

    /// From the `?` on.
    fn branches(&mut self, condition: Expression) -> Result<Expression, Refusal> {
        self.next += 1;
        let then = self.expression()?;
        if self.peek_symbol() != Some(":") {
            return Err(self.refuse_after_operand("an operator or ':'"));
        }
        self.next += 1;
        let otherwise = self.expression()?;
        Ok(Expression::Conditional {
            condition: Box::new(condition),
            then: Box::new(then),
            otherwise: Box::new(otherwise),
        })
    }

    /// Operands joined by operators that bind at least as tight as `loosest`.
    fn chain(&mut self, loosest: u8) -> Result<Expression, Refusal> {
        let place = Place(self.offset());
        let is_membership = self.peek_symbol() == Some("{");
        let mut left = self.operand(loosest)?;
        // A membership is an operand of nothing that binds tighter than it does.
        let tightest = if is_membership {
            LEVEL_MEMBERSHIP
        } else {
            LEVEL_PRIMARY
        };
        while let Some(row) = self.peek_symbol().and_then(binary_row) {
            if row.level < loosest {
                break;
            }
            if row.level > tightest {
                return Err(self.refuse(format!(
                    "found {} behind a membership; put the membership in parentheses",
                    self.found()
                )));
            }
            let rest = self.rest_of_chain(row.level)?;
            left = Expression::Chain {
                first: Box::new(left),
                rest,
                place,
            };
        }
        Ok(left)
    }

    /// The operators of one level and the operands behind them.
    fn rest_of_chain(&mut self, level: u8) -> Result<Vec<(BinaryOperator, Expression)>, Refusal> {
        let mut rest = Vec::new();
        while let Some(row) = self.peek_symbol().and_then(binary_row) {
            if row.level != level {
                break;
            }
            self.next += 1;
            rest.push((row.operator, self.chain(level + 1)?));
        }
        Ok(rest)
    }

    /// One operand, in a place where an expression may begin whose operators bind at least as tight as `loosest`.
    fn operand(&mut self, loosest: u8) -> Result<Expression, Refusal> {
        match self.peek() {
            Some(Token::Literal(value)) => {
                let value = value.clone();
                self.next += 1;
                Ok(Expression::Literal(value))
            }
            Some(Token::Name(_)) => self.named(),
            Some(Token::Symbol("(")) => self.nested(Self::parenthesis),
            Some(Token::Symbol(symbol)) if prefix_row(symbol).is_some() => self.nested(Self::prefixed),
            Some(Token::Symbol("{")) if loosest > LEVEL_MEMBERSHIP => {
                Err(self.refuse("found '{' behind an operator; put the membership in parentheses"))
            }
            Some(Token::Symbol("{")) => self.membership(),
            Some(Token::Unit(_)) => Err(self.refuse(format!(
                "found {}, a unit of time, which cannot be a name; expected a value",
                self.found()
            ))),
            Some(Token::Count(_)) => Err(self.refuse(format!(
                "found {}; a number of samples may stand only first in the parentheses of a function, as in max(#3)",
                self.found()
            ))),
            _ => Err(self.refuse_found("a number, a text, $i, a function, '(' or a prefix operator")),
        }
    }

    pub(super) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        if self.nesting == MAX_NESTING {
            return Err(self.refuse(format!("the condition nests deeper than {MAX_NESTING}")));
        }
        self.nesting += 1;
        let outcome = read(self);
        self.nesting -= 1;
        outcome
    }

    fn parenthesis(&mut self) -> Result<Expression, Refusal> {
        self.next += 1;
        let inner = self.expression()?;
        self.close("an operator or ')'")?;
        Ok(inner)
    }

    pub(super) fn close(&mut self, expected: &str) -> Result<(), Refusal> {
        if self.peek_symbol() != Some(")") {
            return Err(self.refuse_after_operand(expected));
        }
        self.next += 1;
        Ok(())
    }

    /// Every operator between operands binds looser than a prefix operator, so it takes one operand.
    fn prefixed(&mut self) -> Result<Expression, Refusal> {
        let Some(row) = self.peek_symbol().and_then(prefix_row) else {
            return Err(self.refuse_found("a prefix operator"));
        };
        self.next += 1;
        let operand = Box::new(self.operand(LEVEL_PRIMARY)?);
        Ok(Expression::Unary {
            operator: row.operator,
            operand,
        })
    }

    /// `{…} in {…}` or `{…} notin {…}`.
    fn membership(&mut self) -> Result<Expression, Refusal> {
        let left = self.dictionary()?;
        let negated = match self.peek_symbol() {
            Some("in") => false,
            Some("notin") => true,
            _ => return Err(self.refuse_found("'in' or 'notin' behind a dictionary")),
        };
        self.next += 1;
        if self.peek_symbol() != Some("{") {
            return Err(self.refuse_found("a dictionary, as in {'state': 5}"));
        }
        let right = self.dictionary()?;
        Ok(Expression::Membership { left, right, negated })
    }

    /// From `{` to `}`: at least one pair.
    fn dictionary(&mut self) -> Result<Vec<(Expression, Expression)>, Refusal> {
        let mut pairs = Vec::new();
        loop {
            self.next += 1;
            let key = self.dictionary_entry()?;
            if self.peek_symbol() != Some(":") {
                return Err(self.refuse_found("':' behind a key"));
            }
            self.next += 1;
            let value = self.dictionary_entry()?;
            if pairs.len() == MAX_PAIRS {
                return Err(self.refuse(format!("the dictionary has more than {MAX_PAIRS} pairs")));
            }
            pairs.push((key, value));
            match self.peek_symbol() {
                Some(",") => {}
                Some("}") => break,
                _ => return Err(self.refuse_found("',' or '}'")),
            }
        }
        self.next += 1;
        Ok(pairs)
    }

    /// Keys and values are literals or data items.
    fn dictionary_entry(&mut self) -> Result<Expression, Refusal> {
        let entry = match self.peek() {
            Some(Token::Literal(value)) => Expression::Literal(value.clone()),
            Some(Token::Name(name)) => {
                let name = name.clone();
                Expression::Item(self.item(&name)?)
            }
            _ => return Err(self.refuse_found("a number, a text or $i")),
        };
        self.next += 1;
        Ok(entry)
    }

    /// `$i`, `$i.function(…)` or `function(…)`.
    fn named(&mut self) -> Result<Expression, Refusal> {
        let Some(Token::Name(name)) = self.peek() else {
            return Err(self.refuse_found("a name"));
        };
        let name = name.clone();
        if self.peek_second() == Some(&Token::Symbol("(")) && !name.starts_with('$') {
            return self.call(&name, 0);
        }
        let item = self.item(&name)?;
        self.next += 1;
        if self.peek_symbol() != Some(".") {
            return Ok(Expression::Item(item));
        }
        self.next += 1;
        let Some(Token::Name(function)) = self.peek() else {
            return Err(self.refuse_found("a function, as in $1.max(60s)"));
        };
        let function = function.clone();
        self.call(&function, item)
    }

    /// The data item that a name stands for.
    fn item(&self, name: &str) -> Result<usize, Refusal> {
        let known = match self.items.len() {
            1 => "the rule has one data item, $0".to_owned(),
            count => format!("the rule has {count} data items, $0 to ${}", count - 1),
        };
        if let Some(digits) = name.strip_prefix('$') {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            let is_canonical = is_number && (digits == "0" || !digits.starts_with('0'));
            let index = digits.parse().ok().filter(|_| is_canonical);
            return index
                .filter(|index: &usize| *index < self.items.len())
                .ok_or_else(|| self.refuse(format!("found {}; {known}", self.found())));
        }
        if let Some(index) = self.items.iter().position(|item| *item == name) {
            return Err(self.refuse(format!(
                "found {}; write ${index} for this data item",
                self.found()
            )));
        }
        if function_row(name).is_some() {
            return Err(self.refuse(format!(
                "function {} lacks its parentheses; expected one as in {name}(60s)",
                self.found()
            )));
        }
        if let Some(meant) = operator_for(name) {
            return Err(self.refuse(format!("found {}; did you mean '{meant}'?", self.found())));
        }
        Err(self.refuse(format!("unknown name {}; {known}", self.found())))
    }

    /// A call whose name comes next.
    fn call(&mut self, name: &str, item: usize) -> Result<Expression, Refusal> {
        let row = self.function(name)?;
        let place = Place(self.offset());
        self.next += 1;
        if self.peek_symbol() != Some("(") {
            return Err(self.refuse_found(&format!("'(' behind function {name}")));
        }
        let open_offset = self.offset();
        let arguments = self.nested(Self::arguments)?;
        let mut call = self.call_of(row, item, arguments, open_offset)?;
        call.place = place;
        let slot = self.slot(call);
        if slot == MAX_CALLS {
            return Err(Refusal::new(
                format!("the condition has more than {MAX_CALLS} different functions"),
                open_offset,
            ));
        }
        Ok(Expression::Call(slot))
    }

    /// From the opening to the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<Argument>, Refusal> {
        self.next += 1;
        let mut arguments: Vec<Argument> = Vec::new();
        if self.peek_symbol() == Some(")") {
            self.next += 1;
            return Ok(arguments);
        }
        loop {
            let is_leading = arguments.iter().all(Argument::is_window);
            arguments.push(self.argument(is_leading)?);
            if self.peek_symbol() == Some(",") {
                self.next += 1;
                continue;
            }
            self.close("an operator, ',' or ')'")?;
            return Ok(arguments);
        }
    }

    /// The index of a call; equal ones share it.
    fn slot(&mut self, call: Call) -> usize {
        let is_equal = |known: &Call| (known.item, &known.function) == (call.item, &call.function);
        if let Some(slot) = self.calls.iter().position(is_equal) {
            return slot;
        }
        self.calls.push(call);
        self.calls.len() - 1
    }
}
