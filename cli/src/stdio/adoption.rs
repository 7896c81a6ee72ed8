//! `sandbox.adopt`, `sandbox.release` and `attach`: what an earlier program left is gone on with.

use hibernaculum::{ExecutionId, OutputLimits, SessionId};
use serde::Deserialize;
use serde_json::Value;

use super::methods::{OfSandbox, done, read, told};
use super::server::{Answer, Server};

#[derive(Deserialize)]
struct Adopt {
    backend: Option<String>,
    python: Option<String>,
}

#[derive(Deserialize)]
struct Attach {
    session: SessionId,
    execution: ExecutionId,
    #[serde(default)]
    after_seq: u64,
    #[serde(default = "yes")]
    events: bool,
}

fn yes() -> bool {
    true
}

impl Server {
    /// Takes over what lingers, with its sessions.
    pub(super) async fn adopt(&self, method: &str, params: Value) -> Answer {
        let Adopt { backend, python } = read(method, params)?;
        let backend = self.backend(backend, python).await?;
        let adopted = backend.adopt().await?;
        for info in &adopted {
            self.enter_sandbox(info.id, &backend);
            for session in backend.sessions(&info.id).await? {
                self.enter_session(&session, &backend);
            }
        }
        told(&adopted)
    }

    /// Lets go of a sandbox, which goes on.
    pub(super) async fn release(&self, method: &str, params: Value) -> Answer {
        let OfSandbox { sandbox } = read(method, params)?;
        self.of_sandbox(sandbox)?.release(&sandbox).await?;
        self.close_sandbox(sandbox);
        done()
    }

    /// Takes up an execution.
    pub(super) async fn attach(&self, method: &str, params: Value) -> Answer {
        let Attach { session, execution, after_seq, events } = read(method, params)?;
        let execution = self.of_session(session)?.attach(&session, &execution, after_seq).await?;
        self.follow(execution, session, events, OutputLimits::default()).await
    }
}
