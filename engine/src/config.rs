//! What an engine is told at its making.

use std::fmt;
use std::time::Duration;

use blake2::Blake2bMac;
use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};
use hibernaculum_core::SandboxId;

use crate::wire::{HandshakeError, Secret};

/// The key of whoever owns the sandboxes: every sandbox's secret is made from it, so that a later host with the same key can
/// make it again.
#[derive(Clone)]
pub struct OwnerKey([u8; 32]);

impl OwnerKey {
    /// A key that is known already.
    ///
    /// ```
    /// let key = hibernaculum_engine::OwnerKey::from_bytes([7; 32]);
    /// ```
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// A new key, for sandboxes that end with this host.
    ///
    /// ```
    /// let key = hibernaculum_engine::OwnerKey::random()?;
    /// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Random`] where the operating system gives no random numbers.
    pub fn random() -> Result<Self, HandshakeError> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|_| HandshakeError::Random)?;
        Ok(Self(bytes))
    }

    /// The secret of a sandbox: keyed BLAKE2b-256 (RFC 7693) of its id.
    pub(crate) fn secret(&self, sandbox: SandboxId) -> Secret {
        // A key of 32 bytes is never too long for BLAKE2b, whose limit is 64.
        let Ok(mut mac) = Blake2bMac::<U32>::new_from_slice(&self.0) else {
            return Secret::from_bytes(self.0);
        };
        mac.update(sandbox.to_string().as_bytes());
        Secret::from_bytes(mac.finalize_fixed().into())
    }
}

impl fmt::Debug for OwnerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OwnerKey(…)")
    }
}

/// How an engine behaves.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// From what the sandboxes' secrets are made.
    pub owner_key: OwnerKey,
    /// How long a handshake may take, the start of a session's process included.
    pub handshake_timeout: Duration,
}

impl EngineConfig {
    /// A new key, and 30 s for a handshake.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Random`] where the operating system gives no random numbers.
    pub fn new() -> Result<Self, HandshakeError> {
        Ok(Self { owner_key: OwnerKey::random()?, handshake_timeout: Duration::from_secs(30) })
    }

    /// Sets the key.
    #[must_use]
    pub fn owner_key(mut self, key: OwnerKey) -> Self {
        self.owner_key = key;
        self
    }

    /// Sets how long a handshake may take.
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_can_be_made_again_and_tells_nothing() {
        let key = OwnerKey::from_bytes([7; 32]);
        let sandbox = SandboxId::new();
        assert_eq!(key.secret(sandbox).to_hex(), key.secret(sandbox).to_hex());
        assert_ne!(key.secret(sandbox).to_hex(), key.secret(SandboxId::new()).to_hex());
        assert_eq!(
            format!("{key:?} {:?}", EngineConfig::new().unwrap().owner_key),
            "OwnerKey(…) OwnerKey(…)"
        );
    }
}
