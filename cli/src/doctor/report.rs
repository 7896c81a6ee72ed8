//! All checks together, and what they come to.

use serde::Serialize;

use super::check::Check;
use crate::exit::Exit;

/// What `hib doctor` found.
#[derive(Debug)]
pub(super) struct Report {
    /// In the order of their groups.
    pub(super) checks: Vec<Check>,
    /// Whether the backend works.
    pub(super) exit: Exit,
    /// What is usable now, in a line.
    pub(super) summary: String,
}

/// The form of `--json`; `docs/doctor.md` describes it.
#[derive(Serialize)]
struct Form<'a> {
    hib: &'static str,
    usable: bool,
    exit_code: u8,
    summary: &'a str,
    checks: &'a [Check],
}

impl Report {
    /// Sorts the checks into their groups.
    pub(super) fn new(mut checks: Vec<Check>, exit: Exit, summary: String) -> Self {
        // Stable: within a group the order is that in which they were made.
        checks.sort_by_key(|check| check.group);
        Self { checks, exit, summary }
    }

    /// The report as one JSON object.
    pub(super) fn json(&self) -> String {
        let form = Form {
            hib: env!("CARGO_PKG_VERSION"),
            usable: self.exit == Exit::OK,
            exit_code: self.exit.code(),
            summary: &self.summary,
            checks: &self.checks,
        };
        // Strings, numbers and maps of them always have a JSON form.
        let mut text = serde_json::to_string_pretty(&form).unwrap_or_default();
        text.push('\n');
        text
    }
}
