//! A number used once, on one connection.

use std::fmt;
use std::str::FromStr;

use crate::wire::error::HandshakeError;

const BYTES: usize = 16;

/// 32 hexadecimal digits. It is the *text* that enters the proofs, so it is kept as it was sent.
///
/// ```
/// use hibernaculum_engine::wire::Nonce;
///
/// assert_eq!(Nonce::from_bytes([0xab; 16]).as_str(), "abababababababababababababababab");
/// assert!("not a nonce".parse::<Nonce>().is_err());
/// assert_ne!(Nonce::random()?, Nonce::random()?);
/// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// A new one from the operating system's random numbers.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Random`] where the system gives none.
    pub fn random() -> Result<Self, HandshakeError> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|_| HandshakeError::Random)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The nonce with these bytes: for tests, which want the same one each time.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(hex::encode(bytes))
    }

    /// The digits, as they are sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Nonce {
    type Err = HandshakeError;

    fn from_str(digits: &str) -> Result<Self, HandshakeError> {
        if digits.len() == 2 * BYTES && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            Ok(Self(digits.to_owned()))
        } else {
            Err(HandshakeError::Hex { digits: 2 * BYTES })
        }
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
