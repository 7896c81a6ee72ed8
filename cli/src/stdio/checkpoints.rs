//! `checkpoint.…`, `commit` and `rollback`: state that is kept, gone back to, and gone on from twice.

use hibernaculum::{CheckpointId, ExecutionId, SandboxId, SessionId};
use serde::Deserialize;
use serde_json::Value;

use super::message::Refusal;
use super::methods::{OfBackend, OfSession, done, read, read_both, told};
use super::server::{Answer, Server};

#[derive(Deserialize)]
struct OfCheckpoint {
    checkpoint: CheckpointId,
}

#[derive(Deserialize)]
struct Restore {
    session: SessionId,
    checkpoint: CheckpointId,
}

#[derive(Deserialize)]
struct Wake {
    sandbox: SandboxId,
    checkpoint: CheckpointId,
}

#[derive(Deserialize)]
struct Settle {
    session: SessionId,
    execution: ExecutionId,
}

impl Server {
    pub(super) async fn checkpoints(&self, method: &str, params: Value) -> Answer {
        match method {
            "checkpoint.create" => {
                let (OfSession { session }, request) = read_both(method, params)?;
                let backend = self.of_session(session)?;
                let info = backend.checkpoint(&session, request).await?;
                self.enter_checkpoint(info.id, &backend);
                told(&info)
            }
            "checkpoint.list" => {
                let OfSession { session } = read(method, params)?;
                told(&self.of_session(session)?.checkpoints(&session).await?)
            }
            "checkpoint.restore" => {
                let Restore { session, checkpoint } = read(method, params)?;
                self.of_session(session)?.restore(&session, &checkpoint).await?;
                done()
            }
            "checkpoint.branch" => {
                let (OfCheckpoint { checkpoint }, spec) = read_both(method, params)?;
                let backend = self.of_checkpoint(checkpoint).await?;
                let info = backend.branch(&checkpoint, spec).await?;
                self.enter_session(&info, &backend);
                told(&info)
            }
            "checkpoint.delete" => {
                let OfCheckpoint { checkpoint } = read(method, params)?;
                self.of_checkpoint(checkpoint).await?.delete_checkpoint(&checkpoint).await?;
                self.forget_checkpoint(checkpoint);
                done()
            }
            "checkpoint.stored" => {
                let OfBackend { backend, python } = read(method, params)?;
                let backend = self.backend(backend, python).await?;
                let stored = backend.stored_checkpoints().await?;
                for info in &stored {
                    self.enter_checkpoint(info.id, &backend);
                }
                told(&stored)
            }
            "checkpoint.manifest" => {
                let OfCheckpoint { checkpoint } = read(method, params)?;
                told(&self.of_checkpoint(checkpoint).await?.manifest(&checkpoint).await?)
            }
            _ => Err(Refusal::method(method)),
        }
    }

    /// Saves a session and closes it.
    pub(super) async fn hibernate(&self, method: &str, mut params: Value) -> Answer {
        if let Some(params) = params.as_object_mut() {
            params.entry("kind").or_insert_with(|| "portable".into());
        }
        let (OfSession { session }, request) = read_both(method, params)?;
        let backend = self.of_session(session)?;
        let info = backend.hibernate(&session, request).await?;
        self.close_session(session);
        self.enter_checkpoint(info.id, &backend);
        told(&info)
    }

    /// Opens a session with the state of a portable checkpoint.
    pub(super) async fn wake(&self, method: &str, params: Value) -> Answer {
        let (Wake { sandbox, checkpoint }, spec) = read_both(method, params)?;
        let backend = self.of_sandbox(sandbox)?;
        let info = backend.wake(&sandbox, &checkpoint, spec).await?;
        self.enter_session(&info, &backend);
        told(&info)
    }

    pub(super) async fn commit(&self, method: &str, params: Value) -> Answer {
        let Settle { session, execution } = read(method, params)?;
        self.of_session(session)?.commit(&session, &execution).await?;
        done()
    }

    pub(super) async fn rollback(&self, method: &str, params: Value) -> Answer {
        let Settle { session, execution } = read(method, params)?;
        self.of_session(session)?.rollback(&session, &execution).await?;
        done()
    }
}
