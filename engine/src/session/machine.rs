//! The life of a session, as a pure state machine: what happens in, what to do out. No clock, no I/O.
//!
//! ```text
//!                 Begin                      Answered
//!      ┌──────▶ Idle ─────▶ Running ──────────────────────────────────▶ Idle
//!      │         │            │ Interrupt, Deadline: send SIGINT, arm the grace
//!      │         │            ▼
//!      │         │          Stopping ── Answered ──────────────────────▶ Idle
//!      │         │            │ GraceOver: send SIGKILL, arm the wait
//!      │         │            ▼
//!      │         │          Killing ── WaitOver ─▶ the sandbox does not obey: Broken
//!      │         │            │
//!      │         └─ Died ─────┴─ Died (from any of them) ─┬─ a guard stands, or ──▶ Restoring
//!      │                                                  │  policy FromCheckpoint
//!      │                                                  ├─ policy FreshOnCrash ─▶ Starting
//!      │                                                  └─ policy None ─────────▶ Crashed
//!      ├─ Connected ───────────────────────────────────────────────────── Starting ─ Refused ─▶ Crashed
//!      │
//!      └─ Restored, or Connected to what is none: lost ─────────────────▶ Restoring ─ Refused ─▶ Crashed
//!                                       RollsBack (from Running, Stopping) ─▲   └─ GraceOver ─▶ Killing
//!
//!      Close, from any state ─▶ Closed        the sandbox is gone, from any state ─▶ Broken
//! ```
//!
//! The first reason to stop an execution is the one that its outcome tells. An execution whose session goes back to an earlier state ends
//! when it has: until then nobody can say what became of that state.

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Its process is being started: for the first time, or after a death.
    Starting,
    /// It waits for work.
    Idle,
    /// It runs an execution.
    Running,
    /// It was asked to stop the execution, and has until the end of the grace.
    Stopping(Stop),
    /// Its process is being killed.
    Killing(Stop),
    /// It is on its way back to an earlier state: its guard takes over, or a checkpoint is loaded.
    Restoring(Option<Stop>),
    /// Its process is gone and none follows.
    Crashed,
    /// It was closed.
    Closed,
    /// Its sandbox is gone, or does not obey.
    Broken,
}

/// Why an execution is being stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Somebody asked for it, or dropped the stream.
    Interrupt,
    /// Its time ran out.
    Deadline,
    /// The session broke the protocol.
    Protocol,
}

impl Stop {
    /// The reason as the wire and [`hibernaculum_core::CrashCause::Killed`] tell it.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Deadline => "deadline",
            Self::Protocol => "protocol",
        }
    }
}

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// The next execution of the queue is to run.
    Begin,
    /// The session answered the execution.
    Answered,
    /// The running execution is to be stopped.
    Stop(Stop),
    /// The grace is over.
    GraceOver,
    /// The wait for a killed process is over.
    WaitOver,
    /// The session answered the execution, and undoes it: its guard takes over.
    RollsBack,
    /// The process died.
    Died(Next),
    /// A process is connected and ready: a fresh one.
    Connected,
    /// The session goes on from the state that its guard held, or that a checkpoint did.
    Restored,
    /// No process could be started.
    Refused,
    /// The session is to be closed.
    Close,
    /// The sandbox is gone.
    SandboxGone,
}

/// What is to follow a process that died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    /// The guard that stands.
    Guard,
    /// Its newest checkpoint.
    Checkpoint,
    /// A fresh interpreter.
    Fresh,
    /// Nothing.
    Nothing,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Send SIGINT, arm the grace, wait for readers no longer.
    Interrupt,
    /// Send SIGKILL, arm the wait.
    Kill(Stop),
    /// The running execution ended as the session answered.
    Finish,
    /// Tell that the process is gone, to the running execution if there is one, and why it was being stopped if it was.
    Lose(Option<Stop>),
    /// The session is what it was before: tell the execution that was undone, if there is one, and why it was being stopped if it was.
    Restore(Option<Stop>),
    /// Connect to the process that follows.
    Start,
    /// Find the newest checkpoint, and go back to it.
    Recall,
    /// Refuse everything that waits: the session is crashed.
    RefuseAll,
    /// End everything that runs or waits as interrupted: the session is closed.
    EndAll,
    /// End everything that runs or waits with the sandbox's error.
    FailAll,
}

