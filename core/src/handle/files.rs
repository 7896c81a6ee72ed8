//! The files of a sandbox, in the hand.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;

use crate::error::{ConfigError, Error, TransportError};
use crate::{ByteSize, FileBody, FileInfo, Sandbox};

/// The files below a sandbox's working directory: see [`Sandbox::files`]. Paths are relative to it and never leave it.
///
/// ```no_run
/// # async fn example(sandbox: &hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_core::ByteSize;
///
/// sandbox.files().write("data/rows.csv", "a,b\n1,2\n").await?;
/// let bytes = sandbox.files().read("data/rows.csv", ByteSize::mib(1)).await?;
/// assert_eq!(&bytes[..], b"a,b\n1,2\n");
/// for file in sandbox.files().list("data").await? {
///     println!("{} {}", file.path, file.size);
/// }
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Files<'a> {
    sandbox: &'a Sandbox,
}

impl<'a> Files<'a> {
    pub(super) fn of(sandbox: &'a Sandbox) -> Self {
        Self { sandbox }
    }

    /// Writes a file from memory; directories above it are made. It appears under its name when all of it is there.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// let file = sandbox.files().write("data/notes.txt", "winter").await?;
    /// assert_eq!(file.size, hibernaculum_core::ByteSize::bytes(6));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::upload`].
    ///
    /// # Cancel safety
    ///
    /// No half file is left under the name.
    pub async fn write(self, path: &str, content: impl Into<Bytes>) -> Result<FileInfo, Error> {
        self.upload(path, Box::pin(Whole(Some(content.into())))).await
    }

    /// Reads a file of at most `limit` bytes into memory.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// let notes = sandbox.files().read("notes.txt", hibernaculum_core::ByteSize::mib(1)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::download`]; [`ConfigError::Invalid`] where the file is longer than `limit`.
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn read(self, path: &str, limit: ByteSize) -> Result<Bytes, Error> {
        let (info, mut body) = self.download(path).await?;
        if info.size > limit {
            return Err(ConfigError::Invalid {
                field: "limit".to_owned(),
                value: limit.to_string(),
                rule: format!(
                    "must be at least {}, the size of `{path}`; or download it as a stream",
                    info.size
                ),
            }
            .into());
        }
        let mut content = BytesMut::with_capacity(info.size.as_usize());
        while let Some(piece) = poll_fn(|cx| body.as_mut().poll_next(cx)).await {
            let piece = piece?;
            if content.len() + piece.len() > info.size.as_usize() {
                let violation = format!("more of `{path}` came than it was told to have");
                return Err(TransportError::Protocol { violation, source: None }.into());
            }
            content.extend_from_slice(&piece);
        }
        Ok(content.freeze())
    }

    /// Writes a file from a stream, piece by piece: see [`crate::SandboxFiles::upload`].
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox, body: hibernaculum_core::FileBody) -> Result<(), hibernaculum_core::Error> {
    /// let file = sandbox.files().upload("large.bin", body).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::upload`], and what the stream fails with.
    ///
    /// # Cancel safety
    ///
    /// No half file is left under the name.
    pub async fn upload(self, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        self.sandbox.backend().upload(&self.sandbox.id(), path, body).await
    }

    /// Reads a file as a stream, piece by piece: see [`crate::SandboxFiles::download`].
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// use futures_core::Stream as _;
    ///
    /// let (file, mut body) = sandbox.files().download("large.bin").await?;
    /// while let Some(piece) = std::future::poll_fn(|cx| body.as_mut().poll_next(cx)).await {
    ///     println!("{} bytes of {}", piece?.len(), file.size);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::download`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed; drop the stream at any point.
    pub async fn download(self, path: &str) -> Result<(FileInfo, FileBody), Error> {
        self.sandbox.backend().download(&self.sandbox.id(), path).await
    }

    /// Lists a directory, sorted by name; `.` is the working directory.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// for file in sandbox.files().list(".").await? {
    ///     println!("{} {}", file.path, file.size);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::list_files`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn list(self, path: &str) -> Result<Vec<FileInfo>, Error> {
        self.sandbox.backend().list_files(&self.sandbox.id(), path).await
    }

    /// Tells about one file. A symbolic link is told as such.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// println!("{}", sandbox.files().stat("notes.txt").await?.size);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::stat`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn stat(self, path: &str) -> Result<FileInfo, Error> {
        self.sandbox.backend().stat(&self.sandbox.id(), path).await
    }

    /// Makes a directory, and those above it. That it is there is no error.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// sandbox.files().mkdir("data/raw").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::mkdir`].
    ///
    /// # Cancel safety
    ///
    /// It may have been made when the future is dropped.
    pub async fn mkdir(self, path: &str) -> Result<(), Error> {
        self.sandbox.backend().mkdir(&self.sandbox.id(), path).await
    }

    /// Renames a file or directory; a file that stands at `to` is replaced.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// sandbox.files().rename("draft.txt", "data/final.txt").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::rename`].
    ///
    /// # Cancel safety
    ///
    /// It may have been renamed when the future is dropped.
    pub async fn rename(self, from: &str, to: &str) -> Result<(), Error> {
        self.sandbox.backend().rename(&self.sandbox.id(), from, to).await
    }

    /// Removes a file, or a directory with everything in it. Links are removed, not followed.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum_core::Sandbox) -> Result<(), hibernaculum_core::Error> {
    /// sandbox.files().remove("data").await?; // with all that is in it
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`crate::SandboxFiles::remove`].
    ///
    /// # Cancel safety
    ///
    /// Parts of it may have been removed when the future is dropped.
    pub async fn remove(self, path: &str) -> Result<(), Error> {
        self.sandbox.backend().remove(&self.sandbox.id(), path).await
    }
}

/// Content that is there already, as a stream of one piece.
struct Whole(Option<Bytes>);

impl Stream for Whole {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().filter(|bytes| !bytes.is_empty()).map(Ok))
    }
}
