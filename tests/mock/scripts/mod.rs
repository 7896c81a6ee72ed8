//! What Python would do, case by case.

mod attach;
mod crashes;
mod deadlines;
mod displays;
mod errors;
mod files;
mod info;
mod interrupts;
mod names;
mod output;
mod prelude;
mod queue;
mod refusals;
mod sandboxes;
mod sessions;
mod state;
mod stdin;

use hibernaculum::mock::Script;

/// The script of a case, where it has one.
pub(crate) fn of(case: &str) -> Option<Script> {
    let subjects = [
        attach::script,
        crashes::script,
        deadlines::script,
        displays::script,
        errors::script,
        files::script,
        info::script,
        interrupts::script,
        names::script,
        output::script,
        queue::script,
        refusals::script,
        sandboxes::script,
        sessions::script,
        state::script,
        stdin::script,
    ];
    subjects.into_iter().find_map(|script| script(case))
}
