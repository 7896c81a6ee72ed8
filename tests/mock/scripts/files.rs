//! Files, which the scripted sandbox has in memory.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "a_file_goes_in_and_comes_out"
        | "files_of_all_sizes_come_out_as_they_went_in"
        | "a_file_that_is_not_there_is_told"
        | "a_directory_is_listed_in_order"
        | "directories_are_made_with_those_above_them"
        | "a_file_is_renamed_over_another"
        | "a_directory_with_files_is_not_replaced"
        | "a_directory_is_removed_with_everything_in_it"
        | "downloads_that_nobody_reads_hold_nothing_else_up"
        | "paths_that_leave_the_working_directory_are_refused"
        | "a_name_that_is_too_long_is_refused"
        | "an_upload_that_is_given_up_leaves_nothing"
        | "an_upload_whose_source_fails_leaves_nothing"
        | "a_download_that_is_given_up_does_no_harm"
        | "many_transfers_at_once_do_not_mix"
        | "files_of_a_sandbox_that_is_gone_are_refused" => vec![],
        "code_that_runs_does_not_hold_files_up" => vec![busy()],
        "a_transfer_does_not_hold_an_interrupt_up" => vec![sleeper()],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
