//! What a person wishes who presses Ctrl-C, and what a system that sends SIGTERM.
//!
//! ```text
//!  Ctrl-C ─▶ Interrupt: the running code ── Ctrl-C within 2 s ─▶ End: everything
//!  SIGTERM, SIGHUP ─▶ End
//! ```

use std::io;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::Exit;

/// A second Ctrl-C within this time means everything.
const TWICE: Duration = Duration::from_secs(2);

/// The signals that `hib` heeds, from the first call on.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    hang_up: Signal,
    terminate: Signal,
    presses: Presses,
}

/// What a signal asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Interrupt the running code, keep the session.
    Interrupt,
    /// End the session, with this code.
    End(Exit),
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            terminate: signal(SignalKind::terminate())?,
            presses: Presses::default(),
        })
    }

    /// The next signal that means the end. Cancel safe.
    pub(crate) async fn end(&mut self) -> Exit {
        tokio::select! {
            _ = self.hang_up.recv() => Exit::HUNG_UP,
            _ = self.terminate.recv() => Exit::TERMINATED,
        }
    }

    /// The next signal, where nothing runs yet that could be interrupted: it ends the program. Cancel safe.
    pub(crate) async fn any(&mut self) -> Exit {
        match self.next().await {
            Wish::Interrupt => Exit::INTERRUPTED,
            Wish::End(exit) => exit,
        }
    }

    /// Forgets each Ctrl-C until now: what follows is another matter.
    pub(crate) fn forget(&mut self) {
        let _ = self.interrupt.recv().now_or_never();
        self.presses = Presses::default();
    }

    /// The next wish. Cancel safe.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => self.presses.press(Instant::now()),
            _ = self.hang_up.recv() => Wish::End(Exit::HUNG_UP),
            _ = self.terminate.recv() => Wish::End(Exit::TERMINATED),
        }
    }
}

/// Tells one Ctrl-C from two.
#[derive(Debug, Default)]
struct Presses {
    last: Option<Instant>,
}

impl Presses {
    fn press(&mut self, now: Instant) -> Wish {
        match self.last.replace(now) {
            Some(last) if now.duration_since(last) <= TWICE => Wish::End(Exit::INTERRUPTED),
            _ => Wish::Interrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_press_means_everything_if_it_comes_soon() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut presses = Presses::default();
        assert_eq!(presses.press(after(0)), Wish::Interrupt);
        assert_eq!(presses.press(after(3)), Wish::Interrupt);
        assert_eq!(presses.press(after(5)), Wish::End(Exit::INTERRUPTED));
    }
}
