//! The content of files on its way.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use hibernaculum_core::{Error, FileBody, FileInfo, FilesError};

use super::line::{self, Line};
use super::{Files, Lent};
use crate::failure;
use crate::provider::Place;
use crate::wire::messages::{FilesEnd, FilesUpload, Notice};
use crate::wire::{Frame, Incoming, rpc};

/// The longest chunk.
const CHUNK: usize = 1 << 20;

/// Sends a file. A worker that cannot take it says so at once, in the middle of it if need be.
pub(super) async fn upload(
    line: &mut Line,
    path: &str,
    call: FilesUpload,
    mut body: FileBody,
) -> Result<FileInfo, Error> {
    let transfer = line.request(&call).await?;
    let mut sent = 0_u64;
    loop {
        // Whichever comes first; where nobody reads the body, a refusal would otherwise wait for it.
        let piece = tokio::select! {
            piece = body.next() => piece,
            frame = line.unasked() => return Err(line.refused::<FilesUpload>(&frame?, path)),
        };
        let Some(piece) = piece else { break };
        let mut piece = piece?;
        while !piece.is_empty() {
            let data = piece.split_to(piece.len().min(CHUNK));
            sent += data.len() as u64;
            line.push(Frame::Chunk { transfer, data })?;
            if let Some(frame) = line.flush_or_hear().await? {
                return Err(line.refused::<FilesUpload>(&frame, path));
            }
        }
    }
    let end = rpc::notification(&FilesEnd { transfer, bytes: sent, problem: None });
    line.push(end.map_err(|error| failure::wire(error, "ending an upload"))?)?;
    if let Some(frame) = line.flush_or_hear().await? {
        return Err(line.refused::<FilesUpload>(&frame, path));
    }
    line.answer::<FilesUpload>(path).await.map(line::info)
}

/// What is left of a download.
struct Rest<P> {
    files: Arc<Files<P>>,
    lent: Lent,
    path: String,
    came: u64,
    /// How much was said to come.
    size: u64,
}

/// The content of a file whose download has begun, piece by piece as it is asked for.
pub(super) fn body<P: Place>(files: Arc<Files<P>>, lent: Lent, info: &FileInfo) -> FileBody {
    let rest = Rest { files, lent, path: info.path.clone(), came: 0, size: info.size.as_u64() };
    Box::pin(futures_util::stream::try_unfold(Some(rest), async |rest| match rest {
        Some(rest) => rest.next().await,
        None => Ok(None),
    }))
}

impl<P: Place> Rest<P> {
    /// The next piece, with what is left after it.
    async fn next(mut self) -> Result<Option<(Bytes, Option<Self>)>, Error> {
        match self.lent.line.frame().await? {
            Frame::Chunk { data, .. } => {
                self.came += data.len() as u64;
                if self.came > self.size {
                    return Err(failure::mistaken("send a file of that size"));
                }
                Ok(Some((data, Some(self))))
            }
            Frame::Message(message) => {
                self.end(&message)?;
                self.lent.line.done();
                self.files.give_back(self.lent);
                Ok(None)
            }
        }
    }

    /// What ends a file must say how long it was.
    fn end(&self, message: &[u8]) -> Result<(), Error> {
        const DOING: &str = "ending a download";
        let end: FilesEnd = match rpc::parse(message).map_err(|error| failure::wire(error, DOING))? {
            Incoming::Notification { method, params } if method == FilesEnd::METHOD => {
                rpc::contents(FilesEnd::METHOD, params).map_err(|error| failure::wire(error, DOING))?
            }
            _ => return Err(failure::mistaken("send a file")),
        };
        if end.bytes != self.came {
            return Err(failure::ended("receiving all of a file"));
        }
        if let Some(problem) = end.problem {
            return Err(FilesError::Refused { path: self.path.clone(), problem }.into());
        }
        if self.came < self.size {
            let problem = format!("it shrank while it was read: {} of {} bytes came", self.came, self.size);
            return Err(FilesError::Refused { path: self.path.clone(), problem }.into());
        }
        Ok(())
    }
}
