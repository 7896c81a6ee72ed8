//! `snapshot.…` and `sandbox.fork`: whole sandboxes, kept and made again.

use std::sync::Arc;

use hibernaculum::{Backend, SandboxId, SandboxInfo, SnapshotId};
use serde::Deserialize;
use serde_json::Value;

use super::message::Refusal;
use super::methods::{OfBackend, OfSandbox, done, read, read_both, told};
use super::server::{Answer, Server};

#[derive(Deserialize)]
struct Create {
    sandbox: SandboxId,
    name: Option<String>,
}

#[derive(Deserialize)]
struct OfSnapshot {
    snapshot: SnapshotId,
}

impl Server {
    pub(super) async fn snapshots(&self, method: &str, params: Value) -> Answer {
        match method {
            "snapshot.create" => {
                let Create { sandbox, name } = read(method, params)?;
                told(&self.of_sandbox(sandbox)?.snapshot(&sandbox, name).await?)
            }
            "snapshot.list" => {
                let OfBackend { backend, python } = read(method, params)?;
                told(&self.backend(backend, python).await?.snapshots().await?)
            }
            "snapshot.restore" => {
                let (OfSnapshot { snapshot }, OfBackend { backend, python }) =
                    (read(method, &params)?, read(method, &params)?);
                let spec = read(method, params)?;
                let backend = self.backend(backend, python).await?;
                let info = backend.restore_snapshot(&snapshot, spec).await?;
                self.enter_whole(&info, &backend).await
            }
            "snapshot.delete" => {
                let (OfSnapshot { snapshot }, OfBackend { backend, python }) = read_both(method, params)?;
                self.backend(backend, python).await?.delete_snapshot(&snapshot).await?;
                done()
            }
            _ => Err(Refusal::method(method)),
        }
    }

    /// Makes a second sandbox of one.
    pub(super) async fn fork(&self, method: &str, params: Value) -> Answer {
        let (OfSandbox { sandbox }, spec) = read_both(method, params)?;
        let backend = self.of_sandbox(sandbox)?;
        let info = backend.fork_sandbox(&sandbox, spec).await?;
        self.enter_whole(&info, &backend).await
    }

    /// A sandbox that came with sessions.
    async fn enter_whole(&self, info: &SandboxInfo, backend: &Arc<dyn Backend>) -> Answer {
        self.enter_sandbox(info.id, backend);
        for session in backend.sessions(&info.id).await? {
            self.enter_session(&session, backend);
        }
        told(info)
    }
}
