//! Texts that YAML reads as they are, whatever is in them. (The writers of YAML know no `!unsafe`.)

/// A text in double quotes. What is neither ASCII nor a letter or digit is escaped: YAML forbids some of it, takes some for
/// the end of a line, and some turns the text around on a screen.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(character);
            }
            ' '..='~' => quoted.push(character),
            _ if !character.is_ascii() && character.is_alphanumeric() => quoted.push(character),
            _ => quoted.push_str(&format!("\\U{:08X}", u32::from(character))),
        }
    }
    quoted.push('"');
    quoted
}

/// A text that Ansible does not take for a template: every template has a brace. Without one it is only quoted, as after
/// `!unsafe` Ansible 2.19 reads a `007` as a number and `no` as a truth value, quoted or not.
pub(super) fn not_a_template(text: &str) -> String {
    let quoted = quoted(text);
    if text.contains('{') {
        format!("!unsafe {quoted}")
    } else {
        quoted
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn yaml_reads_the_text(text in any::<String>()) {
            let line = quoted(&text);
            prop_assert!(!line.contains('\n'));
            prop_assert_eq!(serde_saphyr::from_str::<String>(&line).expect("YAML"), text);
        }
    }

    #[test]
    fn letters_stay_and_the_rest_is_escaped() {
        assert_eq!(quoted("a\"b\\c: {{ x }} #"), r#""a\"b\\c: {{ x }} #""#);
        assert_eq!(quoted("数据库é"), "\"数据库é\"");
        assert_eq!(
            quoted("a\u{202e}b\n\u{85}"),
            r#""a\U0000202Eb\U0000000A\U00000085""#
        );
        assert_eq!(not_a_template("no"), "\"no\"");
        assert_eq!(not_a_template("{{ no }}"), "!unsafe \"{{ no }}\"");
    }
}
