//! Recorded ids and those of now: which stands for which.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use regex::{Captures, Regex};
use serde_json::{Map, Value};

/// An id of the contract, wherever it stands.
static ID: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new("(?:sbx|ses|exe|chk|snp)_[0-9a-f]{32}").ok());

/// The same text with other ids.
fn replaced(text: &str, mut replace: impl FnMut(&str) -> String) -> Option<String> {
    let ids = ID.as_ref().filter(|ids| text.len() >= 36 && ids.is_match(text))?;
    Some(
        ids.replace_all(text, |found: &Captures<'_>| replace(found.get(0).map_or("", |id| id.as_str())))
            .into_owned(),
    )
}
/// What stands for a secret, in a recorded text.
pub(crate) const REDACTED: &str = "<redacted>";

/// Whether a text is an id of the contract, and nothing else.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 36 && ID.as_ref().is_some_and(|ids| ids.is_match(text))
}

/// Numbers ids in the order in which they are met: `ses_…01`, `ses_…02`.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    given: HashMap<String, String>,
    next: HashMap<String, u64>,
}

impl Numbers {
    /// The number of an id, as an id.
    pub(crate) fn of(&mut self, id: &str) -> String {
        if let Some(given) = self.given.get(id) {
            return given.clone();
        }
        let prefix = id.get(..4).unwrap_or_default();
        let next = self.next.entry(prefix.to_owned()).or_default();
        *next += 1;
        let numbered = format!("{prefix}{next:032x}");
        self.given.insert(id.to_owned(), numbered.clone());
        numbered
    }

    /// Numbers every id in a value, in the midst of texts as well.
    pub(crate) fn all(&mut self, value: &mut Value) {
        each_text(value, &mut |text| {
            if let Some(numbered) = replaced(text, |id| self.of(id)) {
                *text = numbered;
            }
        });
    }
}

/// Visits every text of a value, keys included.
pub(crate) fn each_text(value: &mut Value, visit: &mut impl FnMut(&mut String)) {
    match value {
        Value::String(text) => visit(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, visit)),
        Value::Object(fields) => {
            let old = std::mem::take(fields);
            for (mut key, mut field) in old {
                visit(&mut key);
                each_text(&mut field, visit);
                fields.insert(key, field);
            }
        }
        _ => {}
    }
}

/// Which id of now stands for which recorded one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bindings {
    live: HashMap<String, String>,
    recorded: HashMap<String, String>,
}

impl Bindings {
    /// The same ids, as far as they are known, in the words of now. What is not known stands for itself from here on.
    pub(crate) fn revive(&mut self, value: &mut Value) {
        each_text(value, &mut |text| {
            let revived = replaced(text, |id| {
                if !self.live.contains_key(id) {
                    self.bind(id, id);
                }
                self.live.get(id).cloned().unwrap_or_default()
            });
            if let Some(revived) = revived {
                *text = revived;
            }
        });
    }

    /// Whether `now` is what was recorded, but for ids that stand for each other; those that are met for the first time do so from here on.
    pub(crate) fn unify(&mut self, recorded: &Value, now: &Value) -> bool {
        let mut attempt = self.clone();
        let fits = attempt.fits(recorded, now);
        if fits {
            *self = attempt;
        }
        fits
    }

    fn fits(&mut self, recorded: &Value, now: &Value) -> bool {
        match (recorded, now) {
            (Value::String(recorded), Value::String(now)) => self.texts_fit(recorded, now),
            (Value::Array(recorded), Value::Array(now)) => {
                recorded.len() == now.len() && recorded.iter().zip(now).all(|(a, b)| self.fits(a, b))
            }
            (Value::Object(recorded), Value::Object(now)) => {
                recorded.len() == now.len() && self.objects_fit(recorded, now)
            }
            _ => recorded == now,
        }
    }

    /// Keys may be ids and secrets, too. What a key stands for that has a secret is found out last, of what is left.
    fn objects_fit(&mut self, recorded: &Map<String, Value>, now: &Map<String, Value>) -> bool {
        let (secret, plain): (Vec<_>, Vec<_>) = recorded.iter().partition(|(key, _)| key.contains(REDACTED));
        let mut taken = BTreeSet::new();
        for (key, field) in plain {
            let key = self.revived(key).into_owned();
            let fits = now.get(&key).is_some_and(|now| self.fits(field, now));
            if !fits || !taken.insert(key) {
                return false;
            }
        }
        secret.into_iter().all(|(key, field)| {
            let mut left = now.iter().filter(|(now, _)| !taken.contains(*now));
            let found = left.find(|(name, now)| self.is_same(key, name) && self.unify(field, now));
            found.is_some_and(|(name, _)| taken.insert(name.clone()))
        })
    }

    fn texts_fit(&mut self, recorded: &str, now: &str) -> bool {
        if is_id(recorded) && is_id(now) && recorded.get(..4) == now.get(..4) {
            return match (self.live.get(recorded), self.recorded.get(now)) {
                (Some(live), _) => live == now,
                (None, Some(_)) => false,
                (None, None) => {
                    self.bind(recorded, now);
                    true
                }
            };
        }
        self.is_same(recorded, now)
    }

