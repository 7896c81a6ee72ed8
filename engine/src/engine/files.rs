//! The files of the contract: through the runner, or the way that a place has itself.

use async_trait::async_trait;
use hibernaculum_core::{Error, Feature, FileBody, FileInfo, SandboxFiles, SandboxId};

use super::Engine;
use crate::provider::Provider;

#[async_trait]
impl<P: Provider> SandboxFiles for Engine<P> {
    fn files_backend(&self) -> &str {
        &self.inner.features.backend
    }

    async fn upload(&self, sandbox: &SandboxId, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.upload(sandbox, path, body).await,
            None => home.files()?.upload(path, body).await,
        }
    }

    async fn download(&self, sandbox: &SandboxId, path: &str) -> Result<(FileInfo, FileBody), Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.download(sandbox, path).await,
            None => home.files()?.download(path).await,
        }
    }

    async fn list_files(&self, sandbox: &SandboxId, path: &str) -> Result<Vec<FileInfo>, Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.list_files(sandbox, path).await,
            None => home.files()?.list(path).await,
        }
    }

    async fn stat(&self, sandbox: &SandboxId, path: &str) -> Result<FileInfo, Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.stat(sandbox, path).await,
            None => home.files()?.stat(path).await,
        }
    }

    async fn mkdir(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.mkdir(sandbox, path).await,
            None => home.files()?.mkdir(path).await,
        }
    }

    async fn rename(&self, sandbox: &SandboxId, from: &str, to: &str) -> Result<(), Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.rename(sandbox, from, to).await,
            None => home.files()?.rename(from, to).await,
        }
    }

    async fn remove(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        self.inner.features.require(Feature::Files)?;
        let home = self.inner.sandbox(*sandbox)?;
        match home.own_files() {
            Some(files) => files.remove(sandbox, path).await,
            None => home.files()?.remove(path).await,
        }
    }
}
