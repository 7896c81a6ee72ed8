//! How byte streams reach a sandbox's supervisor: two ways, of which one is found by trying.
//!
//! ```text
//!  socket   a directory of the host's, mounted into the container: a unix socket on both sides       where engine and host share a file system
//!  exec     one `docker exec` of the runner's relay for each stream: its stdin and stdout            everywhere
//! ```

use std::sync::atomic::{AtomicU8, Ordering};

use hibernaculum_core::ConfigError;

use crate::hardening::User;

/// Which way streams take.
///
/// ```
/// use hibernaculum_backend_docker::Transport;
///
/// assert_eq!("exec".parse::<Transport>()?, Transport::Exec);
/// # Ok::<(), hibernaculum_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// The socket where it can be reached, else `exec`: found out with the first sandbox.
    #[default]
    Auto,
    /// A unix socket in a mounted directory; where that cannot be reached, creating a sandbox fails.
    Socket,
    /// An exec with its stdio for each stream, as remote engines need it.
    Exec,
}

impl Transport {
    /// What remains to be found out where code runs as `user` and this program as the user `me`; `are_mapped`: users in containers are not those of this machine.
    /// The socket's directory is for one user alone, and only root can give it to another.
    pub(crate) fn reaching(self, user: User, me: u32, are_mapped: bool) -> Result<Self, ConfigError> {
        let is_anothers = me != 0 && user.uid != me;
        match self {
            Self::Auto if are_mapped || is_anothers => Ok(Self::Exec),
            Self::Socket if is_anothers => Err(ConfigError::Invalid {
                field: "transport".to_owned(),
                value: "socket".to_owned(),
                rule: format!(
                    "must be `auto` or `exec` where code runs as another user ({user}) than this program ({me}), which is not root"
                ),
            }),
            asked => Ok(asked),
        }
    }
}

impl std::str::FromStr for Transport {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "auto" => Ok(Self::Auto),
            "socket" => Ok(Self::Socket),
            "exec" => Ok(Self::Exec),
            other => Err(ConfigError::Invalid {
                field: "transport".to_owned(),
                value: other.chars().take(80).flat_map(char::escape_debug).collect(),
                rule: "must be `auto`, `socket` or `exec`".to_owned(),
            }),
        }
    }
}

/// The way that is gone, once it is known.
#[derive(Debug, Default)]
pub(crate) struct Way(AtomicU8);

impl Way {
    pub(crate) fn of(transport: Transport) -> Self {
        let way = Self::default();
        way.set(transport);
        way
    }

    pub(crate) fn get(&self) -> Transport {
        match self.0.load(Ordering::Relaxed) {
            1 => Transport::Socket,
            2 => Transport::Exec,
            _ => Transport::Auto,
        }
    }

    pub(crate) fn set(&self, transport: Transport) {
        let number = match transport {
            Transport::Auto => 0,
            Transport::Socket => 1,
            Transport::Exec => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_the_user_of_the_code_cannot_reach_is_not_tried() {
        let (mine, anothers) = (User { uid: 1000, gid: 1000 }, User { uid: 7, gid: 7 });
        assert_eq!(Transport::Auto.reaching(mine, 1000, false).unwrap(), Transport::Auto);
        assert_eq!(Transport::Auto.reaching(anothers, 0, false).unwrap(), Transport::Auto);
        assert_eq!(Transport::Auto.reaching(mine, 1000, true).unwrap(), Transport::Exec);
        assert_eq!(Transport::Auto.reaching(anothers, 1000, false).unwrap(), Transport::Exec);
        assert_eq!(Transport::Socket.reaching(mine, 1000, false).unwrap(), Transport::Socket);
        let Err(ConfigError::Invalid { rule, .. }) = Transport::Socket.reaching(anothers, 1000, false) else {
            panic!("it is refused")
        };
        assert!(rule.contains("7:7") && rule.contains("1000"), "{rule}");
    }

    #[test]
    fn a_way_that_is_none_is_refused() {
        assert!("pigeon".parse::<Transport>().unwrap_err().to_string().contains("pigeon"));
        for transport in [Transport::Auto, Transport::Socket, Transport::Exec] {
            assert_eq!(Way::of(transport).get(), transport);
        }
    }
}
