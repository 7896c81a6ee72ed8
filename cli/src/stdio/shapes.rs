//! What stands inside a parameter: what is misspelt there must not be taken for what was left out, either.
//!
//! The types themselves read what they know and pass over the rest, so that a newer client may talk to an older library. `hib` is asked by people, and
//! has one version of its own; so it compares first, with tables that a test holds against the types.

use serde_json::Value;

/// A field and what stands in it.
pub(super) type Field = (&'static str, Shape);

/// What stands in a field.
#[derive(Debug)]
pub(super) enum Shape {
    /// Text, a number, a list of texts, a word.
    Plain,
    /// Names of the caller's own, with texts.
    Names,
    /// Fields. In place of them a word may stand, which has none.
    Object(&'static [Field]),
    /// Fields that depend on the word in one of them.
    Tagged(&'static str, &'static [(&'static str, &'static [Field])]),
}

use Shape::{Names, Object, Plain, Tagged};

/// A duration, as serde writes it.
const DURATION: Shape = Object(&[("secs", Plain), ("nanos", Plain)]);
const TIMEOUT: Shape = Object(&[("after", Plain)]);
const SCOPED: &[Field] = &[("scope", Plain)];

/// The fields of a sandbox's spec.
pub(super) const SANDBOX_SPEC: &[Field] = &[
    ("isolation", Plain),
    (
        "limits",
        Object(&[
            ("memory", Plain),
            ("cpus", Plain),
            ("processes", Plain),
            ("disk", Plain),
            ("wall_time", DURATION),
            ("process_memory", Plain),
            ("process_cpu_time", DURATION),
            ("process_open_files", Plain),
            ("process_file_size", Plain),
        ]),
    ),
    (
        "network",
        Tagged(
            "policy",
            &[("none", &[]), ("loopback", &[]), ("allow_list", &[("hosts", Plain)]), ("full", &[])],
        ),
    ),
    ("env", Names),
    ("preload", Plain),
    ("workdir", Plain),
    ("on_host_loss", Object(&[("linger", DURATION)])),
    ("live_checkpoints", Object(&[("count", Plain), ("memory", Plain)])),
    ("labels", Names),
];

/// Those of a session's spec.
pub(super) const SESSION_SPEC: &[Field] =
    &[("id", Plain), ("recovery", Plain), ("queue_limit", Plain), ("grace_us", Plain), ("labels", Names)];

/// Those of an execution's request.
pub(super) const REQUEST: &[Field] = &[
    ("id", Plain),
    ("code", Plain),
    ("timeout", TIMEOUT),
    (
        "transaction",
        Tagged(
            "policy",
            &[
                ("none", &[]),
                ("commit_on_success", SCOPED),
                ("rollback_on_failure", SCOPED),
                ("explicit", SCOPED),
            ],
        ),
    ),
    ("stdin", Plain),
    ("output", Object(&[("head", Plain), ("tail", Plain), ("displays", Plain), ("value", Plain)])),
    ("store_history", Plain),
    ("profile", Plain),
    ("script", Object(&[("filename", Plain), ("first_line", Plain), ("argv", Plain)])),
];

/// Those of a checkpoint's request.
pub(super) const CHECKPOINT_REQUEST: &[Field] = &[
    ("kind", Plain),
    ("name", Plain),
    ("limits", Object(&[("variable", Plain), ("total", Plain)])),
    ("timeout", TIMEOUT),
];

/// A field that nobody knows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stranger {
    /// What holds it: `limits`; empty: the parameters themselves.
    holder: String,
    /// What makes the holder one that does not take it: the word in another field of it.
    because: Option<(&'static str, &'static str)>,
    name: String,
    /// What there is in its place.
    known: Vec<&'static str>,
}

impl Stranger {
    fn new(holder: &str, name: &str, known: &'static [Field]) -> Self {
        Self {
            holder: holder.to_owned(),
            because: None,
            // It is shown, and may be anything.
            name: name.chars().take(80).flat_map(char::escape_debug).collect(),
            known: known.iter().map(|(field, _)| *field).collect(),
        }
    }

    /// Where it stands, with its own name: `limits.memry`.
    pub(super) fn path(&self) -> String {
        join(&self.holder, &self.name)
    }

    /// What there is in its place, as a sentence.
    pub(super) fn why(&self) -> String {
        let holder = if self.holder.is_empty() { "it".to_owned() } else { format!("`{}`", self.holder) };
        let because =
            self.because.map(|(tag, word)| format!(" whose `{tag}` is `{word}`")).unwrap_or_default();
        let known = if self.known.is_empty() { "nothing".to_owned() } else { self.known.join(", ") };
        format!("{holder}{because} takes {known}")
    }

    /// What to do, with the path of the field that was meant, if one resembles what was typed.
    pub(super) fn how(&self) -> String {
        let meant = self.meant().map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
        format!("{meant}correct the name, or leave it out")
    }

    fn meant(&self) -> Option<String> {
        /// Below this, two names have nothing to do with each other.
        const ALIKE: f64 = 0.75;
        let wanted = self.name.to_lowercase();
        let rated = self.known.iter().map(|known| (strsim::jaro_winkler(&wanted, known), known));
        let (likeness, best) = rated.max_by(|one, other| one.0.total_cmp(&other.0))?;
        (likeness >= ALIKE).then(|| join(&self.holder, best))
    }
}

/// The first field, at any depth, that is not known. `also`: what else the parameters take.
pub(super) fn stranger(params: &Value, also: &[&'static str], known: &'static [Field]) -> Option<Stranger> {
    let is_other = |name: &String| !also.contains(&name.as_str());
    let mut found = among("", params.as_object()?.iter().filter(|(name, _)| is_other(name)), known)?;
    if found.holder.is_empty() {
        found.known.splice(0..0, also.iter().copied());
    }
    Some(found)
}

fn among<'a>(
    holder: &str,
    mut fields: impl Iterator<Item = (&'a String, &'a Value)>,
    known: &'static [Field],
) -> Option<Stranger> {
    fields.find_map(|(name, value)| match known.iter().find(|(field, _)| field == name) {
        Some((_, shape)) => within(&join(holder, name), value, shape),
        None => Some(Stranger::new(holder, name, known)),
    })
}

fn within(path: &str, value: &Value, shape: &'static Shape) -> Option<Stranger> {
    if let (Value::Array(values), Object(known)) = (value, shape) {
        // The types would take the first for the first field, and so on: nobody means that.
        return (!values.is_empty()).then(|| Stranger::new(path, "0", known));
    }
    let fields = value.as_object()?;
    match shape {
        Plain | Names => None,
        Object(known) => among(path, fields.iter(), known),
        Tagged(tag, variants) => {
            // Whoever reads it says what is wrong with a word that is missing or not known.
            let word = fields.get(*tag)?.as_str()?;
            let (word, known) = variants.iter().find(|(name, _)| *name == word)?;
            let mut found = among(path, fields.iter().filter(|(name, _)| name != tag), known)?;
            if found.holder == path {
                found.because = Some((tag, word));
                found.known.insert(0, tag);
            }
            Some(found)
        }
    }
}

fn join(holder: &str, name: &str) -> String {
    if holder.is_empty() { name.to_owned() } else { format!("{holder}.{name}") }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hibernaculum::{
        ByteSize, CheckpointRequest, ExecutionRequest, HostLoss, Limits, NetworkPolicy, SandboxSpec, Script,
        SessionSpec, Timeout, TransactionPolicy, TransactionScope,
    };
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    /// Everything that a type writes is in the table, and nothing else: so it is what the type reads.
    fn agree(path: &str, of: impl Serialize, known: &[Field]) {
        let value = serde_json::to_value(of).unwrap();
        let mut written: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
        let mut tabled: Vec<_> = known.iter().map(|(name, _)| *name).collect();
        written.sort_unstable();
        tabled.sort_unstable();
        assert_eq!(written, tabled, "{path}");
        for (name, shape) in known {
            let value = &value[name];
            match shape {
                Object(known) if value.is_object() => agree(&join(path, name), value, known),
                Tagged(tag, variants) if value.is_object() => {
                    let (_, known) = variants.iter().find(|(word, _)| value[tag] == *word).unwrap();
                    let mut untagged = value.clone();
                    untagged.as_object_mut().unwrap().remove(*tag);
                    agree(&join(path, name), untagged, known);
                }
                // Nobody looks into it, so nothing may be there to be misspelt.
                Plain => assert!(!value.is_object(), "{path}.{name} holds fields"),
                Names => assert!(value.is_object(), "{path}.{name}"),
                // A word in the place of fields.
                Object(_) | Tagged(..) => {
                    assert!(value.is_string() || value.is_null(), "{path}.{name}: {value}");
                }
            }
        }
    }

    #[test]
    fn the_tables_have_the_fields_of_the_types() {
        let hour = Some(Duration::from_hours(1));
        let limits = Limits { wall_time: hour, process_cpu_time: hour, ..Limits::default() };
        let policies = [
            NetworkPolicy::None,
            NetworkPolicy::Loopback,
            NetworkPolicy::AllowList { hosts: vec!["a".into()] },
            NetworkPolicy::Full,
        ];
        for network in policies {
            let spec = SandboxSpec::builder()
                .limits(limits.clone())
                .network(network)
                .on_host_loss(HostLoss::Linger(Duration::from_secs(1)))
                .build()
                .unwrap();
            agree("", spec, SANDBOX_SPEC);
        }
        agree("", SandboxSpec::builder().on_host_loss(HostLoss::Kill).build().unwrap(), SANDBOX_SPEC);
        agree("", SessionSpec::default(), SESSION_SPEC);
        let scope = TransactionScope::Memory;
        let policies = [
            TransactionPolicy::None,
            TransactionPolicy::CommitOnSuccess { scope },
            TransactionPolicy::RollbackOnFailure { scope },
            TransactionPolicy::Explicit { scope },
        ];
        for policy in policies {
            let script = Script { filename: "a".into(), first_line: 1, argv: Some(vec![]) };
            agree("", ExecutionRequest::new("").transaction(policy).script(script), REQUEST);
        }
        agree("", ExecutionRequest::new("").timeout(Timeout::Unlimited), REQUEST);
        let request = CheckpointRequest::portable().timeout(Duration::from_secs(1));
        agree("", request, CHECKPOINT_REQUEST);
        assert!(serde_json::to_value(ByteSize::mib(1)).unwrap().is_number());
    }

    fn told(params: &Value, known: &'static [Field]) -> Option<(String, String, String)> {
        stranger(params, &["session"], known).map(|found| (found.path(), found.why(), found.how()))
    }

    #[test]
    fn what_is_misspelt_at_any_depth_is_told_with_what_was_meant() {
        for (params, known, path, why, meant) in [
            (json!({ "cod": 1 }), REQUEST, "cod", "it takes session, id, code", Some("code")),
            (
                json!({ "limits": { "memry": 1 } }),
                SANDBOX_SPEC,
                "limits.memry",
                "`limits` takes memory, cpus",
                Some("limits.memory"),
            ),
            (
                json!({ "limits": { "wall_time": { "sec": 1 } } }),
                SANDBOX_SPEC,
                "limits.wall_time.sec",
                "`limits.wall_time` takes secs, nanos",
                Some("limits.wall_time.secs"),
            ),
            (
                json!({ "on_host_loss": { "linger": { "secs": 1, "seconds": 1 } } }),
                SANDBOX_SPEC,
                "on_host_loss.linger.seconds",
                "`on_host_loss.linger` takes secs, nanos",
                Some("on_host_loss.linger.secs"),
            ),
            (
                json!({ "network": { "policy": "none", "hosts": ["a"] } }),
                SANDBOX_SPEC,
                "network.hosts",
                "`network` whose `policy` is `none` takes policy",
                None,
            ),
            (
                json!({ "transaction": { "policy": "explicit", "scop": "memory" } }),
                REQUEST,
                "transaction.scop",
                "`transaction` whose `policy` is `explicit` takes policy, scope",
                Some("transaction.scope"),
            ),
            (json!({ "output": { "zzz": 1 } }), REQUEST, "output.zzz", "`output` takes head", None),
            (json!({ "limits": [1] }), SANDBOX_SPEC, "limits.0", "`limits` takes memory", None),
            (json!({ "a\u{1b}": 1 }), SESSION_SPEC, "a\\u{1b}", "it takes session, id, recovery", None),
        ] {
            let (at, because, how) = told(&params, known).unwrap();
            assert_eq!(at, path);
            assert!(because.starts_with(why), "{because}");
            let expected = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
            assert_eq!(how, format!("{expected}correct the name, or leave it out"));
        }
    }

    #[test]
    fn what_is_right_or_a_matter_of_types_is_let_pass() {
        for (params, known) in [
            (json!({ "session": 1, "env": { "ANY": "x" }, "labels": { "of": "mine" } }), SANDBOX_SPEC),
            (
                json!({ "on_host_loss": "kill", "network": { "policy": "allow_list", "hosts": [] } }),
                SANDBOX_SPEC,
            ),
            (json!({ "network": { "policy": "moon", "hosts": 1 } }), SANDBOX_SPEC),
            (json!({ "network": { "hosts": 1 }, "limits": 3 }), SANDBOX_SPEC),
            (json!({ "preload": ["a"], "limits": [] }), SANDBOX_SPEC),
            (json!({ "timeout": "unlimited", "script": null, "code": { "a": 1 } }), REQUEST),
        ] {
            assert_eq!(told(&params, known), None, "{params}");
        }
    }
}
