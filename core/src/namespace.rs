//! The names of a session, told without running any user code.

use serde::{Deserialize, Serialize};

use crate::ByteSize;

/// Names that an execution bound, rebound or deleted. "Modified" means rebound, by identity: a mutation in place is not seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// Names that were not bound before.
    pub added: Vec<Change>,
    /// Names that are bound to another object now.
    pub modified: Vec<Change>,
    /// Names that are not bound any more.
    pub removed: Vec<String>,
    /// How many more there are than are listed (at most 1,000 are).
    pub more: u64,
}

/// A name that is bound, and to what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Change {
    /// The name.
    pub name: String,
    /// The name of the object's type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The object's own size, where it can be told without running user code.
    pub size: Option<ByteSize>,
}

/// Which names to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NamespaceFilter {
    /// Only names that begin so.
    pub prefix: Option<String>,
    /// Only variables of these kinds; empty: all but modules and callables.
    pub kinds: Vec<VariableKind>,
}

/// One name of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Variable {
    /// The name.
    pub name: String,
    /// The name of the object's type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The module of the object's type.
    #[serde(default)]
    pub module: String,
    /// What sort of thing it is.
    pub kind: VariableKind,
    /// Its shape or length: `[3, 4]`, `[17]`.
    #[serde(default)]
    pub shape: Option<Vec<u64>>,
    /// Its approximate size.
    #[serde(default)]
    pub size: Option<ByteSize>,
    /// A short look at it, at most 200 characters.
    #[serde(default)]
    pub preview: String,
    /// Whether a portable checkpoint can hold it.
    #[serde(default)]
    pub serialisable: Serialisable,
}

/// What sort of thing a name is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VariableKind {
    /// Data of any type.
    Data,
    /// A function or another callable.
    Callable,
    /// A class.
    Class,
    /// A module.
    Module,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Whether a portable checkpoint can hold an object, judged by its exact type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Serialisable {
    /// It can.
    Yes,
    /// It cannot.
    No,
    /// Only trying tells.
    #[default]
    #[serde(other)]
    Unknown,
}
