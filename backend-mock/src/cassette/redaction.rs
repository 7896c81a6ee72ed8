//! Secrets, which no file shall have.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::content::latin;
use crate::ids::REDACTED;

/// Names of variables whose values are secrets, wherever they stand in it.
const SECRET_NAMES: [&str; 9] =
    ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "AUTH", "PRIVATE"];
/// The same, where they are a word of it: `DB_PASS`, and not `COMPASS`.
const SECRET_WORDS: [&str; 2] = ["PASS", "DSN"];
/// What is shorter would take letters out of everything else.
const SHORTEST: usize = 3;
/// Values that are no secret, whatever the name of their variable; so are numbers of up to three digits.
const TRIVIAL: [&str; 8] = ["true", "false", "yes", "none", "null", "off", "auto", "default"];
/// Members whose own members are named by the code under test. Elsewhere a plain word is the contract's own, and stays.
const NAMED_BY_CODE: [&str; 4] = ["json", "env", "labels", "metadata"];

/// What tokens look like that people know: of model providers, forges, clouds, chats; signed ones; private keys; passwords in addresses. Where there is a
/// group, it is the secret.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"\bsk-[A-Za-z0-9_-]{16,}",
        r"\bgh[pousr]_[A-Za-z0-9]{20,}",
        r"\bgithub_pat_[A-Za-z0-9_]{20,}",
        r"\bglpat-[A-Za-z0-9_-]{16,}",
        r"\bhf_[A-Za-z0-9]{16,}",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+",
        r"(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
        r"\b[a-z][a-z0-9+.-]*://[^\s:/@]*:([^\s/@]+)@",
    ]
    .into_iter()
    .filter_map(|shape| Regex::new(shape).ok())
    .collect()
});

/// Secrets that are known.
#[derive(Debug, Clone, Default)]
pub(super) struct Redaction {
    secrets: BTreeSet<String>,
}

impl Redaction {
    /// One more.
    pub(super) fn add(&mut self, secret: &str) {
        if secret.len() >= SHORTEST {
            self.secrets.insert(secret.to_owned());
            // As it stands in a file that is no text.
            self.secrets.insert(latin(secret.as_bytes()));
        }
    }

    /// The values of variables whose names say that they are secrets.
    pub(super) fn add_env(&mut self, spec: &Value) {
        let Some(Value::Object(env)) = spec.get("env") else { return };
        for (name, value) in env {
            if let Value::String(value) = value
                && is_secret(name)
                && !is_trivial(value)
            {
                self.add(value);
            }
        }
    }

    /// Takes them out of every text, keys included.
    pub(super) fn apply(&self, value: &mut Value) {
        self.apply_to(value, false);
    }

    /// The same for a value of the code under test, in which no key is the contract's.
    pub(super) fn apply_to_own(&self, value: &mut Value) {
        self.apply_to(value, true);
    }

    fn apply_to(&self, value: &mut Value, is_named_by_code: bool) {
        match value {
            Value::String(text) => self.hide(&mut [text]),
            Value::Array(items) => items.iter_mut().for_each(|item| self.apply_to(item, is_named_by_code)),
            Value::Object(fields) => {
                let old = std::mem::take(fields);
                for (mut key, mut field) in old {
                    self.apply_to(&mut field, is_named_by_code || NAMED_BY_CODE.contains(&key.as_str()));
                    if is_named_by_code || !is_plain(&key) {
                        self.hide(&mut [&mut key]);
                    }
                    insert(fields, key, field);
                }
            }
            _ => {}
        }
    }

    /// Takes them out of a text that came in these pieces: a secret that begins in one and ends in another is hidden where it begins.
    pub(super) fn hide(&self, pieces: &mut [&mut String]) {
        let whole: String = pieces.iter().map(|piece| piece.as_str()).collect();
        let hidden = self.found(&whole);
        if hidden.is_empty() {
            return;
        }
        let mut begin = 0;
        for piece in pieces {
            let end = begin + piece.len();
            let (mut kept, mut at) = (String::new(), begin);
            for secret in hidden.iter().filter(|secret| secret.start < end && secret.end > begin) {
                kept.push_str(whole.get(at..secret.start).unwrap_or_default());
                if secret.start >= begin {
                    kept.push_str(REDACTED);
                }
                at = secret.end;
            }
            kept.push_str(whole.get(at..end).unwrap_or_default());
            **piece = kept;
            begin = end;
        }
    }

