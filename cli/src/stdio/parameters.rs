//! What each method takes, in one table: a parameter that is misspelt must not be taken for one that was left out.

use serde_json::Value;

use super::message::Refusal;
use super::shapes::{CHECKPOINT_REQUEST, Field, REQUEST, SANDBOX_SPEC, SESSION_SPEC, stranger};

/// Every method, what it takes, and the fields that it takes besides.
#[rustfmt::skip]
const METHODS: &[(&str, &[&str], &[Field])] = &[
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

/// Refuses a method that there is not, and a parameter, or a field inside one, that it does not take.
pub(super) fn check(method: &str, params: &Value) -> Result<(), Refusal> {
    let Some((_, own, more)) = METHODS.iter().find(|(name, _, _)| *name == method) else {
        return Err(Refusal::method(method));
    };
    match stranger(params, own, more) {
        None => Ok(()),
        Some(found) => {
            let what = format!("`{method}` has no parameter `{}`", found.path());
            Err(Refusal::new(-32602, what, found.why(), &found.how()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stdio::shapes::Shape;

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

    /// Who cannot read of a field cannot use it.
    #[test]
    fn the_documentation_names_every_field_inside_a_parameter() {
        fn names(field: &Field, found: &mut Vec<&'static str>) {
            let (name, shape) = field;
            found.push(name);
            match shape {
                Shape::Plain | Shape::Names => {}
                Shape::Object(fields) => fields.iter().for_each(|field| names(field, found)),
                Shape::Tagged(tag, variants) => {
                    found.push(tag);
                    for (word, fields) in *variants {
                        found.push(word);
                        fields.iter().for_each(|field| names(field, found));
                    }
                }
            }
        }
        let documentation = include_str!("../../../docs/stdio.md");
        let mut found = Vec::new();
        for (.., fields) in METHODS {
            fields.iter().for_each(|field| names(field, &mut found));
        }
        for name in found {
            // Promised, and not built.
            let is_told =
                [format!("`{name}`"), format!("\"{name}\"")].iter().any(|word| documentation.contains(word));
            assert!(is_told || name == "profile", "docs/stdio.md lacks `{name}`");
        }
    }

    #[test]
    fn what_is_misspelt_is_told_with_what_there_is() {
        assert!(check("execute", &json!({ "session": 1, "code": "", "store_history": false })).is_ok());
        assert!(check("hello", &json!({})).is_ok());
        for (method, params, word) in [
            ("execute", json!({ "sesion": 1 }), "`sesion`"),
            ("hello", json!({ "a-": 1 }), "`a-`"),
            ("hello", json!({ "a": 1 }), "it takes nothing"),
            ("execute", json!({ "output": { "haed": 1 } }), "did you mean `output.head`?"),
            ("snapshot.restore", json!({ "limits": { "cpu": 1 } }), "did you mean `limits.cpus`?"),
            ("session.hibernate", json!({ "limits": { "memory": 1 } }), "`limits.memory`"),
            ("fly", json!({}), "`fly`"),
        ] {
            let told = format!("{:?}", check(method, &params).expect_err("it is wrong"));
            assert!(told.contains(word), "{told}");
        }
    }
}
