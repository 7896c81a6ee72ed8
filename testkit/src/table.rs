//! The closing table: how much of the suite each backend was held to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use crate::case::Case;
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
    /// How many may be.
    bound: Option<usize>,
    /// Which were, each with whether it is about state.
    missing: Vec<(&'static str, bool)>,
}

impl Row {
    fn complaints(&self, backend: &str) -> Vec<String> {
        let Some(bound) = self.bound else { return Vec::new() };
        let named = |of_state: bool| {
            let chosen = self.missing.iter().filter(|(_, is_about_state)| *is_about_state || !of_state);
            let mut names: Vec<_> = chosen.map(|(name, _)| *name).collect();
            names.sort_unstable();
            names
        };
        let (missing, of_state) = (named(false), named(true));
        let too_many = (missing.len() > bound).then(|| {
            format!(
                "{backend}: at most {bound} cases may be not applicable, and {} are: {}",
                missing.len(),
                missing.join(", ")
            )
        });
        let forbidden = (!of_state.is_empty()).then(|| {
            format!("{backend}: no case about state may be not applicable: {}", of_state.join(", "))
        });
        too_many.into_iter().chain(forbidden).collect()
    }
}

impl Table {
    pub(crate) fn count(&self, backend: &str, bound: Option<usize>, case: &Case, verdict: &Verdict) {
        let mut rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let row = rows.entry(backend.to_owned()).or_default();
        row.bound = bound;
        match verdict {
            Verdict::Kept => row.kept += 1,
            Verdict::Broken(_) => row.broken += 1,
            Verdict::NotApplicable { lacks, .. } => {
                *row.lacks.entry(lacks.clone()).or_default() += 1;
                row.missing.push((case.name, case.is_about_state()));
            }
        }
    }

    /// What breaks the bound of its backend, in words.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let rows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rows.iter().flat_map(|(backend, row)| row.complaints(backend)).collect()
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
