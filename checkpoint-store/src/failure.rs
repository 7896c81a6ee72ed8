//! What the storage beneath says, as errors of the contract.

use hibernaculum_core::{CheckpointError, Error, Source};

use crate::store::Store;

/// The storage could not do something.
pub(crate) fn storage(store: &Store, doing: &str, error: object_store::Error) -> Error {
    let problem = match &error {
        object_store::Error::PermissionDenied { .. } => "permission denied".to_owned(),
        object_store::Error::Unauthenticated { .. } => "the credentials were refused".to_owned(),
        other => innermost(other),
    };
    let doing = format!("{doing} the checkpoint store `{}`", store.place);
    CheckpointError::Store { doing, problem, source: Some(Source::new(error)) }.into()
}

/// Something failed that has no error beneath.
pub(crate) fn store(store: &Store, doing: &str, problem: impl Into<String>) -> Error {
    let doing = format!("{doing} the checkpoint store `{}`", store.place);
    CheckpointError::Store { doing, problem: problem.into(), source: None }.into()
}

pub(crate) fn corrupt(stored: impl Into<String>, problem: impl Into<String>) -> Error {
    CheckpointError::Corrupt { stored: stored.into(), problem: problem.into() }.into()
}

/// What lay at the bottom: "No space left on device (os error 28)" says more than the layers above it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
