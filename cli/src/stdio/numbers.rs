//! Integers that would not arrive as they are.
//!
//! JSON bounds no number, and what reads it here makes a float of an integer that neither an `i64` nor a `u64` holds. So a message with one is refused,
//! before its digits are lost.

/// The first integer of a line of JSON that 64 bits do not hold.
pub(super) fn beyond_64_bits(json: &[u8]) -> Option<String> {
    let mut rest = json;
    while let Some((&first, after)) = rest.split_first() {
        rest = match first {
            b'"' => after_text(after),
            b'-' | b'0'..=b'9' => {
                let length = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                let (number, after) = rest.split_at(length);
                // Fewer digits fit in any case.
                if length >= 19 && !fits(number) {
                    return Some(String::from_utf8_lossy(number).into_owned());
                }
                after
            }
            _ => after,
        };
    }
    None
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// What is no integer is a float, and read as one everywhere.
fn fits(number: &[u8]) -> bool {
    let Ok(number) = std::str::from_utf8(number) else { return true };
    number.contains(['.', 'e', 'E']) || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok()
}

/// What follows a string; its first quote has been taken.
fn after_text(mut rest: &[u8]) -> &[u8] {
    loop {
        let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) else { return &[] };
        let is_escape = rest.get(at) == Some(&b'\\');
        rest = rest.get(at + 1 + usize::from(is_escape)..).unwrap_or_default();
        if !is_escape {
            return rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_beyond_64_bits_are_found_wherever_they_stand() {
        for (json, expected) in [
            ("18446744073709551615", None),
            ("-9223372036854775808", None),
            ("18446744073709551616", Some("18446744073709551616")),
            ("-9223372036854775809", Some("-9223372036854775809")),
            (r#"{"a\"": [1, {"b": 100000000000000000000}]}"#, Some("100000000000000000000")),
            (r#"["100000000000000000000", "\\", 1]"#, None),
            (r#"["\\", 100000000000000000000]"#, Some("100000000000000000000")),
            ("[1.00000000000000000000, 100000000000000000000e0, 1E30]", None),
            (r#"{"100000000000000000000": "\""#, None),
        ] {
            assert_eq!(beyond_64_bits(json.as_bytes()).as_deref(), expected, "{json}");
        }
    }
}