    /// Where they are, one after the other.
    fn found(&self, text: &str) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        for secret in &self.secrets {
            found.extend(text.match_indices(secret.as_str()).map(|(at, secret)| at..at + secret.len()));
        }
        for shape in SHAPES.iter() {
            let groups = shape.captures_iter(text);
            found.extend(groups.filter_map(|groups| Some(groups.get(1).or(groups.get(0))?.range())));
        }
        found.sort_by_key(|range| (range.start, range.end));
        // One may be part of another.
        found.dedup_by(|next, last| {
            let is_part = next.start < last.end;
            last.end = if is_part { last.end.max(next.end) } else { last.end };
            is_part
        });
        // What was taken out before is no secret.
        found.retain(|range| text.get(range.clone()) != Some(REDACTED));
        found
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
        || name.split(['_', '-', '.']).any(|word| SECRET_WORDS.contains(&word))
}

fn is_trivial(value: &str) -> bool {
    let is_small = value.len() <= SHORTEST && value.bytes().all(|byte| byte.is_ascii_digit());
    is_small || TRIVIAL.contains(&value.to_lowercase().as_str())
}

/// Whether a key is a word as the contract's own are.
fn is_plain(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// Inserts a field, and another where one of that name is there: two secrets are told alike.
fn insert(fields: &mut Map<String, Value>, mut key: String, field: Value) {
    while fields.contains_key(&key) {
        key.push_str(REDACTED);
    }
    fields.insert(key, field);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(secrets: &[&str], mut value: Value) -> Value {
        let mut redaction = Redaction::default();
        for secret in secrets {
            redaction.add(secret);
        }
        redaction.apply(&mut value);
        value
    }

    #[test]
    fn what_looks_like_a_token_is_gone_and_what_looks_a_little_like_one_stays() {
        for (token, near) in [
            ("sk-proj-0123456789abcdef", "task-0123456789abcdef0123"),
            ("ghp_0123456789abcdef0123", "ghp_0123"),
            ("github_pat_11AAAAAAA0123456789_abcdef", "github_pat_short"),
            ("glpat-0123456789abcdefWXYZ", "glpat-short"),
            ("hf_0123456789abcdefWXYZ", "hf_short"),
            ("AKIA0123456789ABCDEF", "AKIA0123"),
            ("xoxb-0123456789-abcdef", "xoxb-short"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl", "eyJhbGciOiJIUzI1NiJ9"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----",
                "-----BEGIN PUBLIC KEY-----",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIE, and no end", "PRIVATE KEY"),
        ] {
            assert_eq!(redacted(&[], json!(format!("a {token}"))), json!("a <redacted>"), "{token}");
            assert_eq!(redacted(&[], json!(near)), json!(near));
        }
        assert_eq!(
            redacted(&[], json!("postgres://me:s3cr:et@db:5432/x and https://x.org:80/y@z")),
            json!("postgres://me:<redacted>@db:5432/x and https://x.org:80/y@z")
        );
    }

    #[test]
    fn the_names_of_variables_tell_which_values_are_secrets_unless_they_are_trivial() {
        let mut redaction = Redaction::default();
        let spec = json!({"env": {
            "API_KEY": "one-1", "MY_TOKEN": "two-2", "DB_PASS": "three-3", "pass": "four-4", "SENTRY_DSN": "five-5",
            "PRIVATE_THING": "six-6", "DB_PASSWORD": "1234",
            "COMPASS": "north", "PATH": "/usr/bin",
            "USE_AUTH": "true", "MAX_TOKENS": "100", "KEY_MODE": "Auto",
        }});
        redaction.add_env(&spec);
        let hidden: Vec<&str> = redaction.secrets.iter().map(String::as_str).collect();
        assert_eq!(hidden, ["1234", "five-5", "four-4", "one-1", "six-6", "three-3", "two-2"]);
    }

    #[test]
    fn a_secret_may_be_a_key_and_the_words_of_the_contract_stay() {
        assert_eq!(
            redacted(
                &["tiger", "spec"],
                json!({"spec": {"env": {"spec": 1, "tiger": "tiger"}}, "Tiger tiger": 2})
            ),
            json!({"spec": {"env": {"<redacted>": 1, "<redacted><redacted>": "<redacted>"}}, "Tiger <redacted>": 2})
        );
    }

    #[test]
    fn a_secret_that_came_in_pieces_is_hidden_where_it_begins() {
        let mut redaction = Redaction::default();
        redaction.add("hunter2");
        redaction.add("ter2 and");
        let mut pieces = ["a hun", "t", "", "er2 and b", "hunter2"].map(str::to_owned);
        redaction.hide(&mut pieces.each_mut());
        assert_eq!(pieces, ["a <redacted>", "", "", " b", "<redacted>"]);
    }
}
