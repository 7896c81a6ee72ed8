//! Proofs: keyed BLAKE2b-256 over what both sides have said.

use blake2::Blake2bMac;
use blake2::digest::Mac;
use blake2::digest::consts::U32;

use super::{Nonce, Secret};
use crate::wire::error::HandshakeError;

/// Whose proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The host's, in the hello.
    Host,
    /// The runner's, in the hello's result.
    Runner,
}

/// What a proof is over.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// The role of the hello.
    pub role: &'a str,
    /// Its session, where it has one.
    pub session: Option<&'a str>,
    /// The runner's nonce.
    pub challenge_nonce: &'a Nonce,
    /// The host's nonce.
    pub hello_nonce: &'a Nonce,
}

impl Parts<'_> {
    /// The proof of one side, as 64 hexadecimal digits.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{Nonce, Secret, handshake::{Parts, Side}};
    ///
    /// let (ours, theirs) = (Nonce::from_bytes([1; 16]), Nonce::from_bytes([2; 16]));
    /// let parts = Parts { role: "control", session: None, challenge_nonce: &theirs, hello_nonce: &ours };
    /// let secret = Secret::from_bytes([0; 32]);
    /// let proof = parts.prove(&secret, Side::Host);
    /// assert!(parts.verify(&secret, Side::Host, &proof).is_ok());
    /// assert!(parts.verify(&secret, Side::Runner, &proof).is_err());
    /// ```
    pub fn prove(&self, secret: &Secret, side: Side) -> String {
        hex::encode(self.mac(secret, side).finalize().into_bytes())
    }

    /// Checks a proof, in a time that does not depend on where it differs.
    ///
    /// ```
    /// use hibernaculum_engine::wire::{Nonce, Secret, handshake::{Parts, Side}};
    ///
    /// let (ours, theirs) = (Nonce::random()?, Nonce::random()?);
    /// let parts = Parts { role: "session", session: Some("ses_1"), challenge_nonce: &theirs, hello_nonce: &ours };
    /// let secret = Secret::random()?;
    /// assert!(parts.verify(&secret, Side::Host, &parts.prove(&secret, Side::Host)).is_ok());
    /// assert!(parts.verify(&secret, Side::Host, "no proof").is_err());
    /// # Ok::<(), hibernaculum_engine::wire::HandshakeError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Proof`] where it is not that side's proof, or no proof at all.
    pub fn verify(&self, secret: &Secret, side: Side, proof: &str) -> Result<(), HandshakeError> {
        let mut claimed = [0; 32];
        hex::decode_to_slice(proof, &mut claimed).map_err(|_| HandshakeError::Proof)?;
        self.mac(secret, side).verify_slice(&claimed).map_err(|_| HandshakeError::Proof)
    }

    fn mac(&self, secret: &Secret, side: Side) -> Blake2bMac<U32> {
        let side = match side {
            Side::Host => "host",
            Side::Runner => "runner",
        };
        let session = self.session.unwrap_or("");
        let lines = [side, self.role, session, self.challenge_nonce.as_str(), self.hello_nonce.as_str()];
        // A fixed-size `Key` is 64 bytes and would enter the parameter block as such: a key of 32 is another MAC.
        let keyed = Blake2bMac::new_with_salt_and_personal(Some(secret.key()), &[], &[]);
        let Ok(mac) = keyed else { unreachable!("a key of 32 bytes is within BLAKE2b's 1 to 64") };
        mac.chain_update(lines.join("\n"))
    }
}
