//! The connection to a session's process, in whichever state it is.

use std::fmt;
use std::future::{Future, pending};
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use hibernaculum_core::Error;

use crate::connection::{Connection, Inbound, Outbound};
use crate::wire::WireError;

pub(super) type Connecting = Pin<Box<dyn Future<Output = Result<Connection, Error>> + Send>>;

/// A connection that is being made, is there, or is over.
pub(super) enum Link {
    Connecting(Connecting),
    Up(Box<(Inbound, Outbound)>),
    Over,
}

/// The end of an attempt to connect; never, where there is none.
///
/// # Cancel safety
///
/// Cancel safe.
pub(super) async fn connected(connecting: &mut Option<Connecting>) -> Result<Connection, Error> {
    let result = match connecting {
        Some(connecting) => connecting.await,
        None => pending().await,
    };
    *connecting = None;
    result
}

/// What happened on a link.
#[derive(Debug)]
pub(super) enum LinkEvent {
    /// A connection is there: make it an [`Link::Up`].
    Connected(Box<Connection>),
    /// No connection could be made.
    Refused(Error),
    /// A message came.
    Message(Bytes),
    /// Everything that waited has been sent.
    Flushed,
    /// The connection is over; an error unless it ended between two frames.
    Over(Option<WireError>),
}

impl Link {
    pub(super) fn is_up(&self) -> bool {
        matches!(self, Self::Up(_))
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self, Self::Over)
    }

    /// What happens next; what waits to be sent is sent meanwhile. Messages are left where they are while `may_read` is false;
    /// that everything is sent is told where `tells_flushed` asks for it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn next(&mut self, may_read: bool, tells_flushed: bool) -> LinkEvent {
        let event = match self {
            Self::Connecting(connecting) => match connecting.await {
                Ok(connection) => LinkEvent::Connected(Box::new(connection)),
                Err(error) => LinkEvent::Refused(error),
            },
            Self::Up(halves) => Self::exchange(&mut halves.0, &mut halves.1, may_read, tells_flushed).await,
            Self::Over => pending().await,
        };
        if !matches!(event, LinkEvent::Message(_) | LinkEvent::Flushed) {
            *self = Self::Over;
        }
        event
    }

    async fn exchange(
        inbound: &mut Inbound,
        outbound: &mut Outbound,
        may_read: bool,
        tells_flushed: bool,
    ) -> LinkEvent {
        loop {
            tokio::select! {
                biased;
                sent = outbound.flush(), if !outbound.is_empty() => {
                    if let Err(error) = sent {
                        outbound.discard();
                        // Where the other side is gone, what it said before is still to be read. Else half a message is there that nobody will finish.
                        if !is_of_the_other_side(&error) {
                            return LinkEvent::Over(None);
                        }
                    }
                    if tells_flushed {
                        return LinkEvent::Flushed;
                    }
                }
                message = inbound.message(), if may_read => return match message {
                    Ok(Some(message)) => LinkEvent::Message(message),
                    Ok(None) => LinkEvent::Over(None),
                    Err(error) => LinkEvent::Over(Some(error)),
                },
                () = pending() => {}
            }
        }
    }
}

/// Whether a write failed because nobody reads any more.
fn is_of_the_other_side(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, WriteZero};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | WriteZero)
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting(_) => "Connecting",
            Self::Up(_) => "Up",
            Self::Over => "Over",
        })
    }
}
