//! What goes wrong below the engine, as data.

use std::time::Duration;

use hibernaculum_core::{ConfigError, Error};
use serde::{Deserialize, Serialize};

use crate::faults::{InjectedError, When};

/// Faults of places and their streams, and the seed of their chances.
///
/// ```
/// use hibernaculum_backend_mock::faults::PlaceFaults;
///
/// let faults = PlaceFaults::from_yaml("
/// seed: 7
/// faults:
///   - refuse_start: {when: {nth: 1}, error: {code: sandbox.start}}
///   - stream: {road: session, direction: to_host, at: {frame: 3}, does: duplicate}
///   - stream: {direction: to_runner, at: always, does: {delay: 5ms}}
///   - crash: {at: {nth: 2}, by: {signal: 11}}
///   - stuck_interrupt: always
/// ")?;
/// assert_eq!(PlaceFaults::from_yaml(&faults.to_yaml())?, faults);
/// # Ok::<(), hibernaculum_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlaceFaults {
    seed: u64,
    pub(super) faults: Vec<PlaceFault>,
}

/// One thing that goes wrong with a place. Each counts every start, connection or execution, those included that another one strikes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PlaceFault {
    /// A sandbox does not start. `when` counts starts.
    #[serde(rename_all = "snake_case")]
    RefuseStart {
        /// Of all starts.
        #[serde(default)]
        when: When,
        /// What is told.
        error: InjectedError,
    },
    /// A sandbox starts so much later.
    SlowStart {
        /// Of all starts.
        #[serde(default)]
        when: When,
        /// How much.
        #[serde(with = "crate::duration")]
        by: Duration,
    },
    /// A connection is not opened. `when` counts those of its road.
    RefuseConnection {
        /// Which connections.
        #[serde(default)]
        road: Road,
        /// Of all of them.
        #[serde(default)]
        when: When,
        /// What is told.
        error: InjectedError,
    },
    /// What passes a connection is damaged.
    Stream(StreamFault),
    /// A session's process dies at an execution, before it runs any of its code. `at` counts the executions of all sandboxes.
    Crash {
        /// At which of them.
        at: When,
        /// Of what.
        by: CrashBy,
    },
    /// An interrupt does not reach the code: what follows is up to the grace, and the kill after it.
    StuckInterrupt(When),
}

/// Damage to what passes a connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StreamFault {
    /// Which connections.
    #[serde(default)]
    pub road: Road,
    /// Of those, which: in the order in which they are opened.
    #[serde(default)]
    pub connection: When,
    /// Which way.
    pub direction: Direction,
    /// Where in the stream.
    #[serde(default)]
    pub at: At,
    /// What is done.
    pub does: Damage,
}

impl StreamFault {
    /// Damage to the frames of every connection, that go this way.
    ///
    /// ```
    /// use hibernaculum_backend_mock::faults::{At, Damage, Direction, Road, StreamFault};
    ///
    /// let mut fault = StreamFault::new(Direction::ToHost, At::Byte(1000), Damage::Disconnect);
    /// fault.road = Road::Session;
    /// ```
    pub fn new(direction: Direction, at: At, does: Damage) -> Self {
        Self { road: Road::Any, connection: When::Always, direction, at, does }
    }
}

/// Which connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Road {
    /// All.
    #[default]
    Any,
    /// The control connections of sandboxes.
    Control,
    /// Those of sessions.
    Session,
    /// Those for files.
    Files,
}

/// Which way through a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Direction {
    /// From the runner.
    ToHost,
    /// To the runner.
    ToRunner,
}

/// Where in a stream, from its beginning; the handshake is part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum At {
    /// At every frame.
    #[default]
    Always,
    /// At this frame, counted from 1.
    Frame(u64),
    /// At every frame from this one on.
    From(u64),
    /// At this byte, counted from 0: what is done is done to the rest of its frame.
    Byte(u64),
    /// At each frame with this chance, from 0 to 1, by the dice.
    Chance(f64),
}

