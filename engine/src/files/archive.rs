//! Everything of a sandbox at once, as an archive: out of one, into another.

use bytes::Bytes;
use hibernaculum_core::{Error, FileBody};

use super::{Files, Lent, transfer};
use crate::failure;
use crate::provider::Place;
use crate::wire::Frame;
use crate::wire::messages::{FilesEnd, FilesPack, FilesPacked, FilesUnpack};

/// What messages about an archive name in place of a path.
const WHOLE: &str = ".";

/// An archive that comes piece by piece. Dropped before its end it is given up.
pub(crate) struct Packing<'a, P> {
    files: &'a Files<P>,
    lent: Lent,
    came: u64,
    packed: Option<FilesPacked>,
}

impl<P: Place> Files<P> {
    /// Has everything sent, as an archive.
    pub(crate) async fn pack(&self) -> Result<Packing<'_, P>, Error> {
        let begun = async {
            let mut lent = self.lend(&self.transfers).await?;
            lent.line.ask(WHOLE, &FilesPack {}).await?;
            Ok(Packing { files: self, lent, came: 0, packed: None })
        };
        self.explained(begun.await).await
    }

    /// Makes what an archive holds.
    pub(crate) async fn unpack(&self, archive: FileBody) -> Result<FilesPacked, Error> {
        let done = async {
            let mut lent = self.lend(&self.transfers).await?;
            let done = transfer::send(&mut lent.line, WHOLE, &FilesUnpack {}, archive).await;
            if done.is_ok() && lent.line.is_whole() {
                self.give_back(lent);
            }
            done
        };
        self.explained(done.await).await
    }
}

impl<P: Place> Packing<'_, P> {
    /// The next piece, of at most a mebibyte; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        match self.files.explained(self.lent.line.frame().await).await? {
            Frame::Chunk { data, .. } => {
                self.came += data.len() as u64;
                Ok(Some(data))
            }
            Frame::Message(message) => {
                self.packed = Some(transfer::notice(&message)?);
                Ok(None)
            }
        }
    }

    /// What the archive held, all of which has come.
    pub(crate) async fn finish(mut self) -> Result<FilesPacked, Error> {
        let end = self.files.explained(self.lent.line.frame().await).await?;
        let (Frame::Message(end), Some(packed)) = (end, self.packed) else {
            return Err(failure::mistaken("end an archive"));
        };
        transfer::notice::<FilesEnd>(&end)?.require(self.came, WHOLE)?;
        self.lent.line.done();
        self.files.give_back(self.lent);
        Ok(packed)
    }
}
