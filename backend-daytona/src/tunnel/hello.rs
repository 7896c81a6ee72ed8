//! What is said first on a WebSocket: both sides prove that they know the sandbox's secret, and say how far the stream has come.
//!
//! ```text
//!  tunnel ──> {"tunnel": 1, "nonce": …}
//!  host   ──> {"stream": id | null, "new": bool, "received": n, "nonce": …, "proof": …}
//!  tunnel ──> {"received": m, "proof": …, "ready": {…}, "had_host": …}     or {"refused": why}
//! ```

use hibernaculum_engine::Ready;
use hibernaculum_engine::wire::handshake::{Parts, Side};
use hibernaculum_engine::wire::{Nonce, Secret};
use serde::{Deserialize, Serialize};

use super::door::Knock;

/// The version of the tunnel that is spoken here.
const VERSION: u32 = 1;
const ROLE: &str = "tunnel";

/// What the host wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ask<'a> {
    /// To know whether this is the right place.
    WhoIsThere,
    /// A new stream of this name. May be asked twice.
    Begin(&'a str),
    /// To go on with a stream of which so many bytes have come.
    GoOn(&'a str, u64),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Challenge {
    tunnel: u32,
    nonce: String,
}

#[derive(Debug, Serialize)]
struct Hello<'a> {
    stream: Option<&'a str>,
    new: bool,
    received: u64,
    nonce: &'a str,
    proof: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Answer {
    received: u64,
    proof: String,
    ready: Ready,
    had_host: bool,
    refused: Option<String>,
}

/// A tunnel that has proved itself.
#[derive(Debug)]
pub(crate) struct Greeting {
    /// How many bytes of the stream it has.
    pub(crate) received: u64,
    /// What the runner said of itself when it was ready.
    pub(crate) ready: Ready,
    /// Whether anybody has had a stream there.
    pub(crate) had_host: bool,
}

/// A hello that was said, and what its answer must prove.
#[derive(Debug)]
pub(crate) struct Said<'a> {
    ask: Ask<'a>,
    theirs: Nonce,
    ours: Nonce,
}

impl<'a> Ask<'a> {
    fn stream(&self) -> Option<&'a str> {
        match self {
            Self::WhoIsThere => None,
            Self::Begin(stream) | Self::GoOn(stream, _) => Some(stream),
        }
    }

    /// The answer to a challenge.
    pub(crate) fn answer(self, secret: &Secret, challenge: &str) -> Result<(String, Said<'a>), Knock> {
        let strange = || Knock::Stranger("it does not begin as a tunnel does".to_owned());
        let told: Challenge = serde_json::from_str(challenge).map_err(|_| strange())?;
        if told.tunnel != VERSION {
            return Err(Knock::Stranger(format!("it speaks version {} of the tunnel", told.tunnel)));
        }
        let theirs: Nonce = told.nonce.parse().map_err(|_| strange())?;
        let ours = Nonce::random().map_err(|error| Knock::Broken(error.to_string()))?;
        let said = Said { ask: self, theirs, ours };
        let received = match self {
            Self::GoOn(_, received) => received,
            _ => 0,
        };
        let hello = Hello {
            stream: self.stream(),
            new: matches!(self, Self::Begin(_)),
            received,
            nonce: said.ours.as_str(),
            proof: said.parts().prove(secret, Side::Host),
        };
        Ok((serde_json::to_string(&hello).map_err(|_| strange())?, said))
    }
}

impl Said<'_> {
    /// Reads the answer to a hello, and holds it to its proof.
    pub(crate) fn verify(&self, secret: &Secret, answer: &str) -> Result<Greeting, Knock> {
        let told: Answer = serde_json::from_str(answer)
            .map_err(|_| Knock::Stranger("its answer to the hello cannot be read".to_owned()))?;
        if let Some(why) = told.refused {
            return Err(Knock::Refused(why.chars().take(200).flat_map(char::escape_debug).collect()));
        }
        self.parts()
            .verify(secret, Side::Runner, &told.proof)
            .map_err(|_| Knock::Stranger("it does not know the sandbox's secret".to_owned()))?;
        Ok(Greeting { received: told.received, ready: told.ready, had_host: told.had_host })
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            role: ROLE,
            session: self.ask.stream(),
            challenge_nonce: &self.theirs,
            hello_nonce: &self.ours,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHALLENGE: &str = r#"{"tunnel":1,"nonce":"000102030405060708090a0b0c0d0e0f","more":true}"#;

    fn secret() -> Secret {
        Secret::from_bytes([7; 32])
    }

    #[test]
    fn whoever_knows_the_secret_is_let_in_and_nobody_else() {
        let (hello, said) = Ask::GoOn("a", 5).answer(&secret(), CHALLENGE).unwrap();
        let told: serde_json::Value = serde_json::from_str(&hello).unwrap();
        assert_eq!(
            (&told["stream"], &told["new"], &told["received"]),
            (&"a".into(), &false.into(), &5.into())
        );
        let parts = said.parts();
        assert_eq!(told["proof"], parts.prove(&secret(), Side::Host));
        let proof = parts.prove(&secret(), Side::Runner);
        let answer = serde_json::json!({ "received": 9, "proof": proof, "ready": { "python": "3.11.7" } });
        let greeting = said.verify(&secret(), &answer.to_string()).unwrap();
        assert_eq!((greeting.received, greeting.ready.python.as_str()), (9, "3.11.7"));
        let echoed = serde_json::json!({ "received": 9, "proof": parts.prove(&secret(), Side::Host) });
        for strange in [echoed.to_string(), "{}".to_owned(), "7".to_owned()] {
            assert!(matches!(said.verify(&secret(), &strange), Err(Knock::Stranger(_))), "{strange}");
        }
    }

    #[test]
    fn what_is_no_tunnel_is_told_apart_from_one_that_refuses() {
        for strange in ["", "[]", r#"{"tunnel":2,"nonce":""}"#, r#"{"tunnel":1,"nonce":"xyz"}"#] {
            assert!(
                matches!(Ask::WhoIsThere.answer(&secret(), strange), Err(Knock::Stranger(_))),
                "{strange}"
            );
        }
        let (_, said) = Ask::Begin("a").answer(&secret(), CHALLENGE).unwrap();
        let refused = said.verify(&secret(), r#"{"refused":"byte 3 is not kept"}"#);
        assert!(matches!(refused, Err(Knock::Refused(why)) if why.contains("byte 3")));
    }
}
