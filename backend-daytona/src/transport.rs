//! How WebSockets reach a sandbox's port: two ways, of which one is found by trying.
//!
//! ```text
//!  proxy     {toolbox}/proxy/{port}, with the account's key         the way of the service's own clients
//!  preview   the port's preview URL, with a token of its own        where the first does not let WebSockets through
//! ```

use std::sync::atomic::{AtomicU8, Ordering};

use hibernaculum_core::ConfigError;

/// Which way streams take.
///
/// ```
/// use hibernaculum_backend_daytona::Transport;
///
/// assert_eq!("preview".parse::<Transport>()?, Transport::Preview);
/// # Ok::<(), hibernaculum_core::ConfigError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// The port proxy where it lets WebSockets through, else the preview URL: found out with the first sandbox.
    #[default]
    Auto,
    /// The toolbox's port proxy.
    Proxy,
    /// The port's preview URL.
    Preview,
}

impl std::str::FromStr for Transport {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        match text {
            "auto" => Ok(Self::Auto),
            "proxy" => Ok(Self::Proxy),
            "preview" => Ok(Self::Preview),
            other => Err(ConfigError::Invalid {
                field: "transport".to_owned(),
                value: other.chars().take(80).flat_map(char::escape_debug).collect(),
                rule: "must be `auto`, `proxy` or `preview`".to_owned(),
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
            1 => Transport::Proxy,
            2 => Transport::Preview,
            _ => Transport::Auto,
        }
    }

    pub(crate) fn set(&self, transport: Transport) {
        let number = match transport {
            Transport::Auto => 0,
            Transport::Proxy => 1,
            Transport::Preview => 2,
        };
        self.0.store(number, Ordering::Relaxed);
    }
}
