//! What an engine is told at its making.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use blake2::digest::consts::U32;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2b, Blake2bMac};
use hibernaculum_core::{CheckpointStore, Retention, SandboxId};

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

    /// The key in that file, which is made where it is not there yet, with the mode 0600: hosts that come one after the other have the same key then,
    /// and adopt each other's sandboxes.
    ///
    /// ```
    /// # let scene = tempfile::tempdir()?;
    /// let path = scene.path().join("key");
    /// let key = hibernaculum_engine::OwnerKey::kept_in(&path)?;
    /// let same = hibernaculum_engine::OwnerKey::kept_in(&path)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where the file cannot be made or read, belongs to another user, can be read by others, or does not hold 64 hexadecimal digits.
    pub fn kept_in(path: &Path) -> io::Result<Self> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        // Written aside and linked: whoever comes at the same time finds the whole of one of the two.
        let aside = path.with_extension(hex::encode(bytes.get(..4).unwrap_or_default()));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside);
        made.and_then(|mut file| file.write_all(hex::encode(bytes).as_bytes()))?;
        let linked = std::fs::hard_link(&aside, path);
        std::fs::remove_file(&aside)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let mut file = File::open(path)?;
        let found = file.metadata()?;
        if found.mode() & 0o077 != 0 || found.uid() != rustix::process::geteuid().as_raw() {
            return Err(io::Error::other("the key must be this user's, and nobody else's to read"));
        }
        let mut digits = String::new();
        file.read_to_string(&mut digits)?;
        hex::decode_to_slice(digits.trim(), &mut bytes)
            .map_err(|_| io::Error::other("the key must be 64 hexadecimal digits"))?;
        Ok(Self(bytes))
    }

    /// The key of whoever knows another secret, of any length: BLAKE2b-256 of it. So hosts that share that one share the key.
    ///
    /// ```
    /// let key = hibernaculum_engine::OwnerKey::of_secret(b"an account's key");
    /// ```
    pub fn of_secret(secret: &[u8]) -> Self {
        let mut hash = Blake2b::<U32>::default();
        Update::update(&mut hash, b"hibernaculum owner\n");
        Update::update(&mut hash, secret);
        Self(hash.finalize_fixed().into())
    }

    /// The secret of a sandbox: keyed BLAKE2b-256 (RFC 7693) of its id.
    ///
    /// ```
    /// use hibernaculum_core::SandboxId;
    /// use hibernaculum_engine::OwnerKey;
    ///
    /// let (key, sandbox) = (OwnerKey::of_secret(b"an account's key"), SandboxId::new());
    /// let again = OwnerKey::of_secret(b"an account's key").secret(sandbox);
    /// assert_eq!(key.secret(sandbox).to_hex(), again.to_hex());
    /// ```
    pub fn secret(&self, sandbox: SandboxId) -> Secret {
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
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_core::Retention;
/// use hibernaculum_engine::{EngineConfig, OwnerKey};
///
/// # fn example(store: std::sync::Arc<dyn hibernaculum_core::CheckpointStore>) -> Result<(), Box<dyn std::error::Error>> {
/// // For sandboxes that end with this program:
/// let config = EngineConfig::new()?.handshake_timeout(Duration::from_secs(60));
///
/// // For sandboxes that a later program with the same key adopts:
/// let key = OwnerKey::kept_in("/var/lib/dens/key".as_ref())?;
/// let config = EngineConfig::with_key(key.clone())
///     .checkpoint_store(store)
///     .retention(Retention::default().keep_last(5));
/// let same = EngineConfig::new()?.owner_key(key);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EngineConfig {
    /// From what the sandboxes' secrets are made.
    pub owner_key: OwnerKey,
    /// How long a handshake may take, the start of a session's process included.
    pub handshake_timeout: Duration,
    /// Where portable checkpoints are kept. Without one there are none, and no snapshots.
    pub checkpoint_store: Option<Arc<dyn CheckpointStore>>,
    /// What the store keeps; it is seen to now and then, after a save.
    pub retention: Retention,
}

impl EngineConfig {
    /// A new key, 30 s for a handshake, no checkpoint store. Nobody else has the key: sandboxes cannot be adopted.
    ///
    /// # Errors
    ///
    /// [`HandshakeError::Random`] where the operating system gives no random numbers.
    pub fn new() -> Result<Self, HandshakeError> {
        Ok(Self::with_key(OwnerKey::random()?))
    }

    /// The same with a key that is known.
    pub fn with_key(owner_key: OwnerKey) -> Self {
        Self {
            owner_key,
            handshake_timeout: Duration::from_secs(30),
            checkpoint_store: None,
            retention: Retention::default(),
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn owner_key(mut self, key: OwnerKey) -> Self {
        self.owner_key = key;
        self
    }

    /// Sets where portable checkpoints and snapshots are kept; several engines may share a store.
    #[must_use]
    pub fn checkpoint_store(mut self, store: Arc<dyn CheckpointStore>) -> Self {
        self.checkpoint_store = Some(store);
        self
    }

    /// Sets what the store keeps. Unset: everything.
    #[must_use]
    pub fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// Sets how long a handshake may take, the start of a session's process included. Unset: 30 s.
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
    fn a_key_is_kept_and_nobody_else_can_read_it() {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("key");
        let sandbox = SandboxId::new();
        let secret = |key: io::Result<OwnerKey>| key.unwrap().secret(sandbox).to_hex();
        let keys: Vec<_> = std::thread::scope(|scope| {
            let made: Vec<_> = (0..8).map(|_| scope.spawn(|| secret(OwnerKey::kept_in(&path)))).collect();
            made.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| *key == keys[0]), "those who come at the same time have the same");
        assert_eq!(std::fs::read_dir(scene.path()).unwrap().count(), 1, "nothing is left aside");
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(OwnerKey::kept_in(&path).unwrap_err().to_string().contains("nobody else's"));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "swordfish").unwrap();
        assert!(OwnerKey::kept_in(&path).unwrap_err().to_string().contains("hexadecimal"));
        assert!(OwnerKey::kept_in(&scene.path().join("no/key")).is_err());
    }

    #[test]
    fn a_secret_can_be_made_again_and_tells_nothing() {
        let key = OwnerKey::from_bytes([7; 32]);
        let sandbox = SandboxId::new();
        assert_eq!(key.secret(sandbox).to_hex(), key.secret(sandbox).to_hex());
        assert_ne!(key.secret(sandbox).to_hex(), key.secret(SandboxId::new()).to_hex());
        assert_eq!(
            OwnerKey::of_secret(b"x").secret(sandbox).to_hex(),
            OwnerKey::of_secret(b"x").secret(sandbox).to_hex()
        );
        assert_eq!(
            format!("{key:?} {:?}", EngineConfig::new().unwrap().owner_key),
            "OwnerKey(…) OwnerKey(…)"
        );
    }
}
