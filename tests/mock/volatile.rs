//! Cases that no cassette can be made of, with the reason: those that need what the recorded backend has not, and at most ten that are volatile.

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
