//! One sandbox on this machine.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use hibernaculum_core::{Error, TransportError};
use hibernaculum_engine::{ByteStream, Place, Ready, Role, SocketStream};
use tokio::net::UnixStream;
use tokio::time::{Instant, sleep};

use crate::ending::{Ending, GRACE};

/// How long the supervisor may be too busy to take one more connection.
const BUSY_LIMIT: Duration = Duration::from_secs(10);
/// How often it is asked again meanwhile.
const BUSY_LOOK: Duration = Duration::from_millis(5);

/// One sandbox on this machine: a keeper, below it a supervisor, and a directory of their own.
///
/// Dropping it ends the sandbox as soon as may be; [`Place::stop`] ends it and waits.
#[derive(Debug)]
pub struct LocalPlace {
    pub(crate) ready: Ready,
    pub(crate) workdir: String,
    pub(crate) socket: PathBuf,
    pub(crate) ending: Ending,
}

fn broken(error: io::Error) -> Error {
    let doing = "connecting to the supervisor".to_owned();
    TransportError::Broken { doing, source: Some(error.into()) }.into()
}

impl Place for LocalPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let deadline = Instant::now() + BUSY_LIMIT;
        loop {
            match UnixStream::connect(&self.socket).await {
                Ok(stream) => {
                    let stream = stream.into_std().and_then(SocketStream::new).map_err(broken)?;
                    return Ok(Box::new(stream));
                }
                // A unix socket whose backlog is full refuses at once, and asks to be tried again.
                Err(error) if error.kind() == ErrorKind::WouldBlock && Instant::now() < deadline => {
                    sleep(BUSY_LOOK).await;
                }
                Err(error) => return Err(broken(error)),
            }
        }
    }

    async fn stop(&self) {
        self.ending.begin(GRACE);
        self.ending.over().await;
    }

    /// As [`Place::stop`]: the end of the lifeline asks nobody but the keeper, which kills.
    async fn kill(&self) {
        self.stop().await;
    }
}
