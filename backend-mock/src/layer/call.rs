//! One call of the contract, as data.

use hibernaculum_core::{ExecutionRequest, SandboxSpec, SessionSpec};
use serde::Serialize;
use serde_json::{Map, Value};

/// The names of all calls: those of the contract's methods.
pub(crate) const CALLS: &[&str] = &[
    "create",
    "get",
    "list",
    "destroy",
    "abandon",
    "adopt",
    "release",
    "open_session",
    "session",
    "sessions",
    "close_session",
    "abandon_session",
    "execute",
    "attach",
    "interrupt",
    "answer",
    "namespace_list",
    "namespace_get",
    "namespace_repr",
    "namespace_set",
    "namespace_delete",
    "namespace_clear",
    "checkpoint",
    "checkpoints",
    "restore",
    "branch",
    "delete_checkpoint",
    "stored_checkpoints",
    "manifest",
    "wake",
    "hibernate",
    "commit",
    "rollback",
    "upload",
    "download",
    "list_files",
    "stat",
    "mkdir",
    "rename",
    "remove",
    "snapshot",
    "snapshots",
    "restore_snapshot",
    "delete_snapshot",
    "fork_sandbox",
];

/// One call of the contract.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// The method.
    pub(crate) name: &'static str,
    /// Its arguments by name.
    pub(crate) with: Map<String, Value>,
}

impl Call {
    pub(crate) fn new(name: &'static str) -> Self {
        debug_assert!(CALLS.contains(&name), "{name} is missing in the list of calls");
        Self { name, with: Map::new() }
    }

    /// Adds an argument. All arguments of the contract have a JSON form.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Self {
        self.with.insert(name.to_owned(), serde_json::to_value(value).unwrap_or_default());
        self
    }

    /// The same without what its specs and requests have by default: shorter, and still the same call when a later version adds a field.
    pub(crate) fn essential(mut self) -> Self {
        let usual = match self.name {
            "create" | "restore_snapshot" | "fork_sandbox" => serde_json::to_value(SandboxSpec::default()),
            "open_session" | "branch" | "wake" => serde_json::to_value(SessionSpec::default()),
            "execute" => serde_json::to_value(ExecutionRequest::new("")),
            _ => return self,
        };
        let Ok(Value::Object(usual)) = usual else { return self };
        for asked in ["spec", "request"] {
            if let Some(Value::Object(fields)) = self.with.get_mut(asked) {
                fields.retain(|name, value| usual.get(name) != Some(value));
            }
        }
        self
    }
}
