//! Files and whole directories, between this machine and a sandbox.
//!
//! ```text
//!  upload_path    host path ──walk──▶ mkdir, upload …        links and odd things are skipped, and told
//!  download_path  list … ──walk──▶ download ──▶ a `.part` beside its name ──rename──▶ the name
//! ```
//!
//! The contract moves bytes; this reads and writes the files of this machine for it, with tokio. Permission bits and times are not carried over.

mod fetch;
mod send;

use std::fmt;
use std::future::{Future, IntoFuture};
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;

use hibernaculum_core::{ByteSize, Error, Files, FilesError};

/// Paths of this machine for [`Files`].
///
/// ```no_run
/// # async fn example(sandbox: &hibernaculum::Sandbox) -> Result<(), hibernaculum::Error> {
/// use hibernaculum::{ByteSize, HostPaths as _};
///
/// sandbox.files().upload_path("./dataset", "data").await?;
/// let fetched = sandbox
///     .files()
///     .download_path("results", "./results")
///     .at_most(ByteSize::gib(1))
///     .on_progress(|progress| eprintln!("{} {}", progress.path, progress.bytes))
///     .await?;
/// println!("{} files, {}", fetched.files, fetched.bytes);
/// # Ok(()) }
/// ```
pub trait HostPaths<'a> {
    /// Sends a file, or a directory with everything in it, to `to` below the working directory. Directories are made, files replaced.
    ///
    /// Symbolic links inside of a directory are not followed but skipped, like FIFOs, devices, and names that are not UTF-8; `from` itself may be a link.
    ///
    /// ```
    /// # async fn example(sandbox: &hibernaculum::Sandbox) -> Result<(), hibernaculum::Error> {
    /// use hibernaculum::HostPaths as _;
    ///
    /// let sent = sandbox.files().upload_path("./dataset", "data").await?;
    /// for left_out in &sent.skipped {
    ///     println!("{} was left out: {}", left_out.path, left_out.reason);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FilesError::Host`] for a path of this machine that cannot be read, and everything of [`hibernaculum_core::SandboxFiles::upload`]. The first error
    /// ends the transfer; what was moved stays.
    ///
    /// # Cancel safety
    ///
    /// No half file is left under a name.
    fn upload_path(self, from: impl Into<PathBuf>, to: impl Into<String>) -> Transfer<'a>;

    /// Fetches a file, or a directory with everything in it, to `to` on this machine. Directories are made, files replaced.
    ///
    /// What is no regular file or directory is skipped. A sandbox whose code is not trusted may hold a file that is larger than this machine's disk:
    /// see [`Transfer::at_most`].
    ///
    /// ```
    /// # async fn example(sandbox: &hibernaculum::Sandbox) -> Result<(), hibernaculum::Error> {
    /// use hibernaculum::{ByteSize, HostPaths as _};
    ///
    /// let fetched = sandbox.files().download_path("results", "./results").at_most(ByteSize::gib(1)).await?;
    /// println!("{} files, {}", fetched.files, fetched.bytes);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`FilesError::Host`] for a path of this machine that cannot be written, [`FilesError::NoRoom`] beyond [`Transfer::at_most`], and everything of
    /// [`hibernaculum_core::SandboxFiles::download`]. The first error ends the transfer; what was moved stays.
    ///
    /// # Cancel safety
    ///
    /// No half file is left under a name, nor beside it.
    fn download_path(self, from: impl Into<String>, to: impl Into<PathBuf>) -> Transfer<'a>;
}

impl<'a> HostPaths<'a> for Files<'a> {
    fn upload_path(self, from: impl Into<PathBuf>, to: impl Into<String>) -> Transfer<'a> {
        Transfer::new(self, Direction::Upload { from: from.into(), to: to.into() })
    }

    fn download_path(self, from: impl Into<String>, to: impl Into<PathBuf>) -> Transfer<'a> {
        Transfer::new(self, Direction::Download { from: from.into(), to: to.into() })
    }
}

/// A transfer that begins when it is awaited.
///
/// ```
/// # async fn example(files: hibernaculum::Files<'_>) -> Result<(), hibernaculum::Error> {
/// use hibernaculum::{ByteSize, HostPaths as _};
///
/// let transfer = files.upload_path("./dataset", "data").at_most(ByteSize::gib(1));
/// let done = transfer.on_progress(|progress| eprintln!("{} {}", progress.path, progress.bytes)).await?;
/// # Ok(()) }
/// ```
#[must_use = "a transfer begins when it is awaited"]
pub struct Transfer<'a> {
    files: Files<'a>,
    direction: Direction,
    tally: Tally<'a>,
}