    /// Whether a text is the recorded one with the ids of now, and with any secret.
    fn is_same(&self, recorded: &str, now: &str) -> bool {
        if recorded == now {
            return true;
        }
        let recorded = self.revived(recorded);
        recorded == now || (recorded.contains(REDACTED) && is_redacted(&recorded, now))
    }

    fn revived<'a>(&self, recorded: &'a str) -> Cow<'a, str> {
        let revived = replaced(recorded, |id| self.live.get(id).cloned().unwrap_or_else(|| id.to_owned()));
        revived.map_or(Cow::Borrowed(recorded), Cow::Owned)
    }

    /// From here on the recorded id may stand for another.
    pub(crate) fn forget(&mut self, recorded: &str) {
        if let Some(live) = self.live.remove(recorded) {
            self.recorded.remove(&live);
        }
    }

    fn bind(&mut self, recorded: &str, live: &str) {
        self.live.insert(recorded.to_owned(), live.to_owned());
        self.recorded.insert(live.to_owned(), recorded.to_owned());
    }
}

/// Whether `now` is the recorded text with something in each place of a secret.
fn is_redacted(recorded: &str, now: &str) -> bool {
    let mut rest = now;
    let mut parts = recorded.split(REDACTED);
    let Some(after) = parts.next().and_then(|first| rest.strip_prefix(first)) else { return false };
    rest = after;
    let parts: Vec<&str> = parts.collect();
    for (index, part) in parts.iter().enumerate() {
        let is_last = index + 1 == parts.len();
        let found = if is_last && part.is_empty() {
            Some(rest.len())
        } else if is_last {
            rest.rfind(part)
        } else {
            rest.find(part)
        };
        let Some(found) = found else { return false };
        if is_last && found + part.len() != rest.len() {
            return false;
        }
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn id(prefix: &str, number: u32) -> String {
        format!("{prefix}{number:032x}")
    }

    #[test]
    fn ids_are_numbered_as_they_are_met_and_stand_for_each_other_consistently() {
        let mut numbers = Numbers::default();
        let mut value =
            json!([id("ses_", 77), id("exe_", 78), id("ses_", 79), {"x": id("ses_", 77)}, "ses_7"]);
        numbers.all(&mut value);
        assert_eq!(
            value,
            json!([id("ses_", 1), id("exe_", 1), id("ses_", 2), {"x": id("ses_", 1)}, "ses_7"])
        );

        let mut bindings = Bindings::default();
        let now = json!([id("ses_", 5), id("exe_", 6), id("ses_", 7), {"x": id("ses_", 5)}, "ses_7"]);
        assert!(bindings.unify(&value, &now));
        assert!(!bindings.unify(&json!(id("ses_", 1)), &json!(id("ses_", 7))), "it stands for another");
        assert!(!bindings.unify(&json!(id("ses_", 3)), &json!(id("ses_", 5))), "it is taken");
        assert!(!bindings.unify(&json!(id("exe_", 3)), &json!(id("ses_", 9))), "it is of another kind");
        bindings.revive(&mut value);
        assert_eq!(value, now);
    }

    #[test]
    fn a_key_may_be_an_id_or_a_secret_too() {
        let mut bindings = Bindings::default();
        assert!(bindings.unify(&json!(id("ses_", 1)), &json!(id("ses_", 9))));
        let recorded = json!({id("ses_", 1): 1, "<redacted>": 2, "of <redacted>": 3});
        let now = |secret: &str| json!({id("ses_", 9): 1, secret: 2, format!("of {secret}"): 3});
        assert!(bindings.unify(&recorded, &now("hunter2")));
        assert!(bindings.unify(&recorded, &now("of hunter2")));
        assert!(bindings.unify(&json!({"<redacted>": 1, "a": 1}), &json!({"a": 1, "b": 1})), "`a` is taken");
        assert!(!bindings.unify(&recorded, &json!({id("ses_", 1): 1, "a": 2, "of a": 3})), "another session");
        assert!(!bindings.unify(&recorded, &json!({id("ses_", 9): 1, "a": 2, "a a": 3})), "another key");
        assert!(!bindings.unify(&recorded, &json!({id("ses_", 9): 1, "a": 2, "of a": 4})), "another value");
    }

    #[test]
    fn a_secret_may_be_any_other() {
        let mut bindings = Bindings::default();
        let recorded = json!("curl -H 'Authorization: <redacted>' https://x");
        assert!(bindings.unify(&recorded, &json!("curl -H 'Authorization: abc' https://x")));
        assert!(!bindings.unify(&recorded, &json!("curl -H 'Authorization: abc' https://y")));
        assert!(bindings.unify(&json!("<redacted>"), &json!("hunter2")));
        assert!(bindings.unify(&json!("<redacted>/<redacted>"), &json!("a/b")));
        assert!(!bindings.unify(&json!("<redacted>/<redacted>"), &json!("ab")));
    }
}
