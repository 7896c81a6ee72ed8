//! A terminal that does not show what is typed, for as long as a password is asked for.

use std::fs::File;
use std::io;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// While it lives, the terminal on stdin does not echo.
#[derive(Debug)]
pub(crate) struct Silence {
    terminal: File,
    before: Termios,
}

impl Silence {
    /// Turns the echo off; `None` where stdin is no terminal, or the terminal refuses.
    pub(crate) fn on_stdin() -> Option<Self> {
        let terminal = File::from(rustix::io::dup(rustix::stdio::stdin()).ok()?);
        let before = tcgetattr(&terminal).ok()?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO;
        set(&terminal, &silent).ok()?;
        Some(Self { terminal, before })
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // A terminal that is gone has nothing to restore.
        let _ = set(&self.terminal, &self.before);
    }
}

/// From the next character on; what was typed ahead stays.
fn set(terminal: &File, modes: &Termios) -> io::Result<()> {
    Ok(tcsetattr(terminal, OptionalActions::Drain, modes)?)
}
