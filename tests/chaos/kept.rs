//! The checkpoints that a session has, what each holds, and which one its state goes back to when its process dies.

use hibernaculum::{CheckpointId, CheckpointKind};

use crate::model::State;

/// One checkpoint.
#[derive(Debug, Clone)]
pub(crate) struct Checkpoint {
    pub(crate) id: CheckpointId,
    pub(crate) kind: CheckpointKind,
    pub(crate) state: State,
}

/// All of a session, the oldest first.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    made: Vec<Checkpoint>,
    /// The one that its state goes on from; it may have been deleted since.
    last: Option<CheckpointId>,
}

impl Kept {
    /// One more, which the state goes on from.
    pub(crate) fn add(&mut self, checkpoint: Checkpoint) {
        self.last = Some(checkpoint.id);
        self.made.push(checkpoint);
    }

    pub(crate) fn remove(&mut self, id: CheckpointId) {
        self.made.retain(|made| made.id != id);
    }

    pub(crate) fn all(&self) -> &[Checkpoint] {
        &self.made
    }

    pub(crate) fn find(&self, id: CheckpointId) -> Option<&Checkpoint> {
        self.made.iter().find(|made| made.id == id)
    }

    pub(crate) fn last(&self) -> Option<CheckpointId> {
        self.last
    }

    /// The state goes on from that one, or from none.
    pub(crate) fn goes_on_from(&mut self, id: Option<CheckpointId>) {
        self.last = id;
    }

    /// Those that a recovery tries, in its order: the one that the state goes on from, then the others, the newest first.
    pub(crate) fn chain(&self) -> Vec<CheckpointId> {
        let last = self.made.iter().filter(|made| Some(made.id) == self.last);
        let others = self.made.iter().rev().filter(|made| Some(made.id) != self.last);
        last.chain(others).map(|made| made.id).collect()
    }

    /// How many are processes, which can be stopped.
    pub(crate) fn live(&self) -> u32 {
        let live = self.made.iter().filter(|made| made.kind == CheckpointKind::Live);
        u32::try_from(live.count()).unwrap_or(u32::MAX)
    }
}
