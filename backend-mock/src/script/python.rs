//! JSON, as Python would show it.

use std::fmt::Write as _;

use serde_json::Value;

/// The `repr` of the object that this JSON stands for.
pub(crate) fn repr(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(repr).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(key, value)| format!("{}: {}", quoted(key), repr(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
    }
}

/// The name of that object's type.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

/// As Python quotes a text: with `'`, unless only that is in it.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push(quote);
    for character in text.chars() {
        match character {
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c == quote => quoted.extend(['\\', c]),
            c if u32::from(c) < 0x20 || (0x7f..0xa0).contains(&u32::from(c)) => {
                // Writing to a String cannot fail.
                let _ = write!(quoted, "\\x{:02x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push(quote);
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn json_is_shown_as_python_shows_it() {
        for (value, shown, kind) in [
            (json!(null), "None", "NoneType"),
            (json!(true), "True", "bool"),
            (json!(-7), "-7", "int"),
            (json!(2.0), "2.0", "float"),
            (json!("it's"), "\"it's\"", "str"),
            (json!("it's \"it\"\n\u{1}"), "'it\\'s \"it\"\\n\\x01'", "str"),
            (json!([1, [null]]), "[1, [None]]", "list"),
            (json!({"a": {"b": []}}), "{'a': {'b': []}}", "dict"),
        ] {
            assert_eq!((repr(&value).as_str(), type_name(&value)), (shown, kind));
        }
    }
}
