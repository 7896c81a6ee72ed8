//! The runner's half of the handshake.

use std::fmt;

use futures_util::{SinkExt as _, StreamExt as _};
use hibernaculum_engine::wire::messages::{Challenge, GoesOn, Hello, Role, SessionOptions, Source, Welcome};
use hibernaculum_engine::wire::{ErrorData, Frame, FrameCodec, Id, Incoming, Nonce, RpcError, Secret};
use hibernaculum_engine::wire::{handshake, rpc};
use tokio::io::DuplexStream;
use tokio_util::codec::Framed;

use super::world::World;
use crate::wire::Welcomed;

/// One connection, framed.
pub(crate) type Wire = Framed<DuplexStream, FrameCodec>;

/// Who came.
#[derive(Debug)]
pub(crate) enum Guest {
    Control,
    Session { id: String, options: SessionOptions },
    Files,
}

/// What a hello is held against before it is welcomed.
pub(crate) trait Host {
    /// The process that answers, and what it goes on from; or why there is none.
    fn admit(&self, guest: &Guest) -> Result<(u32, Option<GoesOn>), ErrorData>;
}

impl Host for World {
    fn admit(&self, guest: &Guest) -> Result<(u32, Option<GoesOn>), ErrorData> {
        let Guest::Session { id, options } = guest else {
            return Ok((if matches!(guest, Guest::Control) { 1 } else { self.new_pid() }, None));
        };
        if self.has_session(id) && !options.replace {
            return Err(refusal("that session is open already"));
        }
        match &options.branch {
            None => Ok((self.new_pid(), None)),
            Some(checkpoint) if self.has_checkpoint(checkpoint) => {
                Ok((self.new_pid(), Some(GoesOn { from: Source::Live, ended: 0 })))
            }
            Some(checkpoint) => Err(ErrorData {
                code: "checkpoint.unknown".to_owned(),
                what: format!("there is no checkpoint {checkpoint} here"),
                why: "it was never made, or was dropped".to_owned(),
                how: "list the checkpoints of the session".to_owned(),
            }),
        }
    }
}

/// Somebody who said hello, and knows the secret.
pub(crate) struct Caller {
    pub(crate) guest: Guest,
    wire: Wire,
    id: Id,
    hello: Hello,
    challenge: Challenge,
}

/// Shakes hands, and says as which process. `None`: the other side left, or was refused.
pub(crate) async fn greet(
    stream: DuplexStream,
    secret: &Secret,
    python: &str,
    host: &impl Host,
) -> Option<(Wire, Guest, u32)> {
    let caller = listen(stream, secret).await?;
    match host.admit(&caller.guest) {
        Ok((pid, restored)) => {
            let welcomed = Welcomed {
                pid,
                python: python.to_owned(),
                implementation: "cpython".to_owned(),
                features: vec!["interrupt".to_owned(), "watch".to_owned()],
                restored,
            };
            let (wire, guest) = caller.welcome(secret, welcomed).await?;
            Some((wire, guest, pid))
        }
        Err(problem) => {
            caller.refuse(&RpcError::new(RpcError::OTHER, problem)).await;
            None
        }
    }
}

/// Asks who is there. `None`: the other side left, or was refused.
pub(crate) async fn listen(stream: DuplexStream, secret: &Secret) -> Option<Caller> {
    let mut wire = Framed::new(stream, FrameCodec::default());
    let challenge = Challenge {
        protocol: hibernaculum_runner::PROTOCOL_VERSION,
        digest: hibernaculum_runner::digest().to_owned(),
        nonce: Nonce::random().ok()?.as_str().to_owned(),
    };
    wire.send(rpc::notification(&challenge).ok()?).await.ok()?;
    let Some(Ok(Frame::Message(message))) = wire.next().await else { return None };
    match hear(&message, secret, &challenge) {
        Ok((id, hello, guest)) => Some(Caller { guest, wire, id, hello, challenge }),
        Err((id, problem)) => {
            let refused = rpc::failure(id.as_ref(), &RpcError::new(RpcError::OTHER, problem)).ok()?;
            // Who has left already hears of no refusal.
            let _ = wire.send(refused).await;
            None
        }
    }
}

impl Caller {
    /// Proves that this side knows the secret, too. `None`: the other side left.
    pub(crate) async fn welcome(mut self, secret: &Secret, welcomed: Welcomed) -> Option<(Wire, Guest)> {
        let proof = handshake::welcome_proof(secret, &self.challenge, &self.hello).ok()?;
        let Challenge { protocol, digest, .. } = self.challenge;
        let Welcomed { pid, python, implementation, features, restored } = welcomed;
        let welcome = Welcome {
            protocol,
            digest,
            python,
            implementation,
            pid,
            restored,
            adopted: None,
            features,
            proof,
        };
        self.wire.send(rpc::response(&self.id, &welcome).ok()?).await.ok()?;
        Some((self.wire, self.guest))
    }

    /// Says why not, and hangs up.
    pub(crate) async fn refuse(mut self, error: &RpcError) {
        if let Ok(refused) = rpc::failure(Some(&self.id), error) {
            // Who has left already hears of no refusal.
            let _ = self.wire.send(refused).await;
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("guest", &self.guest).finish_non_exhaustive()
    }
}

type Refused = (Option<Id>, ErrorData);

fn hear(message: &[u8], secret: &Secret, challenge: &Challenge) -> Result<(Id, Hello, Guest), Refused> {
    let Ok(Incoming::Request { id, params, .. }) = rpc::parse(message) else {
        return Err((None, refusal("the first message is no hello")));
    };
    let hello: Hello = match rpc::contents("hello", params) {
        Ok(hello) => hello,
        Err(error) => return Err((Some(id), refusal(&error.to_string()))),
    };
    if let Err(error) = handshake::verify_hello(secret, challenge, &hello) {
        return Err((Some(id), error.explain()));
    }
    let guest = match (&hello.role, &hello.session) {
        (Role::Control, _) => Guest::Control,
        (Role::Files, _) => Guest::Files,
        (Role::Session, Some(session)) => {
            Guest::Session { id: session.clone(), options: hello.options.clone().unwrap_or_default() }
        }
        _ => return Err((Some(id), refusal("there is no such role"))),
    };
    Ok((id, hello, guest))
}

/// A refusal of something that no host of ours would ask.
pub(crate) fn refusal(why: &str) -> ErrorData {
    ErrorData {
        code: "transport.protocol".to_owned(),
        what: "the hello is refused".to_owned(),
        why: why.to_owned(),
        how: "see docs/protocol.md".to_owned(),
    }
}
