//! From the text of a condition to its structure.
//!
//! Some conditions are odd: the original reads them though something is missing, and trees in use may have them. They are
//! read as the original reads them, and [`Condition::is_odd`] says so:
//!
//! | odd | read as |
//! |---|---|
//! | `a &&`, `a !` | `a`: what stands at the end of a condition or parenthesis without an operand is ignored |
//! | `a (b)`, `a ! b` | `b`, `!b`: of operands without an operator between them the last replaces all before it |
//! | `()`, `!` alone | no value, which is false |

use std::collections::HashMap;

use super::{Condition, ConditionError, Group, MAX_CONDITION_BYTES, MAX_NESTING, Operand, Operator, Term};
use crate::nearest::unknown_name;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token<'text> {
    Name(&'text str),
    Operator(Operator),
    Not,
    Open,
    Close,
}

impl Token<'_> {
    /// As it stands in the condition, quoted.
    fn quoted(&self) -> String {
        let text = match self {
            Token::Name(name) => name,
            Token::Operator(Operator::And) => "&&",
            Token::Operator(Operator::Or) => "||",
            Token::Not => "!",
            Token::Open => "(",
            Token::Close => ")",
        };
        format!("\"{text}\"")
    }
}

struct Placed<'text> {
    token: Token<'text>,
    column: u32,
}

pub(super) fn read(text: &str, children: &[&str]) -> Result<Condition, ConditionError> {
    if text.len() > MAX_CONDITION_BYTES {
        return Err(ConditionError {
            reason: format!(
                "the condition has {} bytes, not at most {MAX_CONDITION_BYTES}; put some of the children below a branch \
                 of their own",
                text.len()
            ),
            column: 1,
        });
    }
    let tokens = split(text);
    if tokens.is_empty() {
        return Err(ConditionError {
            reason: "the condition is empty".to_owned(),
            column: 1,
        });
    }
    if names_nothing(&tokens) {
        let first = Operand {
            negated: false,
            term: Term::Nothing,
        };
        let group = Group {
            first,
            rest: Vec::new(),
        };
        return Ok(Condition { group, is_odd: true });
    }
    let mut reader = Reader {
        tokens: &tokens,
        next: 0,
        is_odd: false,
        end_column: column(text.trim_end().chars().count()),
        children,
        positions: children
            .iter()
            .enumerate()
            .map(|(position, name)| (*name, position))
            .collect(),
    };
    let group = reader.group(0)?;
    match reader.peek() {
        None => Ok(Condition {
            group,
            is_odd: reader.is_odd,
        }),
        // A group ends at the end of the text or at a parenthesis only.
        Some(_) => Err(reader.refuse("the condition has \")\" without \"(\" before it")),
    }
}

/// Whether the tokens are those of `()` or of `!`.
fn names_nothing(tokens: &[Placed]) -> bool {
    let is_empty_parenthesis = matches!(
        tokens,
        [
            Placed {
                token: Token::Open,
                ..
            },
            Placed {
                token: Token::Close,
                ..
            }
        ]
    );
    is_empty_parenthesis || tokens.iter().all(|placed| placed.token == Token::Not)
}

/// Splits at the operators; names are what is left between them, trimmed.
fn split(text: &str) -> Vec<Placed<'_>> {
    let mut tokens = Vec::new();
    let mut name_start = 0;
    let mut name_column = 0;
    let mut characters = 0;
    let mut position = 0;
    while position < text.len() {
        let rest = &text[position..];
        if let Some((token, length)) = operator_at(rest) {
            push_name(&mut tokens, &text[name_start..position], name_column);
            tokens.push(Placed {
                token,
                column: column(characters),
            });
            position += length;
            characters += length;
            name_start = position;
            name_column = characters;
            continue;
        }
        position += rest.chars().next().map_or(1, char::len_utf8);
        characters += 1;
    }
    push_name(&mut tokens, &text[name_start..], name_column);
    tokens
}

/// The operator that `rest` begins with, and its length, which is the same in bytes and characters.
fn operator_at(rest: &str) -> Option<(Token<'static>, usize)> {
    let tokens = [
        Token::Operator(Operator::And),
        Token::Operator(Operator::Or),
        Token::Not,
        Token::Open,
        Token::Close,
    ];
    super::OPERATORS
        .into_iter()
        .zip(tokens)
        .find(|(text, _)| rest.starts_with(text))
        .map(|(text, token)| (token, text.len()))
}

