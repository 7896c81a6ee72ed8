//! Cases that no cassette can be made of, with the reason: those that need what the recorded backend has not, and those that are volatile. And those whose
//! cassettes are played, but not compared with a new recording. Of the latter two there are at most ten together.

use hibernaculum::Feature;
use hibernaculum_testkit::{Case, Need};

/// Why a case has no cassette; `None`: it has one.
pub(crate) fn reason(case: &Case) -> Option<String> {
    if case.needs.contains(&Need::Feature(Feature::Linger)) {
        let reason =
            "needs linger: the backend that is recorded ends with its host, and there is nothing to adopt";
        return Some(reason.to_owned());
    }
    let volatile = VOLATILE.iter().find(|(name, _)| *name == case.name);
    volatile.map(|(_, reason)| format!("volatile: {reason}"))
}

/// The volatile ones.
pub(crate) const VOLATILE: &[(&str, &str)] = &[
    ("a_call_may_be_dropped_at_any_moment", "which of its calls are made at all is up to the clock"),
    (
        "an_answered_execution_is_never_undone_in_silence",
        "what is asked next depends on when a death is noticed",
    ),
    ("many_transfers_at_once_do_not_mix", "which of eight connections takes which file is up to the clock"),
];

/// Cases whose runs differ by what they are about: they are recorded, played and held to their promise, and not compared.
pub(crate) const UNSTEADY: &[(&str, &str)] = &[
    (
        "a_session_cannot_reach_the_connection_of_another",
        "which descriptor its garbage meets first is up to the moment",
    ),
    (
        "descriptors_made_nonblocking_hurt_nobody",
        "whether its own connection is full just then, and the session ends, is up to the moment",
    ),
    ("forged_replies_hurt_their_own_session_only", "its session ends in one way or another"),
    (
        "garbage_on_every_descriptor_hurts_one_session",
        "which descriptor its garbage meets first is up to the moment",
    ),
];
