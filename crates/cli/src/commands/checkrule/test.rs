//! `aops checkrule --action test`: the rules of a file over the series of another.

use std::path::{Path, PathBuf};

use aops_api::Labels;
use aops_api::TimeRange;
use aops_api::finding::{DecidingSample, Evidence, ExpressionValue, FindingValue};
use clap::Args;
use serde::{Serialize, Serializer};

use super::super::why::{show_labels, show_values, why};
use super::check::summary;
use crate::arguments::Output;
use crate::context::Context;
use crate::failure::Failure;
use crate::offline::diagnostic;
use crate::offline::recording::{self, Recording};
use crate::offline::rules_file::{self, RulesFile};
use crate::offline::source::Source;
use crate::offline::trial::{self, Found, Keep};
use crate::{moments, screen};

const DEFAULT_SAMPLE_PERIOD: &str = "15";
/// A day.
const LONGEST_SAMPLE_PERIOD_SECONDS: f64 = 86_400.0;

/// Options of a test.
#[derive(Debug, Args)]
pub(super) struct TestOptions {
    /// The file of series.
    #[arg(
        long,
        required_if_eq("action", "test"),
        help_heading = "To test",
        value_name = "FILE"
    )]
    data: Option<PathBuf>,

    /// From when: seconds since 1970, YYYYMMDD-HH:MM:SS in local time, or RFC 3339 [default: the first sample].
    #[arg(long, help_heading = "To test", value_name = "TIME")]
    start: Option<String>,

    /// Until when, which is not judged any more [default: one sample period after the last sample].
    #[arg(long, help_heading = "To test", value_name = "TIME")]
    end: Option<String>,

    /// Seconds between two samples of a series [default: 15].
    #[arg(
        long = "sample-period",
        alias = "sample_period",
        help_heading = "To test",
        value_name = "SECONDS"
    )]
    sample_period: Option<String>,

    /// Show the samples that decided, with the values of the parts of the condition.
    #[arg(long, help_heading = "To test")]
    explain: bool,
}

impl TestOptions {
    /// Refuses the options for another action.
    pub(super) fn refuse(&self) -> Result<(), Failure> {
        let given = [
            ("--data", self.data.is_some()),
            ("--start", self.start.is_some()),
            ("--end", self.end.is_some()),
            ("--sample-period", self.sample_period.is_some()),
            ("--explain", self.explain),
        ];
        match given.into_iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(Failure::Usage(format!("{name} is for --action test"))),
            None => Ok(()),
        }
    }

    fn sample_period_ms(&self) -> Result<i64, Failure> {
        let text = self.sample_period.as_deref().unwrap_or(DEFAULT_SAMPLE_PERIOD);
        let seconds: Option<f64> = text.parse().ok();
        let seconds = seconds.filter(|seconds| (0.001..=LONGEST_SAMPLE_PERIOD_SECONDS).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            Failure::Usage(format!(
                "--sample-period: '{text}' is not a number of seconds from 0.001 to {LONGEST_SAMPLE_PERIOD_SECONDS}"
            ))
        })?;
        Ok((seconds * 1_000.0).round() as i64)
    }

    /// The window to judge: what was asked for, the rest from the recording.
    fn window(
        &self,
        recording: &Recording,
        sample_period_ms: i64,
        context: &Context,
    ) -> Result<TimeRange, Failure> {
        let read = |name: &str, text: &Option<String>| {
            let text = text.as_deref();
            text.map(|text| moments::parse_ms(text, &context.clock.zone))
                .transpose()
                .map_err(|reason| Failure::Usage(format!("{name}: {reason}")))
        };
        let start_ms = read("--start", &self.start)?;
        let end_ms = read("--end", &self.end)?;
        let recorded = recording.window(sample_period_ms);
        let bounds = (
            start_ms.or(recorded.map(|window| window.start_ms)),
            end_ms.or(recorded.map(|window| window.end_ms)),
        );
        let (Some(start_ms), Some(end_ms)) = bounds else {
            return Err(Failure::Local(
                "the data hold no sample: give --start and --end".to_owned(),
            ));
        };
        let window = TimeRange::new(start_ms, end_ms);
        if window.is_empty() {
            let show = |moment_ms| moments::show_ms(moment_ms, &context.clock.zone);
            return Err(Failure::Usage(format!(
                "the start, {}, is not before the end, {}",
                show(start_ms),
                show(end_ms)
            )));
        }
        Ok(window)
    }
}

pub(super) fn run(conf: &Path, options: &TestOptions, context: &Context) -> Result<(), Failure> {
    let sample_period_ms = options.sample_period_ms()?;
    let file = read_rules(conf)?;
    let data = options.data.as_deref().unwrap_or(Path::new(""));
    let recording = read_recording(data)?;
    let window = options.window(&recording, sample_period_ms, context)?;
    note_what_is_not_applied(&file);
    // Programs read what a test finds, unless a person asks for a table.
    let is_table = context.output_given == Some(Output::Table);
    let keep = if is_table || options.explain {
        Keep::VerdictsAndEvidence
    } else {
        Keep::Verdicts
    };
    let found = trial::judge(&file.rules, &recording, window, sample_period_ms, keep);
    if is_table {
        print_table(&found, options.explain, context)?;
    } else {
        context.print_value(&answer(&found, &file, options.explain))?;
    }
    if file.refused.is_empty() {
        return Ok(());
    }
    screen::note(&summary(&file));
    Err(Failure::Rejected(None))
}

