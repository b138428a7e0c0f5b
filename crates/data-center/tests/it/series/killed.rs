//! What the embedded series store acknowledged is there after `kill -9`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use aops_api::series::MatchOperator;

use super::{append_steps, only, open, selector, steps};

/// Names the file for [`killed_writer`]; without it that is no test.
const KILLED_WRITER_FILE: &str = "AOPS_TEST_KILLED_WRITER_FILE";
const KILLED_WRITER_FIRST_STEP: &str = "AOPS_TEST_KILLED_WRITER_FIRST_STEP";
/// Tells acknowledged steps from what the test program itself prints.
const ACKNOWLEDGED: &str = "acknowledged:";

/// The process that is killed: appends for ever, and prints each step that was acknowledged.
#[tokio::test]
async fn killed_writer() {
    let Ok(path) = std::env::var(KILLED_WRITER_FILE) else {
        return;
    };
    let first_step = std::env::var(KILLED_WRITER_FIRST_STEP).expect("given with the file");
    let mut step: i64 = first_step.parse().expect("a number");
    let series = open(Path::new(&path)).await;
    loop {
        append_steps(&series, "h", step, step + 1).await;
        let mut out = std::io::stdout().lock();
        writeln!(out, "\n{ACKNOWLEDGED}{step}").expect("somebody reads");
        out.flush().expect("somebody reads");
        step += 1;
    }
}

/// Starts the writer, kills it (SIGKILL) once it has acknowledged so many steps, and returns the last of those.
fn write_and_kill(path: &Path, first_step: i64, steps: usize) -> i64 {
    let mut writer = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "series::killed::killed_writer", "--nocapture"])
        .env(KILLED_WRITER_FILE, path)
        .env(KILLED_WRITER_FIRST_STEP, first_step.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let output = BufReader::new(writer.stdout.take().expect("piped"));
    let mut acknowledged = output
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix(ACKNOWLEDGED)?.parse::<i64>().ok());
    let seen = acknowledged.nth(steps - 1);
    writer.kill().expect("killed");
    // What it acknowledged between is still in the pipe.
    let last = acknowledged.last().or(seen);
    writer.wait().expect("ended");
    last.expect("acknowledged something")
}

#[tokio::test]
async fn embedded_keeps_what_it_acknowledged_before_kill_9() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("series.db");
    let mut next_step = 0;
    // Kills before, around and after the moment at which chunks are made.
    for steps in [1, 60, 119, 121, 7, 200] {
        next_step = write_and_kill(&path, next_step, steps) + 1;
    }
    let series = open(&path).await;
    for (label, value_of) in [
        ("1", (|time_ms| time_ms as f64 / 1_000.0) as fn(i64) -> f64),
        ("2", |_| 7.0),
    ] {
        let matcher = [("a", MatchOperator::Equal, label)];
        let found = only(&series, selector("m", &matcher, 0, i64::MAX))
            .await
            .expect("found");
        let stored: BTreeMap<i64, f64> = found.times_ms.iter().copied().zip(found.values).collect();
        for time_ms in steps(0, next_step) {
            assert_eq!(
                stored.get(&time_ms),
                Some(&value_of(time_ms)),
                "step at {time_ms}"
            );
        }
    }
}
