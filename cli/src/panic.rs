//! A bug in `hib` itself: told like any other failure, and never as success.
//!
//! ```text
//!  hib: a bug in `hib`: it panicked [hib.panic]
//!    why: index out of bounds (cli/src/run/show.rs:12)
//!    how: report it at …, with the output of `hib --version` and of `hib doctor --json`
//! ```

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::atomic::{AtomicBool, Ordering};

use hibernaculum::Explanation;

use crate::exit::Exit;

/// Whether there was a panic, on whatever thread.
static PANICKED: AtomicBool = AtomicBool::new(false);

/// Does the work, and tells of its panics.
pub(crate) fn guard(work: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(|info| {
        PANICKED.store(true, Ordering::Relaxed);
        // Where stderr is gone, the exit code has to do.
        let _ = io::stderr().write_all(told(info).as_bytes());
    }));
    let ended = panic::catch_unwind(AssertUnwindSafe(work));
    verdict(ended.ok(), PANICKED.load(Ordering::Relaxed))
}

/// A task that panicked takes what it was to do with it, even where the rest went well.
fn verdict(ended: Option<Exit>, has_panicked: bool) -> Exit {
    ended.filter(|_| !has_panicked).unwrap_or(Exit::BROKEN)
}

fn told(info: &PanicHookInfo<'_>) -> String {
    let message = info.payload_as_str().unwrap_or("nothing is known of it");
    let place =
        info.location().map_or_else(String::new, |place| format!(" ({}:{})", place.file(), place.line()));
    let how = concat!(
        "report it at ",
        env!("CARGO_PKG_REPOSITORY"),
        "/issues, with the output of `hib --version` and of `hib doctor --json`; RUST_BACKTRACE=1 tells more"
    );
    let why = format!("{}{place}", message.replace('\n', "\n    "));
    let mut text =
        format!("hib: {}\n", Explanation::new("hib.panic", "a bug in `hib`: it panicked", why, how));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        // Writing to a String cannot fail.
        let _ = write!(text, "  beneath:\n{trace}");
    }
    text
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_panic_on_any_thread_is_no_success() {
        assert_eq!(verdict(Some(Exit::OK), false), Exit::OK);
        assert_eq!(verdict(Some(Exit::OK), true), Exit::BROKEN);
        assert_eq!(verdict(None, true), Exit::BROKEN);
    }

    const IN_A_PROCESS_OF_ITS_OWN: &str = "HIB_TEST_PANICS";

    /// The hook belongs to a whole process, so this runs in one of its own.
    #[test]
    fn panics() {
        if std::env::var_os(IN_A_PROCESS_OF_ITS_OWN).is_none() {
            return;
        }
        let exit = guard(|| panic!("it is {}\nor not", 42));
        assert_eq!(exit, Exit::BROKEN);
    }

    #[test]
    fn a_panic_says_what_why_and_how_and_nothing_else() {
        let mut test = Command::new(std::env::current_exe().unwrap());
        test.args(["--exact", "panic::tests::panics", "--nocapture"])
            .env_remove("RUST_BACKTRACE")
            .env(IN_A_PROCESS_OF_ITS_OWN, "1");
        let ran = test.output().unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert!(ran.status.success(), "{said}");
        let lines: Vec<_> = said.lines().collect();
        assert_eq!(lines.first(), Some(&"hib: a bug in `hib`: it panicked [hib.panic]"), "{said}");
        assert!(said.contains("why: it is 42\n    or not (cli/src/panic.rs:"), "{said}");
        assert!(lines.last().unwrap().starts_with("  how: report it at https://"), "{said}");
    }
}