fn read_rules(conf: &Path) -> Result<RulesFile, Failure> {
    let source = Source::read(conf, rules_file::MOST_BYTES)?;
    let file = RulesFile::read(&source).map_err(|wrong| {
        diagnostic::show(&source, &[wrong]);
        Failure::Unusable
    })?;
    diagnostic::show(&source, &file.diagnostics);
    Ok(file)
}

fn read_recording(data: &Path) -> Result<Recording, Failure> {
    let source = Source::read(data, recording::MOST_BYTES)?;
    let recording = Recording::read(&source).map_err(|wrong| {
        diagnostic::show(&source, &[wrong]);
        Failure::Unusable
    })?;
    for note in &recording.notes {
        screen::note(&format!("note: {}: {}", source.name, screen::plain(note)));
    }
    Ok(recording)
}

/// Which rules a platform would run otherwise.
fn note_what_is_not_applied(file: &RulesFile) {
    let items = || file.rules.iter().map(|rule| rule.item());
    let note = |what: &str, names: Vec<&str>| {
        if !names.is_empty() {
            screen::note(&format!("note: {what}: {}", screen::plain(&names.join(", "))));
        }
    };
    let scoped = items().filter(|item| item.scope.is_some());
    note(
        "tested on every host, whatever their scope",
        scoped.map(|item| item.check_item.as_str()).collect(),
    );
    let disabled = items().filter(|item| item.enabled == Some(false));
    note(
        "tested although disabled",
        disabled.map(|item| item.check_item.as_str()).collect(),
    );
}

/// The outcome, for programs.
#[derive(Serialize)]
struct TestAnswer<'a> {
    check_result: Vec<ResultRow<'a>>,
    fail_list: Vec<FailRow<'a>>,
}

#[derive(Serialize)]
struct ResultRow<'a> {
    host_id: &'a str,
    check_item: &'a str,
    labels: &'a Labels,
    start: Seconds,
    end: Seconds,
    value: FindingValue,
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceRow<'a>>,
}

#[derive(Serialize)]
struct EvidenceRow<'a> {
    first: Option<SampleRow<'a>>,
    worst: Option<SampleRow<'a>>,
    last: Option<SampleRow<'a>>,
}

#[derive(Serialize)]
struct SampleRow<'a> {
    time: Seconds,
    margin: Option<f64>,
    values: &'a [ExpressionValue],
}

#[derive(Serialize)]
struct FailRow<'a> {
    check_item: &'a str,
    reason: &'a str,
}

/// A moment in seconds, with a fraction only where there is one.
struct Seconds {
    milliseconds: i64,
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.milliseconds % 1_000 == 0 {
            serializer.serialize_i64(self.milliseconds / 1_000)
        } else {
            serializer.serialize_f64(self.milliseconds as f64 / 1_000.0)
        }
    }
}

fn answer<'a>(found: &'a [Found], file: &'a RulesFile, explain: bool) -> TestAnswer<'a> {
    let seconds = |milliseconds| Seconds { milliseconds };
    let sample = |sample: &'a DecidingSample| SampleRow {
        time: seconds(sample.time_ms),
        margin: sample.margin,
        values: &sample.values,
    };
    let evidence = |evidence: &'a Evidence| EvidenceRow {
        first: evidence.first.as_ref().map(sample),
        worst: evidence.worst.as_ref().map(sample),
        last: evidence.last.as_ref().map(sample),
    };
    let result = |found: &'a Found| ResultRow {
        host_id: &found.host,
        check_item: found.check_item(),
        labels: &found.finding.labels,
        start: seconds(found.finding.range.start_ms),
        end: seconds(found.finding.range.end_ms),
        value: found.finding.value,
        reason: &found.finding.reason,
        evidence: explain.then(|| evidence(&found.finding.evidence)),
    };
    let refused = file.refused.iter().map(|refused| FailRow {
        check_item: &refused.check_item,
        reason: &refused.reason,
    });
    TestAnswer {
        check_result: found.iter().map(result).collect(),
        fail_list: refused.collect(),
    }
}

fn print_table(found: &[Found], explain: bool, context: &Context) -> Result<(), Failure> {
    let show = |moment_ms| moments::show_ms(moment_ms, &context.clock.zone);
    let header = ["host_id", "check_item", "value", "labels", "start", "end", "why"];
    let row = |found: &Found| {
        let finding = &found.finding;
        [
            found.host.to_string(),
            found.check_item().to_owned(),
            finding.value.text().to_owned(),
            show_labels(&finding.labels),
            show(finding.range.start_ms),
            show(finding.range.end_ms),
            why(finding.value, &finding.evidence, &finding.reason),
        ]
    };
    screen::print(&screen::table(header, found.iter().map(row)))?;
    if !explain {
        return Ok(());
    }
    let header = ["host_id", "check_item", "sample", "time", "values"];
    let rows = found.iter().flat_map(|found| {
        let evidence = &found.finding.evidence;
        let samples = [
            ("first", &evidence.first),
            ("worst", &evidence.worst),
            ("last", &evidence.last),
        ];
        samples.into_iter().filter_map(|(which, sample)| {
            let sample = sample.as_ref()?;
            Some([
                found.host.to_string(),
                found.check_item().to_owned(),
                which.to_owned(),
                show(sample.time_ms),
                show_values(sample),
            ])
        })
    });
    screen::print(&format!("\n{}", screen::table(header, rows)))
}
