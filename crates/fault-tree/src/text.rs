//! Draws a diagnosed tree for a terminal.
//!
//! ```text
//! [x] host is slow
//! ├─ [x] cpu
//! │  └─ [x] cpu is busy   cpu_busy: $0 > 0.9
//! │         Abnormal since 2026-11-21T10:11:10Z until 2026-11-21T10:12:00Z: $0 = 0.98 at 2026-11-21T10:11:12Z
//! └─ [~] disk
//!    └─ [?] disk is slow   disk_slow: $0 > 0.5
//!           No data: the host never had the series
//! [x] true   [ ] false   [?] without data, counts as false   [~] false for lack of data   [!] true for lack of data
//!
//! cause: host is slow / cpu
//! ```

use std::collections::HashMap;
use std::fmt::Write;

use aops_api::diagnosis::{Explanation, LeafSource, Outcome};
use aops_api::tree::TreeContent;

use crate::left_out::LeftOut;
use crate::sketch::{Copies, Group, Mark, Sketch, SketchKind, SketchedLeaf};
use crate::words::{
    also_true, cause_words, evaluated_now, finding_words, firmly_ruled_out, path_words, plain, undecided,
};

/// How many findings of a leaf are drawn before "and 97 more".
const DRAWN_FINDINGS: usize = 3;

/// How many groups of equal copies are drawn before "and 5 other kinds".
const DRAWN_GROUPS: usize = 8;

/// How many values of a group, or paths of a list, are named before "and 90 more".
const NAMED: usize = 8;

/// How a diagnosis is written.
#[derive(Clone, Copy)]
pub struct Style<'style> {
    /// Writes UTC milliseconds the way the reader wants them.
    pub show_time: &'style dyn Fn(i64) -> String,
    /// With the colours of a terminal.
    pub colour: bool,
}

/// Draws a report and its explanation as they stand in [`aops_api::diagnosis::Report`] and [`crate::Diagnosis`].
///
/// Copies of a branch of which every node came out the same are drawn once. Control characters, which a report may
/// carry in from a rule or a log, are drawn as blanks.
pub fn render_text(report: &TreeContent, explanation: &Explanation, style: Style) -> String {
    if explanation.outcome == Outcome::Failed {
        return match explanation.reason.as_str() {
            "" => "the tree could not be evaluated\n".to_owned(),
            reason => format!("the tree could not be evaluated: {}\n", plain(reason)),
        };
    }
    let mut text = draw(report, explanation, style);
    text.push('\n');
    text.push_str(&conclusion(report, explanation));
    text
}

/// The drawing alone, with its legend.
pub(crate) fn draw(report: &TreeContent, explanation: &Explanation, style: Style) -> String {
    let mut drawing = Drawing {
        text: String::new(),
        explanation,
        style,
        path: Vec::new(),
        told: HashMap::new(),
    };
    drawing.node(&Sketch::of(report, explanation), "", "");
    let legend = Mark::ALL.map(|mark| format!("{} {}", mark.text(), mark.meaning()));
    drawing.line("", &legend.join("   "));
    drawing.text
}

struct Drawing<'report> {
    text: String,
    explanation: &'report Explanation,
    style: Style<'report>,
    /// The names down to the node at hand.
    path: Vec<String>,
    /// Where it has been drawn what a leaf reads, by the leaf that says it.
    told: HashMap<usize, String>,
}

