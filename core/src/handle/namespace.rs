//! The names of a session, in the hand.

use crate::error::Error;
use crate::{NamespaceFilter, NamespaceListing, ReprLimits, Session, Value};

/// The names of a session: see [`Session::namespace`].
///
/// ```no_run
/// # async fn example(session: &hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_core::NamespaceFilter;
/// use serde_json::json;
///
/// session.namespace().set("rows", json!([1, 2, 3])).await?;
/// session.execute("total = sum(rows)").await?;
/// assert_eq!(session.namespace().get("total").await?, json!(6));
/// for variable in session.namespace().list(NamespaceFilter::default()).await?.variables {
///     println!("{}: {} {}", variable.name, variable.type_name, variable.preview);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Namespace<'a> {
    session: &'a Session,
}

impl<'a> Namespace<'a> {
    pub(super) fn of(session: &'a Session) -> Self {
        Self { session }
    }

    /// Lists the names; runs no user code.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::NamespaceFilter;
    ///
    /// for variable in session.namespace().list(NamespaceFilter::default()).await?.variables {
    ///     println!("{}: {} = {}", variable.name, variable.type_name, variable.preview);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::namespace_list`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn list(self, filter: NamespaceFilter) -> Result<NamespaceListing, Error> {
        self.session.backend().namespace_list(&self.session.id(), filter).await
    }

    /// The JSON form of a variable, where it has an exact one; runs no user code.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// session.execute("depths = [3, 1, 2]").await?;
    /// assert_eq!(session.namespace().get("depths").await?[0], 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::namespace_get`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn get(self, name: &str) -> Result<serde_json::Value, Error> {
        self.session.backend().namespace_get(&self.session.id(), name).await
    }

    /// The `repr` of a variable, bounded in length and time; runs user code.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::{ByteSize, ReprLimits};
    /// use std::time::Duration;
    ///
    /// let limits = ReprLimits::new(ByteSize::kib(4), Duration::from_secs(1));
    /// let value = session.namespace().repr("frame", limits).await?;
    /// println!("{} ({} bytes left out)", value.repr, value.cut);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::namespace_repr`].
    ///
    /// # Cancel safety
    ///
    /// When the future is dropped the `repr` is interrupted.
    pub async fn repr(self, name: &str, limits: ReprLimits) -> Result<Value, Error> {
        self.session.backend().namespace_repr(&self.session.id(), name, limits).await
    }

    /// Binds a name; `true` where it was bound before.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let was_bound = session.namespace().set("depths", vec![3, 1, 2]).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::namespace_set`].
    ///
    /// # Cancel safety
    ///
    /// The name may have been bound when the future is dropped.
    pub async fn set(self, name: &str, value: impl Into<serde_json::Value>) -> Result<bool, Error> {
        self.session.backend().namespace_set(&self.session.id(), name, value.into()).await
    }

    /// Deletes a name; `false` where it was not bound.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// let was_bound = session.namespace().delete("depths").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::namespace_delete`].
    ///
    /// # Cancel safety
    ///
    /// The name may have been deleted when the future is dropped.
    pub async fn delete(self, name: &str) -> Result<bool, Error> {
        self.session.backend().namespace_delete(&self.session.id(), name).await
    }

    /// Drops all names and keeps the interpreter.
    ///
    /// ```
    /// # async fn example(session: hibernaculum_core::Session) -> Result<(), hibernaculum_core::Error> {
    /// session.namespace().clear().await?; // imported modules stay imported
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxExecution::namespace_clear`].
    ///
    /// # Cancel safety
    ///
    /// The names, or some, may have been dropped when the future is dropped.
    pub async fn clear(self) -> Result<(), Error> {
        self.session.backend().namespace_clear(&self.session.id()).await
    }
}
