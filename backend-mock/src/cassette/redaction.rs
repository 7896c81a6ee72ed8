//! Secrets, which no file shall have.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use crate::ids::{REDACTED, each_text};

/// Names of variables whose values are secrets.
const SECRET_NAMES: [&str; 7] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "PASSWD", "CREDENTIAL", "AUTH"];
/// What is shorter would take letters out of everything else.
const SHORTEST: usize = 3;

/// What tokens look like that people know: of model providers, forges, clouds, chats; signed ones.
static SHAPES: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"\bsk-[A-Za-z0-9_-]{16,}",
        r"\bgh[pousr]_[A-Za-z0-9]{20,}",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+",
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
        }
    }

    /// The values of variables whose names say that they are secrets.
    pub(super) fn add_env(&mut self, spec: &Value) {
        let Some(Value::Object(env)) = spec.get("env") else { return };
        for (name, value) in env {
            let name = name.to_uppercase();
            if let (true, Value::String(value)) = (SECRET_NAMES.iter().any(|word| name.contains(word)), value)
            {
                self.add(value);
            }
        }
    }

    /// Takes them out of every text.
    pub(super) fn apply(&self, value: &mut Value) {
        each_text(value, &mut |text| {
            // The longest first: one may be part of another.
            let mut secrets: Vec<&String> = self.secrets.iter().collect();
            secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
            for secret in secrets {
                if text.contains(secret.as_str()) {
                    *text = text.replace(secret.as_str(), REDACTED);
                }
            }
            for shape in SHAPES.iter() {
                if shape.is_match(text) {
                    *text = shape.replace_all(text, REDACTED).into_owned();
                }
            }
        });
    }
}
