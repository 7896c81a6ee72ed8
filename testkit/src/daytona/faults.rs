//! What goes wrong: which fault, on which requests, how often.
//!
//! A rule looks at the requests that it is about, in the order in which they come, and decides about each by a count, or by dice that are cast
//! from the seed, the rule's place and the request's number among those: the same requests in the same order meet the same faults, whatever
//! other rules there are. The first rule that strikes has the request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One thing that goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// 502 with an empty body, and nothing done.
    BadGateway,
    /// 502 with an empty body in place of the answer: it *was* done.
    AnswerLost,
    /// 400 from the proxy, `no runner info`: it passes.
    NoRunnerInfo,
    /// 429 of the throttler of this name, with its headers.
    Throttled {
        /// Which throttler, as `sandbox-create`: part of the headers' names.
        throttler: String,
        /// How long it asks to wait; whole seconds are told.
        retry_after: Duration,
    },
    /// Any refusal, in any of the shapes in which they come, and nothing done.
    Refused {
        /// From 400 on; what is no such status is 500.
        status: u16,
        /// What the body is.
        shape: ErrorShape,
    },
    /// 409, a change of the sandbox's state is in progress.
    Conflict,
    /// The connection ends without an answer: it *was* done. For a create this is the sandbox that was made although the call failed.
    NoAnswer {
        /// How long the client waits for it.
        after: Duration,
    },
    /// The object that was made is answered as it was at first: `creating`, without labels and URL. Of a create.
    StaleCreate,
    /// The sandbox that is made never starts: it ends as `build_failed` where an image is built for it, otherwise as `error`, for this reason. Of a create.
    Fails {
        /// What its `errorReason` says; nothing where it is empty.
        reason: String,
    },
    /// The object is answered as it was before its last change. Of a read by id.
    StaleRead,
    /// The list lacks the newest sandbox that there is, and has the one that was deleted last. Of a list.
    FlappingList,
    /// The sandbox is stopped, as by its auto-stop, while the call is under way.
    StopDuringCall,
    /// From now on the sandbox says `started`, and nothing in it answers: every process in it is dead. Until it is stopped.
    Zombie,
    /// The body comes in pieces.
    SlowBody {
        /// Bytes in each.
        piece: usize,
        /// Before each.
        pause: Duration,
    },
    /// The body ends too early, and the connection with it.
    TruncatedBody {
        /// How many bytes come.
        after: usize,
    },
    /// The request goes to another port: where a proxy takes one sandbox for another, or sandboxes share their loopback. Of the port proxy.
    Misrouted {
        /// That port, of the host's loopback.
        port: u16,
    },
    /// A WebSocket ends: with 1006 in the middle of whatever it is in, without a word; with another code by a close frame, between two frames.
    Close {
        /// 1006, 1008, 1009 or another.
        code: u16,
        /// How many bytes come from the sandbox first.
        after: u64,
    },
}

/// The shapes in which errors come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorShape {
    /// The control plane's: `{statusCode, error, message, path, timestamp}`.
    Api,
    /// The daemon's in the sandbox: `{statusCode, message, code, path, method, timestamp, source}`.
    Daemon,
    /// The proxy's before it: the same of another source.
    Proxy,
    /// Of some handlers of the toolbox: `{error}`.
    Bare,
    /// Of an upload of several files: `{errors, files}`.
    Uploads,
    /// No body at all.
    Empty,
}

/// Which requests a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum On {
    /// All.
    Any,
    /// Those of the control plane.
    Api,
    /// Those of the toolbox but for its port proxy.
    Toolbox,
    /// Those to a port of a sandbox, by the toolbox or by a preview URL.
    Proxy,
    /// One operation, as `POST /sandbox`; see [`Recorded::operation`](super::Recorded::operation).
    Operation(String),
}

/// How often a rule strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After `skip` requests, `times` in a row.
    Counted {
        /// Requests that are let pass first.
        skip: u64,
        /// Requests that are struck then.
        times: u64,
    },
    /// By chance.
    Chance {
        /// In a thousand.
        per_mille: u32,
    },
}

impl When {
    /// The next `times` requests.
    pub const fn next(times: u64) -> Self {
        Self::Counted { skip: 0, times }
    }

    /// Every request.
    pub const fn always() -> Self {
        Self::next(u64::MAX)
    }
}

