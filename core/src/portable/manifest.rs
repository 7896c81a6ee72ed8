//! What a portable checkpoint says of itself.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ByteSize, CheckpointInfo, SandboxId};

/// What is in a portable checkpoint, and what is not, and why. It is told without running or unpickling anything.
///
/// ```
/// use hibernaculum_core::{
///     CheckpointId, CheckpointInfo, CheckpointKind, Manifest, SandboxId, SavedVariable, SessionId, Treatment,
/// };
///
/// let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, SessionId::new());
/// let mut manifest = Manifest::new(info, SandboxId::new(), "3.11.7", "cpython");
/// manifest.variables.push(SavedVariable::new("rows", "list", Treatment::Saved("pickle".into())));
/// manifest.variables.push(SavedVariable::new("socket", "socket.socket", Treatment::Skipped("it is a socket".into())));
///
/// for variable in manifest.variables.iter().filter(|variable| !variable.is_saved()) {
///     println!("{} is not saved: {:?}", variable.name, variable.treatment);
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Manifest {
    /// Its id, session, parent, name, time and stored size.
    pub info: CheckpointInfo,
    /// The sandbox of the session that it was made of.
    pub sandbox: SandboxId,
    /// That session's labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The Python that made it: `3.11.7`.
    pub python: String,
    /// Its implementation: `cpython`.
    pub implementation: String,
    /// The session's execution count: the number of the next cell, less one.
    #[serde(default)]
    pub count: u64,
    /// Every name that was looked at.
    #[serde(default)]
    pub variables: Vec<SavedVariable>,
    /// The import statements that bring its modules back.
    #[serde(default)]
    pub imports: Vec<String>,
    /// The current directory, relative to the working directory, where it lies below it.
    #[serde(default)]
    pub cwd: Option<String>,
    /// Its bytes, before compression, those that it shares with other checkpoints included.
    #[serde(default)]
    pub raw: ByteSize,
    /// What it added to the store: bytes, compressed, that no earlier checkpoint had.
    #[serde(default)]
    pub added: ByteSize,
}

impl Manifest {
    /// A manifest that tells of no names yet. For those who implement a backend.
    pub fn new(
        info: CheckpointInfo,
        sandbox: SandboxId,
        python: impl Into<String>,
        implementation: impl Into<String>,
    ) -> Self {
        Self {
            info,
            sandbox,
            labels: BTreeMap::new(),
            python: python.into(),
            implementation: implementation.into(),
            count: 0,
            variables: Vec::new(),
            imports: Vec::new(),
            cwd: None,
            raw: ByteSize::default(),
            added: ByteSize::default(),
        }
    }
}

/// One name of a session, in a manifest.
///
/// ```
/// use hibernaculum_core::{ByteSize, SavedVariable, Treatment};
///
/// let rows = SavedVariable::new("rows", "list", Treatment::Saved("pickle".into())).size(Some(ByteSize::kib(3)));
/// assert!(rows.is_saved());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SavedVariable {
    /// The name.
    pub name: String,
    /// The name of its value's type.
    #[serde(rename = "type", default)]
    pub type_name: String,
    /// The bytes that were saved for it, where that is known; what it shares counts for the first name that has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// What became of it.
    #[serde(flatten)]
    pub treatment: Treatment,
}

impl SavedVariable {
    /// A name, and what became of it. For those who implement a backend.
    pub fn new(name: impl Into<String>, type_name: impl Into<String>, treatment: Treatment) -> Self {
        Self { name: name.into(), type_name: type_name.into(), size: None, treatment }
    }

    /// Tells how many bytes were saved for it.
    #[must_use]
    pub fn size(mut self, size: Option<ByteSize>) -> Self {
        self.size = size;
        self
    }

    /// Whether it is in the checkpoint.
    pub fn is_saved(&self) -> bool {
        matches!(self.treatment, Treatment::Saved(_))
    }
}

/// What became of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Treatment {
    /// It is in the checkpoint; by which means: `pickle`, `cloudpickle`, `bytecode`, `source`, `import`.
    Saved(String),
    /// It is not; why, in a sentence.
    Skipped(String),
}
