//! The network between a client and the stand-in: it can be cut, and it has manners.
//!
//! ```text
//!           cut(Reset)                        cut(Silent)
//!   down ◀─────────────── up ──────────────────────────────▶ held
//!     └───── restore ──────▲───────────── restore ────────────┘
//! ```
//!
//! A reset ends every connection at once, and new ones as soon as they are made. A silent cut lets no byte pass, and says nothing: connections
//! are as they were when it is over, as TCP's are after a short one.

use std::time::Duration;

use tokio::sync::watch;

/// How the network goes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Connections end, new ones too.
    Reset,
    /// Nothing passes, and nobody is told.
    Silent,
}

/// How bytes travel through the port proxy. The default passes them on as they come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// At most so many bytes are written at once.
    pub piece: Option<usize>,
    /// How long each write waits.
    pub delay: Duration,
    /// WebSocket messages are cut into frames of at most so many bytes, as a proxy does that ends the WebSocket itself.
    pub frame: Option<usize>,
}

/// The state of the network, shared by every connection.
#[derive(Debug, Default)]
pub(crate) struct Network(watch::Sender<State>);

#[derive(Debug, Default, Clone, Copy)]
struct State {
    cut: Option<Cut>,
    /// How often it was reset so far: a connection that is older than the last one has ended, even where the network was back before it looked.
    resets: u64,
}

impl Network {
    pub(crate) fn cut(&self, how: Cut) {
        self.0.send_modify(|state| {
            state.cut = Some(how);
            state.resets += u64::from(how == Cut::Reset);
        });
    }

    pub(crate) fn restore(&self) {
        self.0.send_modify(|state| state.cut = None);
    }

    /// Runs what lives on one connection: not at all while the network is held, and no longer than until it is reset, which gives nothing.
    pub(crate) async fn carry<F: Future>(&self, traffic: F) -> Option<F::Output> {
        let mut state = self.0.subscribe();
        let born = state.borrow().resets;
        let mut traffic = std::pin::pin!(traffic);
        loop {
            let now = *state.borrow_and_update();
            match now.cut {
                Some(Cut::Reset) => return None,
                _ if now.resets != born => return None,
                Some(Cut::Silent) => state.changed().await.ok()?,
                None => tokio::select! {
                    biased;
                    changed = state.changed() => changed.ok()?,
                    done = &mut traffic => return Some(done),
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_reset_ends_what_lives_even_if_the_network_is_back_at_once() {
        let network = Network::default();
        let mut old = std::pin::pin!(network.carry(std::future::pending::<()>()));
        assert!(futures_util::poll!(&mut old).is_pending());
        network.cut(Cut::Reset);
        assert_eq!(network.carry(async {}).await, None, "down");
        network.restore();
        assert_eq!(old.await, None);
        assert_eq!(network.carry(async { 1 }).await, Some(1), "up");
    }

    #[tokio::test]
    async fn a_silent_cut_holds_and_lets_go() {
        let network = Arc::new(Network::default());
        network.cut(Cut::Silent);
        let mut held = std::pin::pin!(network.carry(async { 1 }));
        assert!(futures_util::poll!(&mut held).is_pending());
        network.restore();
        assert_eq!(held.await, Some(1));
    }
}
