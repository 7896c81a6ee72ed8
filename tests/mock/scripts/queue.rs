//! The queue of a session.

use super::prelude::*;

pub(crate) fn script(case: &str) -> Option<Script> {
    let rules = match case {
        "executions_run_in_the_order_of_their_calls" => vec![
            when("order = []").binds("order", Vec::<u8>::new()),
            when(Matcher::regex(r"^order.append\((\d+)\)").unwrap())
                .times(20)
                .computes(|scene| Ending::Value(scene.group(1).parse::<u64>().unwrap().into())),
            is("order == list(range(20))", true),
        ],
        "a_full_queue_says_busy" => vec![sleeper(), number(3)],
        "a_failure_does_not_stop_the_queue" => vec![divides_by_zero(), is("'second'", "second")],
        "waiting_executions_are_counted" => vec![sleeper(), number(2)],
        "time_in_the_queue_is_told" => {
            vec![when("import time; time.sleep(0.3)").waits(millis(300)), number(1)]
        }
        "many_callers_get_their_own_answers" => {
            let each =
                (0..30).map(|i| is(&format!("print({i})\n{i} * 1000"), i * 1000).prints(format!("{i}\n")));
            return Some(Script::any_order(each));
        }
        _ => return None,
    };
    Some(Script::in_order(rules))
}
