//! One connection for files: a request, then what belongs to it, until the line is free again.

use std::time::Duration;

use futures_util::FutureExt as _;
use hibernaculum_core::{ByteSize, Error, FileInfo, FileKind, FilesError};
use jiff::Timestamp;

use crate::connection::Connection;
use crate::failure;
use crate::wire::messages::{Call, File, FilesBusy, FilesEntries, Notice};
use crate::wire::{Frame, Incoming, RpcError, rpc};

/// How long a worker may be silent while it owes an answer or a piece of a file.
const PATIENCE: Duration = Duration::from_mins(1);
const DOING: &str = "moving files";
/// More entries than any directory is listed with.
const MOST: usize = 50_000;

/// The line, and the number of its newest request.
#[derive(Debug)]
pub(super) struct Line {
    connection: Connection,
    number: u64,
    /// Whether nothing is under way: everything that was asked has been answered.
    is_whole: bool,
    /// Entries of a directory that came ahead of the answer.
    entries: Vec<File>,
}

impl Line {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, number: 0, is_whole: true, entries: Vec::new() }
    }

    pub(super) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// Whether nothing has come that nobody asked for, its end above all.
    pub(super) fn is_quiet(&mut self) -> bool {
        self.connection.inbound.frame().now_or_never().is_none()
    }

    /// The entries that came ahead of the answer.
    pub(super) fn take_entries(&mut self) -> Vec<File> {
        std::mem::take(&mut self.entries)
    }

    /// What was under way has come to its end.
    pub(super) fn done(&mut self) {
        self.is_whole = true;
    }

    /// Sends a request; gives its number, which is that of its transfer, too.
    pub(super) async fn request<C: Call>(&mut self, call: &C) -> Result<u64, Error> {
        self.is_whole = false;
        self.entries.clear();
        self.number += 1;
        let frame = rpc::request(self.number, call).map_err(|error| failure::wire(error, DOING))?;
        self.push(frame)?;
        self.flush().await?;
        Ok(self.number)
    }

    /// Asks, and waits for the answer.
    pub(super) async fn ask<C: Call>(&mut self, path: &str, call: &C) -> Result<C::Answer, Error> {
        self.request(call).await?;
        self.answer::<C>(path).await
    }

    /// The answer to the newest request. A refusal leaves the line free.
    pub(super) async fn answer<C: Call>(&mut self, path: &str) -> Result<C::Answer, Error> {
        loop {
            let Frame::Message(message) = self.frame().await? else {
                return Err(failure::mistaken("answer about a file"));
            };
            if self.is_ahead(&message)? {
                continue;
            }
            let read = self.read::<C>(&message, path);
            self.is_whole = !matches!(read, Err(Error::Transport(_)));
            return read;
        }
    }

    /// Takes what may come ahead of an answer; whether it was such.
    fn is_ahead(&mut self, message: &[u8]) -> Result<bool, Error> {
        match rpc::parse(message).map_err(|error| failure::wire(error, DOING))? {
            Incoming::Notification { method, params } if method == FilesEntries::METHOD => {
                let page: FilesEntries = rpc::contents(FilesEntries::METHOD, params)
                    .map_err(|error| failure::wire(error, DOING))?;
                self.entries.extend(page.files);
                if self.entries.len() > MOST {
                    return Err(failure::mistaken("list a directory"));
                }
                Ok(true)
            }
            Incoming::Notification { method, .. } => Ok(method == FilesBusy::METHOD),
            _ => Ok(false),
        }
    }

    fn read<C: Call>(&self, message: &[u8], path: &str) -> Result<C::Answer, Error> {
        match rpc::parse(message).map_err(|error| failure::wire(error, DOING))? {
            Incoming::Response { id, outcome } if id == self.number.into() => match outcome {
                Ok(result) => rpc::contents(C::METHOD, result).map_err(|error| failure::wire(error, DOING)),
                Err(error) => Err(refusal(&error, path)),
            },
            _ => Err(failure::mistaken("answer about a file")),
        }
    }

    pub(super) fn push(&mut self, frame: Frame) -> Result<(), Error> {
        self.connection.outbound.push(frame).map_err(|error| failure::wire(error, DOING))
    }

    pub(super) async fn flush(&mut self) -> Result<(), Error> {
        let flushed = tokio::time::timeout(PATIENCE, self.connection.outbound.flush()).await;
        flushed.map_err(|_| failure::timeout(DOING, PATIENCE))?.map_err(|error| failure::broken(DOING, error))
    }

    /// The next frame, whatever it is.
    pub(super) async fn frame(&mut self) -> Result<Frame, Error> {
        let came = tokio::time::timeout(PATIENCE, self.connection.inbound.frame()).await;
        let frame = came.map_err(|_| failure::timeout(DOING, PATIENCE))?;
        frame.map_err(|error| failure::wire(error, DOING))?.ok_or_else(|| failure::ended(DOING))
    }

    /// Waits until something comes that nobody asked for, such as a refusal in the middle of an upload.
    pub(super) async fn unasked(&mut self) -> Result<Frame, Error> {
        let frame = self.connection.inbound.frame().await;
        frame.map_err(|error| failure::wire(error, DOING))?.ok_or_else(|| failure::ended(DOING))
    }

    /// Sends what waits, unless something comes before that is done. A worker that took no more may have said why: behind a relay that
    /// word can be on its way when the way to it is closed already.
    pub(super) async fn flush_or_hear(&mut self) -> Result<Option<Frame>, Error> {
        let Connection { inbound, outbound, .. } = &mut self.connection;
        tokio::select! {
            biased;
            flushed = tokio::time::timeout(PATIENCE, outbound.flush()) => {
                let Err(error) = flushed.map_err(|_| failure::timeout(DOING, PATIENCE))? else { return Ok(None) };
                match tokio::time::timeout(PATIENCE, inbound.frame()).await {
                    Ok(Ok(Some(frame))) => Ok(Some(frame)),
                    _ => Err(failure::broken(DOING, error)),
                }
            }
            frame = inbound.frame() => {
                let frame = frame.map_err(|error| failure::wire(error, DOING))?;
                frame.map(Some).ok_or_else(|| failure::ended(DOING))
            }
        }
    }

    /// Why an upload was refused, of the frame that says so.
    pub(super) fn refused<C: Call>(&self, frame: &Frame, path: &str) -> Error {
        let told = match frame {
            Frame::Message(message) => self.read::<C>(message, path).err(),
            Frame::Chunk { .. } => None,
        };
        told.unwrap_or_else(|| failure::mistaken("take a file"))
    }
}

/// A refusal by the runner, as an error of the contract.
fn refusal(error: &RpcError, path: &str) -> Error {
    let told = error.explain();
    let (path, problem) = (path.to_owned(), told.why.clone());
    match told.code.as_str() {
        "files.not_found" => FilesError::NotFound { path },
        "files.exists" => FilesError::Exists { path, problem },
        "files.outside" => FilesError::Outside { path, problem },
        "files.wrong_kind" => FilesError::WrongKind { path, problem },
        "files.no_room" => FilesError::NoRoom { path, problem },
        "files.refused" => FilesError::Refused { path, problem },
        _ => return failure::refused(error),
    }
    .into()
}

/// A file, as the contract tells it.
pub(super) fn info(file: File) -> FileInfo {
    let kind = match file.kind.as_str() {
        "file" => FileKind::File,
        "directory" => FileKind::Directory,
        "symlink" => FileKind::Symlink,
        _ => FileKind::Other,
    };
    let modified = Timestamp::from_millisecond(file.modified_ms).unwrap_or_default();
    FileInfo::new(file.path, kind, ByteSize::bytes(file.size), modified).with_mode(file.mode)
}
