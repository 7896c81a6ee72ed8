//! How far it is: a line on stderr while a person waits at a terminal, gone when it is over.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::manner::is_quiet;

/// What the line shows: `[=======>      ] 3/9 roundtrip`. No colours, so there are none to be refused.
const LINE: &str = "[{bar:24}] {pos}/{len} {msg}";
/// What it shows of work whose length nobody knows: `- saving trained (3s)`.
const WAIT: &str = "{spinner} {msg} ({elapsed})";
/// How often that moves.
const TICK: Duration = Duration::from_millis(200);

/// The line, or nothing.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// A line for so many figures, where somebody sees it and wants it.
    pub(crate) fn of(figures: usize) -> Self {
        if !is_wanted() {
            return Self(ProgressBar::hidden());
        }
        // It is drawn when something happens, and never by a thread that ticks: that would be measured, too.
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(u64::try_from(figures).ok(), target);
        let style = ProgressStyle::with_template(LINE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(bar.with_style(style.progress_chars("=> ")))
    }

    /// A line for one thing that takes as long as it takes.
    pub(crate) fn waiting(what: &str) -> Self {
        if !is_wanted() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(WAIT).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = bar.with_style(style.tick_chars("-\\|/ ")).with_message(what.to_owned());
        bar.tick();
        bar.enable_steady_tick(TICK);
        Self(bar)
    }

    /// Another one begins.
    pub(crate) fn begin(&self, name: &str) {
        self.0.set_message(name.to_owned());
        self.0.tick();
    }

    /// It is over.
    pub(crate) fn end(&self) {
        self.0.inc(1);
    }

    /// Says something on stdout, which may be the same terminal: the line steps aside.
    pub(crate) fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        self.0.suspend(say)
    }
}

/// Whether somebody sees it and wants it.
fn is_wanted() -> bool {
    let terminal = std::env::var("TERM").ok();
    !is_quiet() && io::stderr().is_terminal() && terminal.is_none_or(|terminal| terminal != "dumb")
}

/// Nothing is left of it, however it ended.
impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_one_that_can_be_drawn() {
        assert!(ProgressStyle::with_template(LINE).is_ok());
        assert!(ProgressStyle::with_template(WAIT).is_ok());
    }
}
