//! `--recovery`: what comes back when a session's process dies.

use clap::ValueEnum;
use hibernaculum::{RecoveryPolicy, RestoredFrom, StateAfter};

/// What comes back, as it is typed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Recovery {
    /// The state from before the code that killed it
    Guard,
    /// A fresh interpreter; the state is lost
    #[default]
    Fresh,
    /// The newest checkpoint that was made, restored or woken from
    Checkpoint,
    /// Nothing: the session is over
    None,
}

impl From<Recovery> for RecoveryPolicy {
    fn from(recovery: Recovery) -> Self {
        match recovery {
            Recovery::Guard => Self::Guard,
            Recovery::Fresh => Self::FreshOnCrash,
            Recovery::Checkpoint => Self::FromCheckpoint,
            Recovery::None => Self::None,
        }
    }
}

/// What became of the state, to follow "its state is".
pub(crate) fn told(state: &StateAfter) -> String {
    match state {
        StateAfter::Kept => "kept".to_owned(),
        StateAfter::Lost => "lost".to_owned(),
        StateAfter::Restored { from: RestoredFrom::Guard(_) } => {
            "restored, as it was before this code".to_owned()
        }
        StateAfter::Restored { from: RestoredFrom::Bindings(_) } => {
            "restored: names are bound as before this code".to_owned()
        }
        StateAfter::Restored { from: RestoredFrom::Live(checkpoint) } => {
            format!("restored, from the live checkpoint {checkpoint}")
        }
        StateAfter::Restored { from: RestoredFrom::Portable(checkpoint) } => {
            format!("restored, from the checkpoint {checkpoint}")
        }
        // Of a later version.
        _ => "restored".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use hibernaculum::{CheckpointId, ExecutionId};

    use super::*;

    #[test]
    fn what_is_typed_is_what_is_asked_for() {
        for (typed, policy) in [
            ("guard", RecoveryPolicy::Guard),
            ("fresh", RecoveryPolicy::FreshOnCrash),
            ("checkpoint", RecoveryPolicy::FromCheckpoint),
            ("none", RecoveryPolicy::None),
        ] {
            assert_eq!(RecoveryPolicy::from(Recovery::from_str(typed, false).unwrap()), policy);
        }
        assert_eq!(RecoveryPolicy::from(Recovery::default()), RecoveryPolicy::default());
    }

    #[test]
    fn where_a_state_came_from_is_told() {
        let checkpoint = CheckpointId::new();
        let restored = |from| told(&StateAfter::Restored { from });
        assert_eq!(restored(RestoredFrom::Guard(ExecutionId::new())), "restored, as it was before this code");
        for from in [RestoredFrom::Live(checkpoint), RestoredFrom::Portable(checkpoint)] {
            let told = restored(from);
            assert!(told.starts_with("restored, from") && told.ends_with(&checkpoint.to_string()), "{told}");
        }
    }
}
