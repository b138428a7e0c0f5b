//! What an explanation leaves out because it would be too long.

use aops_api::diagnosis::Explanation;
use aops_api::tree::TreeContent;
use serde::Serialize;
use serde_json::Value;

use crate::tree::key;

/// How many nodes of a diagnosed tree an explanation does not speak of, though there is something to say of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Leaves that are not explained.
    pub leaves: usize,
    /// False branches that are not in `ruled_out`.
    pub ruled_out: usize,
    /// Leaves without data that are not in `unsupported`; branches above them may be missing there as well.
    pub unsupported: usize,
}

impl LeftOut {
    /// Counts what a report has and its explanation has not.
    pub fn of(report: &TreeContent, explanation: &Explanation) -> Self {
        let mut present = Present::default();
        present.count(report);
        let listed = listed_leaves(report, &explanation.unsupported);
        Self {
            leaves: present.leaves.saturating_sub(explanation.leaves.len()),
            ruled_out: present.false_branches.saturating_sub(explanation.ruled_out.len()),
            unsupported: present.without_data.saturating_sub(listed),
        }
    }

    /// `95000 leaves, 12 of what was ruled out`; `None` if nothing is left out.
    pub(crate) fn words(self) -> Option<String> {
        let counts = [
            (self.leaves, "leaves"),
            (self.ruled_out, "of what was ruled out"),
            (self.unsupported, "of what lacks data"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = counts.map(|(count, what)| format!("{count} {what}")).collect();
        (!words.is_empty()).then(|| words.join(", "))
    }
}

/// What a diagnosed tree has.
#[derive(Default)]
struct Present {
    leaves: usize,
    without_data: usize,
    false_branches: usize,
}

impl Present {
    fn count(&mut self, node: &Value) {
        match node[key::CHILDREN].as_array() {
            Some(children) => {
                self.false_branches += usize::from(node[key::VALUE] == Value::Bool(false));
                for child in children {
                    self.count(child);
                }
            }
            None if node.get(key::CHECK_ITEM).is_some() => {
                self.leaves += 1;
                self.without_data += usize::from(node[key::VALUE].is_null());
            }
            None => {}
        }
    }
}

/// How many of the paths, which are in tree order, are those of leaves.
fn listed_leaves(report: &Value, paths: &[Vec<String>]) -> usize {
    let mut paths = paths.iter().peekable();
    let mut found = 0;
    walk(report, &mut Vec::new(), &mut |path, node| {
        let is_listed = |next: &&Vec<String>| next.iter().map(String::as_str).eq(path.iter().copied());
        if paths.next_if(is_listed).is_some() {
            found += usize::from(node.get(key::CHECK_ITEM).is_some());
        }
    });
    found
}

fn walk<'report>(
    node: &'report Value,
    path: &mut Vec<&'report str>,
    visit: &mut impl FnMut(&[&str], &Value),
) {
    path.push(node[key::NAME].as_str().unwrap_or_default());
    visit(path, node);
    for child in node[key::CHILDREN].as_array().into_iter().flatten() {
        walk(child, path, visit);
    }
    path.pop();
}
