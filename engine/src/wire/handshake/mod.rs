//! The handshake: both sides say who they are, and prove that they know the sandbox's secret without telling it.
//!
//! ```text
//!   runner                                              host
//!     │ ── challenge {protocol, digest, nonce r} ────────> │  HostHello::answer: version? digest?
//!     │ <─ hello {role, session, nonce h, proof H} ─────── │
//!     │ verify_hello: H?                                   │
//!     │ ── result {…, proof R} ──────────────────────────> │  Expected::verify: R?
//!
//!   H = BLAKE2b-256(key = secret, "host\n"   role "\n" session "\n" r "\n" h)
//!   R = BLAKE2b-256(key = secret, "runner\n" role "\n" session "\n" r "\n" h)
//! ```
//!
//! Both nonces are in both proofs, so neither side can be made to repeat an old one; the first line keeps the one from
//! passing for the other. Nothing here does I/O; the runner's half is for runners in Rust, scripted ones for instance.

mod nonce;
mod proof;
mod secret;

pub use nonce::Nonce;
pub use proof::{Parts, Side};
pub use secret::Secret;

use super::error::HandshakeError;
use super::messages::{Challenge, Hello, Role, SessionOptions, Welcome};

/// What a host says on a new connection: made once, spent on one challenge.
///
/// ```
/// use hibernaculum_engine::wire::{HostHello, Nonce, Secret, handshake, messages::Challenge};
///
/// let secret = Secret::from_bytes([7; 32]);
/// let challenge = Challenge { protocol: 1, digest: "d1".into(), nonce: "0".repeat(32) };
///
/// let host = HostHello::control(1, "d1", Nonce::from_bytes([1; 16]));
/// let (hello, expected) = host.answer(&secret, &challenge)?;
/// assert!(handshake::verify_hello(&secret, &challenge, &hello).is_ok());
/// let proof = handshake::welcome_proof(&secret, &challenge, &hello)?;
/// # let welcome = hibernaculum_engine::wire::messages::Welcome { protocol: 1, digest: "d1".into(),
/// #     python: "3.12.1".into(), implementation: "cpython".into(), pid: 4, restored: None, adopted: None, features: vec![], proof };
/// expected.verify(&secret, &welcome)?;
/// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct HostHello {
    protocol: u32,
    digest: String,
    role: Role,
    session: Option<String>,
    nonce: Nonce,
    options: Option<SessionOptions>,
}

/// What a host expects of the answer to its hello.
///
/// ```
/// use hibernaculum_engine::wire::{HostHello, Nonce, Secret, handshake, messages::{Challenge, Welcome}};
///
/// let secret = Secret::random()?;
/// let challenge = Challenge { protocol: 1, digest: "d1".into(), nonce: Nonce::random()?.to_string() };
/// let (hello, expected) = HostHello::control(1, "d1", Nonce::random()?).answer(&secret, &challenge)?;
/// let proof = handshake::welcome_proof(&secret, &challenge, &hello)?;
/// let mut welcome = Welcome {
///     protocol: 1,
///     digest: "d1".into(),
///     proof,
///     python: "3.12.1".into(),
///     implementation: "cpython".into(),
///     pid: 4,
///     restored: None,
///     adopted: None,
///     features: vec![],
/// };
/// assert!(expected.verify(&secret, &welcome).is_ok());
/// welcome.proof = "0".repeat(64);
/// assert!(expected.verify(&secret, &welcome).is_err());
/// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Expected {
    protocol: u32,
    digest: String,
    challenge_nonce: Nonce,
    role: Role,
    session: Option<String>,
    nonce: Nonce,
}

impl HostHello {
    /// For the one control connection of a sandbox; `protocol` and `digest` are those of the runner that the host embeds.
    pub fn control(protocol: u32, digest: impl Into<String>, nonce: Nonce) -> Self {
        let digest = digest.into();
        Self { protocol, digest, role: Role::Control, session: None, nonce, options: None }
    }

    /// For the control connection of the next host: refused where no first one has come yet, for who starts a sandbox is not there as soon as it can be found.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{HostHello, Nonce};
    ///
    /// let hello = HostHello::adopting(1, "d1", Nonce::random()?);
    /// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
    /// ```
    pub fn adopting(protocol: u32, digest: impl Into<String>, nonce: Nonce) -> Self {
        let options = SessionOptions { adopt: true, ..SessionOptions::default() };
        Self { options: Some(options), ..Self::control(protocol, digest, nonce) }
    }

    /// For the connection of a session.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{HandshakeError, HostHello, Nonce, messages::SessionOptions};
    ///
    /// let hello = HostHello::session(1, "d1", Nonce::random()?, "ses_1", SessionOptions::default())?;
    /// let refused = HostHello::session(1, "d1", Nonce::random()?, "../etc", SessionOptions::default());
    /// assert!(matches!(refused, Err(HandshakeError::SessionId)));
    /// # Ok::<(), HandshakeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeError::SessionId`] unless `session` is 1 to 64 characters of `[A-Za-z0-9_-]`.
    pub fn session(
        protocol: u32,
        digest: impl Into<String>,
        nonce: Nonce,
        session: impl Into<String>,
        options: SessionOptions,
    ) -> Result<Self, HandshakeError> {
        let (digest, session) = (digest.into(), session.into());
        check_session_id(&session)?;
        let options = Some(options);
        Ok(Self { protocol, digest, role: Role::Session, session: Some(session), nonce, options })
    }

