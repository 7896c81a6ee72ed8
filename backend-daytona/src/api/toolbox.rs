//! The calls of a sandbox's toolbox: the daemon inside, through the service's proxy.

use bytes::Bytes;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use serde::Deserialize;
use serde_json::json;

use super::model::or_default;
use super::{Api, ApiError, Repeat, Sandbox};

/// The toolbox of one sandbox.
#[derive(Debug, Clone)]
pub(crate) struct Toolbox {
    api: Api,
    base: String,
}

/// A command of a process session.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Command {
    #[serde(alias = "cmdId", deserialize_with = "or_default")]
    pub(crate) id: String,
    /// There once it has ended.
    pub(crate) exit_code: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Session {
    commands: Option<Vec<Command>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WorkDir {
    #[serde(deserialize_with = "or_default")]
    dir: String,
}

impl Toolbox {
    /// Finds out where it is.
    pub(crate) async fn of(api: &Api, sandbox: &Sandbox) -> Result<Self, ApiError> {
        let told = match sandbox.toolbox_proxy_url.as_str() {
            "" => match api.toolbox_url(&sandbox.id).await {
                // The sandbox was there a moment ago: it is the question that this service does not know.
                Err(error) if error.is_gone() => String::new(),
                told => told?,
            },
            told => told.to_owned(),
        };
        if told.is_empty() {
            let problem = "it does not say where the sandbox's toolbox is".to_owned();
            return Err(ApiError::Nonsense { problem });
        }
        let base = format!("{}/{}", told.trim_end_matches('/'), sandbox.id);
        Ok(Self { api: api.clone(), base })
    }

    /// The same, asked once and no more.
    pub(crate) fn impatient(&self) -> Self {
        Self { api: self.api.impatient(), base: self.base.clone() }
    }

    /// Where a port of the sandbox's loopback is reached, over HTTP and as a WebSocket.
    pub(crate) fn port(&self, port: u16) -> String {
        format!("{}/proxy/{port}", self.base)
    }

    /// `GET /work-dir`: the directory in which its commands run.
    pub(crate) async fn work_dir(&self) -> Result<String, ApiError> {
        let told: WorkDir = self.api.ask(Repeat::Freely, || self.call(Method::GET, "/work-dir")).await?;
        Ok(told.dir)
    }

    /// `POST /files/folder`: makes a directory that only its user can enter.
    pub(crate) async fn make_private(&self, path: &str) -> Result<(), ApiError> {
        let request = || self.call(Method::POST, "/files/folder").query(&[("path", path), ("mode", "0700")]);
        self.api.send(Repeat::Freely, request).await.map(drop)
    }

    /// `POST /files/bulk-upload`: writes files.
    pub(crate) async fn upload(&self, files: &[(&str, Bytes)]) -> Result<(), ApiError> {
        let request = || {
            let mut form = Form::new();
            for (index, (path, body)) in files.iter().enumerate() {
                // The daemon reads part by part, and must know the path before the file comes.
                form = form.text(format!("files[{index}].path"), (*path).to_owned());
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                form = form.part(format!("files[{index}].file"), Part::stream(body.clone()).file_name(name));
            }
            self.call(Method::POST, "/files/bulk-upload").multipart(form)
        };
        self.api.send(Repeat::Freely, request).await.map(drop)
    }

    /// `POST /process/session`: a shell for commands. One of that name that is there is ended first, with all that runs in it: it takes no command before what
    /// it runs is over.
    pub(crate) async fn open_session(&self, session: &str) -> Result<(), ApiError> {
        if self.is_opened(session).await? {
            return Ok(());
        }
        let path = format!("/process/session/{session}");
        match self.api.send(Repeat::Freely, || self.call(Method::DELETE, &path)).await {
            Err(error) if !error.is_gone() => return Err(error),
            _ => {}
        }
        self.is_opened(session).await.map(drop)
    }

    /// Whether it was there for nobody before.
    async fn is_opened(&self, session: &str) -> Result<bool, ApiError> {
        let body = json!({ "sessionId": session });
        match self.api.send(Repeat::Freely, || self.call(Method::POST, "/process/session").json(&body)).await
        {
            Err(ApiError::Refused(refusal)) if refusal.status.as_u16() == 409 => Ok(false),
            done => done.map(|_| true),
        }
    }

    /// `POST /process/session/{session}/exec`: begins a command and does not wait for it. Never made again: whether it was carried out, [`Self::commands`] tells.
    pub(crate) async fn begin(&self, session: &str, command: &str) -> Result<Command, ApiError> {
        let body = json!({ "command": command, "runAsync": true });
        let path = format!("/process/session/{session}/exec");
        self.api.ask(Repeat::IfNothingWasDone, || self.call(Method::POST, &path).json(&body)).await
    }

    /// `GET /process/session/{session}`: the commands that were begun in it.
    pub(crate) async fn commands(&self, session: &str) -> Result<Vec<Command>, ApiError> {
        let path = format!("/process/session/{session}");
        let told: Session = self.api.ask(Repeat::Freely, || self.call(Method::GET, &path)).await?;
        Ok(told.commands.unwrap_or_default())
    }

    /// `GET /process/session/{session}/command/{command}`.
    pub(crate) async fn command(&self, session: &str, command: &str) -> Result<Command, ApiError> {
        let path = format!("/process/session/{session}/command/{command}");
        self.api.ask(Repeat::Freely, || self.call(Method::GET, &path)).await
    }

    /// `GET …/logs`: everything that a command has printed.
    pub(crate) async fn log(&self, session: &str, command: &str) -> Result<Bytes, ApiError> {
        let path = format!("/process/session/{session}/command/{command}/logs");
        self.api.send(Repeat::Freely, || self.call(Method::GET, &path)).await
    }

    fn call(&self, method: Method, path: &str) -> RequestBuilder {
        self.api.request(method, &self.base, path)
    }
}
