//! From tokens to the tree, by precedence climbing over the tables of `grammar`.

use super::grammar::{
    LEVEL_LOOSEST, TERNARY_SYMBOL, binary_row, function_row, prefix_row, supported_functions,
    supported_operators,
};
use super::suggestion::{function_for, operator_for};
use super::token::{Placed, Token, split};
use super::{
    Condition, Expression, MAX_CONDITION_BYTES, MAX_NESTING, MAX_WINDOW_MS, MAX_WINDOW_SAMPLES, Reading,
    Spelling, Window, WindowCall, WindowFunction, evaluate, print,
};
use crate::error::RuleError;
use crate::value::Value;

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
    let root = parser.expression(LEVEL_LOOSEST)?;
    if parser.peek().is_some() {
        return Err(parser.refuse_after_operand("an operator or the end of the condition"));
    }
    Ok(Condition {
        root,
        calls: parser.calls,
    })
}

/// One argument of a function. Durations and counts may stand before expressions only.
enum Argument {
    Window { window: Window, text: String },
    Expression(Expression),
}

struct PlacedArgument {
    argument: Argument,
    offset: usize,
}

struct Parser<'a> {
    text: &'a str,
    tokens: &'a [Placed],
    next: usize,
    items: &'a [&'a str],
    calls: Vec<WindowCall>,
    nesting: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn peek_second(&self) -> Option<&Token> {
        self.tokens.get(self.next + 1).map(|placed| &placed.token)
    }

    fn peek_symbol(&self) -> Option<&'static str> {
        match self.peek() {
            Some(Token::Symbol(symbol)) => Some(symbol),
            _ => None,
        }
    }

    /// Where the next token stands, or where one is missing at the end.
    fn offset(&self) -> usize {
        self.tokens
            .get(self.next)
            .map_or(self.text.trim_end().len(), |placed| placed.start)
    }

    /// The next token as it stands in the condition, quoted and not too long.
    fn found(&self) -> String {
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

    fn refuse(&self, reason: impl Into<String>) -> Refusal {
        Refusal::new(reason, self.offset())
    }

    fn refuse_found(&self, expected: &str) -> Refusal {
        self.refuse(format!("found {}; expected {expected}", self.found()))
    }

    /// An operand is complete; what follows is neither an operator nor what was expected.
    fn refuse_after_operand(&self, expected: &str) -> Refusal {
        let meant = match self.peek() {
            Some(Token::Symbol(symbol)) => operator_for(symbol),
            Some(Token::Name(name)) => operator_for(name),
            _ => None,
        };
        if let Some(meant) = meant {
            return self.refuse(format!("found {}; did you mean '{meant}'?", self.found()));
        }
        match self.peek() {
            Some(Token::Symbol(TERNARY_SYMBOL)) => self.refuse_unsupported_operator(),
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

    fn refuse_unsupported_operator(&self) -> Refusal {
        self.refuse(format!(
            "operator {} is not supported yet; supported: {}",
            self.found(),
            supported_operators()
        ))
    }

    /// An expression whose operators bind at least as tight as `loosest`.
    fn expression(&mut self, loosest: u8) -> Result<Expression, Refusal> {
        let mut left = self.operand()?;
        while let Some(row) = self.peek_symbol().and_then(binary_row) {
            if row.level < loosest {
                break;
            }
            let rest = self.rest_of_chain(row.level)?;
            left = Expression::Chain {
                first: Box::new(left),
                rest,
            };
        }
        Ok(left)
    }

    /// The operators of one level and the operands behind them.
    fn rest_of_chain(
        &mut self,
        level: u8,
    ) -> Result<Vec<(crate::operation::BinaryOperator, Expression)>, Refusal> {
        let mut rest = Vec::new();
        while let Some(row) = self.peek_symbol().and_then(binary_row) {
            if row.level != level {
                break;
            }
            let Some(operator) = row.operator else {
                return Err(self.refuse_unsupported_operator());
            };
            self.next += 1;
            rest.push((operator, self.expression(level + 1)?));
        }
        Ok(rest)
    }

    fn operand(&mut self) -> Result<Expression, Refusal> {
        match self.peek() {
            Some(Token::Literal(value)) => {
                let value = value.clone();
                self.next += 1;
                Ok(Expression::Literal(value))
            }
            Some(Token::Name(_)) => self.named(),
            Some(Token::Symbol("(")) => self.nested(Self::parenthesis),
            Some(Token::Symbol(symbol)) if prefix_row(symbol).is_some() => self.nested(Self::prefixed),
            Some(Token::Symbol("{")) => {
                Err(self.refuse("dictionaries, as in {…} in {…}, are not supported yet"))
            }
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

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Refusal>) -> Result<T, Refusal> {
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
        let inner = self.expression(LEVEL_LOOSEST)?;
        self.close("an operator or ')'")?;
        Ok(inner)
    }

    fn close(&mut self, expected: &str) -> Result<(), Refusal> {
        if self.peek_symbol() != Some(")") {
            return Err(self.refuse_after_operand(expected));
        }
        self.next += 1;
        Ok(())
    }

    /// Every operator between operands binds looser than a prefix operator, so it takes one operand.
    fn prefixed(&mut self) -> Result<Expression, Refusal> {
        let operator = self
            .peek_symbol()
            .and_then(prefix_row)
            .and_then(|row| row.operator)
            .ok_or_else(|| self.refuse_unsupported_operator())?;
        self.next += 1;
        let operand = Box::new(self.operand()?);
        Ok(Expression::Unary { operator, operand })
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
        let function = self.function(name)?;
        self.next += 1;
        if self.peek_symbol() != Some("(") {
            return Err(self.refuse_found(&format!("'(' behind function {name}")));
        }
        let open_offset = self.offset();
        let arguments = self.nested(Self::arguments)?;
        let call = self.window_call(function, name, item, arguments, open_offset)?;
        Ok(Expression::Call(self.slot(call)))
    }

    fn function(&self, name: &str) -> Result<WindowFunction, Refusal> {
        if let Some(row) = function_row(name) {
            return row.function.ok_or_else(|| {
                self.refuse(format!(
                    "function '{name}' is not supported yet; supported: {}",
                    supported_functions()
                ))
            });
        }
        if let Some(meant) = operator_for(name).or_else(|| function_for(name)) {
            return Err(self.refuse(format!(
                "unknown function {}; did you mean '{meant}'?",
                self.found()
            )));
        }
        Err(self.refuse(format!(
            "unknown function {}; supported: {}",
            self.found(),
            supported_functions()
        )))
    }

    /// From the opening to the closing parenthesis.
    fn arguments(&mut self) -> Result<Vec<PlacedArgument>, Refusal> {
        self.next += 1;
        let mut arguments: Vec<PlacedArgument> = Vec::new();
        if self.peek_symbol() == Some(")") {
            self.next += 1;
            return Ok(arguments);
        }
        loop {
            let is_leading = arguments
                .iter()
                .all(|placed| matches!(placed.argument, Argument::Window { .. }));
            arguments.push(self.argument(is_leading)?);
            if self.peek_symbol() == Some(",") {
                self.next += 1;
                continue;
            }
            self.close("an operator, ',' or ')'")?;
            return Ok(arguments);
        }
    }

    fn argument(&mut self, may_be_window: bool) -> Result<PlacedArgument, Refusal> {
        let offset = self.offset();
        if may_be_window && let Some((window, text)) = self.window_literal()? {
            return Ok(PlacedArgument {
                argument: Argument::Window { window, text },
                offset,
            });
        }
        let expression = self.expression(LEVEL_LOOSEST)?;
        Ok(PlacedArgument {
            argument: Argument::Expression(expression),
            offset,
        })
    }

    /// `60s` or `#3`, if that comes next.
    fn window_literal(&mut self) -> Result<Option<(Window, String)>, Refusal> {
        match (self.peek(), self.peek_second()) {
            (Some(Token::Count(count)), _) => {
                let count = *count;
                if count > MAX_WINDOW_SAMPLES {
                    return Err(self.refuse(format!(
                        "found {}; at most #{MAX_WINDOW_SAMPLES} is allowed",
                        self.found()
                    )));
                }
                self.next += 1;
                Ok(Some((Window::Samples { count }, format!("#{count}"))))
            }
            (Some(Token::Literal(value)), Some(Token::Unit(unit_ms))) => {
                let window = self.time_window(value, *unit_ms, self.offset())?;
                let parts = &self.tokens[self.next..self.next + 2];
                let text = parts
                    .iter()
                    .map(|placed| &self.text[placed.start..placed.end])
                    .collect();
                self.next += 2;
                Ok(Some((window, text)))
            }
            _ => Ok(None),
        }
    }

    fn time_window(&self, value: &Value, unit_ms: i64, offset: usize) -> Result<Window, Refusal> {
        let Some(amount) = value.number().map(|number| number.as_float()) else {
            return Err(Refusal::new(
                format!(
                    "{} cannot be a window; expected one such as 60s, #3 or a number of seconds",
                    value.kind()
                ),
                offset,
            ));
        };
        let milliseconds = amount * unit_ms as f64;
        if milliseconds.is_nan() || milliseconds > MAX_WINDOW_MS as f64 {
            let reason = format!(
                "the window is too long; at most {}h is allowed",
                MAX_WINDOW_MS / 3_600_000
            );
            return Err(Refusal::new(reason, offset));
        }
        // However negative, the window is empty.
        let ms = milliseconds.round().max(-1.0) as i64;
        Ok(Window::Time { ms })
    }

    /// A call of a function that takes a window and nothing else.
    fn window_call(
        &mut self,
        function: WindowFunction,
        name: &str,
        item: usize,
        mut arguments: Vec<PlacedArgument>,
        open_offset: usize,
    ) -> Result<WindowCall, Refusal> {
        let count = arguments.len();
        let placed = match arguments.pop() {
            Some(placed) if count == 1 => placed,
            _ => {
                let reason = format!(
                    "function '{name}' takes one argument, a window such as 60s or #3; found {count}"
                );
                return Err(Refusal::new(reason, open_offset));
            }
        };
        let (window, window_text) = match placed.argument {
            Argument::Window { window, text } => (window, text),
            Argument::Expression(expression) => self.constant_window(expression, placed.offset)?,
        };
        Ok(WindowCall {
            function,
            item,
            window,
            window_text,
        })
    }

    /// A window given as a number of seconds. It must be constant: what is fetched is decided before any sample is seen.
    fn constant_window(
        &mut self,
        expression: Expression,
        offset: usize,
    ) -> Result<(Window, String), Refusal> {
        let alone = Condition {
            root: expression,
            calls: std::mem::take(&mut self.calls),
        };
        let value = evaluate(&alone, &alone.root, &mut NothingToRead);
        let text = print(&alone, &alone.root, Spelling::AsWritten);
        self.calls = alone.calls;
        let value = value.map_err(|reason| {
            let reason =
                format!("the window must be constant, such as 60s, #3 or a number of seconds: {reason}");
            Refusal::new(reason, offset)
        })?;
        let window = self.time_window(&value, 1_000, offset)?;
        Ok((window, text))
    }

    /// The index of a call; equal ones share it.
    fn slot(&mut self, call: WindowCall) -> usize {
        let is_equal = |known: &WindowCall| {
            (known.function, known.item, known.window) == (call.function, call.item, call.window)
        };
        if let Some(slot) = self.calls.iter().position(is_equal) {
            return slot;
        }
        self.calls.push(call);
        self.calls.len() - 1
    }
}

/// Refuses what a constant may not contain.
struct NothingToRead;

impl Reading for NothingToRead {
    fn item(&mut self, item: usize) -> Result<Value, String> {
        Err(format!("found ${item}"))
    }

    fn call(&mut self, _call: usize) -> Result<Value, String> {
        Err("found a function".to_owned())
    }
}
