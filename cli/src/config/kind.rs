//! What kind of value a key takes: how it is written in the file and in a variable, and what is wrong with one that is none.

use toml::de::DeValue;

use crate::size::parse_size;
use crate::time::parse_time;

/// A kind of value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Text,
    List,
    Time,
    /// How many, at least one.
    Count,
    Size,
    Switch,
    Choice(&'static [&'static str]),
}

impl Kind {
    /// What it is, in words, with an example.
    pub(super) fn about(self) -> String {
        match self {
            Self::Text => "a text".to_owned(),
            Self::List => "a list of texts, such as `[\"a\", \"b\"]`; `a,b` in the variable".to_owned(),
            Self::Time => "a time, such as `\"30s\"` or `\"2m\"`; a number means seconds".to_owned(),
            Self::Count => "a whole number, at least 1".to_owned(),
            Self::Size => "a size, such as `\"500MB\"` or `\"2GiB\"`; a number means bytes".to_owned(),
            Self::Switch => "`true` or `false`".to_owned(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The values of a variable, as the flag would take them.
    pub(super) fn of_variable(self, text: &str) -> Result<Vec<String>, String> {
        match self {
            Self::List => {
                let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
                Ok(items.map(str::to_owned).collect())
            }
            Self::Switch => match text.trim().to_lowercase().as_str() {
                "1" | "true" | "yes" | "on" => Ok(vec!["true".to_owned()]),
                "0" | "false" | "no" | "off" => Ok(vec!["false".to_owned()]),
                _ => Err(self.rule()),
            },
            _ => self.one(text.to_owned()),
        }
    }

    /// The values of the file, as the flag would take them.
    pub(super) fn of_file(self, value: &DeValue<'_>) -> Result<Vec<String>, String> {
        match (self, value) {
            (Self::List, DeValue::Array(items)) => {
                let texts = items.iter().map(|item| item.get_ref().as_str().map(str::to_owned));
                texts.collect::<Option<_>>().ok_or_else(|| self.rule())
            }
            (Self::Switch, DeValue::Boolean(is_on)) => Ok(vec![is_on.to_string()]),
            (Self::Time | Self::Count | Self::Size, DeValue::Integer(number)) if number.radix() == 10 => {
                self.one(number.as_str().to_owned())
            }
            (Self::Time, DeValue::Float(seconds)) => self.one(seconds.as_str().to_owned()),
            (Self::Text | Self::Time | Self::Size | Self::Choice(_), DeValue::String(text)) => {
                self.one(text.to_string())
            }
            _ => Err(self.rule()),
        }
    }

    fn one(self, text: String) -> Result<Vec<String>, String> {
        match self {
            Self::Text if text.is_empty() => return Err("it must not be empty".to_owned()),
            Self::Choice(words) if !words.contains(&text.as_str()) => return Err(self.rule()),
            Self::Time => drop(parse_time(&text)?),
            Self::Size => drop(parse_size(&text)?),
            Self::Count if text.parse::<u32>().is_ok_and(|count| count > 0) => {}
            Self::Count => return Err(self.rule()),
            _ => {}
        }
        Ok(vec![text])
    }

    fn rule(self) -> String {
        format!("it takes {}", self.about())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLOUR: Kind = Kind::Choice(&["auto", "never"]);

    fn of_file(kind: Kind, text: &str) -> Result<Vec<String>, String> {
        kind.of_file(DeValue::parse(text).unwrap().get_ref())
    }

    #[test]
    fn a_value_is_what_the_flag_would_take() {
        for (kind, file, variable, values) in [
            (Kind::Text, "\"local\"", "local", &["local"][..]),
            (Kind::List, "[\"a\", \"b=1\"]", "a, b=1,", &["a", "b=1"]),
            (Kind::List, "[]", ",", &[]),
            (Kind::Time, "\"2m\"", "2m", &["2m"]),
            (Kind::Time, "1.5", "1.5", &["1.5"]),
            (Kind::Time, "30", "30", &["30"]),
            (Kind::Count, "3", "3", &["3"]),
            (Kind::Size, "\"1.5GB\"", "1.5GB", &["1.5GB"]),
            (Kind::Size, "4096", "4096", &["4096"]),
            (Kind::Switch, "true", "1", &["true"]),
            (Kind::Switch, "false", "No", &["false"]),
            (COLOUR, "\"never\"", "never", &["never"]),
        ] {
            assert_eq!(of_file(kind, file).unwrap(), values, "{file}");
            assert_eq!(kind.of_variable(variable).unwrap(), values, "{variable}");
        }
    }

    #[test]
    fn what_is_of_another_kind_is_told_what_is_taken() {
        for (kind, file, rule) in [
            (Kind::Text, "3", "it takes a text"),
            (Kind::Text, "\"\"", "it must not be empty"),
            (Kind::List, "\"a\"", "it takes a list of texts"),
            (Kind::List, "[1]", "it takes a list of texts"),
            (Kind::Time, "\"soon\"", "such as 500ms, 30s"),
            (Kind::Time, "0", "must be more than zero"),
            (Kind::Time, "true", "it takes a time"),
            (Kind::Switch, "\"true\"", "it takes `true` or `false`"),
            (Kind::Count, "0", "at least 1"),
            (Kind::Count, "\"3\"", "it takes a whole number"),
            (Kind::Size, "\"much\"", "such as 500MB"),
            (Kind::Size, "true", "it takes a size"),
            (COLOUR, "\"pink\"", "it takes `\"auto\"`, `\"never\"`"),
        ] {
            let refused = of_file(kind, file).expect_err(file);
            assert!(refused.contains(rule), "{file}: {refused}");
        }
        assert!(Kind::Switch.of_variable("maybe").is_err() && Kind::Time.of_variable("soon").is_err());
    }
}
