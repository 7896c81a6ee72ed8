//! A way to the engine that can be cut and can stall: a unix socket before the engine's own.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of bytes on their way, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Pass,
    /// They wait.
    Stall,
    /// They wait from these words on.
    StallAt(&'static str),
    /// Connections end, and no new ones begin.
    Cut,
}

pub(crate) struct Proxy {
    mode: Arc<watch::Sender<Mode>>,
    path: PathBuf,
    _scene: tempfile::TempDir,
    serving: JoinHandle<()>,
}

impl Proxy {
    pub(crate) fn start() -> Self {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("d.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mode = Arc::new(watch::Sender::new(Mode::Pass));
        let told = Arc::clone(&mode);
        let serving = tokio::spawn(async move {
            loop {
                let (near, _) = listener.accept().await.unwrap();
                if *told.borrow() == Mode::Cut {
                    continue;
                }
                let far = UnixStream::connect(socket()).await.unwrap();
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                tokio::spawn(pump(near_read, far_write, Arc::clone(&told)));
                tokio::spawn(pump(far_read, near_write, Arc::clone(&told)));
            }
        });
        Self { mode, path, _scene: scene, serving }
    }

    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.path.display())
    }

    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Waits until the words have come that it stalls at.
    pub(crate) async fn stalled(&self) {
        self.mode.subscribe().wait_for(|mode| *mode == Mode::Stall).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.set(Mode::Cut);
        self.serving.abort();
    }
}

/// Where the engine itself listens.
pub(crate) fn socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    host.strip_prefix("unix://").map_or_else(|| "/var/run/docker.sock".into(), PathBuf::from)
}

async fn pump(
    mut from: tokio::net::unix::OwnedReadHalf,
    mut to: tokio::net::unix::OwnedWriteHalf,
    modes: Arc<watch::Sender<Mode>>,
) {
    let mut bytes = vec![0; 64 * 1024];
    let (mut mode, mut cut) = (modes.subscribe(), modes.subscribe());
    let moving = async {
        loop {
            let count = from.read(&mut bytes).await.unwrap_or_default();
            let said = String::from_utf8_lossy(&bytes[..count]);
            modes.send_if_modified(|mode| {
                let is_met = matches!(*mode, Mode::StallAt(words) if said.contains(words));
                *mode = if is_met { Mode::Stall } else { *mode };
                is_met
            });
            if mode.wait_for(|mode| *mode != Mode::Stall).await.is_err() || count == 0 {
                let _ = to.shutdown().await;
                return;
            }
            if to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = moving => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}
