//! The names of a scripted session, in the order in which they were bound first.

use std::collections::HashMap;

use hibernaculum_engine::wire::messages::{Change, Changes};

use crate::script::{Lookup, ScriptedValue};

/// How many names an outcome lists.
const LISTED: usize = 1000;

/// What is bound.
#[derive(Debug, Clone, Default)]
pub(crate) struct Namespace {
    bound: Vec<Bound>,
    /// Grows with each binding, so that a rebound name is told.
    bindings: u64,
}

#[derive(Debug, Clone)]
pub(super) struct Bound {
    pub(super) name: String,
    pub(super) value: ScriptedValue,
    serial: u64,
}

impl Namespace {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Bound> {
        self.bound.iter()
    }

    /// Whether the name was bound before.
    pub(super) fn bind(&mut self, name: &str, value: ScriptedValue) -> bool {
        self.bindings += 1;
        let serial = self.bindings;
        if let Some(bound) = self.bound.iter_mut().find(|bound| bound.name == name) {
            (bound.value, bound.serial) = (value, serial);
            return true;
        }
        self.bound.push(Bound { name: name.to_owned(), value, serial });
        false
    }

    /// Whether the name was bound.
    pub(super) fn unbind(&mut self, name: &str) -> bool {
        let before = self.bound.len();
        self.bound.retain(|bound| bound.name != name);
        self.bound.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.bound.clear();
    }

    /// What is bound now, to be compared with later.
    pub(super) fn snapshot(&self) -> HashMap<String, u64> {
        self.bound.iter().map(|bound| (bound.name.clone(), bound.serial)).collect()
    }

    /// What has changed since.
    pub(super) fn changes_since(&self, mut before: HashMap<String, u64>) -> Changes {
        let mut changes = Changes::default();
        for bound in &self.bound {
            let change =
                || Change { name: bound.name.clone(), type_name: bound.value.type_name.clone(), size: None };
            match before.remove(&bound.name) {
                None => changes.added.push(change()),
                Some(serial) if serial != bound.serial => changes.modified.push(change()),
                Some(_) => {}
            }
        }
        changes.removed = before.into_keys().collect();
        changes.removed.sort_unstable();
        for list in [&mut changes.added, &mut changes.modified] {
            changes.more += list.len().saturating_sub(LISTED) as u64;
            list.truncate(LISTED);
        }
        changes.more += changes.removed.len().saturating_sub(LISTED) as u64;
        changes.removed.truncate(LISTED);
        changes
    }
}

impl Lookup for Namespace {
    fn value_of(&self, name: &str) -> Option<&ScriptedValue> {
        self.bound.iter().find(|bound| bound.name == name).map(|bound| &bound.value)
    }
}