enum Direction {
    Upload { from: PathBuf, to: String },
    Download { from: String, to: PathBuf },
}

/// How far a transfer has come: after each piece of at most a mebibyte, and after each file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// The file under way, as the sandbox knows it.
    pub path: String,
    /// Files that have been moved whole.
    pub files: u64,
    /// Bytes that have been moved, of all files.
    pub bytes: ByteSize,
}

/// What a transfer has moved.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Transferred {
    /// How many files.
    pub files: u64,
    /// How many directories were made, or were there.
    pub directories: u64,
    /// How many bytes, of all files.
    pub bytes: ByteSize,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Something that was left out of a transfer.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// Its path on the side that it would have come from.
    pub path: String,
    /// Why: `a symbolic link`, `its name is not UTF-8`.
    pub reason: &'static str,
}

impl<'a> Transfer<'a> {
    fn new(files: Files<'a>, direction: Direction) -> Self {
        let tally =
            Tally { done: Transferred::default(), limit: ByteSize::bytes(u64::MAX), tell: Box::new(|_| {}) };
        Self { files, direction, tally }
    }

    /// Moves at most so many bytes, of all files together; without it, whatever is there.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum::Sandbox) -> Result<(), hibernaculum::Error> {
    /// use hibernaculum::HostPaths as _;
    ///
    /// let limit = hibernaculum::ByteSize::mib(100);
    /// sandbox.files().upload_path("data", "data").at_most(limit).await?;
    /// # Ok(()) }
    /// ```
    pub fn at_most(mut self, limit: ByteSize) -> Self {
        self.tally.limit = limit;
        self
    }

    /// Is called with how far it has come. What takes long there holds the transfer up.
    ///
    /// ```
    /// # async fn example(sandbox: hibernaculum::Sandbox) -> Result<(), hibernaculum::Error> {
    /// use hibernaculum::HostPaths as _;
    ///
    /// let told = sandbox.files().download_path("results", "results").on_progress(|progress| println!("{progress:?}"));
    /// told.await?;
    /// # Ok(()) }
    /// ```
    pub fn on_progress(mut self, tell: impl FnMut(&Progress) + Send + 'a) -> Self {
        self.tally.tell = Box::new(tell);
        self
    }
}

impl<'a> IntoFuture for Transfer<'a> {
    type Output = Result<Transferred, Error>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { files, direction, tally } = self;
        Box::pin(async move {
            match direction {
                Direction::Upload { from, to } => send::path(files, &from, to, tally).await,
                Direction::Download { from, to } => fetch::path(files, from, &to, tally).await,
            }
        })
    }
}

impl fmt::Debug for Transfer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transfer").field("limit", &self.tally.limit).finish_non_exhaustive()
    }
}

/// What has been moved so far, and whom to tell.
struct Tally<'a> {
    done: Transferred,
    limit: ByteSize,
    tell: Box<dyn FnMut(&Progress) + Send + 'a>,
}

impl Tally<'_> {
    /// Whether a file of that size may still be moved.
    fn admit(&self, path: &str, size: ByteSize) -> Result<(), Error> {
        let total = self.done.bytes.as_u64().saturating_add(size.as_u64());
        if total <= self.limit.as_u64() {
            return Ok(());
        }
        let problem =
            format!("with it the transfer has {}, and may have {}", ByteSize::bytes(total), self.limit);
        Err(FilesError::NoRoom { path: path.to_owned(), problem }.into())
    }

    fn piece(&mut self, path: &str, bytes: usize) {
        self.done.bytes = ByteSize::bytes(self.done.bytes.as_u64() + bytes as u64);
        self.report(path);
    }

    fn file(&mut self, path: &str) {
        self.done.files += 1;
        self.report(path);
    }

    fn skip(&mut self, path: impl Into<String>, reason: &'static str) {
        self.done.skipped.push(Skipped { path: path.into(), reason });
    }

    fn report(&mut self, path: &str) {
        let (files, bytes) = (self.done.files, self.done.bytes);
        (self.tell)(&Progress { path: path.to_owned(), files, bytes });
    }
}

/// A path of this machine that cannot be used.
fn host(path: &Path, error: &io::Error) -> Error {
    host_problem(path, error.to_string())
}

fn host_problem(path: &Path, problem: String) -> Error {
    FilesError::Host { path: path.display().to_string(), problem }.into()
}

/// A path in the sandbox, one name further down.
fn below(directory: &str, name: &str) -> String {
    if directory.is_empty() || directory == "." { name.to_owned() } else { format!("{directory}/{name}") }
}
