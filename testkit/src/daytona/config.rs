//! How a stand-in is set up.

use std::time::Duration;

use super::faults::Faults;
use super::network::Manner;

/// How a stand-in behaves from its start.
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_testkit::daytona::StandInConfig;
///
/// let config = StandInConfig { minute: Duration::from_millis(50), ..StandInConfig::default() };
/// assert!(config.forks);
/// ```
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a habit of a service's, and any may come with any"
)]
pub struct StandInConfig {
    /// How long a change of a sandbox's state takes: a start, a stop, an archive.
    pub change: Duration,
    /// How long a minute of auto-stop, auto-archive, auto-delete and of a time to live lasts.
    pub minute: Duration,
    /// Whether a start of a sandbox that runs already is answered as one that was done; otherwise it is a 400.
    pub starts_twice: bool,
    /// Whether a sandbox is told with the address of its toolbox; otherwise the field is empty, and the address is asked for.
    pub tells_toolbox: bool,
    /// Whether a fork is answered; otherwise it is a 422.
    pub forks: bool,
    /// Whether a snapshot of a sandbox is answered; otherwise it is a 422.
    pub snapshots: bool,
    /// Whether the port proxy of the toolbox takes `WebSocket`s; otherwise it answers them with an empty 502, and the preview URL is what is left.
    pub proxies_web_sockets: bool,
    /// How bytes travel through the port proxy.
    pub manner: Manner,
    /// What goes wrong.
    pub faults: Faults,
}

impl Default for StandInConfig {
    /// Everything is answered, at once; a minute is a minute; nothing goes wrong.
    fn default() -> Self {
        Self {
            change: Duration::from_millis(10),
            minute: Duration::from_mins(1),
            starts_twice: true,
            tells_toolbox: true,
            forks: true,
            snapshots: true,
            proxies_web_sockets: true,
            manner: Manner::default(),
            faults: Faults::none(),
        }
    }
}
