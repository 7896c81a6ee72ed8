//! `files.…`: the files of a sandbox; small ones in the message, others from and to paths of this machine.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hibernaculum::{ByteSize, HostPaths as _, Sandbox, SandboxId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::message::Refusal;
use super::methods::{done, read, told};
use super::server::{Answer, Server};

/// What goes into a message, unless more is asked for: with base64 a third longer.
const SMALL: ByteSize = ByteSize::mib(8);

#[derive(Deserialize)]
struct At {
    sandbox: SandboxId,
    path: String,
}

#[derive(Deserialize)]
struct Rename {
    sandbox: SandboxId,
    path: String,
    to: String,
}

#[derive(Deserialize)]
struct Write {
    sandbox: SandboxId,
    path: String,
    text: Option<String>,
    base64: Option<String>,
}

#[derive(Deserialize)]
struct Upload {
    sandbox: SandboxId,
    path: String,
    host: PathBuf,
}

#[derive(Deserialize)]
struct Download {
    sandbox: SandboxId,
    path: String,
    host: PathBuf,
    at_most: Option<ByteSize>,
}

impl Server {
    pub(super) async fn files(&self, method: &str, params: Value) -> Answer {
        match method {
            "files.stat" => {
                let At { sandbox, path } = read(method, params)?;
                told(&self.of_sandbox(sandbox)?.stat(&sandbox, &path).await?)
            }
            "files.list" => {
                let At { sandbox, path } = read(method, params)?;
                told(&self.of_sandbox(sandbox)?.list_files(&sandbox, &path).await?)
            }
            "files.mkdir" => {
                let At { sandbox, path } = read(method, params)?;
                self.of_sandbox(sandbox)?.mkdir(&sandbox, &path).await?;
                done()
            }
            "files.rename" => {
                let Rename { sandbox, path, to } = read(method, params)?;
                self.of_sandbox(sandbox)?.rename(&sandbox, &path, &to).await?;
                done()
            }
            "files.remove" => {
                let At { sandbox, path } = read(method, params)?;
                self.of_sandbox(sandbox)?.remove(&sandbox, &path).await?;
                done()
            }
            "files.read" => {
                let At { sandbox, path } = read(method, params)?;
                let handle = Sandbox::of(&self.of_sandbox(sandbox)?, sandbox);
                let content = handle.files().read(&path, SMALL).await?;
                told(&json!({ "base64": STANDARD.encode(content) }))
            }
            "files.write" => self.write(read(method, params)?).await,
            "files.upload" => self.upload(read(method, params)?).await,
            "files.download" => self.download(read(method, params)?).await,
            _ => Err(Refusal::method(method)),
        }
    }

    async fn write(&self, write: Write) -> Answer {
        let refuse = |why: String| {
            let what = "the parameters of `files.write` are not understood";
            Refusal::new(-32602, what, why, "give the content as `text` or as `base64`")
        };
        let content = match (write.text, write.base64) {
            (Some(text), None) => Bytes::from(text),
            (None, Some(base64)) => {
                Bytes::from(STANDARD.decode(base64).map_err(|error| refuse(error.to_string()))?)
            }
            _ => return Err(refuse("there is no content, or there are two".to_owned())),
        };
        let handle = Sandbox::of(&self.of_sandbox(write.sandbox)?, write.sandbox);
        told(&handle.files().write(&write.path, content).await?)
    }

    async fn upload(&self, Upload { sandbox, path, host }: Upload) -> Answer {
        let handle = Sandbox::of(&self.of_sandbox(sandbox)?, sandbox);
        told(&handle.files().upload_path(host, path).await?)
    }

    async fn download(&self, Download { sandbox, path, host, at_most }: Download) -> Answer {
        let handle = Sandbox::of(&self.of_sandbox(sandbox)?, sandbox);
        let transfer = handle.files().download_path(path, host);
        told(&transfer.at_most(at_most.unwrap_or(ByteSize::bytes(u64::MAX))).await?)
    }
}