    /// For a connection for files.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{HostHello, Nonce};
    ///
    /// let hello = HostHello::files(1, "d1", Nonce::random()?);
    /// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
    /// ```
    pub fn files(protocol: u32, digest: impl Into<String>, nonce: Nonce) -> Self {
        Self { role: Role::Files, ..Self::control(protocol, digest, nonce) }
    }

    /// Checks the runner's challenge, and answers it: the hello to send, and what to expect of its result.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Version`] or [`HandshakeError::Digest`] where it is not this host's runner, and
    /// [`HandshakeError::Hex`] for a bad nonce.
    pub fn answer(self, secret: &Secret, challenge: &Challenge) -> Result<(Hello, Expected), HandshakeError> {
        let Self { protocol, digest, role, session, nonce, options } = self;
        check_peer(protocol, &digest, challenge.protocol, &challenge.digest)?;
        let challenge_nonce: Nonce = challenge.nonce.parse()?;
        let expected = Expected { protocol, digest, challenge_nonce, role, session, nonce };
        let hello = Hello {
            protocol,
            digest: expected.digest.clone(),
            role: expected.role.clone(),
            session: expected.session.clone(),
            nonce: expected.nonce.as_str().to_owned(),
            proof: expected.parts().prove(secret, Side::Host),
            options,
        };
        Ok((hello, expected))
    }
}

impl Expected {
    /// Checks the result of the hello.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Version`], [`HandshakeError::Digest`] or [`HandshakeError::Proof`].
    pub fn verify(&self, secret: &Secret, welcome: &Welcome) -> Result<(), HandshakeError> {
        check_peer(self.protocol, &self.digest, welcome.protocol, &welcome.digest)?;
        self.parts().verify(secret, Side::Runner, &welcome.proof)
    }

    fn parts(&self) -> Parts<'_> {
        Parts {
            role: self.role.as_str(),
            session: self.session.as_deref(),
            challenge_nonce: &self.challenge_nonce,
            hello_nonce: &self.nonce,
        }
    }
}

/// The runner's half: checks the proof of a hello.
///
/// ```
/// use hibernaculum_engine::wire::{HostHello, Nonce, Secret, handshake, messages::Challenge};
///
/// let secret = Secret::random()?;
/// let challenge = Challenge { protocol: 1, digest: "d1".into(), nonce: Nonce::random()?.to_string() };
/// let (hello, _) = HostHello::control(1, "d1", Nonce::random()?).answer(&secret, &challenge)?;
/// assert!(handshake::verify_hello(&secret, &challenge, &hello).is_ok());
/// assert!(handshake::verify_hello(&Secret::random()?, &challenge, &hello).is_err());
/// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
/// ```
///
/// # Errors
///
/// [`HandshakeError::Proof`], or [`HandshakeError::Hex`] for a bad nonce.
pub fn verify_hello(secret: &Secret, challenge: &Challenge, hello: &Hello) -> Result<(), HandshakeError> {
    with_parts(challenge, hello, |parts| parts.verify(secret, Side::Host, &hello.proof))?
}

/// The runner's half: the proof that goes into the result of a hello.
///
/// ```
/// use hibernaculum_engine::wire::{HostHello, Nonce, Secret, handshake, messages::Challenge};
///
/// let secret = Secret::random()?;
/// let challenge = Challenge { protocol: 1, digest: "d1".into(), nonce: Nonce::random()?.to_string() };
/// let (hello, _) = HostHello::control(1, "d1", Nonce::random()?).answer(&secret, &challenge)?;
/// let proof = handshake::welcome_proof(&secret, &challenge, &hello)?;
/// assert_eq!(proof.len(), 64);
/// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
/// ```
///
/// # Errors
///
/// [`HandshakeError::Hex`] for a bad nonce.
pub fn welcome_proof(
    secret: &Secret,
    challenge: &Challenge,
    hello: &Hello,
) -> Result<String, HandshakeError> {
    with_parts(challenge, hello, |parts| parts.prove(secret, Side::Runner))
}

/// Whether a session id may stand in a hello.
///
/// ```
/// use hibernaculum_engine::wire::handshake::check_session_id;
///
/// assert!(check_session_id("ses_1").is_ok());
/// assert!(check_session_id("a/b").is_err());
/// ```
///
/// # Errors
///
/// [`HandshakeError::SessionId`] unless it is 1 to 64 characters of `[A-Za-z0-9_-]`.
pub fn check_session_id(session: &str) -> Result<(), HandshakeError> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=64).contains(&session.len()) && session.bytes().all(is_plain) {
        Ok(())
    } else {
        Err(HandshakeError::SessionId)
    }
}

fn with_parts<T>(
    challenge: &Challenge,
    hello: &Hello,
    use_parts: impl FnOnce(Parts<'_>) -> T,
) -> Result<T, HandshakeError> {
    Ok(use_parts(Parts {
        role: hello.role.as_str(),
        session: hello.session.as_deref(),
        challenge_nonce: &challenge.nonce.parse()?,
        hello_nonce: &hello.nonce.parse()?,
    }))
}

fn check_peer(ours: u32, our_digest: &str, theirs: u32, their_digest: &str) -> Result<(), HandshakeError> {
    if ours != theirs {
        return Err(HandshakeError::Version { ours, theirs });
    }
    if our_digest != their_digest {
        return Err(HandshakeError::Digest { ours: our_digest.into(), theirs: their_digest.into() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
