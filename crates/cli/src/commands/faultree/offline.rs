//! What needs no platform: trees are checked, tested, converted.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aops_api::Labels;
use aops_api::rule::{CheckItem, DataKind, RuleImportRequest};
use aops_fault_tree::{
    Coverage, Diagnosis, ExistingSeries, HostSeries, Style, WriteError, leaves_from_results, render_text,
    write_workbook,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::Arguments;
use super::source::{Source, is_workbook};
use crate::arguments::{List, Output};
use crate::context::Context;
use crate::failure::Failure;
use crate::{documents, screen};

/// A series of a file of data. Its samples do not matter here.
#[derive(Debug, Deserialize)]
struct SeriesEntry {
    name: String,
    #[serde(rename = "type", default)]
    kind: DataKind,
    #[serde(default)]
    label: Labels,
}

/// Validates trees, and says what hosts cover of them.
pub(super) fn check(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let source = Source::read(&arguments.conf.unwrap_or_default())?;
    let rules = arguments.rules.as_deref().map(read_rules).transpose()?;
    let hosts = arguments.data.as_deref().map(read_series).transpose()?;
    let mut refusals = 0;
    let mut covered = Vec::new();
    for named in source.trees(&List::of(arguments.tree_list))? {
        let (tree, warnings) = match named.reviewed(rules.as_deref()) {
            Ok(reviewed) => reviewed,
            Err(errors) => {
                refusals += 1;
                let errors = errors.iter().map(
                    |error| json!({ "path": error.path, "reason": error.reason, "column": error.column }),
                );
                let errors: Vec<Value> = errors.collect();
                covered.push(json!({ "tree_name": named.name, "valid": false, "errors": errors }));
                continue;
            }
        };
        let reach = hosts
            .iter()
            .flatten()
            .map(|host| tree.coverage(rules.as_deref().unwrap_or_default(), host));
        let reach: Vec<Coverage> = reach.collect();
        match context.output {
            Output::Json | Output::Yaml => {
                let warnings = warnings.iter();
                let warnings: Vec<Value> = warnings
                    .map(|warning| json!({ "path": warning.path, "reason": warning.reason }))
                    .collect();
                covered.push(json!({
                    "tree_name": named.name, "valid": true, "warnings": warnings, "coverage": reach
                }));
            }
            Output::Table => {
                screen::print(&format!("valid     {}", screen::plain(&named.name)))?;
                for coverage in &reach {
                    screen::print(&shown(coverage))?;
                }
            }
        }
    }
    if context.output.is_for_programs() {
        context.print_value(&json!({ "trees": covered }))?;
    }
    match refusals {
        0 => Ok(()),
        1 => Err(Failure::Rejected(Some("a tree is refused".to_owned()))),
        number => Err(Failure::Rejected(Some(format!("{number} trees are refused")))),
    }
}

/// A line for the host and one for each blind leaf.
fn shown(coverage: &Coverage) -> String {
    let blind = coverage
        .leaves
        .iter()
        .filter_map(|leaf| Some((leaf, leaf.blind.as_ref()?)));
    let seeing = coverage.leaves.iter().filter(|leaf| leaf.blind.is_none()).count();
    let outcome = if coverage.can_find_cause {
        "a cause can be found"
    } else {
        "no cause can ever be found"
    };
    let mut lines = vec![format!(
        "  host {}: {seeing} of {} leaves can be true; {outcome}",
        coverage.host,
        coverage.leaves.len()
    )];
    for path in &coverage.blind_branches {
        lines.push(format!("    never true  {}", path.join(" / ")));
    }
    for (leaf, reason) in blind {
        lines.push(format!("    blind       {}: {reason}", leaf.path.join(" / ")));
    }
    let lines: Vec<String> = lines.iter().map(|line| screen::plain(line)).collect();
    lines.join("\n")
}

/// Diagnoses with the results of a file.
pub(super) fn test(arguments: Arguments, context: &Context) -> Result<(), Failure> {
    let source = Source::read(&arguments.conf.unwrap_or_default())?;
    let results_path = arguments.results.unwrap_or_default();
    let results = documents::read(&results_path)?;
    let rules = arguments.rules.as_deref().map(read_rules).transpose()?;
    let named = source.tree(&List::of(arguments.tree_list))?;
    let tree = named.validated(rules.as_deref())?;
    let read = leaves_from_results(&tree, &results, arguments.host.as_deref())
        .map_err(|error| Failure::Local(format!("{}: {error}", results_path.display())))?;
    for remark in &read.remarks {
        screen::note(&format!(
            "warning: {}: {}",
            results_path.display(),
            screen::plain(remark)
        ));
    }
    let mut leaves = read.leaves;
    for rule in rules.iter().flatten() {
        if let Some(leaf) = leaves.get_mut(&rule.check_item) {
            leaf.condition.clone_from(&rule.condition);
        }
    }
    let diagnosis = tree.diagnose(&leaves);
    if !diagnosis.explanation.reason.is_empty() {
        return Err(Failure::Local(diagnosis.explanation.reason));
    }
    screen::print(&written(&diagnosis, arguments.explain, context)?)
}

fn written(diagnosis: &Diagnosis, explain: bool, context: &Context) -> Result<String, Failure> {
    let text = match (explain, context.output) {
        (true, Output::Table) => {
            let show_time = |time_ms: i64| context.show(time_ms.div_euclid(1_000));
            let style = Style {
                show_time: &show_time,
                colour: screen::has_colour(),
            };
            return Ok(render_text(&diagnosis.report, &diagnosis.explanation, style));
        }
        (true, output) => {
            let both = json!({ "report": diagnosis.report, "explanation": diagnosis.explanation });
            if output == Output::Yaml {
                return screen::yaml(&both);
            }
            serde_json::to_string_pretty(&both)
        }
        (false, Output::Yaml) => return screen::yaml(&diagnosis.report),
        (false, _) => serde_json::to_string_pretty(&diagnosis.report),
    };
    text.map_err(|error| Failure::Local(format!("the diagnosis cannot be written as JSON: {error}")))
}

/// Writes the tree of one file to another.
pub(super) fn convert(arguments: Arguments) -> Result<(), Failure> {
    let conf = arguments.conf.unwrap_or_default();
    let export = arguments.export.unwrap_or_default();
    let source = Source::read(&conf)?;
    let named = source.tree(&List::of(arguments.tree_list))?;
    named.validated(None)?;
    if !is_workbook(&export) {
        let default_name = format!("{}.json", named.name);
        let path = documents::write(&export, &default_name, named.content)?;
        screen::note(&format!("tree written to {}", path.display()));
        return Ok(());
    }
    let written = write_workbook(named.content).map_err(|error| match error {
        WriteError::Tree(error) => Failure::Rejected(Some(error.to_string())),
        other => Failure::Rejected(Some(chain(&other))),
    })?;
    for remark in &written.remarks {
        screen::note(&format!("note: {remark}"));
    }
    let shown = export.display();
    fs::write(&export, written.bytes)
        .map_err(|error| Failure::Local(format!("cannot write {shown}: {error}")))?;
    screen::note(&format!("tree written to {shown}"));
    Ok(())
}

/// An error and what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

fn read_rules(path: &Path) -> Result<Vec<CheckItem>, Failure> {
    let request: RuleImportRequest = read_as(path, "{\"check_items\": […]}")?;
    Ok(request.check_items)
}

fn read_series(path: &Path) -> Result<Vec<HostSeries>, Failure> {
    let by_host: BTreeMap<String, Vec<SeriesEntry>> =
        read_as(path, "{HOST: [{\"name\", \"type\", \"label\"}]}")?;
    let hosts = by_host.into_iter().map(|(host, series)| HostSeries {
        host,
        group: None,
        series: series
            .into_iter()
            .map(|entry| ExistingSeries {
                name: entry.name,
                kind: entry.kind,
                labels: entry.label,
            })
            .collect(),
    });
    Ok(hosts.collect())
}

fn read_as<T: DeserializeOwned>(path: &Path, expected: &str) -> Result<T, Failure> {
    let content = documents::read(path)?;
    T::deserialize(content)
        .map_err(|error| Failure::Local(format!("{}: {error}; expected {expected}", path.display())))
}
