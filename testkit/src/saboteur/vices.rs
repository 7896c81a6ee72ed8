//! The saboteurs: one broken promise each, and the case that must notice.

use hibernaculum_core::{
    CrashCause, Event, EventKind, ExecutionId, InputReply, Limits, OutputStream, RecoveryPolicy, StateAfter,
    Status, StdinPolicy, Timeout, TransactionPolicy, TransactionScope, Value,
};

use super::Saboteur;
use super::bends::{
    AttachesFromTheFirst, Bend, BendsAnswer, BendsCheckpoint, BendsEvents, BendsFiles, BendsInfo, BendsList,
    BendsManifest, BendsNames, BendsOutcome, BendsPath, BendsPieces, BendsRequest, BendsSandbox,
    BendsSession, BendsSnapshot, Call, Omits,
};

/// What a saboteur does, boxed.
pub(super) type Vice = Box<dyn Bend>;

/// `by waiting`: the case notices because it waits in vain.
macro_rules! saboteurs {
    ($($name:ident breaks $case:ident $(by $waiting:ident)?: $vice:expr;)*) => {
        /// Every saboteur.
        pub fn all() -> impl Iterator<Item = Saboteur> {
            [$(Saboteur {
                name: stringify!($name),
                breaks: stringify!($case),
                waits: !<[&str]>::is_empty(&[$(stringify!($waiting))?]),
                vice: || Box::new($vice),
            }),*].into_iter()
        }
    };
}