impl Drawing<'_> {
    /// Draws a node and what is below. `first` begins its own line, `rest` the lines below.
    fn node(&mut self, sketch: &Sketch, first: &str, rest: &str) {
        self.path.push(sketch.name.to_owned());
        let title = self.title(sketch);
        match &sketch.kind {
            SketchKind::Leaf(None) => self.line(first, &title),
            SketchKind::Leaf(Some(leaf)) => self.leaf(&title, leaf, first, rest),
            SketchKind::Branch(children) => {
                self.line(first, &title);
                for (position, child) in children.iter().enumerate() {
                    let (corner, continuation) = branches(position + 1 == children.len());
                    self.node(
                        child,
                        &format!("{rest}{corner}"),
                        &format!("{rest}{continuation}"),
                    );
                }
            }
            SketchKind::Copies(copies) => {
                let how = format!(
                    "{} of {}, for each {}",
                    copies.combine, copies.count, copies.label
                );
                self.line(first, &format!("{title}   {}", plain(&how)));
                self.copies(copies, rest);
            }
        }
        self.path.pop();
    }

    fn title(&self, sketch: &Sketch) -> String {
        let name = plain(sketch.name);
        let mark = sketch.mark.text();
        if !self.style.colour {
            return format!("{mark} {name}");
        }
        let colour = match sketch.mark {
            Mark::True => "31",
            Mark::NoData | Mark::Undecided | Mark::Unproven => "33",
            Mark::False => "2",
        };
        let name = if sketch.is_on_cause_path {
            format!("\u{1b}[1m{name}\u{1b}[0m")
        } else {
            name
        };
        format!("\u{1b}[{colour}m{mark}\u{1b}[0m {name}")
    }

    fn copies(&mut self, copies: &Copies, rest: &str) {
        let undrawn = copies.groups.len().saturating_sub(DRAWN_GROUPS);
        for (position, group) in copies.groups.iter().take(DRAWN_GROUPS).enumerate() {
            let is_last = position + 1 == copies.groups.len();
            let (corner, continuation) = branches(is_last && group.others.is_empty());
            self.node(
                &group.first,
                &format!("{rest}{corner}"),
                &format!("{rest}{continuation}"),
            );
            if !group.others.is_empty() {
                let (corner, _) = branches(is_last);
                let folded = folded(group);
                self.line(&format!("{rest}{corner}"), &folded);
            }
        }
        if undrawn > 0 {
            let left_out = copies.groups[DRAWN_GROUPS..].iter();
            let count: usize = left_out.map(|group| 1 + group.others.len()).sum();
            let (corner, _) = branches(true);
            self.line(
                &format!("{rest}{corner}"),
                &format!("and {count} more, of {undrawn} other kinds"),
            );
        }
    }

    fn leaf(&mut self, title: &str, sketched: &SketchedLeaf, first: &str, rest: &str) {
        let teller = self
            .explanation
            .leaves
            .get(sketched.teller)
            .unwrap_or(sketched.leaf);
        let check_item = plain(&sketched.leaf.check_item);
        let rule = match teller.condition.as_str() {
            "" => check_item,
            condition => format!("{check_item}: {}", plain(condition)),
        };
        self.line(first, &format!("{title}   {rule}"));
        let below = format!("{rest}    ");
        if sketched.leaf.source == LeafSource::NoRule {
            self.line(&below, "No data: there is no such rule in effect here");
            return;
        }
        let is_long = teller.findings.len() > 1;
        if let Some(place) = self.told.get(&sketched.teller).filter(|_| is_long) {
            let reference = format!("as at {place}");
            self.line(&below, &reference);
            return;
        }
        self.told.insert(sketched.teller, path_words(&self.path));
        for finding in teller.findings.iter().take(DRAWN_FINDINGS) {
            self.line(&below, &finding_words(finding, self.style.show_time));
        }
        let undrawn = teller.findings.len().saturating_sub(DRAWN_FINDINGS) as u64 + teller.findings_left_out;
        if undrawn > 0 {
            self.line(&below, &format!("and {undrawn} more"));
        }
    }

    fn line(&mut self, start: &str, text: &str) {
        self.text.push_str(start);
        self.text.push_str(text);
        self.text.push('\n');
    }
}

/// What begins the line of a child, and the lines below it.
fn branches(is_last: bool) -> (&'static str, &'static str) {
    if is_last {
        ("└─ ", "   ")
    } else {
        ("├─ ", "│  ")
    }
}

/// `[ ] 96 more like disk [sdd]: [sde], [sdf] …`
fn folded(group: &Group) -> String {
    let named: Vec<String> = group
        .others
        .iter()
        .take(NAMED)
        .map(|value| plain(value))
        .collect();
    let dots = if group.others.len() > NAMED { ", …" } else { "" };
    format!(
        "{} {} more like {}: {}{dots}",
        group.first.mark.text(),
        group.others.len(),
        plain(group.first.name),
        named.join(", ")
    )
}

fn conclusion(report: &TreeContent, explanation: &Explanation) -> String {
    let mut text = String::new();
    if explanation.outcome == Outcome::CauseFound {
        let _ = writeln!(text, "cause: {}", cause_words(explanation));
        let others = also_true(report, explanation);
        if !others.is_empty() {
            let others: Vec<&Vec<String>> = others.iter().collect();
            let _ = writeln!(text, "also true: {}", shown_paths(&others));
        }
        for (title, content) in [
            ("description", &explanation.description),
            ("advice", &explanation.advice),
        ] {
            if !content.is_empty() {
                let _ = writeln!(text, "{title}: {}", plain(content));
            }
        }
    } else {
        let ruled_out = shown_paths(&firmly_ruled_out(explanation));
        let ruled_out = if ruled_out.is_empty() {
            "nothing"
        } else {
            &ruled_out
        };
        let _ = writeln!(text, "cause not found; ruled out: {ruled_out}");
    }
    let undecided = shown_paths(&undecided(explanation));
    if !undecided.is_empty() {
        let _ = writeln!(text, "undecided for lack of data: {undecided}");
    }
    if let Some(leaves) = evaluated_now(explanation) {
        let _ = writeln!(
            text,
            "not covered by stored results and evaluated for this report: {leaves}"
        );
    }
    if let Some(left_out) = LeftOut::of(report, explanation).words() {
        let _ = writeln!(
            text,
            "left out of the explanation, which would be too long: {left_out}"
        );
    }
    text
}

fn shown_paths(paths: &[&Vec<String>]) -> String {
    let shown: Vec<String> = paths.iter().take(NAMED).map(|path| path_words(path)).collect();
    let mut text = shown.join("; ");
    if paths.len() > NAMED {
        let _ = write!(text, "; and {} more", paths.len() - NAMED);
    }
    text
}

#[cfg(test)]
mod tests;
