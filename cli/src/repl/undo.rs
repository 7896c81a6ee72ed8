//! Ways back: a live checkpoint from before each input, so many of them.
//!
//! A checkpoint is a fork that sleeps. Making one takes a person's eye nothing (some three times what `1+1` takes), but it has a price: it holds what the session has open. A pipe whose
//! end the session closes stays open in the copy; what the session writes to, both have for themselves. So by default (`auto`) there
//! is no way back while the session has such things open (the checkpoint's own warnings name them) or much memory; the reason is remembered,
//! and told when somebody wants to go back.

use std::collections::VecDeque;
use std::time::Duration;

use clap::ValueEnum;
use hibernaculum::{ByteSize, CheckpointId, CheckpointKind, CheckpointRequest, Feature, Outcome, Session};

/// So many inputs can be undone, of all sessions together.
pub(super) const MOST: usize = 16;
/// A session with more memory than that has no ways back by itself: each could cost as much again.
const MUCH: ByteSize = ByteSize::gib(1);

/// A session that is at something else when an input comes is not waited for longer than that.
const PATIENCE: Duration = Duration::from_secs(5);

/// When ways back are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum UndoWhen {
    /// Unless the session has open what a copy would hold open, or more than 1 GiB of memory; where code is piped in, only if it says `:undo`
    #[default]
    Auto,
    /// Whatever the session has open, and however large it is
    Always,
    /// No
    Never,
}

/// What there is from before one input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Point {
    /// A state to go back to; the checkpoint that the session went on from then, and the number of its last execution.
    Way { checkpoint: CheckpointId, from: Option<CheckpointId>, count: u64 },
    /// None, and why.
    Missing(String),
}

/// The points of one session, the newest last.
#[derive(Debug, Default)]
pub(super) struct Undo {
    points: VecDeque<Point>,
}

impl Undo {
    /// One more. What is too old is handed back to be deleted.
    pub(super) fn push(&mut self, point: Point) -> Option<CheckpointId> {
        self.points.push_back(point);
        if self.points.len() > MOST { self.drop_oldest() } else { None }
    }

    /// Forgets the oldest.
    pub(super) fn drop_oldest(&mut self) -> Option<CheckpointId> {
        Self::way(&self.points.pop_front()?)
    }

    /// How many states are kept.
    pub(super) fn ways(&self) -> usize {
        self.points.iter().filter(|point| matches!(point, Point::Way { .. })).count()
    }

    /// The point from before the last `count` inputs.
    pub(super) fn look(&self, count: usize) -> Option<&Point> {
        self.points.get(self.points.len().checked_sub(count)?)
    }

    /// Forgets the last `count`; gives the checkpoints to delete.
    pub(super) fn pop(&mut self, count: usize) -> Vec<CheckpointId> {
        let kept = self.points.len().saturating_sub(count);
        let gone = self.points.split_off(kept);
        gone.iter().filter_map(Self::way).collect()
    }

    fn way(point: &Point) -> Option<CheckpointId> {
        match point {
            Point::Way { checkpoint, .. } => Some(*checkpoint),
            Point::Missing(_) => None,
        }
    }
}

/// Makes the point from before an input. Whatever stands in the way is a reason, never a failure: the input is to run.
pub(super) async fn point(
    session: &Session,
    when: UndoWhen,
    last: Option<&Outcome>,
    (from, count): (Option<CheckpointId>, u64),
) -> Point {
    let backend = session.backend();
    if when == UndoWhen::Never {
        return Point::Missing("--undo never was asked for".to_owned());
    }
    if let Err(error) = backend.features().require(Feature::LiveCheckpoints) {
        return Point::Missing(error.explain().what);
    }
    let memory = last.map(|outcome| outcome.memory).unwrap_or_default();
    if when == UndoWhen::Auto && memory > MUCH {
        return Point::Missing(format!(
            "the session had {memory} of memory, and going back may cost as much again; --undo always keeps a way back all the same"
        ));
    }
    let making = session.checkpoint(CheckpointRequest::new(CheckpointKind::Live));
    let Ok(made) = tokio::time::timeout(PATIENCE, making).await else {
        return Point::Missing("the session was busy".to_owned());
    };
    match made {
        Ok(made) if when == UndoWhen::Auto && !made.warnings.is_empty() => {
            // Of no use, and it holds open what the session may close.
            let _ = backend.delete_checkpoint(&made.id).await;
            let open = made.warnings.join("; ");
            Point::Missing(format!("{open}; --undo always keeps a way back all the same"))
        }
        Ok(made) => Point::Way { checkpoint: made.id, from, count },
        Err(error) => {
            let told = error.explain();
            Point::Missing(format!("{}: {}", told.what, told.why))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way() -> (CheckpointId, Point) {
        let checkpoint = CheckpointId::new();
        (checkpoint, Point::Way { checkpoint, from: None, count: 0 })
    }

    #[test]
    fn the_last_inputs_are_undone_and_the_oldest_forgotten() {
        let mut undo = Undo::default();
        assert_eq!(undo.look(1), None);
        let (first, point) = way();
        assert_eq!(undo.push(point.clone()), None);
        assert_eq!(undo.push(Point::Missing("a thread".to_owned())), None);
        assert_eq!((undo.look(2), undo.look(3), undo.ways()), (Some(&point), None, 1));
        for _ in 2..MOST {
            assert_eq!(undo.push(way().1), None);
        }
        assert_eq!(undo.push(way().1), Some(first));
        let (last, point) = way();
        assert_eq!(undo.push(point), None, "the oldest was none to delete");
        assert_eq!(undo.pop(1), [last]);
        assert_eq!(undo.pop(MOST * 2).len(), MOST - 1);
        assert_eq!(undo.ways(), 0);
    }
}
