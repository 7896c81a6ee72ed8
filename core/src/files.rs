//! Files of a sandbox, below its working directory.

use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Unsupported};
use crate::{ByteSize, Feature, SandboxId};

/// The content of a file, piece by piece.
pub type FileBody = Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send>>;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileInfo {
    /// Its path, relative to the working directory.
    pub path: String,
    /// What it is.
    pub kind: FileKind,
    /// Its size.
    pub size: ByteSize,
    /// When its content last changed.
    pub modified: Timestamp,
    /// Its permission bits, as `chmod` takes them: `0o644`. 0 where they are not known.
    #[serde(default)]
    pub mode: u32,
}

impl FileInfo {
    /// A file, without permission bits.
    ///
    /// ```
    /// use hibernaculum_core::{ByteSize, FileInfo, FileKind};
    ///
    /// let file = FileInfo::new("notes.txt", FileKind::File, ByteSize::bytes(6), jiff::Timestamp::now());
    /// assert_eq!(file.mode, 0);
    /// ```
    pub fn new(path: impl Into<String>, kind: FileKind, size: ByteSize, modified: Timestamp) -> Self {
        Self { path: path.into(), kind, size, modified, mode: 0 }
    }

    /// Sets its permission bits, as `chmod` takes them.
    ///
    /// ```
    /// use hibernaculum_core::{ByteSize, FileInfo, FileKind};
    ///
    /// let file = FileInfo::new("run.sh", FileKind::File, ByteSize::bytes(6), jiff::Timestamp::now()).with_mode(0o755);
    /// ```
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link; it is never followed.
    Symlink,
    /// Anything else: a FIFO, a socket, a device. It cannot be transferred.
    #[serde(other)]
    Other,
}

/// Moves files in and out of a sandbox. Paths are relative to its working directory and never leave it.
///
/// Every method answers [`Error::Unsupported`] where the backend lacks [`Feature::Files`].
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SandboxFiles: Send + Sync {
    /// The backend's name, as its [`Features`](crate::Features) have it: refusals tell it.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.files_backend(), backend.features().backend);
    /// # }
    /// ```
    fn files_backend(&self) -> &str;

    /// Writes a file; it appears under its name when all of it is there. Directories above it are made; a file that stands there is replaced.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId, body: hibernaculum_core::FileBody) -> Result<(), hibernaculum_core::Error> {
    /// let file = backend.upload(&id, "large.bin", body).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// No half file is left under the name.
    async fn upload(&self, sandbox: &SandboxId, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        let _ = (sandbox, path, body);
        Err(self.lacks_files())
    }

    /// Reads a file: what is known of it, and its content. What is written to it meanwhile may or may not be part of that.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// let (file, body) = backend.download(&id, "large.bin").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed; drop the body at any point.
    async fn download(&self, sandbox: &SandboxId, path: &str) -> Result<(FileInfo, FileBody), Error> {
        let _ = (sandbox, path);
        Err(self.lacks_files())
    }

    /// Lists a directory, sorted by name; `.` is the working directory. At most 50,000 entries.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// for file in backend.list_files(&id, ".").await? {
    ///     println!("{}", file.path);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn list_files(&self, sandbox: &SandboxId, path: &str) -> Result<Vec<FileInfo>, Error> {
        let _ = (sandbox, path);
        Err(self.lacks_files())
    }

    /// Tells about one file.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// println!("{:?}", backend.stat(&id, "notes.txt").await?.kind);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    async fn stat(&self, sandbox: &SandboxId, path: &str) -> Result<FileInfo, Error> {
        let _ = (sandbox, path);
        Err(self.lacks_files())
    }

    /// Makes a directory, and those above it. That it is there is no error.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// backend.mkdir(&id, "data/raw").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// It may have been made when the future is dropped.
    async fn mkdir(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        let _ = (sandbox, path);
        Err(self.lacks_files())
    }

    /// Renames a file or directory.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// backend.rename(&id, "draft.txt", "final.txt").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// It may have been renamed when the future is dropped.
    async fn rename(&self, sandbox: &SandboxId, from: &str, to: &str) -> Result<(), Error> {
        let _ = (sandbox, from, to);
        Err(self.lacks_files())
    }

    /// Removes a file, or a directory with everything in it.
    ///
    /// ```
    /// # async fn example(backend: &dyn hibernaculum_core::Backend, id: hibernaculum_core::SandboxId) -> Result<(), hibernaculum_core::Error> {
    /// backend.remove(&id, "data").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::FilesError`], [`crate::SandboxError::Unknown`], [`Error::Transport`]; [`Error::Unsupported`] where the backend lacks
    /// [`Feature::Files`].
    ///
    /// # Cancel safety
    ///
    /// Parts of it may have been removed when the future is dropped.
    async fn remove(&self, sandbox: &SandboxId, path: &str) -> Result<(), Error> {
        let _ = (sandbox, path);
        Err(self.lacks_files())
    }

    /// What the methods above answer where they are not implemented.
    ///
    /// ```
    /// # fn example(backend: &dyn hibernaculum_core::Backend) {
    /// assert_eq!(backend.lacks_files().code(), "unsupported");
    /// # }
    /// ```
    fn lacks_files(&self) -> Error {
        Unsupported::feature(self.files_backend(), Feature::Files).into()
    }
}
