//! The backends that this crate was built with, and what can be set of each.

use super::Registry;

/// Adds every backend whose feature is on.
#[cfg_attr(not(feature = "local"), expect(unused_variables, reason = "without a backend nothing is added"))]
pub(super) fn register(registry: &mut Registry) {
    #[cfg(feature = "local")]
    registry.register("local", local::make);
}

/// `local`: `python` (a path, or a name along `PATH`), `state_dir` (a path), `start_timeout` (seconds, or a text such as `2m`), `env_pass` (names).
#[cfg(feature = "local")]
mod local {
    use std::sync::Arc;

    use hibernaculum_backend_local::LocalBackend;
    use hibernaculum_core::{Backend, Error};

    use crate::Settings;

    pub(super) async fn make(settings: Settings) -> Result<Arc<dyn Backend>, Error> {
        let mut settings = settings.read("local");
        let mut builder = LocalBackend::builder();
        if let Some(python) = settings.text("python")? {
            builder = builder.python(python);
        }
        if let Some(directory) = settings.text("state_dir")? {
            builder = builder.state_dir(directory);
        }
        if let Some(limit) = settings.duration("start_timeout")? {
            builder = builder.start_timeout(limit);
        }
        if let Some(names) = settings.texts("env_pass")? {
            builder = builder.env_pass(names);
        }
        settings.finish()?;
        builder.build()
    }
}
