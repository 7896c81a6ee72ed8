//! The content of files on its way.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use hibernaculum_core::{Error, FileBody, FileInfo, FilesError};

use super::line::Line;
use super::{Files, Lent};
use crate::failure;
use crate::provider::Place;
use crate::wire::messages::{Call, FilesEnd, Notice};
use crate::wire::{Frame, Incoming, rpc};

/// The longest chunk.
const CHUNK: usize = 1 << 20;

/// Sends what the call takes. A worker that cannot take it says so at once, in the middle of it if need be.
pub(super) async fn send<C: Call>(
    line: &mut Line,
    path: &str,
    call: &C,
    mut body: FileBody,
) -> Result<C::Answer, Error> {
    let transfer = line.request(call).await?;
    let mut sent = 0_u64;
    loop {
        // Whichever comes first; where nobody reads the body, a refusal would otherwise wait for it.
        let piece = tokio::select! {
            piece = body.next() => piece,
            frame = line.unasked() => return Err(line.refused::<C>(&frame?, path)),
        };
        let Some(piece) = piece else { break };
        let mut piece = piece?;
        while !piece.is_empty() {
            let data = piece.split_to(piece.len().min(CHUNK));
            sent += data.len() as u64;
            line.push(Frame::Chunk { transfer, data })?;
            if let Some(frame) = line.flush_or_hear().await? {
                return Err(line.refused::<C>(&frame, path));
            }
        }
    }
    let end = rpc::notification(&FilesEnd { transfer, bytes: sent, problem: None });
    line.push(end.map_err(|error| failure::wire(error, "ending an upload"))?)?;
    if let Some(frame) = line.flush_or_hear().await? {
        return Err(line.refused::<C>(&frame, path));
    }
    line.answer::<C>(path).await
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
        notice::<FilesEnd>(message)?.require(self.came, &self.path)?;
        if self.came < self.size {
            let problem = format!("it shrank while it was read: {} of {} bytes came", self.came, self.size);
            return Err(FilesError::Refused { path: self.path.clone(), problem }.into());
        }
        Ok(())
    }
}

impl FilesEnd {
    /// Whether all came that was sent, and all was sent that was there.
    pub(super) fn require(self, came: u64, path: &str) -> Result<(), Error> {
        if self.bytes != came {
            return Err(failure::ended("receiving all of a file"));
        }
        match self.problem {
            Some(problem) => Err(FilesError::Refused { path: path.to_owned(), problem }.into()),
            None => Ok(()),
        }
    }
}

/// A notification of that kind, and no other message.
pub(super) fn notice<N: Notice>(message: &[u8]) -> Result<N, Error> {
    const DOING: &str = "ending a download";
    match rpc::parse(message).map_err(|error| failure::wire(error, DOING))? {
        Incoming::Notification { method, params } if method == N::METHOD => {
            rpc::contents(N::METHOD, params).map_err(|error| failure::wire(error, DOING))
        }
        _ => Err(failure::mistaken("send a file")),
    }
}
