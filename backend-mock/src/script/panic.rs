//! Functions of a script, which may panic: a failed assertion, say.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a function of the script gives, or what it panicked with. It is called on a task of the runner, where a panic would be lost.
pub(crate) fn caught<T>(function: impl FnOnce() -> T) -> Result<T, String> {
    // It shares nothing with the runner but what it may only look at.
    catch_unwind(AssertUnwindSafe(function)).map_err(|panic| {
        let text = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
    })
}