fn push_name<'text>(tokens: &mut Vec<Placed<'text>>, piece: &'text str, characters_before: usize) {
    let name = piece.trim();
    if name.is_empty() {
        return;
    }
    let blanks = piece
        .chars()
        .take_while(|character| character.is_whitespace())
        .count();
    tokens.push(Placed {
        token: Token::Name(name),
        column: column(characters_before + blanks),
    });
}

fn column(characters_before: usize) -> u32 {
    u32::try_from(characters_before + 1).unwrap_or(u32::MAX)
}

struct Reader<'text, 'tokens> {
    tokens: &'tokens [Placed<'text>],
    next: usize,
    /// Whether something odd has been met.
    is_odd: bool,
    /// Where something is missing at the end of the text.
    end_column: u32,
    children: &'tokens [&'tokens str],
    /// The position of each child by its name.
    positions: HashMap<&'tokens str, usize>,
}

impl<'text> Reader<'text, '_> {
    fn peek(&self) -> Option<&Token<'text>> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    /// An error at the token that comes next.
    fn refuse(&self, reason: impl Into<String>) -> ConditionError {
        let column = self.tokens.get(self.next).map(|placed| placed.column);
        ConditionError {
            reason: reason.into(),
            column: column.unwrap_or(self.end_column),
        }
    }

    /// Operands and operators in turn, up to a closing parenthesis or the end, which is left unread.
    fn group(&mut self, nesting: usize) -> Result<Group, ConditionError> {
        let only = |first| Group {
            first,
            rest: Vec::new(),
        };
        let mut group = only(self.operand(nesting)?);
        loop {
            let operator = match self.peek() {
                None | Some(Token::Close) => return Ok(group),
                Some(Token::Operator(operator)) => Some(*operator),
                Some(_) => None,
            };
            self.next += usize::from(operator.is_some());
            if self.skip_to_end() {
                self.is_odd = true;
                return Ok(group);
            }
            let operand = self.operand(nesting)?;
            match operator {
                Some(operator) => group.rest.push((operator, operand)),
                None => {
                    self.is_odd = true;
                    group = only(operand);
                }
            }
        }
    }

    /// Skips `!` if nothing but that stands before the end of the text or parenthesis. Whether it does.
    fn skip_to_end(&mut self) -> bool {
        let rest = &self.tokens[self.next..];
        let negations = rest
            .iter()
            .take_while(|placed| placed.token == Token::Not)
            .count();
        let is_at_end = matches!(
            rest.get(negations),
            None | Some(Placed {
                token: Token::Close,
                ..
            })
        );
        if is_at_end {
            self.next += negations;
        }
        is_at_end
    }

    fn operand(&mut self, nesting: usize) -> Result<Operand, ConditionError> {
        let mut negated = false;
        while self.peek() == Some(&Token::Not) {
            negated = !negated;
            self.next += 1;
        }
        let term = match self.peek() {
            Some(Token::Name(name)) => {
                let position = self.child(name)?;
                self.next += 1;
                Term::Child(position)
            }
            Some(Token::Open) => Term::Group(Box::new(self.parenthesis(nesting + 1)?)),
            Some(other) => {
                let reason = format!("the condition has {} where a name is expected", other.quoted());
                return Err(self.refuse(reason));
            }
            None => return Err(self.refuse("the condition ends where a name is expected")),
        };
        Ok(Operand { negated, term })
    }

    fn parenthesis(&mut self, nesting: usize) -> Result<Group, ConditionError> {
        if nesting > MAX_NESTING {
            return Err(self.refuse(format!("the condition nests more than {MAX_NESTING} parentheses")));
        }
        let opened_at = self.next;
        self.next += 1;
        let group = self.group(nesting)?;
        if self.peek() != Some(&Token::Close) {
            self.next = opened_at;
            return Err(self.refuse("the condition has \"(\" without \")\" after it"));
        }
        self.next += 1;
        Ok(group)
    }

    fn child(&self, name: &str) -> Result<usize, ConditionError> {
        self.positions
            .get(name)
            .copied()
            .ok_or_else(|| self.refuse(unknown_name(name, self.children)))
    }
}
