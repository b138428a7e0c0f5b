//! `aops completion` and `aops manpage`: what packages install beside the program.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::Shell;

use crate::failure::Failure;
use crate::screen;

/// The other name of the program.
pub(crate) const ADOCTOR: &str = "adoctor";

/// Print what a shell needs to complete commands and options.
///
/// bash: aops completion bash > ~/.local/share/bash-completion/completions/aops;
/// zsh: aops completion zsh > a folder of fpath, as _aops;
/// fish: aops completion fish > ~/.config/fish/completions/aops.fish
#[derive(Debug, Args)]
pub(crate) struct CompletionArguments {
    /// The shell.
    #[arg(value_enum)]
    shell: ShellName,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

/// Write the manual pages: aops.1, one page for each command, and adoctor.1.
#[derive(Debug, Args)]
pub(crate) struct ManpageArguments {
    /// The folder; it is made if need be.
    #[arg(long, value_name = "FOLDER")]
    dir: PathBuf,
}

pub(crate) fn print_completion(arguments: &CompletionArguments) -> Result<(), Failure> {
    let shell = match arguments.shell {
        ShellName::Bash => Shell::Bash,
        ShellName::Zsh => Shell::Zsh,
        ShellName::Fish => Shell::Fish,
    };
    let mut command = crate::arguments::Arguments::command();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "aops", &mut script);
    screen::print(&String::from_utf8_lossy(&script))
}

pub(crate) fn write_manpages(arguments: &ManpageArguments) -> Result<(), Failure> {
    let folder = &arguments.dir;
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        clap_mangen::generate_to(crate::arguments::Arguments::command(), folder)?;
        fs::write(folder.join(format!("{ADOCTOR}.1")), ".so man1/aops.1\n")
    };
    write().map_err(|error| Failure::Local(format!("cannot write to {}: {error}", folder.display())))
}
