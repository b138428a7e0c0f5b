//! Where a password comes from.

use std::io::{self, BufRead, IsTerminal};

use crate::failure::Failure;

/// The password given (by option or environment); else one that is asked for on the terminal, unseen; else a line of
/// standard input. A new one is asked for twice.
pub(crate) fn read(given: Option<String>, prompt: &str, is_new: bool) -> Result<String, Failure> {
    if let Some(password) = given.filter(|password| !password.is_empty()) {
        return Ok(password);
    }
    let password = if io::stdin().is_terminal() {
        ask(prompt, is_new)?
    } else {
        first_line(io::stdin().lock()).map_err(unreadable)?
    };
    if password.is_empty() {
        return Err(Failure::Usage(
            "no password: give one with AOPS_PASSWORD, on standard input or with --password".to_owned(),
        ));
    }
    Ok(password)
}

fn ask(prompt: &str, is_new: bool) -> Result<String, Failure> {
    let password = rpassword::prompt_password(format!("{prompt}: ")).map_err(unreadable)?;
    if is_new {
        let again = rpassword::prompt_password(format!("{prompt}, again: ")).map_err(unreadable)?;
        if again != password {
            return Err(Failure::Local(
                "the two passwords differ; nothing was changed".to_owned(),
            ));
        }
    }
    Ok(password)
}

fn first_line(mut input: impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn unreadable(error: io::Error) -> Failure {
    Failure::Local(format!("the password cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_without_its_end_is_the_password() {
        for (input, expected) in [("a b \r\nrest", "a b "), ("x", "x"), ("", "")] {
            assert_eq!(first_line(input.as_bytes()).expect("readable"), expected);
        }
    }
}
