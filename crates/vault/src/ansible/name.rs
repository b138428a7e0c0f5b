//! Names of groups and hosts that Ansible takes.
//!
//! To Ansible a group is a variable's name, a name of a host may hold a range (`web[1:9]`) or a port (`web:22`), and both are
//! patterns on its command line. So what is not plainly part of a word becomes `_xHEX_`, the character's number: `my-web` as
//! a group is `my_x2d_web`. A `_` before an `x` is written so too. A name that something else has already gets `_x_` at its
//! end, which stands for nothing. So no two names become one, and each can be read back.

/// Names that are Ansible's own, and stand for more than one group.
const RESERVED: [&str; 2] = ["all", "ungrouped"];

/// An escape of no character.
const NOTHING: &str = "_x_";

/// A name that Ansible takes for a group.
pub(super) fn of_group(name: &str) -> String {
    let starts_as_variable =
        name.starts_with(|first: char| is_part_of_group(first) && !first.is_ascii_digit());
    let written = written(name, starts_as_variable, is_part_of_group);
    marked_while(written, |written| RESERVED.contains(&written))
}

/// A name that Ansible takes for a host, and that no group of the inventory has: a pattern would mean both.
pub(super) fn of_host(name: &str, is_a_group: impl Fn(&str) -> bool) -> String {
    let starts_as_word = name.starts_with(|first: char| is_part_of_host(first) && first.is_alphanumeric());
    let written = written(name, starts_as_word, is_part_of_host);
    marked_while(written, |written| {
        RESERVED.contains(&written) || is_a_group(written)
    })
}

fn marked_while(mut written: String, is_taken: impl Fn(&str) -> bool) -> String {
    while is_taken(&written) {
        written.push_str(NOTHING);
    }
    written
}

fn is_part_of_group(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_' || is_ideograph(character)
}

fn is_part_of_host(character: char) -> bool {
    is_part_of_group(character) || character == '-' || character == '.'
}

/// Of the Chinese writing, in the block that everybody's list of letters has.
fn is_ideograph(character: char) -> bool {
    ('\u{4e00}'..='\u{9fa5}').contains(&character)
}

fn written(name: &str, starts_well: bool, is_kept: fn(char) -> bool) -> String {
    // No name is empty; if one were, it would be what no other name becomes.
    let mut written = String::from(if name.is_empty() { NOTHING } else { "" });
    let mut characters = name.chars().peekable();
    let mut may_stay = starts_well;
    while let Some(character) = characters.next() {
        let looks_like_escape = character == '_' && characters.peek() == Some(&'x');
        if may_stay && is_kept(character) && !looks_like_escape {
            written.push(character);
        } else {
            written.push_str(&format!("_x{:x}_", u32::from(character)));
        }
        may_stay = true;
    }
    written
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The name that was written so.
    fn read_back(written: &str) -> String {
        let mut name = String::new();
        let mut rest = written;
        while let Some(character) = rest.chars().next() {
            if let Some(escape) = rest.strip_prefix("_x") {
                let (digits, after) = escape.split_once('_').expect("an escape ends");
                if !digits.is_empty() {
                    let number = u32::from_str_radix(digits, 16).expect("hexadecimal");
                    name.push(char::from_u32(number).expect("a character"));
                }
                rest = after;
            } else {
                name.push(character);
                rest = &rest[character.len_utf8()..];
            }
        }
        name
    }

    proptest! {
        #[test]
        fn names_are_read_back(name in "(_|x|a|1|-|\\.|\\PC){1,12}") {
            prop_assert_eq!(read_back(&of_group(&name)), name.clone());
            prop_assert_eq!(read_back(&of_host(&name, |_| false)), name.clone());
            let taken = of_host(&name, |_| false);
            prop_assert_eq!(read_back(&of_host(&name, |alias| alias == taken)), name);
        }

        #[test]
        fn groups_are_names_of_variables(name in "\\PC+") {
            let written = of_group(&name);
            let first = written.chars().next().expect("not empty");
            prop_assert!(!first.is_ascii_digit());
            prop_assert!(written.chars().all(|character| character.is_alphanumeric() || character == '_'));
        }

        #[test]
        fn hosts_are_words_whatever_they_are_called(name in "\\PC+") {
            let written = of_host(&name, |_| false);
            prop_assert!(written.chars().all(|character| character.is_alphanumeric() || "_.-".contains(character)));
            prop_assert!(!written.starts_with(['-', '.']));
        }
    }

    #[test]
    fn plain_names_stay() {
        for name in ["web", "web_servers", "Web2", "数据库", "_w"] {
            assert_eq!(of_group(name), name);
        }
        for name in ["web-1.example.com", "10.0.0.1", "1e3", "数据库-1"] {
            assert_eq!(of_host(name, |_| false), name);
        }
    }

    #[test]
    fn others_are_escaped() {
        let groups = [
            ("my-web", "my_x2d_web"),
            ("my_x2d_web", "my_x5f_x2d_web"),
            ("a b", "a_x20_b"),
            ("3tier", "_x33_tier"),
            ("all", "all_x_"),
            ("{{ x }}", "_x7b__x7b__x20_x_x20__x7d__x7d_"),
        ];
        for (name, written) in groups {
            assert_eq!(of_group(name), written);
        }
        let hosts = [
            ("web[1:3]", "web_x5b_1_x3a_3_x5d_"),
            ("web:22", "web_x3a_22"),
            ("!web", "_x21_web"),
            ("-web", "_x2d_web"),
            ("fe80::1", "fe80_x3a__x3a_1"),
        ];
        for (name, written) in hosts {
            assert_eq!(of_host(name, |_| false), written);
        }
    }

    #[test]
    fn a_host_does_not_take_the_name_of_a_group() {
        assert_eq!(of_host("db", |name| name == "db"), "db_x_");
        assert_eq!(of_host("@db", |name| name == "_x40_db"), "_x40_db_x_");
        assert_eq!(of_host("db_x_", |_| false), "db_x5f_x_");
        assert_eq!(of_host("all", |name| name == "all_x_"), "all_x__x_");
    }
}