/// The next state, and what to do on the way: at most two things, in order. What makes no sense in a state changes nothing.
pub(crate) fn step(state: State, input: Input) -> (State, [Option<Effect>; 2]) {
    use Effect::{EndAll, FailAll, Finish, Interrupt, Kill, Lose, RefuseAll, Restore};
    use State::{Broken, Closed, Crashed, Idle, Killing, Restoring, Running, Starting, Stopping};
    let (next, first, second) = match (state, input) {
        (Closed | Broken, _) => (state, None, None),
        (_, Input::Close) => (Closed, Some(EndAll), None),
        (_, Input::SandboxGone) | (Idle | Killing(_), Input::WaitOver) => (Broken, Some(FailAll), None),

        (Starting, Input::Connected) => (Idle, None, None),
        (Starting, Input::Refused) => (Crashed, Some(RefuseAll), None),
        (Idle, Input::Begin) => (Running, None, None),

        // An answer that comes while SIGKILL is on its way is none: what it tells of is lost, and so would be whatever began after it.
        (Running | Stopping(_), Input::Answered) => (Idle, Some(Finish), None),

        // What an idle session says out of turn costs it its process, too.
        (Idle, Input::Stop(Stop::Protocol)) => (Idle, Some(Kill(Stop::Protocol)), None),
        (Running | Stopping(_), Input::Stop(Stop::Protocol)) => {
            (Killing(Stop::Protocol), Some(Kill(Stop::Protocol)), None)
        }
        (Running, Input::Stop(stop)) => (Stopping(stop), Some(Interrupt), None),
        (Stopping(stop), Input::GraceOver) => (Killing(stop), Some(Kill(stop)), None),

        (Running, Input::RollsBack) => (Restoring(None), None, None),
        (Stopping(stop), Input::RollsBack) => (Restoring(Some(stop)), None, None),
        // A session that said that it is being undone, and is not: it lied, or its guard does not wake.
        (Restoring(_), Input::GraceOver) => (Killing(Stop::Protocol), Some(Kill(Stop::Protocol)), None),
        (Restoring(stop), Input::Restored) => (Idle, Some(Restore(stop)), None),
        // What was to come back did not.
        (Restoring(stop), Input::Connected) => (Idle, Some(Lose(stop)), None),
        (Restoring(stop), Input::Refused) => (Crashed, Some(RefuseAll), Some(Lose(stop))),

        (Starting | Idle | Running, Input::Died(next)) => after_death(None, next),
        (Stopping(stop) | Killing(stop), Input::Died(next)) => after_death(Some(stop), next),
        (Restoring(stop), Input::Died(next)) => after_death(stop, next),
        _ => (state, None, None),
    };
    (next, [first, second])
}

