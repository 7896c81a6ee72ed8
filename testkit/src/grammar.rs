//! What every stream of events has in common, whatever was run. Every execution of every case is held to it.
//!
//! ```text
//!  (Background | Started)*  (Output | Display | InputRequest)*  (Finished | Failed)
//! ```
//!
//! - `seq` counts from 1 without holes; what is missing is told by a `Gap`.
//! - What an execution writes comes after its `Started`, and after what was written before it began.
//! - Nothing follows the last event, and its particulars agree with each other.

use hibernaculum_core::{Event, EventKind, ExecutionId, Outcome, StateAfter, Status};

/// The rules, applied event by event.
#[derive(Debug)]
pub(crate) struct Grammar {
    execution: ExecutionId,
    seq: u64,
    stage: Stage,
    /// Whether the stream was taken up in the middle, so that what came before may have gone by.
    joined: bool,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Queued,
    Started,
    Wrote,
    Ended,
}

impl Grammar {
    /// For a stream that gives the events after `after_seq`; `joined` where it came of `attach`.
    pub(crate) fn new(execution: ExecutionId, after_seq: u64, joined: bool) -> Self {
        Self { execution, seq: after_seq, stage: Stage::Queued, joined }
    }

    /// Takes the next event.
    pub(crate) fn accept(&mut self, event: &Event) -> Result<(), String> {
        if self.stage == Stage::Ended {
            return Err(format!("nothing follows the last event, but this came: {event:?}"));
        }
        if event.execution != self.execution {
            return Err(format!("an event of {} came in the stream of {}", event.execution, self.execution));
        }
        self.count(event)?;
        let started = self.joined || self.stage >= Stage::Started;
        let broken = match &event.kind {
            EventKind::Started => (self.stage >= Stage::Started).then_some("`Started` came twice, or late"),
            EventKind::Background { .. } => (self.stage >= Stage::Wrote)
                .then_some("what was written before the execution came after its own output"),
            EventKind::Output { text, .. } if text.is_empty() => Some("an `Output` came without text"),
            EventKind::Output { .. } | EventKind::Display(_) | EventKind::InputRequest { .. } => {
                (!started).then_some("it came before `Started`")
            }
            EventKind::Gap { .. } => {
                (!self.joined).then_some("a stream that was read all the time has no gaps")
            }
            EventKind::Finished(outcome) => disagreement(outcome, started),
            EventKind::Unknown => Some("it is of an unknown kind"),
            _ => None,
        };
        self.stage = match &event.kind {
            EventKind::Started => Stage::Started,
            EventKind::Output { .. } | EventKind::Display(_) | EventKind::InputRequest { .. } => Stage::Wrote,
            _ if event.is_last() => Stage::Ended,
            _ => self.stage,
        };
        broken.map_or(Ok(()), |rule| Err(format!("{rule}: {event:?}")))
    }

    fn count(&mut self, event: &Event) -> Result<(), String> {
        let (before, next) = (self.seq, self.seq + 1);
        let right = match &event.kind {
            EventKind::Gap { from: Some(from), to: Some(to) } => {
                (*from, *to) == (next, event.seq) && from <= to
            }
            // The last word to a stream that another replaced is no event of the execution: it takes no number.
            EventKind::Failed { error } if error.code == "execution.taken" => true,
            _ => event.seq == next,
        };
        self.seq = event.seq;
        if right { Ok(()) } else { Err(format!("after seq {before} came {}: {:?}", event.seq, event.kind)) }
    }
}

/// What an outcome says of itself must fit together; the rule that it breaks.
fn disagreement(outcome: &Outcome, started: bool) -> Option<&'static str> {
    let Outcome { status, state, timings, .. } = outcome;
    let rules = [
        (*status != Status::Completed || *state == StateAfter::Kept, "what completed keeps its state"),
        (*status != Status::Completed || outcome.error.is_none(), "what completed has no exception"),
        (*status != Status::Failed || outcome.error.is_some(), "what failed has an exception"),
        (*status != Status::Crashed || outcome.crash.is_some(), "a crash has a cause"),
        (
            outcome.crash.is_none() || *state != StateAfter::Kept,
            "a process that ended does not keep its state",
        ),
        (
            started || !matches!(status, Status::Completed | Status::Failed),
            "what never started neither completes nor fails",
        ),
        (timings.total >= timings.queue, "the total includes the queue"),
        (timings.total >= timings.run, "the total includes the run"),
    ];
    rules.iter().find(|(kept, _)| !kept).map(|(_, rule)| *rule)
}
