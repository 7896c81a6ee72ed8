//! How `hib` behaves at the terminal: quiet or not, with colours or not. Said once, at the start, for the whole process, as stdout is one for all.

use std::sync::OnceLock;

use clap::ValueEnum;

/// What was said. Nothing said is the default: not quiet, colours where a terminal shows them.
static MANNER: OnceLock<Manner> = OnceLock::new();

/// How to behave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) is_quiet: bool,
    pub(crate) colour: ColourWhen,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColourWhen {
    /// Where a terminal shows them, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Even in a pipe
    Always,
    /// Nowhere
    Never,
}

impl Manner {
    /// Behaves so from now on. Only the first word counts.
    pub(crate) fn adopt(self) {
        let _ = MANNER.set(self);
    }
}

/// Whether only what the code prints, and errors, shall be seen.
pub(crate) fn is_quiet() -> bool {
    MANNER.get().is_some_and(|manner| manner.is_quiet)
}

/// When to use colours.
pub(super) fn colour() -> ColourWhen {
    MANNER.get().map(|manner| manner.colour).unwrap_or_default()
}
