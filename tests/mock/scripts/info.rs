//! What is known of sandboxes, sessions and executions.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let version = || is("import platform; platform.python_version()", "3.13.0");
    let rules = match case {
        "a_sandbox_tells_about_itself" => vec![is("import os; os.getcwd()", "/sandbox"), version()],
        // A script has no process to be limited, so none is asked.
        "a_sandbox_tells_the_limits_that_hold" => vec![],
        "a_session_tells_about_itself" => vec![version()],
        "a_session_tells_what_it_does" => vec![sleeper(), number(1)],
        "executions_of_an_interpreter_are_numbered" => vec![number(3), exits(1), number(1)],
        "events_carry_the_time_at_which_they_happened" => vec![
            when(Matcher::contains("print('one', flush=True)"))
                .prints("one\n")
                .waits(millis(300))
                .prints("two\n"),
        ],
        "the_features_agree_with_the_backends_name" => vec![],
        _ => return None,
    };
    Some(Script::in_order(rules))
}
