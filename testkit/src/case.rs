//! A case: one promise, and the function that holds a backend to it.

use std::future::Future;
use std::pin::Pin;

use hibernaculum_core::{Feature, Features, LimitKind};

use crate::context::Context;
use crate::failure::Outcome;

/// A case's function, boxed.
pub(crate) type Check = for<'a> fn(&'a Context) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// One promise of the contract.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// The promise, as a name: `a_timeout_keeps_the_session`.
    pub name: &'static str,
    /// The subject that it belongs to: `deadlines`.
    pub group: &'static str,
    /// What a backend has to offer for the promise to make sense.
    pub needs: &'static [Need],
    /// Whether it belongs to the smoke subset.
    pub smoke: bool,
    pub(crate) run: Check,
}

/// The features that keep, undo or bring back state.
const STATE: [Feature; 7] = [
    Feature::BindingTransactions,
    Feature::MemoryTransactions,
    Feature::Guard,
    Feature::LiveCheckpoints,
    Feature::Branches,
    Feature::PortableCheckpoints,
    Feature::SandboxSnapshots,
];

/// Something that a backend may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Need {
    /// A feature.
    Feature(Feature),
    /// A limit that is enforced.
    Limit(LimitKind),
}

impl Need {
    /// Its name, as `HIBERNACULUM_REQUIRE` and the reasons tell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Feature(feature) => feature.name(),
            Self::Limit(kind) => kind.name(),
        }
    }

    /// Whether a backend with these features offers it.
    pub fn is_met(self, features: &Features) -> bool {
        match self {
            Self::Feature(feature) => features.supports(feature),
            Self::Limit(kind) => features.limits.contains(&kind),
        }
    }
}

impl Case {
    /// The first thing that the case needs and a backend with these features lacks.
    pub fn lacks(&self, features: &Features) -> Option<Need> {
        self.needs.iter().copied().find(|need| !need.is_met(features))
    }

    /// Whether it needs a feature that keeps, undoes or brings back what a session or a sandbox holds.
    pub(crate) fn is_about_state(&self) -> bool {
        self.needs.iter().any(|need| matches!(need, Need::Feature(feature) if STATE.contains(feature)))
    }
}

/// The table of a module's cases.
///
/// ```text
/// cases! { "deadlines":
///     smoke a_timeout_keeps_the_session,
///     a_late_answer_is_refused [Feature::Input],
/// }
/// ```
macro_rules! cases {
    ($group:literal : $($rest:tt)*) => {
        pub(super) const CASES: &[$crate::case::Case] = $crate::case::cases!(@row $group [] $($rest)*);
    };
    (@row $group:literal [$($done:expr,)*]) => { &[$($done,)*] };
    (@row $group:literal [$($done:expr,)*] smoke $name:ident $([$($need:expr),+])?, $($rest:tt)*) => {
        $crate::case::cases!(@row $group [$($done,)* $crate::case::cases!(@case $group, $name, true $(, $($need),+)?),] $($rest)*)
    };
    (@row $group:literal [$($done:expr,)*] $name:ident $([$($need:expr),+])?, $($rest:tt)*) => {
        $crate::case::cases!(@row $group [$($done,)* $crate::case::cases!(@case $group, $name, false $(, $($need),+)?),] $($rest)*)
    };
    (@case $group:literal, $name:ident, $smoke:literal $(, $need:expr)*) => {
        $crate::case::Case {
            name: stringify!($name),
            group: $group,
            needs: &[$($need),*],
            smoke: $smoke,
            run: |cx| Box::pin($name(cx)),
        }
    };
}
pub(crate) use cases;
