//! Why a connection broke: where it was the supervisor's death, control knows more.

use std::time::Duration;

use hibernaculum_core::{Error, SandboxError, SandboxId, TransportError};
use tokio::sync::watch;

/// How long after a connection broke control may take to tell that the whole sandbox is gone.
const LOSS_WAIT: Duration = Duration::from_secs(1);

/// The sandbox's loss, where there was one; else the error. A supervisor that dies breaks all connections at once, and which of them tells
/// first is chance.
pub(crate) async fn explain(
    error: Error,
    sandbox: SandboxId,
    lost: &mut watch::Receiver<Option<String>>,
) -> Error {
    if !matches!(error, Error::Transport(TransportError::Broken { .. })) {
        return error;
    }
    let why = tokio::time::timeout(LOSS_WAIT, lost.wait_for(Option::is_some)).await;
    match why.ok().and_then(Result::ok).and_then(|why| why.clone()) {
        Some(problem) => SandboxError::Lost { sandbox, problem, source: None }.into(),
        None => error,
    }
}