saboteurs! {
    drops_a_chunk breaks output_before_an_exception_is_there: BendsEvents::new(|_, event| match event.kind {
        EventKind::Output { .. } => vec![],
        _ => vec![event],
    });
    swaps_two_chunks breaks the_two_streams_keep_their_order: BendsEvents::new(swap);
    gives_a_chunk_twice breaks prints_and_awaited_children_keep_their_order: BendsEvents::new(|_, event| match event.kind {
        EventKind::Output { .. } => vec![event.clone(), event],
        _ => vec![event],
    });
    mixes_the_streams_up breaks stdout_and_stderr_are_told_apart: BendsEvents::new(|_, mut event| {
        if let EventKind::Output { stream, .. } = &mut event.kind {
            *stream = OutputStream::Stdout;
        }
        vec![event]
    });
    holds_output_back breaks print_is_seen_while_the_code_runs by waiting: BendsEvents::new(|kept, event| match event.kind {
        EventKind::Output { .. } => {
            kept.push(event);
            vec![]
        }
        EventKind::Finished(_) => kept.drain(..).chain([event]).collect(),
        _ => vec![event],
    });
    loses_background_output breaks what_a_child_prints_after_the_end_is_background: BendsEvents::new(|_, event| {
        match event.kind {
            EventKind::Background { .. } => vec![],
            _ => vec![event],
        }
    });
    blames_background_output_on_the_next breaks what_a_thread_prints_after_the_end_is_background:
        BendsEvents::new(|kept, mut event| match event.kind {
            EventKind::Background { stream, text } => {
                event.kind = EventKind::Output { stream, text };
                kept.push(event);
                vec![]
            }
            EventKind::Started => [event].into_iter().chain(kept.drain(..)).collect(),
            _ => vec![event],
        });
    skips_a_number breaks names_live_between_executions: BendsEvents::with_numbers(|_, mut event| {
        event.seq += u64::from(event.is_last());
        vec![event]
    });
    never_says_started breaks a_trailing_expression_is_the_value: BendsEvents::new(|_, event| match event.kind {
        EventKind::Started => vec![],
        _ => vec![event],
    });
    talks_on_after_the_end breaks an_exception_is_an_outcome: BendsEvents::new(|_, event| {
        if event.is_last() { vec![event.clone(), event] } else { vec![event] }
    });
    answers_with_the_last_result breaks many_callers_get_their_own_answers: BendsEvents::new(answer_late);
    keeps_a_lost_state breaks a_segfault_is_a_crash_with_its_signal: BendsOutcome(|outcome| {
        outcome.state = StateAfter::Kept;
    });
    loses_a_kept_state breaks a_timeout_keeps_the_session: BendsOutcome(|outcome| {
        if outcome.status == Status::TimedOut {
            outcome.state = StateAfter::Lost;
        }
    });
    does_not_know_the_cause breaks an_exit_past_python_is_a_crash_with_its_code: BendsOutcome(|outcome| {
        outcome.crash = outcome.crash.take().map(|_| CrashCause::Unknown);
    });
    calls_a_timeout_an_interrupt breaks a_timeout_keeps_partial_output: BendsOutcome(|outcome| {
        if outcome.status == Status::TimedOut {
            outcome.status = Status::Interrupted;
        }
    });
    counts_wrong breaks executions_of_an_interpreter_are_numbered: BendsOutcome(|outcome| outcome.count += 1);
    forgets_changes breaks changes_tell_what_was_bound_rebound_and_removed: BendsOutcome(|outcome| {
        outcome.changes.modified.clear();
    });
    forgets_warnings breaks a_crash_while_idle_is_noticed_and_told: BendsOutcome(|outcome| {
        outcome.warnings.clear();
    });
    rounds_numbers breaks an_integer_of_400_digits_is_told_exactly: BendsOutcome(|outcome| {
        if let Some(Value { repr, .. }) = outcome.value.as_mut() {
            repr.truncate(17);
        }
    });
    shows_its_own_frames breaks a_traceback_shows_the_users_lines_only: BendsOutcome(|outcome| {
        if let Some(error) = outcome.error.as_mut() {
            error.traceback.insert_str(0, "  File \"engine.py\", line 1, in run\n");
        }
    });
    ignores_deadlines breaks a_timeout_keeps_the_session by waiting: BendsRequest(|request| {
        request.timeout = Timeout::Unlimited;
    });
    gives_what_the_queue_took_back breaks a_deadline_may_be_spent_in_the_queue_and_running: BendsRequest(|request| {
        if let Timeout::After(limit) = &mut request.timeout {
            *limit += std::time::Duration::from_millis(900);
        }
    });
    runs_an_id_twice breaks an_execution_id_runs_once: BendsRequest(|request| request.id = ExecutionId::new());
    asks_although_denied breaks denied_input_raises_an_eof_error_that_says_why by waiting: BendsRequest(|request| {
        request.stdin = StdinPolicy::Ask;
    });
    trims_the_code breaks code_with_nul_is_a_failure: BendsRequest(|request| {
        request.code = request.code.replace('\0', "");
    });
    notes_everything_in_history breaks history_can_be_left_alone: BendsRequest(|request| {
        request.store_history = true;
    });
    drops_limits_in_silence breaks a_limit_that_is_not_enforced_is_refused: BendsSandbox(|spec| {
        spec.limits = Limits::default();
    });
    forgets_the_environment breaks variables_of_the_spec_are_there: BendsSandbox(|spec| spec.env.clear());
    hides_a_sandbox breaks a_sandbox_is_made_listed_and_ended: BendsList(Vec::clear);
    has_no_end_to_its_queue breaks a_full_queue_says_busy: BendsSession(|spec| spec.queue_limit = 1000);
    revives_what_should_stay_dead breaks without_recovery_a_crashed_session_stays_crashed: BendsSession(|spec| {
        spec.recovery = RecoveryPolicy::FreshOnCrash;
    });
    counts_no_crashes breaks crashes_are_counted: BendsInfo(|info| info.crashes = 0);
    is_never_busy breaks a_session_tells_what_it_does: BendsInfo(|info| {
        info.state = hibernaculum_core::SessionState::Idle;
    });
    leaves_sandboxes_behind breaks a_sandbox_is_made_listed_and_ended: Omits(Call::Destroy);
    leaves_dropped_sandboxes_behind breaks a_dropped_handle_ends_its_sandbox: Omits(Call::Abandon);
    leaves_dropped_sessions_open breaks a_dropped_handle_closes_its_session: Omits(Call::AbandonSession);
    closes_nothing breaks a_closed_session_says_so: Omits(Call::Close);
    gives_everybody_the_same_session breaks sessions_share_no_names: Omits(Call::Open);
    promises_an_interrupt breaks an_interrupt_keeps_the_session by waiting: Omits(Call::Interrupt);
    lets_the_dropped_run_on breaks dropping_an_execution_interrupts_it by waiting: Omits(Call::InterruptDropped);
    takes_any_answer breaks an_answer_that_nobody_waits_for_is_refused: Omits(Call::RefuseAnswer);
    interrupts_the_detached breaks a_detached_flood_is_told_as_a_gap by waiting: Omits(Call::Detach);
    trims_answers breaks an_answer_may_be_long_and_of_any_characters: BendsAnswer(|reply| match reply {
        InputReply::Line(line) => InputReply::Line(line.chars().filter(char::is_ascii).collect()),
        other => other,
    });
    hides_names breaks names_are_listed_with_type_shape_and_preview: BendsNames(|listing| {
        listing.variables.pop();
    });
    deletes_no_name breaks a_name_is_deleted_once: Omits(Call::Delete);
    loses_the_last_byte breaks a_file_goes_in_and_comes_out: BendsPieces(|mut piece| {
        piece.truncate(piece.len().saturating_sub(1));
        piece
    });
    lists_in_any_order breaks a_directory_is_listed_in_order: BendsFiles(|files| files.reverse());
    lets_paths_out breaks paths_that_leave_the_working_directory_are_refused: BendsPath(|path| {
        path.replace("..", ".").trim_start_matches('/').replace('\0', "")
    });
    removes_nothing breaks a_directory_is_removed_with_everything_in_it: Omits(Call::Remove);
    mends_no_crash breaks a_crash_under_a_guard_costs_one_execution: BendsSession(|spec| {
        spec.recovery = RecoveryPolicy::FreshOnCrash;
    });
    forgets_transactions breaks every_policy_does_to_every_outcome_what_the_table_says: BendsRequest(|request| {
        request.transaction = TransactionPolicy::None;
    });
    undoes_names_only breaks what_a_rollback_undoes_goes_beyond_names: BendsRequest(|request| {
        if let TransactionPolicy::CommitOnSuccess { scope }
        | TransactionPolicy::RollbackOnFailure { scope }
        | TransactionPolicy::Explicit { scope } = &mut request.transaction
        {
            *scope = TransactionScope::Bindings;
        }
    });
    says_kept_where_it_was_undone breaks every_kind_of_crash_is_named_and_mended: BendsOutcome(|outcome| {
        outcome.state = StateAfter::Kept;
    });
    commits_in_place_of_a_rollback breaks a_transaction_is_settled_once: Omits(Call::Rollback);
    goes_back_to_nothing breaks a_session_goes_back_to_a_live_checkpoint: Omits(Call::Restore);
    restores_no_names breaks a_portable_checkpoint_brings_the_names_back: Omits(Call::Restore);
    recovers_to_nothing breaks a_crash_goes_back_to_the_newest_portable_checkpoint: BendsSession(|spec| {
        spec.recovery = RecoveryPolicy::FreshOnCrash;
    });
    forgets_whose_child_a_checkpoint_is breaks lineage_is_kept: BendsCheckpoint(|info| info.parent = None);
    warns_of_nothing_that_a_copy_lacks breaks what_a_checkpoint_does_not_carry_is_warned_of:
        BendsCheckpoint(|info| info.warnings.clear());
    tells_all_as_saved breaks what_cannot_be_saved_is_told_and_the_rest_is_there: BendsManifest(|manifest| {
        manifest.variables.retain(hibernaculum_core::SavedVariable::is_saved);
    });
    keeps_deleted_checkpoints breaks a_deleted_checkpoint_is_unknown: Omits(Call::DeleteCheckpoint);
    sleeps_with_open_eyes breaks a_hibernated_session_wakes_with_its_id_its_history_and_its_count: Omits(Call::Sleep);
    tells_nothing_of_what_a_snapshot_lacks breaks what_a_snapshot_cannot_hold_is_told:
        BendsSnapshot(|info| info.warnings.clear());
    keeps_deleted_snapshots breaks a_deleted_snapshot_is_gone: Omits(Call::DeleteSnapshot);
    forks_nothing breaks a_fork_is_a_sandbox_of_its_own: Omits(Call::Fork);
    repeats_what_was_seen breaks an_execution_that_runs_is_taken_up_in_the_middle: AttachesFromTheFirst;
}

/// Keeps every other chunk back, and gives it after the next.
fn swap(kept: &mut Vec<Event>, event: Event) -> Vec<Event> {
    let is_output = matches!(event.kind, EventKind::Output { .. });
    match kept.pop() {
        Some(earlier) if is_output => vec![event, earlier],
        Some(earlier) => vec![earlier, event],
        None if is_output => {
            kept.push(event);
            vec![]
        }
        None => vec![event],
    }
}

/// Gives each execution the outcome of the one before it.
fn answer_late(kept: &mut Vec<Event>, mut event: Event) -> Vec<Event> {
    if event.is_last() {
        let own = event.clone();
        if let Some(earlier) = kept.pop() {
            event.kind = earlier.kind;
        }
        kept.push(own);
    }
    vec![event]
}
