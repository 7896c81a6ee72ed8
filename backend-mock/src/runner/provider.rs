//! Starts scripted places.

use std::sync::Arc;

use hibernaculum_core::{Error, Feature, Features, Isolation, NetworkPolicy, SandboxSpec};
use hibernaculum_engine::{Boot, Provider};

use super::place::ScriptedPlace;
use crate::script::{Ledger, Script};

/// The version of Python that a scripted runner claims to be.
const PYTHON: &str = "3.13.0";

/// A [`Provider`] whose runner is a task of this process that plays a script. [`crate::ScriptedBackend`] is the engine over one;
/// by itself it is what a provider of your own may stand on.
#[derive(Debug, Clone)]
pub struct ScriptedProvider {
    features: Features,
    python: String,
    ledger: Arc<Ledger>,
}

impl ScriptedProvider {
    /// A provider all of whose sandboxes play this script.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Script, ScriptedProvider, when};
    ///
    /// let provider = ScriptedProvider::new(Script::in_order([when("1 + 1").value(2)])).python("3.8.20");
    /// ```
    pub fn new(script: Script) -> Self {
        let features = Features::new("mock", NetworkPolicy::Full)
            .with([Feature::Interrupt, Feature::Input, Feature::Attach, Feature::Namespace, Feature::Files])
            .with([Feature::LiveCheckpoints, Feature::Branches])
            .with_isolation([Isolation::Trusted]);
        Self { features, python: PYTHON.to_owned(), ledger: Arc::new(Ledger::new(script)) }
    }

    /// Says that it can do this and no more: to test what a program does with less.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Script, ScriptedProvider};
    /// use hibernaculum_core::{Features, NetworkPolicy};
    ///
    /// let poor = ScriptedProvider::new(Script::default()).features(Features::new("poor", NetworkPolicy::Full));
    /// ```
    #[must_use]
    pub fn features(mut self, features: Features) -> Self {
        self.features = features;
        self
    }

    /// Sets the version of Python that its runner claims to be. Unset: `3.13.0`.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Script, ScriptedProvider};
    ///
    /// let old = ScriptedProvider::new(Script::default()).python("3.8.20");
    /// ```
    #[must_use]
    pub fn python(mut self, version: impl Into<String>) -> Self {
        self.python = version.into();
        self
    }

    pub(crate) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }
}

impl Provider for ScriptedProvider {
    type Place = ScriptedPlace;

    fn features(&self) -> Features {
        self.features.clone()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<ScriptedPlace, Error> {
        Ok(ScriptedPlace::new(spec, boot, &self.python, Arc::clone(&self.ledger)))
    }
}
