//! How a container is closed off, and how far that may be loosened: each field by itself, and only by whoever makes the backend.

use hibernaculum_core::{ConfigError, Error};

/// What protects the machine from a container. The default is the strictest; every field loosens one thing.
///
/// ```
/// use hibernaculum_backend_docker::Hardening;
///
/// // pip may install into the image's own directories
/// let loose = Hardening { writable_root: true, ..Hardening::default() };
/// assert_ne!(loose, Hardening::default());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hardening {
    /// The root file system can be written to. Default: it cannot; `/tmp` and the working directory can. What is written to the root is bounded by no
    /// `disk` limit.
    pub writable_root: bool,
    /// Programs may gain privileges through set-uid files. Default: they may not.
    pub new_privileges: bool,
    /// Linux capabilities that code has, as docker names them: `NET_RAW`. Default: none at all.
    pub capabilities: Vec<String>,
    /// Which system calls may be made.
    pub seccomp: Seccomp,
    /// Who the code is: `UID:GID`, two numbers. Default: the user of this program, or 65532 where that is root.
    pub user: Option<String>,
}

/// Which system calls code may make.
///
/// ```
/// use hibernaculum_backend_docker::{Hardening, Seccomp};
///
/// let with_debuggers = Hardening { seccomp: Seccomp::Engine, ..Hardening::default() };
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Seccomp {
    /// Our own list, stricter than the engine's. The network policy `none` needs it.
    #[default]
    Strict,
    /// The engine's own list.
    Engine,
    /// A profile in the engine's JSON format.
    Profile(String),
    /// Every call.
    Unconfined,
}

/// A user and a group in a container, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Nobody of this machine, where this program is root.
const STRANGER: u32 = 65532;

impl Hardening {
    /// Who the code is.
    pub(crate) fn user(&self) -> Result<User, Error> {
        let Some(text) = &self.user else {
            let (uid, gid) = (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw());
            return Ok(if uid == 0 { User { uid: STRANGER, gid: STRANGER } } else { User { uid, gid } });
        };
        let numbers =
            text.split_once(':').and_then(|(uid, gid)| Some((uid.parse().ok()?, gid.parse().ok()?)));
        let Some((uid, gid)) = numbers else {
            return Err(ConfigError::Invalid {
                field: "user".to_owned(),
                value: text.chars().take(80).flat_map(char::escape_debug).collect(),
                rule: "must be two numbers: `1000:1000`".to_owned(),
            }
            .into());
        };
        Ok(User { uid, gid })
    }
}

impl std::fmt::Display for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_root_unless_asked_for() {
        assert_ne!(Hardening::default().user().unwrap().uid, 0);
        let named = Hardening { user: Some("7:8".to_owned()), ..Hardening::default() };
        assert_eq!(named.user().unwrap(), User { uid: 7, gid: 8 });
        for wrong in ["root", "1", "1:", "-1:1"] {
            let named = Hardening { user: Some(wrong.to_owned()), ..Hardening::default() };
            assert_eq!(named.user().unwrap_err().code(), "config.invalid", "{wrong}");
        }
    }
}
