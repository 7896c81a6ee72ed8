//! One check: what was looked at, how it is, and what would mend it.

use serde::Serialize;
use serde_json::{Map, Value};

/// How it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    /// It works.
    Ok,
    /// It works in part, or it could not be tried.
    Limited,
    /// It is not there, or does not work.
    Missing,
}

/// What a check is about; the order is that of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Group {
    /// The backend that `hib` would use now.
    Session,
    /// The Pythons of this machine.
    Python,
    /// What the default Python can import.
    Packages,
    /// The Docker engine.
    Docker,
    /// What the kernel has to shut code in.
    Confinement,
    /// Memory, limits and room.
    Machine,
}

impl Group {
    /// The heading over its checks.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Session => "Session",
            Self::Python => "Pythons",
            Self::Packages => "Packages of the session's Python",
            Self::Docker => "Docker",
            Self::Confinement => "Confinement",
            Self::Machine => "Machine",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Check {
    pub(super) group: Group,
    /// Stable, for programs.
    pub(super) name: &'static str,
    pub(super) status: Status,
    /// For people.
    pub(super) detail: String,
    /// The command, or the deed, that would mend it.
    pub(super) mend: Option<String>,
    /// What the detail tells, for programs.
    pub(super) facts: Map<String, Value>,
}

impl Check {
    /// It works.
    pub(super) fn ok(group: Group, name: &'static str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self { group, name, status: Status::Ok, detail, mend: None, facts: Map::new() }
    }

    /// It works in part.
    pub(super) fn limited(
        group: Group,
        name: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { status: Status::Limited, mend: Some(mend.into()), ..Self::ok(group, name, detail) }
    }

    /// It does not work.
    pub(super) fn missing(
        group: Group,
        name: &'static str,
        detail: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { status: Status::Missing, ..Self::limited(group, name, detail, mend) }
    }

    /// Adds a fact.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.facts.insert(name.to_owned(), value.into());
        self
    }
}
