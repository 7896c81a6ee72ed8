//! What each method takes, in one table: a parameter that is misspelt must not be taken for one that was left out.

use serde_json::Value;

use super::message::Refusal;

/// The fields of a sandbox's spec, a session's spec, an execution's and a checkpoint's request, as their types know them.
const SANDBOX_SPEC: &[&str] = &[
    "isolation",
    "limits",
    "network",
    "env",
    "preload",
    "workdir",
    "on_host_loss",
    "live_checkpoints",
    "labels",
];
const SESSION_SPEC: &[&str] = &["id", "recovery", "queue_limit", "grace_us", "labels"];
const REQUEST: &[&str] =
    &["id", "code", "timeout", "transaction", "stdin", "output", "store_history", "profile", "script"];

const CHECKPOINT_REQUEST: &[&str] = &["kind", "name", "limits", "timeout"];

/// Every method, what it takes, and the fields that it takes besides.
#[rustfmt::skip]
const METHODS: &[(&str, &[&str], &[&str])] = &[
    ("hello", &[], &[]),
    ("sandbox.create", &["backend", "python"], SANDBOX_SPEC),
    ("sandbox.list", &[], &[]),
    ("sandbox.get", &["sandbox"], &[]),
    ("sandbox.close", &["sandbox"], &[]),
    ("sandbox.adopt", &["backend", "python"], &[]),
    ("sandbox.release", &["sandbox"], &[]),
    ("sandbox.fork", &["sandbox"], SANDBOX_SPEC),
    ("session.open", &["sandbox"], SESSION_SPEC),
    ("session.list", &["sandbox"], &[]),
    ("session.get", &["session"], &[]),
    ("session.close", &["session"], &[]),
    ("session.hibernate", &["session"], CHECKPOINT_REQUEST),
    ("session.wake", &["sandbox", "checkpoint"], SESSION_SPEC),
    ("execute", &["session", "events"], REQUEST),
    ("attach", &["session", "execution", "after_seq", "events"], &[]),
    ("interrupt", &["session", "execution"], &[]),
    ("answer", &["session", "token", "line", "eof"], &[]),
    ("commit", &["session", "execution"], &[]),
    ("rollback", &["session", "execution"], &[]),
    ("checkpoint.create", &["session"], CHECKPOINT_REQUEST),
    ("checkpoint.list", &["session"], &[]),
    ("checkpoint.restore", &["session", "checkpoint"], &[]),
    ("checkpoint.branch", &["checkpoint"], SESSION_SPEC),
    ("checkpoint.delete", &["checkpoint"], &[]),
    ("checkpoint.stored", &["backend", "python"], &[]),
    ("checkpoint.manifest", &["checkpoint"], &[]),
    ("snapshot.create", &["sandbox", "name"], &[]),
    ("snapshot.list", &["backend", "python"], &[]),
    ("snapshot.restore", &["snapshot", "backend", "python"], SANDBOX_SPEC),
    ("snapshot.delete", &["snapshot", "backend", "python"], &[]),
    ("namespace.list", &["session", "prefix", "kinds"], &[]),
    ("namespace.get", &["session", "name"], &[]),
    ("namespace.repr", &["session", "name", "bytes", "timeout_us"], &[]),
    ("namespace.set", &["session", "name", "value"], &[]),
    ("namespace.delete", &["session", "name"], &[]),
    ("namespace.clear", &["session"], &[]),
    ("files.stat", &["sandbox", "path"], &[]),
    ("files.list", &["sandbox", "path"], &[]),
    ("files.mkdir", &["sandbox", "path"], &[]),
    ("files.remove", &["sandbox", "path"], &[]),
    ("files.rename", &["sandbox", "path", "to"], &[]),
    ("files.read", &["sandbox", "path"], &[]),
    ("files.write", &["sandbox", "path", "text", "base64"], &[]),
    ("files.upload", &["sandbox", "path", "host"], &[]),
    ("files.download", &["sandbox", "path", "host", "at_most"], &[]),
];

/// Refuses a method that there is not, and a parameter that it does not take.
pub(super) fn check(method: &str, params: &Value) -> Result<(), Refusal> {
    let Some((_, own, more)) = METHODS.iter().find(|(name, _, _)| *name == method) else {
        return Err(Refusal::method(method));
    };
    let is_known = |name: &str| own.contains(&name) || more.contains(&name);
    match params.as_object().and_then(|params| params.keys().find(|name| !is_known(name))) {
        None => Ok(()),
        Some(stranger) => {
            let known = own.iter().chain(*more).copied().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "nothing".to_owned() } else { known };
            let shown: String = stranger.chars().take(80).flat_map(char::escape_debug).collect();
            let what = format!("`{method}` has no parameter `{shown}`");
            Err(Refusal::new(-32602, what, format!("it takes {known}"), "correct the name, or leave it out"))
        }
    }
}

#[cfg(test)]
mod tests {
    use hibernaculum::{CheckpointRequest, ExecutionRequest, SandboxSpec, SessionSpec};
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    fn fields(of: impl Serialize) -> Vec<String> {
        serde_json::to_value(of).unwrap().as_object().unwrap().keys().cloned().collect()
    }

    fn sorted(names: &[&str]) -> Vec<String> {
        let mut names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_table_has_the_fields_of_the_types() {
        assert_eq!(fields(SandboxSpec::default()), sorted(SANDBOX_SPEC));
        assert_eq!(fields(SessionSpec::default()), sorted(SESSION_SPEC));
        assert_eq!(fields(ExecutionRequest::new("")), sorted(REQUEST));
        assert_eq!(fields(CheckpointRequest::portable()), sorted(CHECKPOINT_REQUEST));
    }

    #[test]
    fn the_documentation_names_every_method_and_parameter() {
        let documentation = include_str!("../../../docs/stdio.md");
        for (method, own, _) in METHODS {
            let row = documentation
                .lines()
                .find(|line| line.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{method}`"))))
                .unwrap_or_else(|| panic!("docs/stdio.md lacks `{method}`"));
            for name in *own {
                assert!(row.contains(&format!("`{name}`")), "docs/stdio.md: `{method}` lacks `{name}`");
            }
        }
    }

    #[test]
    fn what_is_misspelt_is_told_with_what_there_is() {
        assert!(check("execute", &json!({ "session": 1, "code": "", "store_history": false })).is_ok());
        assert!(check("hello", &json!({})).is_ok());
        for (method, params, word) in [
            ("execute", json!({ "sesion": 1 }), "`sesion`"),
            ("hello", json!({ "a-": 1 }), "`a-`"),
            ("fly", json!({}), "`fly`"),
        ] {
            let told = format!("{:?}", check(method, &params).expect_err("it is wrong"));
            assert!(told.contains(word), "{told}");
        }
    }
}
