//! The secret that a host shares with one sandbox.

use std::fmt;

use crate::wire::error::HandshakeError;

const BYTES: usize = 32;

/// 32 bytes that only the host and one sandbox's runner know. It never shows itself: not in `Debug`, not on the wire.
///
/// ```
/// use hibernaculum_engine::wire::Secret;
///
/// let secret = Secret::from_hex(&"2a".repeat(32))?;
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.to_hex(), "2a".repeat(32));       // for the boot message, and nothing else
/// assert_eq!(secret.to_hex(), Secret::from_bytes([0x2a; 32]).to_hex());
/// assert_ne!(secret.to_hex(), Secret::random()?.to_hex());
/// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
/// ```
#[derive(Clone)]
pub struct Secret([u8; BYTES]);

impl Secret {
    /// A new one from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Random`] where the system gives none.
    pub fn random() -> Result<Self, HandshakeError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| HandshakeError::Random)?;
        Ok(Self(bytes))
    }

    /// The secret with these bytes.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Hex`] for anything else.
    pub fn from_hex(digits: &str) -> Result<Self, HandshakeError> {
        let mut bytes = [0; BYTES];
        hex::decode_to_slice(digits, &mut bytes).map_err(|_| HandshakeError::Hex { digits: 2 * BYTES })?;
        Ok(Self(bytes))
    }

    /// 64 hexadecimal digits, for the boot message.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// The bytes, as the key of a proof.
    pub(super) fn key(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
