//! Signals by name, and what a process ends of that the kernel killed.

use hibernaculum_engine::wire::messages::Cause;

/// The kernel killed it: the memory of its sandbox ran out.
pub(crate) fn out_of_memory() -> Cause {
    Cause::Signal { signal: 9, name: name(9), by: Some("oom".to_owned()) }
}

/// Linux' names of the signals that end processes.
pub(crate) fn name(signal: i32) -> String {
    const NAMES: [(i32, &str); 12] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (13, "SIGPIPE"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
    ];
    let known = NAMES.iter().find(|(number, _)| *number == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}
