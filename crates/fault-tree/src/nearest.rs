//! What to say of a name that does not exist: what there is, and which of it was probably meant.

/// How many names are listed before "and 12 more".
const LISTED_NAMES: usize = 8;

/// How many pairs of letters are compared for a suggestion, and how long the wrong name may be: they bound the work that a
/// wrong condition makes. Names of about the same length are compared first.
const COMPARED_LETTERS: usize = 16_000_000;
const COMPARED_CHARACTERS: usize = 256;

/// The reason for refusing a condition that names something else than a child.
pub(crate) fn unknown_name(name: &str, children: &[&str]) -> String {
    let shown: String = name.chars().take(COMPARED_CHARACTERS).collect();
    let listed: Vec<String> = children
        .iter()
        .take(LISTED_NAMES)
        .map(|child| format!("\"{child}\""))
        .collect();
    let mut reason = format!(
        "condition names \"{shown}\", but the children are {}",
        listed.join(", ")
    );
    if children.len() > LISTED_NAMES {
        let unlisted = children.len() - LISTED_NAMES;
        reason.push_str(&format!(" and {unlisted} more"));
    }
    if let Some(nearest) = nearest_name(name, children) {
        reason.push_str(&format!("; did you mean \"{nearest}\"?"));
    }
    reason
}

/// The candidate that was probably meant: one that contains the name or is contained in it, else one that differs in
/// at most a third of its letters; case does not count. Of equally near ones the first.
pub(crate) fn nearest_name<'names>(name: &str, candidates: &[&'names str]) -> Option<&'names str> {
    let wanted = name.to_lowercase();
    if wanted.chars().count() > COMPARED_CHARACTERS {
        return None;
    }
    let wanted_length = wanted.chars().count();
    let mut near: Vec<Near> = candidates
        .iter()
        .enumerate()
        .filter_map(|(position, candidate)| Near::of(&wanted, wanted_length, position, candidate))
        .collect();
    near.sort_by_key(|near| near.difference);
    let mut letters_left = COMPARED_LETTERS;
    let mut nearest = None;
    for near in near {
        let length = wanted_length.max(1) * near.folded.chars().count().max(1);
        let Some(rest) = letters_left.checked_sub(length) else {
            break;
        };
        letters_left = rest;
        let distance = edit_distance(&wanted, &near.folded);
        let found = (distance, near.position);
        if (near.is_related || distance <= near.allowed) && nearest.is_none_or(|nearest| found < nearest) {
            nearest = Some(found);
        }
    }
    nearest.map(|(_, position)| candidates[position])
}

/// A candidate that may be near.
struct Near {
    position: usize,
    folded: String,
    /// Of the lengths; the distance is at least that.
    difference: usize,
    allowed: usize,
    /// One contains the other.
    is_related: bool,
}

impl Near {
    /// Most candidates need no more work than this.
    fn of(wanted: &str, wanted_length: usize, position: usize, candidate: &str) -> Option<Self> {
        let folded = candidate.to_lowercase();
        let length = folded.chars().count();
        let difference = wanted_length.abs_diff(length);
        let allowed = wanted_length.max(length) / 3;
        let is_related = folded.contains(wanted) || wanted.contains(&folded);
        (is_related || difference <= allowed).then_some(Self {
            position,
            folded,
            difference,
            allowed,
            is_related,
        })
    }
}

/// The key that was probably meant to be `wanted`: the same letters with other separators, or one or two wrong.
pub(crate) fn misspelt<'keys>(wanted: &str, keys: &[&'keys str]) -> Option<&'keys str> {
    let letters = |text: &str| -> String {
        let kept = text
            .chars()
            .take(COMPARED_CHARACTERS)
            .filter(|letter| letter.is_alphanumeric());
        kept.flat_map(char::to_lowercase).collect()
    };
    let wanted_letters = letters(wanted);
    keys.iter().copied().find(|key| {
        let allowed = (wanted_letters.chars().count() / 4).min(2);
        *key != wanted && edit_distance(&wanted_letters, &letters(key)) <= allowed
    })
}

/// Levenshtein's distance in characters: insertions, deletions and substitutions.
fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, left_character) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (position, right_character) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(left_character != *right_character);
            diagonal = row[position + 1];
            row[position + 1] = substituted.min(diagonal + 1).min(row[position] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (left, right, distance) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("硬件问题", "硬件问题1", 1),
        ] {
            assert_eq!(edit_distance(left, right), distance, "{left} {right}");
            assert_eq!(edit_distance(right, left), distance, "{right} {left}");
        }
    }

    #[test]
    fn the_nearest_name_is_suggested_and_only_if_it_is_near() {
        let children = ["memory full", "cpu busy", "disk slow"];
        assert_eq!(nearest_name("cpu", &children), Some("cpu busy"));
        assert_eq!(nearest_name("CPU bsy", &children), Some("cpu busy"));
        assert_eq!(nearest_name("disc slow", &children), Some("disk slow"));
        assert_eq!(nearest_name("network", &children), None);
    }

    #[test]
    fn of_many_names_all_are_compared() {
        let names: Vec<String> = (0..5_000).map(|number| format!("rule {number:04}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push("zzz memory");
        assert_eq!(nearest_name("zzz memry", &names), Some("zzz memory"));
    }

    #[test]
    fn a_misspelt_key_is_found() {
        let keys = ["node name", "check_item", "childs", "note", "For-Each"];
        assert_eq!(misspelt("check item", &keys), Some("check_item"));
        assert_eq!(misspelt("for each", &keys), Some("For-Each"));
        assert_eq!(misspelt("children", &keys), None);
        assert_eq!(misspelt("node name", &keys), None);
        assert_eq!(misspelt("advice", &["advise"]), Some("advise"));
    }

    #[test]
    fn a_long_list_of_children_is_cut() {
        let children: Vec<String> = (0..10).map(|number| format!("child {number}")).collect();
        let children: Vec<&str> = children.iter().map(String::as_str).collect();
        let reason = unknown_name("zzz", &children);
        assert!(reason.ends_with("\"child 7\" and 2 more"), "{reason}");
    }
}
