//! From a sandbox to this machine. What a sandbox says of its files is not trusted: no name of its may lead out of the directory.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
use hibernaculum_core::{Error, FileInfo, FileKind, Files, TransportError};
use tokio::fs::{self, File};
use tokio::io::AsyncWriteExt as _;

use super::{Tally, Transferred, below, host, host_problem};

/// Fetches whatever is there.
pub(super) async fn path(
    files: Files<'_>,
    from: String,
    to: &Path,
    mut tally: Tally<'_>,
) -> Result<Transferred, Error> {
    if files.stat(&from).await?.kind == FileKind::Directory {
        fs::create_dir_all(to).await.map_err(|error| host(to, &error))?;
        tree(files, from, to.to_owned(), &mut tally).await?;
    } else {
        // A link or a device is refused there, with the reason.
        file(files, &from, to, &mut tally).await?;
    }
    Ok(tally.done)
}

/// Fetches a directory, with those below it: a list of what is left to do instead of a call for each level.
async fn tree(files: Files<'_>, from: String, to: PathBuf, tally: &mut Tally<'_>) -> Result<(), Error> {
    let mut left = vec![(from, to)];
    while let Some((from, to)) = left.pop() {
        make_directory(&to).await.map_err(|error| host(&to, &error))?;
        tally.done.directories += 1;
        for entry in files.list(&from).await? {
            let name = name_of(&entry)?;
            let (there, here) = (below(&from, name), to.join(name));
            match entry.kind {
                FileKind::Directory => left.push((there, here)),
                FileKind::File => file(files, &there, &here, tally).await?,
                FileKind::Symlink => tally.skip(there, "a symbolic link"),
                _ => tally.skip(there, "neither a file nor a directory, or its name is not UTF-8"),
            }
        }
    }
    Ok(())
}

/// A directory; one that is there will do, a link to one will not.
async fn make_directory(path: &Path) -> io::Result<()> {
    match fs::create_dir(path).await {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            if fs::symlink_metadata(path).await?.is_dir() { Ok(()) } else { Err(error) }
        }
        made => made,
    }
}

/// The last name of an entry's path, if it is a name.
fn name_of(entry: &FileInfo) -> Result<&str, Error> {
    let name = entry.path.rsplit('/').next().unwrap_or_default();
    if matches!(name, "" | "." | "..") || name.contains('\0') {
        let violation = format!("a directory was said to hold `{}`", entry.path.escape_debug());
        return Err(TransportError::Protocol { violation, source: None }.into());
    }
    Ok(name)
}

/// Fetches one file. It appears under its name when all of it is there.
async fn file(files: Files<'_>, from: &str, to: &Path, tally: &mut Tally<'_>) -> Result<(), Error> {
    let (info, mut body) = files.download(from).await?;
    tally.admit(from, info.size)?;
    if fs::symlink_metadata(to).await.is_ok_and(|there| there.is_dir()) {
        return Err(host_problem(to, "it is a directory".to_owned()));
    }
    let part = Part::beside(to);
    let written = async {
        let mut target = File::create_new(&part.0).await?;
        while let Some(piece) = body.next().await {
            let Ok(piece) = piece else { return Ok(piece.map(drop)) };
            target.write_all(&piece).await?;
            tally.piece(from, piece.len());
        }
        target.flush().await?;
        fs::rename(&part.0, to).await?;
        Ok(Ok(()))
    };
    let written: io::Result<Result<(), Error>> = written.await;
    written.map_err(|error| host(to, &error))??;
    tally.file(from);
    Ok(())
}

/// A file on its way to its name: removed, unless it got there.
struct Part(PathBuf);

impl Part {
    fn beside(path: &Path) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        Self(path.with_file_name(format!(".hibernaculum-{}-{number}.part", std::process::id())))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it got to its name, there is nothing to remove.
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::ByteSize;

    use super::*;

    fn entry(path: &str) -> FileInfo {
        FileInfo::new(path, FileKind::File, ByteSize::bytes(0), jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_a_sandbox_calls_its_files_leads_nowhere_else() {
        assert_eq!(name_of(&entry("a/b")).unwrap(), "b");
        assert_eq!(name_of(&entry("../../x")).unwrap(), "x");
        for path in ["", "a/", "..", "a/..", ".", "a\0"] {
            assert!(name_of(&entry(path)).is_err(), "{path:?}");
        }
    }
}
