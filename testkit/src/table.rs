//! The closing table: how much of the suite each backend was held to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::verdict::Verdict;

/// Counts verdicts by backend; shared by the trials.
#[derive(Debug, Default)]
pub(crate) struct Table(Mutex<BTreeMap<String, Row>>);

#[derive(Debug, Default)]
struct Row {
    kept: usize,
    broken: usize,
    /// How many cases were not applicable, by what they needed.
    lacks: BTreeMap<String, usize>,
}

impl Table {
    pub(crate) fn count(&self, backend: &str, verdict: &Verdict) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(backend.to_owned()).or_default();
        match verdict {
            Verdict::Kept => row.kept += 1,
            Verdict::Broken(_) => row.broken += 1,
            Verdict::NotApplicable { lacks, .. } => *row.lacks.entry(lacks.clone()).or_default() += 1,
        }
    }

    /// The table as text; empty where nothing ran.
    pub(crate) fn render(&self) -> String {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.is_empty() {
            return String::new();
        }
        let mut text = format!(
            "{:<12} {:>10} {:>6} {:>8} {:>15}  needed\n",
            "backend", "applicable", "kept", "broken", "not applicable"
        );
        for (backend, row) in rows.iter() {
            let needed: Vec<_> = row.lacks.iter().map(|(what, cases)| format!("{what} ({cases})")).collect();
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{backend:<12} {:>10} {:>6} {:>8} {:>15}  {}",
                row.kept + row.broken,
                row.kept,
                row.broken,
                row.lacks.values().sum::<usize>(),
                needed.join(", ")
            );
        }
        text
    }
}
