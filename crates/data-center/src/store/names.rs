//! What a name may be.

use crate::error::Error;

/// Names of users, groups, rules, trees, tasks, hosts: 1 to 128 characters, none of them a control character or a
/// comma, no blank at either end.
pub(crate) fn check(field: &str, name: &str) -> Result<(), Error> {
    let length = name.chars().count();
    if length == 0 || length > 128 {
        return Err(Error::Invalid(format!(
            "{field}: {length} characters, not 1 to 128"
        )));
    }
    if name.trim() != name {
        return Err(Error::Invalid(format!("{field}: begins or ends with a blank")));
    }
    if name.chars().any(|letter| letter.is_control() || letter == ',') {
        return Err(Error::Invalid(format!(
            "{field}: holds a comma or a control character"
        )));
    }
    Ok(())
}

/// Texts that are stored in a column of `longest` characters.
pub(super) fn check_length(field: &str, text: &str, longest: usize) -> Result<(), Error> {
    let length = text.chars().count();
    if length == 0 || length > longest {
        return Err(Error::Invalid(format!(
            "{field}: {length} characters, not 1 to {longest}"
        )));
    }
    Ok(())
}

/// Ids are hashes or random, of 32 digits; columns take twice that.
pub(super) fn check_id(field: &str, id: &str) -> Result<(), Error> {
    check_length(field, id, 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_of_names() {
        for good in ["a", "cpu usage > 90%", "规则", &"x".repeat(128)] {
            assert!(check("name", good).is_ok(), "{good}");
        }
        for bad in ["", " a", "a ", "a,b", "a\nb", &"x".repeat(129)] {
            assert!(check("name", bad).is_err(), "{bad}");
        }
    }
}
