//! What is asked about the names of a session. Each is numbered and answered like an execution; what is asked for stands in the answer's `value.json`.

use serde::{Deserialize, Serialize};

use super::{Call, Executed};
use crate::wire::error::WireError;
use crate::wire::text::{CarriesText, Text, VisitText};

/// List the names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceList {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// Only names that begin so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// Only of these kinds; empty: of all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<String>,
}

/// Tell a variable as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceGet {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// The variable.
    pub name: String,
}

/// Tell the `repr` of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceRepr {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// The variable.
    pub name: String,
    /// The longest `repr` to send, in bytes.
    pub value_bytes: u64,
}

/// Bind a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceSet {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// The name.
    pub name: String,
    /// The value's JSON, as text.
    pub value: Text,
}

/// Delete a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceDelete {
    /// Its number among the session process' executions.
    pub execution: u64,
    /// The name.
    pub name: String,
}

/// Drop all names of user code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamespaceClear {
    /// Its number among the session process' executions.
    pub execution: u64,
}

macro_rules! calls {
    ($($method:literal $call:ty,)*) => {
        $(impl Call for $call {
            const METHOD: &'static str = $method;
            type Answer = Executed;
        })*
    };
}

calls! {
    "namespace.list" NamespaceList,
    "namespace.get" NamespaceGet,
    "namespace.repr" NamespaceRepr,
    "namespace.set" NamespaceSet,
    "namespace.delete" NamespaceDelete,
    "namespace.clear" NamespaceClear,
}

impl CarriesText for NamespaceSet {
    fn each_text(&mut self, visit: &mut VisitText<'_>) -> Result<(), WireError> {
        visit(&mut self.value)
    }
}
