//! What would mend a session that failed, seen from what the other checks found.
//!
//! The error says what went wrong; the checks know this machine, and so a command for it.

use super::check::{Check, Status};
use super::pythons;

/// A host needs a handful of descriptors for itself and for each session.
const DESCRIPTORS: u64 = 64;

/// A better remedy than that of the error, if a check knows one. `error` is the error's code.
pub(super) fn remedy(error: &str, checks: &[Check]) -> Option<String> {
    match error {
        "sandbox.no_python" | "sandbox.python_too_old" => {
            let path = pythons::newest(checks)?;
            Some(format!("export HIBERNACULUM_PYTHON={path}   # or --python {path}"))
        }
        "sandbox.start" => {
            checks.iter().find(|check| explains_a_failed_start(check)).and_then(|check| check.mend.clone())
        }
        _ => None,
    }
}

fn explains_a_failed_start(check: &Check) -> bool {
    match check.name {
        // Limited only where `/proc` is not there, and the runner needs it.
        "seccomp" => check.status == Status::Limited,
        "open_files" => check
            .facts
            .get("limit")
            .and_then(serde_json::Value::as_u64)
            .is_some_and(|limit| limit < DESCRIPTORS),
        // What is mounted noexec starts all the same.
        "state_directory" => {
            check.status != Status::Ok
                && check.facts.get("noexec").and_then(serde_json::Value::as_bool) != Some(true)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Group;

    fn python(path: &str, version: &str) -> Check {
        Check::ok(Group::Python, "python", "").with("path", path).with("version", version)
    }

    #[test]
    fn a_python_that_is_there_is_named_the_newest_first() {
        let checks =
            [python("/9", "3.9.18"), python("/10", "3.10.2"), Check::ok(Group::Docker, "docker", "")];
        let mend = remedy("sandbox.no_python", &checks);
        assert_eq!(mend.as_deref(), Some("export HIBERNACULUM_PYTHON=/10   # or --python /10"));
        assert_eq!(remedy("sandbox.no_python", &[]), None);
    }

    #[test]
    fn a_start_that_failed_is_mended_where_a_check_knows_why() {
        let few = Check::limited(Group::Machine, "open_files", "", "ulimit").with("limit", 12);
        let some = Check::limited(Group::Machine, "open_files", "", "ulimit").with("limit", 512);
        let full = Check::limited(Group::Machine, "state_directory", "", "elsewhere").with("noexec", false);
        let noexec = Check::limited(Group::Machine, "state_directory", "", "elsewhere").with("noexec", true);
        assert_eq!(remedy("sandbox.start", &[some.clone(), few]).as_deref(), Some("ulimit"));
        assert_eq!(remedy("sandbox.start", &[some.clone(), full.clone()]).as_deref(), Some("elsewhere"));
        assert_eq!(remedy("sandbox.start", &[some, noexec]), None);
        assert_eq!(remedy("config.unknown_backend", &[full]), None);
    }
}