/// Rules, and the seed of what they leave to chance.
///
/// ```
/// use hibernaculum_testkit::daytona::{Fault, Faults, On, When};
///
/// let faults = Faults::seeded(7)
///     .with(Fault::StaleCreate, On::Operation("POST /sandbox".into()), When::next(1))
///     .with(Fault::BadGateway, On::Toolbox, When::Chance { per_mille: 50 });
/// # drop(faults);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Faults {
    seed: u64,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    fault: Fault,
    on: On,
    when: When,
}

impl Faults {
    /// No rule.
    pub fn none() -> Self {
        Self::default()
    }

    /// No rule yet, and a seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, rules: Vec::new() }
    }

    /// One rule more, behind those that there are.
    #[must_use]
    pub fn with(mut self, fault: Fault, on: On, when: When) -> Self {
        self.rules.push(Rule { fault, on, when });
        self
    }
}

/// Which part of the service a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Api,
    Toolbox,
    Proxy,
}

impl On {
    fn is_about(&self, part: Part, operation: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Api => part == Part::Api,
            Self::Toolbox => part == Part::Toolbox,
            Self::Proxy => part == Part::Proxy,
            Self::Operation(name) => name == operation,
        }
    }
}

/// The rules at work.
#[derive(Debug)]
pub(crate) struct Dice(Mutex<Cast>);

#[derive(Debug)]
struct Cast {
    faults: Faults,
    /// How many requests each rule has looked at.
    seen: Vec<u64>,
}

impl Dice {
    pub(crate) fn new(faults: Faults) -> Self {
        Self(Mutex::new(Cast::new(faults)))
    }

    /// Other rules from now on, counted from the start.
    pub(crate) fn replace(&self, faults: Faults) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Cast::new(faults);
    }

    /// What goes wrong with the next request.
    pub(crate) fn cast(&self, part: Part, operation: &str) -> Option<Fault> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).next(part, operation)
    }
}

impl Cast {
    fn new(faults: Faults) -> Self {
        Self { seen: vec![0; faults.rules.len()], faults }
    }

    fn next(&mut self, part: Part, operation: &str) -> Option<Fault> {
        let mut struck = None;
        for (place, (rule, seen)) in self.faults.rules.iter().zip(&mut self.seen).enumerate() {
            if !rule.on.is_about(part, operation) {
                continue;
            }
            let number = *seen;
            *seen += 1;
            let strikes = match rule.when {
                When::Counted { skip, times } => number.checked_sub(skip).is_some_and(|after| after < times),
                When::Chance { per_mille } => {
                    die(self.faults.seed, place, number) % 1000 < u64::from(per_mille)
                }
            };
            if strikes && struck.is_none() {
                struck = Some(rule.fault.clone());
            }
        }
        struck
    }
}

/// A number for this seed, this rule and this request: the finaliser of splitmix64.
fn die(seed: u64, rule: usize, request: u64) -> u64 {
    let mut mixed = seed ^ (rule as u64).rotate_left(48) ^ request.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strikes(faults: &Faults, requests: u64) -> Vec<bool> {
        let dice = Dice::new(faults.clone());
        (0..requests).map(|_| dice.cast(Part::Api, "GET /sandbox").is_some()).collect()
    }

    #[test]
    fn a_count_lets_some_pass_and_strikes_the_next() {
        let faults = Faults::none().with(Fault::BadGateway, On::Api, When::Counted { skip: 1, times: 2 });
        assert_eq!(strikes(&faults, 5), [false, true, true, false, false]);
    }

    #[test]
    fn a_seed_decides_and_another_seed_otherwise() {
        let by =
            |seed| Faults::seeded(seed).with(Fault::BadGateway, On::Any, When::Chance { per_mille: 300 });
        let first = strikes(&by(1), 1000);
        assert_eq!(first, strikes(&by(1), 1000));
        assert_ne!(first, strikes(&by(2), 1000));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((250..350).contains(&hits), "{hits} of 1000, 300 expected");
    }

    #[test]
    fn a_rule_looks_only_at_what_it_is_about() {
        let dice =
            Dice::new(
                Faults::none()
                    .with(Fault::Conflict, On::Operation("POST /sandbox".into()), When::next(1))
                    .with(Fault::BadGateway, On::Proxy, When::next(1)),
            );
        assert_eq!(dice.cast(Part::Api, "GET /sandbox"), None);
        assert_eq!(dice.cast(Part::Proxy, "proxy"), Some(Fault::BadGateway));
        assert_eq!(dice.cast(Part::Api, "POST /sandbox"), Some(Fault::Conflict));
        assert_eq!(dice.cast(Part::Api, "POST /sandbox"), None);
    }
}
