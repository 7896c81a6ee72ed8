//! Connecting to a socket in a directory that a container can write to: what lies there may be anything.
//!
//! A link there could lead to any socket of this machine. So the way goes through a descriptor of what was looked at: no link is followed, and it is a socket.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;
use std::time::Duration;

use hibernaculum_engine::SocketStream;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

/// How long the supervisor may be too busy to take one more connection.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked again meanwhile.
const BUSY_LOOK: Duration = Duration::from_millis(5);

/// Connects to the socket `name` in `directory`.
pub(crate) async fn connect(directory: &Path, name: &str) -> io::Result<SocketStream> {
    let deadline = Instant::now() + BUSY_LIMIT;
    loop {
        let socket = look(directory, name)?;
        match UnixStream::connect(format!("/proc/self/fd/{}", socket.as_raw_fd())).await {
            // A unix socket whose backlog is full refuses at once, and asks to be tried again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                sleep(BUSY_LOOK).await;
            }
            done => return SocketStream::new(done?.into_std()?),
        }
    }
}

fn look(directory: &Path, name: &str) -> io::Result<OwnedFd> {
    let directory = File::open(directory).or_else(|_| {
        // One that can be entered and not be read.
        openat2(
            CWD,
            directory,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::empty(),
        )
        .map(File::from)
    })?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let found = openat2(&directory, name, flags, Mode::empty(), resolve)?;
    if FileType::from_raw_mode(fstat(&found)?.st_mode) == FileType::Socket {
        Ok(found)
    } else {
        Err(io::Error::other("what lies at the supervisor's socket is none"))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_link_that_a_container_laid_is_not_followed() {
        let scene = tempfile::tempdir().unwrap();
        let (outside, inside) = (scene.path().join("engine"), scene.path().join("room"));
        std::fs::create_dir(&inside).unwrap();
        let victim = UnixListener::bind(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("s")).unwrap();
        assert!(connect(&inside, "s").await.is_err());
        assert!(UnixStream::connect(inside.join("s")).await.is_ok(), "the link leads somewhere");
        let _ = victim.accept().await;
        std::fs::write(inside.join("file"), "").unwrap();
        assert!(connect(&inside, "file").await.unwrap_err().to_string().contains("is none"));

        let own = UnixListener::bind(inside.join("own")).unwrap();
        let mut stream = connect(&inside, "own").await.unwrap();
        stream.write_all(b"x").await.unwrap();
        assert!(own.accept().await.is_ok());
    }
}
