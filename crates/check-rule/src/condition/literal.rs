//! Number and string literals, with Python's rules.

use crate::value::Value;

/// Reads the number that `rest` begins with; answers its value and its length in bytes.
pub(super) fn read_number(rest: &str) -> Result<(Value, usize), String> {
    let length = number_length(rest);
    let text = &rest[..length];
    let value = number_value(text)?;
    Ok((value, length))
}

/// Digits and the letters that numbers are made of; a sign belongs to it behind the `e` of a decimal number.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let is_prefixed = bytes.len() > 1 && bytes[0] == b'0' && matches!(bytes[1], b'x' | b'X' | b'b' | b'B');
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let is_part =
            byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'X' | b'l' | b'L' | b'p' | b'P' | b'_' | b'.');
        let is_exponent_sign = matches!(byte, b'+' | b'-')
            && !is_prefixed
            && matches!(bytes[length - 1], b'e' | b'E')
            && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !is_part && !is_exponent_sign {
            break;
        }
        length += 1;
    }
    length
}

fn number_value(text: &str) -> Result<Value, String> {
    let refuse = || {
        format!(
            "'{text}' is not a number; expected one such as 10, 0.5, 1e3, 0x1F, or a duration such as 60s"
        )
    };
    let lower = text.to_ascii_lowercase();
    let radix = match lower.get(..2) {
        Some("0x") => Some(16),
        Some("0b") => Some(2),
        _ => None,
    };
    if let Some(radix) = radix {
        // Python allows one underscore between the prefix and the digits.
        let digits = lower[2..].strip_prefix('_').unwrap_or(&lower[2..]);
        let digits = without_underscores(digits).ok_or_else(refuse)?;
        return integer(&digits, radix, text, refuse);
    }
    let digits = without_underscores(&lower).ok_or_else(refuse)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let has_leading_zero = digits.starts_with('0') && digits.bytes().any(|byte| byte != b'0');
        if has_leading_zero {
            return Err(format!("'{text}' begins with 0; expected a number such as 10"));
        }
        return integer(&digits, 10, text, refuse);
    }
    let is_float = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'+' | b'-'));
    if !is_float {
        return Err(refuse());
    }
    digits.parse().map(Value::Float).map_err(|_| refuse())
}

fn integer(digits: &str, radix: u32, text: &str, refuse: impl Fn() -> String) -> Result<Value, String> {
    match i128::from_str_radix(digits, radix) {
        Ok(integer) => Ok(Value::Int(integer)),
        Err(error) if *error.kind() == std::num::IntErrorKind::PosOverflow => {
            Err(format!("'{text}' is an integer beyond 128 bits"))
        }
        Err(_) => Err(refuse()),
    }
}

/// Underscores are allowed between digits only.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    for (position, byte) in bytes.iter().enumerate() {
        if *byte != b'_' {
            continue;
        }
        let before = position
            .checked_sub(1)
            .is_some_and(|before| bytes[before].is_ascii_hexdigit());
        let after = bytes.get(position + 1).is_some_and(u8::is_ascii_hexdigit);
        if !before || !after {
            return None;
        }
    }
    Some(text.replace('_', ""))
}

/// Reads the string that `rest` begins with; answers its text and its length in bytes, quotes included.
pub(super) fn read_string(rest: &str, quote: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1);
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' => {
                let (_, escape) = characters.next().ok_or_else(unclosed)?;
                read_escape(escape, &mut characters, &mut text)?;
            }
            '\n' => return Err("found the end of the line in a text; expected its closing quote".to_owned()),
            _ if character == quote => return Ok((text, position + 1)),
            _ => text.push(character),
        }
    }
    Err(unclosed())
}

fn unclosed() -> String {
    "found a text without its closing quote".to_owned()
}

fn read_escape(
    escape: char,
    characters: &mut (impl Iterator<Item = (usize, char)> + Clone),
    text: &mut String,
) -> Result<(), String> {
    let simple = match escape {
        '\\' | '\'' | '"' => Some(escape),
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\u{b}'),
        _ => None,
    };
    if let Some(character) = simple {
        text.push(character);
        return Ok(());
    }
    match escape {
        '\n' => Ok(()),
        'x' => push_code(escape, 2, characters, text),
        'u' => push_code(escape, 4, characters, text),
        'U' => push_code(escape, 8, characters, text),
        '0'..='7' => {
            let mut code = escape.to_digit(8).unwrap_or(0);
            for _ in 0..2 {
                let mut ahead = characters.clone();
                let Some(digit) = ahead.next().and_then(|(_, next)| next.to_digit(8)) else {
                    break;
                };
                code = code * 8 + digit;
                characters.next();
            }
            text.extend(char::from_u32(code));
            Ok(())
        }
        'N' => Err("found \\N in a text; expected a character by its code, such as \\u00e9".to_owned()),
        // As in Python, an unknown escape stands for itself.
        other => {
            text.push('\\');
            text.push(other);
            Ok(())
        }
    }
}

fn push_code(
    escape: char,
    digits: usize,
    characters: &mut impl Iterator<Item = (usize, char)>,
    text: &mut String,
) -> Result<(), String> {
    let code: String = characters.take(digits).map(|(_, digit)| digit).collect();
    let character = Some(&code)
        .filter(|code| code.chars().count() == digits && code.chars().all(|digit| digit.is_ascii_hexdigit()))
        .and_then(|code| u32::from_str_radix(code, 16).ok())
        .and_then(char::from_u32)
        .ok_or_else(|| {
            format!("found '\\{escape}{code}' in a text; expected {digits} hexadecimal digits of a character")
        })?;
    text.push(character);
    Ok(())
}
