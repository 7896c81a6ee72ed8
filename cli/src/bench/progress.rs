//! How far it is: a line on stderr while a person waits at a terminal, gone when it is over.

use std::io::{self, IsTerminal as _};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::terminal::is_quiet;

/// What the line shows: `[=======>      ] 3/9 roundtrip`. No colours, so there are none to be refused.
const LINE: &str = "[{bar:24}] {pos}/{len} {msg}";

/// The line, or nothing.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    /// A line for so many figures, where somebody sees it and wants it.
    pub(super) fn of(figures: usize) -> Self {
        let terminal = std::env::var("TERM").ok();
        let is_seen = io::stderr().is_terminal() && terminal.is_none_or(|terminal| terminal != "dumb");
        if !is_seen || is_quiet() {
            return Self(ProgressBar::hidden());
        }
        // It is drawn when something happens, and never by a thread that ticks: that would be measured, too.
        let target = ProgressDrawTarget::stderr();
        let bar = ProgressBar::with_draw_target(u64::try_from(figures).ok(), target);
        let style = ProgressStyle::with_template(LINE).unwrap_or_else(|_| ProgressStyle::default_bar());
        Self(bar.with_style(style.progress_chars("=> ")))
    }

    /// Another one begins.
    pub(super) fn begin(&self, name: &str) {
        self.0.set_message(name.to_owned());
        self.0.tick();
    }

    /// It is over.
    pub(super) fn end(&self) {
        self.0.inc(1);
    }

    /// Says something on stdout, which may be the same terminal: the line steps aside.
    pub(super) fn aside<T>(&self, say: impl FnOnce() -> T) -> T {
        self.0.suspend(say)
    }
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
    }
}
