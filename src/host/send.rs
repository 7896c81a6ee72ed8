//! From this machine into a sandbox.

use std::path::{Path, PathBuf};

use bytes::BytesMut;
use futures_util::stream;
use hibernaculum_core::{ByteSize, Error, FileBody, Files};
use tokio::fs::{self, File};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::{Tally, Transferred, below, host, host_problem};

/// How much is read at a time.
const PIECE: usize = 1 << 20;

/// Sends whatever is there.
pub(super) async fn path(
    files: Files<'_>,
    from: &Path,
    to: String,
    mut tally: Tally<'_>,
) -> Result<Transferred, Error> {
    let info = fs::metadata(from).await.map_err(|error| host(from, &error))?;
    if info.is_file() {
        file(files, from, &to, &mut tally).await?;
    } else if info.is_dir() {
        tree(files, from.to_owned(), to, &mut tally).await?;
    } else {
        return Err(host_problem(from, "it is neither a file nor a directory".to_owned()));
    }
    Ok(tally.done)
}

/// Sends a directory, with those below it: a list of what is left to do instead of a call for each level.
async fn tree(files: Files<'_>, from: PathBuf, to: String, tally: &mut Tally<'_>) -> Result<(), Error> {
    let mut left = vec![(from, to)];
    while let Some((from, to)) = left.pop() {
        files.mkdir(&to).await?;
        tally.done.directories += 1;
        let mut entries = fs::read_dir(&from).await.map_err(|error| host(&from, &error))?;
        while let Some(entry) = entries.next_entry().await.map_err(|error| host(&from, &error))? {
            let here = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                tally.skip(here.display().to_string(), "its name is not UTF-8");
                continue;
            };
            let kind = entry.file_type().await.map_err(|error| host(&here, &error))?;
            if kind.is_dir() {
                left.push((here, below(&to, &name)));
            } else if kind.is_file() {
                file(files, &here, &below(&to, &name), tally).await?;
            } else if kind.is_symlink() {
                tally.skip(here.display().to_string(), "a symbolic link");
            } else {
                tally.skip(here.display().to_string(), "neither a file nor a directory");
            }
        }
    }
    Ok(())
}

/// Sends one file. The body is read by whoever sends it; how far that has come is told from here.
async fn file(files: Files<'_>, from: &Path, to: &str, tally: &mut Tally<'_>) -> Result<(), Error> {
    let source = File::open(from).await.map_err(|error| host(from, &error))?;
    let size = source.metadata().await.map_err(|error| host(from, &error))?.len();
    tally.admit(to, ByteSize::bytes(size))?;
    let (moved, mut pieces) = mpsc::channel(16);
    let upload = files.upload(to, body(source, from.to_owned(), moved));
    tokio::pin!(upload);
    loop {
        tokio::select! {
            biased;
            Some(bytes) = pieces.recv() => tally.piece(to, bytes),
            done = &mut upload => {
                done?;
                break;
            }
        }
    }
    while let Ok(bytes) = pieces.try_recv() {
        tally.piece(to, bytes);
    }
    tally.file(to);
    Ok(())
}

fn body(source: File, path: PathBuf, moved: mpsc::Sender<usize>) -> FileBody {
    Box::pin(stream::try_unfold((source, path, moved), async |(mut source, path, moved)| {
        let mut piece = BytesMut::with_capacity(PIECE);
        let count = source.read_buf(&mut piece).await.map_err(|error| host(&path, &error))?;
        if count == 0 {
            return Ok(None);
        }
        // Nobody listens any more where the upload was given up.
        let _ = moved.send(count).await;
        Ok(Some((piece.freeze(), (source, path, moved))))
    }))
}
