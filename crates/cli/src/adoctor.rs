//! `adoctor`, the name under which the manuals call the commands that check and diagnose: it runs the `aops` beside it.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let beside = std::env::current_exe().ok().and_then(|path| {
        let aops = path.parent()?.join("aops");
        aops.is_file().then_some(aops)
    });
    let aops = beside.unwrap_or_else(|| PathBuf::from("aops"));
    let error = Command::new(&aops)
        .arg0("adoctor")
        .args(std::env::args_os().skip(1))
        .exec();
    eprintln!("error: adoctor runs {}: {error}", aops.display());
    ExitCode::FAILURE
}
