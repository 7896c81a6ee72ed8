//! The methods: sandboxes, sessions and executions. Names, files and checkpoints have modules of their own.

use hibernaculum::{
    Collector, Event, EventKind, Execution, ExecutionId, ExecutionRequest, InputReply, InputToken,
    OutputLimits, Registry, SandboxId, SessionId,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::message::{Refusal, notice};
use super::parameters;
use super::server::{Answer, Server};

/// Params, as the type that a method wants.
pub(super) fn read<'de, T: Deserialize<'de>>(
    method: &str,
    params: impl Deserializer<'de, Error = serde_json::Error>,
) -> Result<T, Refusal> {
    serde_path_to_error::deserialize(params).map_err(|error| Refusal::params(method, &error))
}

/// Params that hold, beside what is the method's own, the members of a type of the library. Read one after the other, for a reader that flattens
/// forgets where it is, and copies everything first.
pub(super) fn read_both<Own: DeserializeOwned, Rest: DeserializeOwned>(
    method: &str,
    params: Value,
) -> Result<(Own, Rest), Refusal> {
    Ok((read(method, &params)?, read(method, params)?))
}

/// A result. Whatever is told here has a JSON form.
#[expect(clippy::unnecessary_wraps, reason = "it is how a method ends")]
pub(super) fn told(result: &impl Serialize) -> Answer {
    Ok(to_raw_value(result).unwrap_or_else(|_| RawValue::NULL.to_owned()))
}

pub(super) fn done() -> Answer {
    told(&json!({}))
}

/// Which backend is meant.
#[derive(Deserialize)]
pub(super) struct OfBackend {
    pub(super) backend: Option<String>,
    pub(super) python: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct OfSandbox {
    pub(super) sandbox: SandboxId,
}

#[derive(Deserialize)]
pub(super) struct OfSession {
    pub(super) session: SessionId,
}

#[derive(Deserialize)]
struct Execute {
    session: SessionId,
    #[serde(default = "yes")]
    events: bool,
}

fn yes() -> bool {
    true
}

#[derive(Deserialize)]
struct Interrupt {
    session: SessionId,
    execution: ExecutionId,
}

#[derive(Deserialize)]
struct Said {
    session: SessionId,
    token: InputToken,
    #[serde(flatten)]
    reply: InputReply,
}

/// An event, and where it happened.
#[derive(Serialize)]
struct Happened<'a> {
    session: SessionId,
    #[serde(flatten)]
    event: &'a Event,
}

fn hello() -> Answer {
    let backends: Vec<_> = Registry::builtin().names().map(str::to_owned).collect();
    told(&json!({ "name": "hib", "version": env!("CARGO_PKG_VERSION"), "backends": backends }))
}

impl Server {
    /// Serves a call.
    pub(super) async fn call(&self, method: &str, params: Value) -> Answer {
        parameters::check(method, &params)?;
        match method {
            "hello" => hello(),
            "sandbox.create" => self.create(method, params).await,
            "sandbox.list" => self.list().await,
            "sandbox.get" => {
                let OfSandbox { sandbox } = read(method, params)?;
                told(&self.of_sandbox(sandbox)?.get(&sandbox).await?)
            }
            "sandbox.close" => {
                let OfSandbox { sandbox } = read(method, params)?;
                self.of_sandbox(sandbox)?.destroy(&sandbox).await?;
                self.close_sandbox(sandbox);
                done()
            }
            "session.open" => self.open(method, params).await,
            "session.list" => {
                let OfSandbox { sandbox } = read(method, params)?;
                told(&self.of_sandbox(sandbox)?.sessions(&sandbox).await?)
            }
            "session.get" => {
                let OfSession { session } = read(method, params)?;
                told(&self.of_session(session)?.session(&session).await?)
            }
            "session.close" => {
                let OfSession { session } = read(method, params)?;
                self.of_session(session)?.close_session(&session).await?;
                self.close_session(session);
                done()
            }
            "execute" => self.execute(method, params).await,
            "interrupt" => {
                let Interrupt { session, execution } = read(method, params)?;
                let was_open = self.of_session(session)?.interrupt(&session, &execution).await?;
                told(&json!({ "interrupted": was_open }))
            }
            "answer" => {
                let Said { session, token, reply } = read(method, params)?;
                self.of_session(session)?.answer(&session, &token, reply).await?;
                done()
            }
            "session.hibernate" => self.hibernate(method, params).await,
            "session.wake" => self.wake(method, params).await,
            "attach" => self.attach(method, params).await,
            "sandbox.adopt" => self.adopt(method, params).await,
            "sandbox.release" => self.release(method, params).await,
            "sandbox.fork" => self.fork(method, params).await,
            "commit" => self.commit(method, params).await,
            "rollback" => self.rollback(method, params).await,
            _ if method.starts_with("checkpoint.") => self.checkpoints(method, params).await,
            _ if method.starts_with("snapshot.") => self.snapshots(method, params).await,
            _ if method.starts_with("namespace.") => self.names(method, params).await,
            _ if method.starts_with("files.") => self.files(method, params).await,
            _ => Err(Refusal::method(method)),
        }
    }

    async fn create(&self, method: &str, params: Value) -> Answer {
        let (OfBackend { backend, python }, spec) = read_both(method, params)?;
        let backend = self.backend(backend, python).await?;
        let info = backend.create(spec).await?;
        self.enter_sandbox(info.id, &backend);
        told(&info)
    }

    async fn list(&self) -> Answer {
        let mut infos = Vec::new();
        for (id, backend) in self.sandboxes() {
            // One that was closed meanwhile is not there to be listed.
            infos.extend(backend.get(&id).await.ok());
        }
        infos.sort_by_key(|info| info.id);
        told(&infos)
    }

    async fn open(&self, method: &str, params: Value) -> Answer {
        let (OfSandbox { sandbox }, spec) = read_both(method, params)?;
        let backend = self.of_sandbox(sandbox)?;
        let info = backend.open_session(&sandbox, spec).await?;
        self.enter_session(&info, &backend);
        told(&info)
    }

    /// Runs code; the answer is everything that came of it, or, where events are sent as they come, how it ended.
    async fn execute(&self, method: &str, params: Value) -> Answer {
        let (Execute { session, events }, request): (_, ExecutionRequest) = read_both(method, params)?;
        let backend = self.of_session(session)?;
        let limits = request.output;
        let execution = backend.execute(&session, request).await?;
        self.follow(execution, session, events, limits).await
    }

    pub(super) async fn follow(
        &self,
        mut execution: Execution,
        session: SessionId,
        events: bool,
        limits: OutputLimits,
    ) -> Answer {
        let id = execution.id();
        if !events {
            return told(&execution.result().await?);
        }
        let mut collector = Collector::new(id, limits);
        while let Some(event) = execution.next().await {
            if matches!(event.kind, EventKind::Failed { .. }) {
                break;
            }
            self.writer.send(&notice("event", Happened { session, event: &event })).await;
            if let Some(outcome) = collector.push(event) {
                return told(&json!({ "execution": id, "outcome": outcome }));
            }
        }
        Err(execution.error().into())
    }
}
