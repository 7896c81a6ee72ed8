//! The names of a session, told without running any user code.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ByteSize;
use crate::error::ConfigError;

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

/// Which names to list. Names that begin and end with `__`, and those of the session itself (`_`, `In`, `Out`), are never listed.
///
/// ```
/// use hibernaculum_core::{NamespaceFilter, VariableKind};
/// let tables = NamespaceFilter::default().prefix("df_").kinds([VariableKind::Data]);
/// assert_eq!(tables.prefix.as_deref(), Some("df_"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NamespaceFilter {
    /// Only names that begin so.
    pub prefix: Option<String>,
    /// Only variables of these kinds; empty: of all.
    pub kinds: Vec<VariableKind>,
}

impl NamespaceFilter {
    /// Only names that begin so.
    ///
    /// ```
    /// use hibernaculum_core::NamespaceFilter;
    ///
    /// let filter = NamespaceFilter::default().prefix("df_");
    /// ```
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Only variables of these kinds.
    ///
    /// ```
    /// use hibernaculum_core::{NamespaceFilter, VariableKind};
    ///
    /// let filter = NamespaceFilter::default().kinds([VariableKind::Data, VariableKind::Module]);
    /// ```
    #[must_use]
    pub fn kinds(mut self, kinds: impl IntoIterator<Item = VariableKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }
}

/// The names of a session, in the order in which they were bound first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct NamespaceListing {
    /// The names that were asked for, at most 10,000 of them.
    pub variables: Vec<Variable>,
    /// How many more there are than are listed.
    pub more: u64,
}

/// How much of a `repr` is wanted, and how long its making may take: it is user code.
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_core::{ByteSize, ReprLimits};
/// let short = ReprLimits::new(ByteSize::kib(4), Duration::from_millis(500));
/// assert!(short.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReprLimits {
    /// The longest text; what is beyond is cut and counted. At most 16 MiB.
    pub bytes: ByteSize,
    /// How long it may take, the executions before it included. More than zero.
    #[serde(rename = "timeout_us", with = "crate::micros")]
    pub timeout: Duration,
}

impl ReprLimits {
    /// The longest text that may be asked for.
    pub const MOST: ByteSize = ByteSize::mib(16);

    /// So many bytes, at most 16 MiB, in so much time, which is more than zero and has the queue in it: [`ReprLimits::validate`] checks both.
    ///
    /// ```
    /// use hibernaculum_core::{ByteSize, ReprLimits};
    /// use std::time::Duration;
    ///
    /// let limits = ReprLimits::new(ByteSize::kib(64), Duration::from_millis(200));
    /// ```
    pub fn new(bytes: ByteSize, timeout: Duration) -> Self {
        Self { bytes, timeout }
    }

    /// Refuses what no session could do.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a time of zero, or for more than 16 MiB.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let invalid = |field: &str, value: String, rule: &str| {
            Err(ConfigError::Invalid { field: field.to_owned(), value, rule: rule.to_owned() })
        };
        if self.timeout.is_zero() {
            return invalid("timeout", "0".to_owned(), "must be more than zero");
        }
        if self.bytes > Self::MOST {
            return invalid("bytes", self.bytes.to_string(), "must be at most 16 MiB");
        }
        Ok(())
    }
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
    /// Its approximate size: of a container with that of its elements, reckoned from the first few.
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
    /// Data of any type, also where that has a `__call__`.
    Data,
    /// A function or method.
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
