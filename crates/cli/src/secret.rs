//! Where a password or a key comes from.

use std::io::{self, BufRead, IsTerminal};

use crate::failure::Failure;

/// A password, or a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secret {
    /// As it is asked for: `New password`.
    pub(crate) prompt: &'static str,
    /// The option that gives it.
    pub(crate) option: &'static str,
    /// The variable that gives it.
    pub(crate) variable: &'static str,
    /// One that somebody else must know later is asked for twice.
    pub(crate) is_new: bool,
}

impl Secret {
    /// What was given (by option or variable); else it is asked for on the terminal, unseen; else it is the next line of
    /// standard input.
    pub(crate) fn read(self, given: Option<String>) -> Result<String, Failure> {
        if let Some(secret) = given.filter(|secret| !secret.is_empty()) {
            return Ok(secret);
        }
        let unreadable =
            |error: io::Error| Failure::Local(format!("the {} cannot be read: {error}", self.name()));
        let secret = if io::stdin().is_terminal() {
            self.ask(unreadable)?
        } else {
            next_line(io::stdin().lock()).map_err(unreadable)?
        };
        if secret.is_empty() {
            return Err(Failure::Usage(format!(
                "no {}: give one with {}, on standard input or with {}",
                self.name(),
                self.variable,
                self.option
            )));
        }
        Ok(secret)
    }

    fn name(self) -> String {
        self.prompt.to_lowercase()
    }

    fn ask(self, unreadable: impl Fn(io::Error) -> Failure) -> Result<String, Failure> {
        let prompt = self.prompt;
        let secret = rpassword::prompt_password(format!("{prompt}: ")).map_err(&unreadable)?;
        if self.is_new {
            let again = rpassword::prompt_password(format!("{prompt}, again: ")).map_err(&unreadable)?;
            if again != secret {
                return Err(Failure::Local("the two differ; nothing was changed".to_owned()));
            }
        }
        Ok(secret)
    }
}

fn next_line(mut input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_their_ends_are_the_secrets() {
        for (input, expected) in [("a b \r\nrest", "a b "), ("x", "x"), ("", "")] {
            assert_eq!(next_line(input.as_bytes()).expect("readable"), expected);
        }
        let mut input = "first\nsecond\n".as_bytes();
        assert_eq!(next_line(&mut input).expect("readable"), "first");
        assert_eq!(next_line(&mut input).expect("readable"), "second");
    }
}
