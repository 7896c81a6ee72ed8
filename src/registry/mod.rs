//! Backends by name: what a program uses whose configuration says where code runs.
//!
//! ```text
//!  "local", {"python": "python3.12"} ──Registry::create──▶ the factory of that name ──Settings::read──▶ Arc<dyn Backend>
//! ```

mod builtin;
mod settings;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use hibernaculum_core::{Backend, ConfigError, Error};

pub use settings::{Settings, SettingsReader};

type Made = Pin<Box<dyn Future<Output = Result<Arc<dyn Backend>, Error>> + Send>>;
type Factory = Arc<dyn Fn(Settings) -> Made + Send + Sync>;

/// Backends by name.
///
/// [`Registry::builtin`] knows those that this crate was built with; [`Registry::register`] adds others, from whatever crate. A backend is made when it
/// is asked for, not before.
///
/// ```
/// use std::sync::Arc;
/// use hibernaculum::{Backend, Error, Registry, Settings};
///
/// # async fn connect(_url: String) -> Result<Arc<dyn Backend>, Error> { unimplemented!() }
/// let mut registry = Registry::builtin();
/// registry.register("mine", |settings: Settings| async move {
///     let mut settings = settings.read("mine");
///     let url = settings.text("url")?.unwrap_or_else(|| "unix:/run/mine".to_owned());
///     settings.finish()?;
///     connect(url).await
/// });
/// assert!(registry.names().any(|name| name == "mine"));
/// ```
#[derive(Clone)]
pub struct Registry {
    factories: BTreeMap<String, Factory>,
}

impl Registry {
    /// The backends that this crate was built with: one for each feature flag that is a backend's.
    ///
    /// ```
    /// use hibernaculum::Registry;
    ///
    /// assert!(Registry::builtin().names().any(|name| name == "local"));
    /// ```
    pub fn builtin() -> Self {
        let mut registry = Self::empty();
        builtin::register(&mut registry);
        registry
    }

    /// No backend at all.
    ///
    /// ```
    /// assert_eq!(hibernaculum::Registry::empty().names().count(), 0);
    /// ```
    pub fn empty() -> Self {
        Self { factories: BTreeMap::new() }
    }

    /// Adds a backend, in the place of one that had that name. Names are compared as they are, upper and lower case too.
    ///
    /// The factory is called by [`Registry::create`], each time anew, and should end with [`SettingsReader::finish`], so that a misspelt setting is told.
    ///
    /// ```
    /// use hibernaculum::{LocalBackend, Registry, Settings};
    ///
    /// let mut registry = Registry::empty();
    /// registry.register("local", |settings: Settings| async move {
    ///     settings.read("local").finish()?; // it has no settings here
    ///     LocalBackend::builder().python("/opt/python/bin/python3").build()
    /// });
    /// assert!(registry.names().eq(["local"]));
    /// ```
    pub fn register<F, M>(&mut self, name: impl Into<String>, factory: F) -> &mut Self
    where
        F: Fn(Settings) -> M + Send + Sync + 'static,
        M: Future<Output = Result<Arc<dyn Backend>, Error>> + Send + 'static,
    {
        self.factories.insert(name.into(), Arc::new(move |settings| Box::pin(factory(settings))));
        self
    }

    /// The names, in order.
    ///
    /// ```
    /// for name in hibernaculum::Registry::builtin().names() {
    ///     println!("{name}");
    /// }
    /// ```
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }

    /// Makes the backend of that name.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum::Error> {
    /// use hibernaculum::{Registry, Settings};
    ///
    /// let backend = Registry::builtin().create("local", &Settings::default()).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownBackend`], which tells the names that are known; [`ConfigError::Invalid`] for a setting that is unknown or of the wrong
    /// type; what the backend itself refuses.
    ///
    /// # Cancel safety
    ///
    /// What the factory does: the built-in ones leave nothing behind.
    pub async fn create(&self, name: &str, settings: &Settings) -> Result<Arc<dyn Backend>, Error> {
        let Some(factory) = self.factories.get(name) else {
            return Err(self.unknown(name).into());
        };
        factory(settings.clone()).await
    }

    fn unknown(&self, name: &str) -> ConfigError {
        let known = self.names().collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "no backend".to_owned() } else { known };
        let name = name.chars().take(80).flat_map(char::escape_debug).collect();
        ConfigError::UnknownBackend { name, known }
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::builtin()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The built-in backend of that name, with every setting as it comes.
///
/// # Errors
///
/// As [`Registry::create`].
///
/// # Cancel safety
///
/// Nothing is left behind.
///
/// ```no_run
/// # async fn example() -> Result<(), hibernaculum::Error> {
/// let backend = hibernaculum::backend("local").await?;
/// # Ok(()) }
/// ```
pub async fn backend(name: &str) -> Result<Arc<dyn Backend>, Error> {
    Registry::builtin().create(name, &Settings::default()).await
}

#[cfg(test)]
mod tests;
