//! Pieces of Python that many cases run, and what they do.

use std::time::Duration;

pub(crate) use hibernaculum::mock::{
    Crash, Ending, Exception, Matcher, Reaction, Rule, Script, ScriptedValue, when,
};

/// Says `ready`, then sleeps for ten minutes.
pub(crate) fn sleeper() -> Rule {
    when("import time\nprint('ready')\ntime.sleep(600)").prints("ready\n").waits(Duration::from_mins(10))
}

/// Says `ready`, then computes for ever.
pub(crate) fn busy() -> Rule {
    when("print('ready')\nwhile True: pass").prints("ready\n").hangs()
}

/// Says `ready`, then ignores every interrupt.
pub(crate) fn stubborn() -> Rule {
    when(Matcher::contains("except KeyboardInterrupt:\n        pass"))
        .prints("ready\n")
        .hangs()
        .ignores_interrupts()
}

/// Code that goes on once another session has made the file; `before` and `after` it stands what it does besides.
pub(crate) fn waits_for(before: &str, file: &str, after: &str) -> Rule {
    let rule = when(waiting(before, file, after));
    let rule = if before.is_empty() { rule } else { rule.prints(printed(before)) };
    let rule = rule.waits_for(file);
    if after.starts_with("print(") { rule.prints(printed(after)) } else { rule }
}

fn waiting(before: &str, file: &str, after: &str) -> String {
    let before = if before.is_empty() { String::new() } else { format!("{before}\n") };
    format!("{before}import os, time\nwhile not os.path.exists({file:?}): time.sleep(0.002)\n{after}")
}

/// What `print('text')` prints.
fn printed(code: &str) -> String {
    let text = code.split('\'').nth(1).unwrap_or_default();
    format!("{text}\n")
}

/// Makes the file that another session waits for.
pub(crate) fn makes(file: &str) -> Rule {
    when(format!("open({file:?}, 'w').close()")).signals(file)
}

/// An expression and its value.
pub(crate) fn is(code: &str, value: impl Into<ScriptedValue>) -> Rule {
    when(code).value(value)
}

/// An expression whose value only Python can say.
pub(crate) fn shows(code: &str, repr: &str, type_name: &str) -> Rule {
    when(code).value(ScriptedValue::object(repr, type_name))
}

/// Binds a name.
pub(crate) fn binds(code: &str, name: &str, value: impl Into<ScriptedValue>) -> Rule {
    when(code).binds(name, value)
}

/// Asks whether a name is bound.
pub(crate) fn asks_for(name: &'static str) -> Rule {
    when(format!("'{name}' in globals()"))
        .computes(move |scene| Ending::Value(scene.value_of(name).is_some().into()))
}

/// Numbers are their own values.
pub(crate) fn number(times: u64) -> Rule {
    when(Matcher::regex(r"^\d+$").unwrap())
        .times(times)
        .computes(|scene| Ending::Value(scene.code().trim().parse::<i64>().unwrap().into()))
}

/// `os._exit(code)`.
pub(crate) fn exits(code: i32) -> Rule {
    when(format!("import os; os._exit({code})")).crashes(Crash::Exit(code))
}

/// `1/0`.
pub(crate) fn divides_by_zero() -> Rule {
    when("1/0").raises(Exception::new("ZeroDivisionError", "division by zero"))
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// What a loop prints.
pub(crate) fn lines(range: std::ops::Range<u32>, line: impl Fn(u32) -> String) -> String {
    range.fold(String::new(), |text, i| text + &line(i))
}
