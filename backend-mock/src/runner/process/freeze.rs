//! Live checkpoints of a scripted session: its names, as they are. What branches off, or goes back, begins with them.

use hibernaculum_engine::wire::messages::CheckpointFreeze;
use hibernaculum_engine::wire::{Id, WireError};

use super::Process;
use crate::runner::world::Frozen;

impl Process {
    pub(super) async fn freeze(&mut self, id: &Id, freeze: &CheckpointFreeze) -> Result<(), WireError> {
        self.begin(freeze.execution);
        let frozen = Frozen {
            session: self.session.clone(),
            pid: self.world.new_pid(),
            namespace: self.namespace.clone(),
            count: self.count,
        };
        self.world.freeze(&freeze.checkpoint, frozen);
        self.done(id, freeze.execution, None).await
    }
}
