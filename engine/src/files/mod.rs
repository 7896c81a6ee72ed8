//! Files of a sandbox, through the runner: a few connections, each of which does one thing at a time.
//!
//! ```text
//!   call ─▶ a permit (at most so many at once) ─▶ an idle line, or a new one ─▶ request, chunks, answer ─▶ idle again
//!                                                                        └─ anything odd, or dropped: closed
//! ```
//!
//! Transfers and questions have permits of their own: downloads that nobody reads on hold up no `stat`.
//! A line that is dropped in the middle of something is closed, and the worker at its other end tidies up: so every call may be given up at
//! any point. Nothing is buffered beyond a chunk or two: who reads or writes slowly slows the other side down.

mod archive;
mod line;
mod transfer;

use std::sync::{Arc, Mutex, PoisonError};

use hibernaculum_core::{Error, FileBody, FileInfo, SandboxId};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::failure;
use crate::provider::Place;
use crate::sandbox::{Dialer, loss};
use crate::wire::messages::{
    Call, File, FilesDownload, FilesList, FilesMkdir, FilesRemove, FilesRename, FilesStat, FilesUpload,
};

use line::Line;

/// Transfers at once, and questions at once; more wait. The runner takes more than both together.
const AT_ONCE: usize = 8;
/// Lines that are kept open for the next call.
const IDLE: usize = 2;

/// The lines of one sandbox.
pub(crate) struct Files<P> {
    dialer: Arc<Dialer<P>>,
    transfers: Arc<Semaphore>,
    questions: Arc<Semaphore>,
    idle: Mutex<Vec<Line>>,
    sandbox: SandboxId,
    /// Why the sandbox is gone, once it is.
    lost: watch::Receiver<Option<String>>,
}

/// A connection in use: it goes back among the idle ones when it is whole, and is closed otherwise.
pub(crate) struct Lent {
    line: Line,
    _permit: OwnedSemaphorePermit,
}

impl<P: Place> Files<P> {
    pub(crate) fn new(
        dialer: Arc<Dialer<P>>,
        sandbox: SandboxId,
        lost: watch::Receiver<Option<String>>,
    ) -> Arc<Self> {
        let permits = || Arc::new(Semaphore::new(AT_ONCE));
        let (transfers, questions) = (permits(), permits());
        Arc::new(Self { dialer, transfers, questions, idle: Mutex::default(), sandbox, lost })
    }

    async fn lend(&self, permits: &Arc<Semaphore>) -> Result<Lent, Error> {
        let permit = Arc::clone(permits).acquire_owned().await;
        let permit = permit.map_err(|_| failure::ended("waiting for a connection for files"))?;
        while let Some(mut line) = self.take_idle() {
            // One whose worker was killed meanwhile has ended.
            if line.is_quiet() {
                return Ok(Lent { line, _permit: permit });
            }
        }
        Ok(Lent { line: Line::new(self.dialer.files().await?), _permit: permit })
    }

    fn take_idle(&self) -> Option<Line> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// An error as its caller is to see it.
    async fn explained<T>(&self, result: Result<T, Error>) -> Result<T, Error> {
        match result {
            Ok(value) => Ok(value),
            Err(error) => Err(loss::explain(error, self.sandbox, &mut self.lost.clone()).await),
        }
    }

    fn give_back(&self, lent: Lent) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(lent.line);
        }
    }

    /// Asks something that is answered at once.
    async fn ask<C: Call>(&self, path: &str, call: C) -> Result<C::Answer, Error> {
        self.explained(self.asked(path, call).await).await.map(|(answer, _)| answer)
    }

    /// The answer, and the entries that came before it.
    async fn asked<C: Call>(&self, path: &str, call: C) -> Result<(C::Answer, Vec<File>), Error> {
        let mut lent = self.lend(&self.questions).await?;
        let answer = lent.line.ask(path, &call).await;
        let entries = lent.line.take_entries();
        // A refusal is an answer, too.
        if lent.line.is_whole() {
            self.give_back(lent);
        }
        Ok((answer?, entries))
    }

    pub(crate) async fn stat(&self, path: &str) -> Result<FileInfo, Error> {
        let file = self.ask(path, FilesStat { path: path.to_owned() }).await?;
        Ok(line::info(file))
    }

    pub(crate) async fn list(&self, path: &str) -> Result<Vec<FileInfo>, Error> {
        let asked = self.asked(path, FilesList { path: path.to_owned() }).await;
        let (last, mut entries) = self.explained(asked).await?;
        entries.extend(last.files);
        Ok(entries.into_iter().map(|entry| line::info(below(path, entry))).collect())
    }

    pub(crate) async fn mkdir(&self, path: &str) -> Result<(), Error> {
        self.ask(path, FilesMkdir { path: path.to_owned() }).await.map(drop)
    }

    pub(crate) async fn remove(&self, path: &str) -> Result<(), Error> {
        self.ask(path, FilesRemove { path: path.to_owned() }).await.map(drop)
    }

    pub(crate) async fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        self.ask(from, FilesRename { path: from.to_owned(), to: to.to_owned() }).await.map(drop)
    }

    pub(crate) async fn upload(&self, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        self.explained(self.sent(path, body).await).await
    }

    async fn sent(&self, path: &str, body: FileBody) -> Result<FileInfo, Error> {
        let mut lent = self.lend(&self.transfers).await?;
        let call = FilesUpload { path: path.to_owned() };
        let done = transfer::send(&mut lent.line, path, &call, body).await;
        if done.is_ok() && lent.line.is_whole() {
            self.give_back(lent);
        }
        done.map(line::info)
    }

    pub(crate) async fn download(self: &Arc<Self>, path: &str) -> Result<(FileInfo, FileBody), Error> {
        let begun = self.begun(path).await;
        self.explained(begun).await
    }

    async fn begun(self: &Arc<Self>, path: &str) -> Result<(FileInfo, FileBody), Error> {
        let mut lent = self.lend(&self.transfers).await?;
        let begun = lent.line.ask(path, &FilesDownload { path: path.to_owned() }).await;
        match begun {
            Ok(file) => {
                let info = line::info(file);
                let body = transfer::body(Arc::clone(self), lent, &info);
                Ok((info, body))
            }
            Err(error) => {
                if lent.line.is_whole() {
                    self.give_back(lent);
                }
                Err(error)
            }
        }
    }
}

/// An entry of a listing, under its path from the working directory on.
fn below(directory: &str, mut entry: File) -> File {
    let names = directory.split('/').filter(|name| !name.is_empty() && *name != ".");
    entry.path = names.chain([entry.path.as_str()]).collect::<Vec<_>>().join("/");
    entry
}

impl<P> std::fmt::Debug for Files<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Files").finish_non_exhaustive()
    }
}
