//! Cases that no cassette can be made of, with the reason: those that need what the recorded backend has not, and at most ten that are volatile. And those
//! whose cassettes are played, but not compared with a new recording: at most ten again.

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
    ("a_flood_from_many_children_hurts_nobody_else", "megabytes of twenty children, mixed at random"),
    ("a_hundred_megabytes_go_and_come_back", "hundreds of megabytes without a pattern"),
    ("files_of_all_sizes_come_out_as_they_went_in", "megabytes without a pattern"),
    ("a_second_save_of_the_same_stores_nothing_again", "megabytes without a pattern"),
    ("a_snapshot_of_unchanged_files_stores_nothing_again", "tens of megabytes without a pattern"),
    ("a_session_that_dies_while_it_is_saved_leaves_nothing_published", "megabytes without a pattern"),
    ("a_session_that_dies_while_it_is_restored_is_told", "megabytes without a pattern"),
];

/// Cases whose runs differ by what they are about: they are recorded, played and held to their promise, and not compared.
pub(crate) const UNSTEADY: &[(&str, &str)] = &[
    (
        "a_link_that_takes_a_directorys_place_leads_nowhere",
        "which write meets which link is up to the moment",
    ),
    ("a_recovery_that_is_closed_is_closed", "its session is closed as its process dies"),
    (
        "a_session_cannot_reach_the_connection_of_another",
        "which descriptor its garbage meets first is up to the moment",
    ),
    ("a_timeout_does_not_answer_for_the_next_call", "its code ends at its deadline"),
    ("background_output_does_not_wait_for_room", "what is printed between two executions belongs to either"),
    ("forged_replies_hurt_their_own_session_only", "its session ends in one way or another"),
    (
        "garbage_on_every_descriptor_hurts_one_session",
        "which descriptor its garbage meets first is up to the moment",
    ),
    ("thousands_of_zombies_hurt_nobody_else", "how far it comes until its deadline is up to the machine"),
];