/// What is done to a frame, or to the rest of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Damage {
    /// It comes so much later, and all after it.
    Delay(#[serde(with = "crate::duration")] Duration),
    /// It does not come.
    Drop,
    /// Only a part of it comes, by the dice; then the next frame.
    Truncate,
    /// It comes twice.
    Duplicate,
    /// It comes after the next one; the rest of a frame, in two halves that have changed places.
    Reorder,
    /// It comes in pieces of at most so many bytes, each by itself.
    Fragment(usize),
    /// One of its bits is turned, by the dice.
    Garble,
    /// The connection ends before it, both ways.
    Disconnect,
}

/// What a process dies of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CrashBy {
    /// The signal of this number.
    Signal(i32),
    /// Its own exit, with this code.
    Exit(i32),
    /// The kernel, because the memory of the sandbox ran out.
    OutOfMemory,
}

impl PlaceFaults {
    /// No faults yet. The same seed and the same faults do the same.
    ///
    /// ```
    /// let faults = hibernaculum_backend_mock::faults::PlaceFaults::seeded(7);
    /// assert_eq!(faults.seed(), 7);
    /// ```
    pub fn seeded(seed: u64) -> Self {
        Self { seed, faults: Vec::new() }
    }

    /// Adds one.
    ///
    /// ```
    /// use hibernaculum_backend_mock::faults::{CrashBy, PlaceFault, PlaceFaults, When};
    ///
    /// let faults = PlaceFaults::seeded(1).fault(PlaceFault::Crash { at: When::Nth(2), by: CrashBy::OutOfMemory });
    /// ```
    #[must_use]
    pub fn fault(mut self, fault: PlaceFault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Adds damage to streams.
    ///
    /// ```
    /// use hibernaculum_backend_mock::faults::{At, Damage, Direction, PlaceFaults, StreamFault};
    ///
    /// let cut = StreamFault::new(Direction::ToHost, At::Byte(1000), Damage::Disconnect);
    /// let faults = PlaceFaults::seeded(1).stream(cut);
    /// ```
    #[must_use]
    pub fn stream(self, fault: StreamFault) -> Self {
        self.fault(PlaceFault::Stream(fault))
    }

    /// Reads faults from YAML.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] where they are none.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        let faults: Self = crate::yaml::read("faults", text)?;
        faults.check()?;
        Ok(faults)
    }

    /// The same as YAML: what a test that failed should print.
    pub fn to_yaml(&self) -> String {
        crate::yaml::write(self)
    }

    /// The seed.
    ///
    /// ```
    /// let faults = hibernaculum_backend_mock::faults::PlaceFaults::seeded(7);
    /// println!("the dice were thrown with {}", faults.seed());
    /// ```
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Refuses faults that could never be meant.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (index, fault) in self.faults.iter().enumerate() {
            let field = format!("faults[{}]", index + 1);
            match fault {
                PlaceFault::RefuseStart { when, error }
                | PlaceFault::RefuseConnection { when, error, .. } => {
                    when.check(&field)?;
                    error.error()?;
                }
                PlaceFault::SlowStart { when, .. } | PlaceFault::StuckInterrupt(when) => {
                    when.check(&field)?;
                }
                PlaceFault::Crash { at, .. } => at.check(&field)?,
                PlaceFault::Stream(fault) => {
                    fault.connection.check(&field)?;
                    fault.check(&field)?;
                }
            }
        }
        Ok(())
    }
}

impl StreamFault {
    fn check(&self, field: &str) -> Result<(), Error> {
        let rule = match (self.at, self.does) {
            (At::Frame(0) | At::From(0), _) => "counts from 1",
            (At::Chance(chance), _) if !(0.0..=1.0).contains(&chance) => "must be a chance from 0 to 1",
            (_, Damage::Fragment(0)) => "must have pieces of at least one byte",
            _ => return Ok(()),
        };
        let (field, value) = (field.to_owned(), format!("{:?} {:?}", self.at, self.does));
        Err(ConfigError::Invalid { field, value, rule: rule.to_owned() }.into())
    }
}
