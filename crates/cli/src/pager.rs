//! Where long output goes: standard output, or on a terminal, when it is longer than a screen, the person's pager.

use std::io::{self, IsTerminal, Write};
use std::process::{Child, Command, Stdio};

use crate::failure::Failure;

/// How `less` behaves unless `LESS` says otherwise: colours pass, one screen ends at once, the text stays.
const LESS: &str = "FRX";

/// Takes the output piece by piece; nothing more is kept than a screen of it.
pub(crate) struct LongOutput {
    state: State,
}

enum State {
    /// Straight to standard output.
    Direct,
    /// Not longer than a screen so far.
    Held { text: String, lines: usize, rows: usize },
    /// In the pager.
    Paged(Child),
}

impl LongOutput {
    /// `wants_pager`: whether the person has not refused one.
    pub(crate) fn new(wants_pager: bool) -> Self {
        let rows = terminal_size::terminal_size_of(io::stdout()).map(|(_, height)| usize::from(height.0));
        let is_usable = wants_pager && io::stdout().is_terminal() && io::stdin().is_terminal();
        let state = match rows {
            Some(rows) if is_usable && command().is_some() => State::Held {
                text: String::new(),
                lines: 0,
                rows,
            },
            _ => State::Direct,
        };
        Self { state }
    }

    pub(crate) fn write(&mut self, more: &str) -> Result<(), Failure> {
        match &mut self.state {
            State::Direct => write_directly(more)?,
            State::Paged(child) => write_to(child, more)?,
            State::Held { text, lines, rows } => {
                text.push_str(more);
                *lines += more.matches('\n').count();
                if *lines >= *rows {
                    let text = std::mem::take(text);
                    self.state = start(&text)?;
                }
            }
        }
        Ok(())
    }

    /// Writes what is held, and waits until the person has left the pager.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.state, State::Direct) {
            State::Direct => io::stdout().flush()?,
            State::Held { text, .. } => write_directly(&text)?,
            State::Paged(mut child) => leave(&mut child)?,
        }
        Ok(())
    }
}

impl Drop for LongOutput {
    /// When a command fails half way: what is there is shown, before the failure is told.
    fn drop(&mut self) {
        match &mut self.state {
            State::Direct => {}
            State::Held { text, .. } => drop(write_directly(text)),
            State::Paged(child) => drop(leave(child)),
        }
    }
}

fn write_directly(text: &str) -> io::Result<()> {
    let mut standard_output = io::stdout().lock();
    standard_output.write_all(text.as_bytes())?;
    standard_output.flush()
}

fn write_to(child: &mut Child, text: &str) -> io::Result<()> {
    match &mut child.stdin {
        Some(pipe) => pipe.write_all(text.as_bytes()),
        None => Ok(()),
    }
}

fn leave(child: &mut Child) -> io::Result<()> {
    drop(child.stdin.take());
    child.wait().map(drop)
}

/// `AOPS_PAGER`, else `PAGER`, else `less`; `None` where it is empty or `cat`.
fn command() -> Option<String> {
    let named = std::env::var("AOPS_PAGER").or_else(|_| std::env::var("PAGER"));
    let command = named.unwrap_or_else(|_| "less".to_owned());
    let command = command.trim();
    (!command.is_empty() && command != "cat").then(|| command.to_owned())
}

/// The pager with this text in it. Where there is none, the text goes straight out, and so does what follows.
fn start(text: &str) -> Result<State, Failure> {
    let command = command().unwrap_or_default();
    let mut words = command.split_whitespace();
    let mut pager = Command::new(words.next().unwrap_or("less"));
    pager.args(words).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        pager.env("LESS", LESS);
    }
    // Ctrl-C is for the pager while it runs. The listener stays for the rest of the process.
    let _listener = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let Ok(mut child) = pager.spawn() else {
        write_directly(text)?;
        return Ok(State::Direct);
    };
    write_to(&mut child, text)?;
    Ok(State::Paged(child))
}
