//! A network that can be cut: a relay of TCP connections, all of which break at once.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) struct Cutter {
    pub(crate) port: u16,
    is_whole: Arc<watch::Sender<bool>>,
    relay: JoinHandle<()>,
}

impl Cutter {
    pub(crate) async fn before(port: u16) -> Self {
        let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let is_whole = Arc::new(watch::Sender::new(true));
        let whole = Arc::clone(&is_whole);
        let relay = tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let mut state = whole.subscribe();
                if !*state.borrow_and_update() {
                    continue; // the connection is dropped, as a cut network's are sooner or later
                }
                tokio::spawn(async move {
                    let Ok(mut far) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.changed() => {}
                    }
                });
            }
        });
        Self { port: own, is_whole, relay }
    }

    /// Breaks every connection, and lets nobody through until [`Self::mend`].
    pub(crate) fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    pub(crate) fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

impl Drop for Cutter {
    fn drop(&mut self) {
        self.relay.abort();
        self.cut();
    }
}
