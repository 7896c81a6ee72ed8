//! Exceptions.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let x = || when("x").value_of("x");
    let rules = match case {
        "an_exception_is_an_outcome" => vec![
            when("x = 1\nraise ValueError('no such luck')")
                .binds("x", 1)
                .raises(Exception::new("ValueError", "no such luck")),
            x(),
        ],
        "output_before_an_exception_is_there" => vec![
            when("print('before')\n1/0\nprint('after')")
                .prints("before\n")
                .raises(Exception::new("ZeroDivisionError", "division by zero").frame(2, "<module>", "1/0")),
        ],
        "sys_exit_ends_the_execution_and_not_the_session" => {
            let mut told = Exception::exit(1);
            "told".clone_into(&mut told.message);
            vec![
                binds("import sys; x = 1", "x", 1),
                when("sys.exit(3)").raises(Exception::exit(3)),
                when("sys.exit()").raises(Exception::exit(0)),
                when("exit(4)").raises(Exception::exit(4)),
                when("raise SystemExit('told')").raises(told),
                x(),
            ]
        }
        "a_keyboard_interrupt_of_its_own_is_a_failure" => {
            let own = Exception::new("KeyboardInterrupt", "mine");
            vec![when("raise KeyboardInterrupt('mine')").raises(own), number(1)]
        }
        "an_exception_class_of_its_own_is_told_by_name" => {
            let mut trouble = Exception::new("Trouble", "here");
            "__main__".clone_into(&mut trouble.module);
            vec![when(Matcher::contains("raise Trouble")).raises(trouble)]
        }
        _ => return None,
    };
    Some(Script::in_order(rules))
}