fn after_death(stop: Option<Stop>, next: Next) -> (State, Option<Effect>, Option<Effect>) {
    let lose = Some(Effect::Lose(stop));
    match next {
        Next::Guard => (State::Restoring(stop), Some(Effect::Start), None),
        Next::Checkpoint => (State::Restoring(stop), Some(Effect::Recall), None),
        Next::Fresh => (State::Starting, lose, Some(Effect::Start)),
        // The gate is shut before anybody is told, so that who hears of the crash finds it shut.
        Next::Nothing => (State::Crashed, Some(Effect::RefuseAll), lose),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stops() -> impl Strategy<Value = Stop> {
        prop_oneof![Just(Stop::Interrupt), Just(Stop::Deadline), Just(Stop::Protocol)]
    }

    fn inputs() -> impl Strategy<Value = Input> {
        prop_oneof![
            4 => Just(Input::Begin),
            4 => Just(Input::Answered),
            3 => stops().prop_map(Input::Stop),
            2 => Just(Input::GraceOver),
            2 => prop_oneof![Just(Next::Guard), Just(Next::Checkpoint), Just(Next::Fresh), Just(Next::Nothing)]
                .prop_map(Input::Died),
            3 => Just(Input::Connected),
            2 => Just(Input::RollsBack),
            3 => Just(Input::Restored),
            1 => prop_oneof![Just(Input::Refused), Just(Input::WaitOver), Just(Input::Close), Just(Input::SandboxGone)],
        ]
    }

    /// What must hold of any session, whatever happens to it.
    #[derive(Debug, Default)]
    struct Model {
        running: bool,
        interrupted: bool,
        killed: bool,
    }

    impl Model {
        fn begun(&mut self) {
            assert!(!self.running, "one execution at a time");
            *self = Self { running: true, ..Self::default() };
        }

        fn effect(&mut self, effect: Effect) {
            match effect {
                Effect::Interrupt => {
                    assert!(self.running && !self.interrupted, "an execution is interrupted at most once");
                    self.interrupted = true;
                }
                Effect::Kill(Stop::Protocol) => self.killed = true,
                Effect::Kill(_) => {
                    assert!(self.interrupted && !self.killed, "a kill comes after an interrupt, and once");
                    self.killed = true;
                }
                Effect::Finish => {
                    assert!(self.running, "only what runs can end");
                    self.running = false;
                }
                Effect::Lose(stop) | Effect::Restore(stop) => {
                    let has_stopped = stop.is_some_and(|stop| stop != Stop::Protocol);
                    assert!(!has_stopped || self.running, "only what runs can have been stopped");
                    self.running = false;
                }
                Effect::EndAll | Effect::FailAll => self.running = false,
                Effect::Start | Effect::Recall | Effect::RefuseAll => {}
            }
        }
    }

    proptest! {
        #[test]
        fn every_execution_ends_exactly_once_whatever_happens(inputs in prop::collection::vec(inputs(), 0..60)) {
            let (mut state, mut model) = (State::Starting, Model::default());
            for input in inputs {
                let (next, effects) = step(state, input);
                if (state, input) == (State::Idle, Input::Begin) {
                    model.begun();
                }
                let waits_to_be_told = model.running;
                effects.into_iter().flatten().for_each(|effect| model.effect(effect));
                let runs = match next {
                    // An execution may wait there to be told, or none: the one that did before, if there was one, and it is told nothing yet.
                    State::Restoring(_) | State::Killing(Stop::Protocol) => waits_to_be_told,
                    State::Running | State::Stopping(_) | State::Killing(_) => true,
                    _ => false,
                };
                prop_assert_eq!(runs, model.running, "{:?} {:?} -> {:?}", state, input, next);
                if let State::Restoring(Some(Stop::Interrupt | Stop::Deadline)) = next {
                    prop_assert!(model.running && model.interrupted, "{:?} {:?} -> {:?}", state, input, next);
                }
                state = next;
            }
        }

        #[test]
        fn time_alone_ends_what_is_being_stopped(inputs in prop::collection::vec(inputs(), 0..60), stop in stops()) {
            let state = inputs.into_iter().fold(State::Starting, |state, input| step(state, input).0);
            let state = [Input::Stop(stop), Input::GraceOver, Input::WaitOver]
                .into_iter()
                .fold(state, |state, input| step(state, input).0);
            prop_assert!(
                !matches!(
                    state,
                    State::Running | State::Stopping(_) | State::Killing(_) | State::Restoring(_)
                ),
                "{:?}",
                state
            );
        }

        #[test]
        fn what_is_closed_stays_closed(input in inputs()) {
            for state in [State::Closed, State::Broken] {
                prop_assert_eq!(step(state, input), (state, [None, None]));
            }
        }
    }
}
