//! How byte streams reach a sandbox's supervisor: two ways, of which one is found by trying.
//!
//! ```text
//!  socket   a directory of the host's, mounted into the container: a unix socket on both sides       where engine and host share a file system
//!  exec     one `docker exec` of the runner's relay for each stream: its stdin and stdout            everywhere
//! ```

use std::sync::atomic::{AtomicU8, Ordering};

use hibernaculum_core::ConfigError;

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
    fn a_way_that_is_none_is_refused() {
        assert!("pigeon".parse::<Transport>().unwrap_err().to_string().contains("pigeon"));
        for transport in [Transport::Auto, Transport::Socket, Transport::Exec] {
            assert_eq!(Way::of(transport).get(), transport);
        }
    }
}
