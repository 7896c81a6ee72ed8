//! The live checkpoints of all sandboxes: what is known of them here, and within which limits they are made.

use std::collections::HashMap;

use hibernaculum_core::{
    ByteSize, CheckpointError, CheckpointId, CheckpointInfo, Error, LiveLimits, SandboxId, SessionId,
};

use crate::wire::messages::Checkpoints;

/// One of them.
#[derive(Debug, Clone)]
pub(super) struct Live {
    pub(super) info: CheckpointInfo,
    pub(super) sandbox: SandboxId,
    /// No execution of its state had a higher number.
    pub(super) number: u64,
}

/// All of them, by id; and the places of those that are being made.
#[derive(Debug, Default)]
pub(super) struct LiveCheckpoints {
    known: HashMap<CheckpointId, Live>,
    /// How many are being made, by sandbox.
    begun: HashMap<SandboxId, usize>,
}

impl LiveCheckpoints {
    /// Takes a place for one more, or refuses.
    pub(super) fn begin(&mut self, sandbox: SandboxId, limits: LiveLimits) -> Result<(), Error> {
        let begun = self.begun.entry(sandbox).or_default();
        let there = self.known.values().filter(|live| live.sandbox == sandbox).count();
        if there + *begun >= limits.count {
            let reached = format!("the sandbox has {there}, and may have {}", limits.count);
            return Err(CheckpointError::Limit { reached }.into());
        }
        *begun += 1;
        Ok(())
    }

    /// Gives the place back; where it was made, it is known from now on.
    pub(super) fn end(&mut self, sandbox: SandboxId, made: Option<Live>) {
        if let Some(begun) = self.begun.get_mut(&sandbox) {
            *begun = begun.saturating_sub(1);
        }
        if let Some(live) = made {
            self.known.insert(live.info.id, live);
        }
    }

    /// It is there already.
    pub(super) fn know(&mut self, live: Live) {
        self.known.insert(live.info.id, live);
    }

    pub(super) fn get(&self, checkpoint: CheckpointId) -> Option<&Live> {
        self.known.get(&checkpoint)
    }

    /// Those of a session, the oldest first.
    pub(super) fn of(&self, session: SessionId) -> Vec<Live> {
        let mut found: Vec<_> =
            self.known.values().filter(|live| live.info.session == session).cloned().collect();
        found.sort_by_key(|live| live.info.id);
        found
    }

    pub(super) fn forget(&mut self, checkpoint: CheckpointId) -> Option<Live> {
        self.known.remove(&checkpoint)
    }

    /// The sandbox is gone, and they with it.
    pub(super) fn forget_sandbox(&mut self, sandbox: SandboxId) {
        self.known.retain(|_, live| live.sandbox != sandbox);
        self.begun.remove(&sandbox);
    }
}

/// Refuses where those that are there have as much memory of their own as they may.
pub(super) fn require_memory(limits: LiveLimits, there: &Checkpoints) -> Result<(), Error> {
    let Some(most) = limits.memory else { return Ok(()) };
    let taken = ByteSize::bytes(there.checkpoints.values().map(|live| live.memory_bytes).sum());
    if taken < most {
        return Ok(());
    }
    let reached = format!("those of the sandbox have {taken} of memory of their own, and may have {most}");
    Err(CheckpointError::Limit { reached }.into())
}

#[cfg(test)]
mod tests {
    use hibernaculum_core::CheckpointKind;

    use super::*;

    fn live(sandbox: SandboxId) -> Live {
        let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Live, SessionId::new());
        Live { info, sandbox, number: 3 }
    }

    #[test]
    fn those_that_are_being_made_count_too() {
        let (mut all, sandbox, limits) =
            (LiveCheckpoints::default(), SandboxId::new(), LiveLimits::default().count(2));
        all.begin(sandbox, limits).unwrap();
        all.begin(sandbox, limits).unwrap();
        assert_eq!(all.begin(sandbox, limits).unwrap_err().code(), "checkpoint.limit");
        all.begin(SandboxId::new(), limits).unwrap();
        all.end(sandbox, None);
        all.begin(sandbox, limits).unwrap();
        all.end(sandbox, Some(live(sandbox)));
        all.end(sandbox, Some(live(sandbox)));
        assert_eq!(all.begin(sandbox, limits).unwrap_err().code(), "checkpoint.limit");
        all.forget_sandbox(sandbox);
        all.begin(sandbox, limits).unwrap();
    }

    #[test]
    fn memory_of_their_own_is_bounded_where_it_is_asked_for() {
        let mut there = Checkpoints::default();
        require_memory(LiveLimits::default().memory(ByteSize::bytes(1)), &there).unwrap();
        let live = crate::wire::messages::LiveCheckpoint { pid: 1, session: "s".into(), memory_bytes: 10 };
        there.checkpoints.insert("cp".into(), live);
        require_memory(LiveLimits::default(), &there).unwrap();
        require_memory(LiveLimits::default().memory(ByteSize::bytes(11)), &there).unwrap();
        let error = require_memory(LiveLimits::default().memory(ByteSize::bytes(10)), &there).unwrap_err();
        assert_eq!(error.code(), "checkpoint.limit");
    }
}
