//! Who kills, crashes and stops.

use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::oneshot;

use crate::Tally;
use crate::dice::Dice;
use crate::processes::{send, sessions_under};

/// One in so many attacks is on the supervisor.
const RARELY: u64 = 150;

pub(crate) struct Attacker {
    supervisor: u32,
    dice: Dice,
    done: Tally,
    /// Who was stopped: goes on after so many more attacks, if ever.
    stopped: Vec<(u32, u64)>,
}

impl Attacker {
    pub(crate) fn new(supervisor: u32, dice: Dice) -> Self {
        Self { supervisor, dice, done: Tally::new(), stopped: Vec::new() }
    }

    /// Goes on until the sandbox's actors are done. Whoever is stopped then goes on.
    pub(crate) async fn attack(mut self, mut until: oneshot::Receiver<()>) -> Tally {
        loop {
            let pause = Duration::from_millis(10 + self.dice.roll(150));
            tokio::select! {
                _ = &mut until => break,
                () = tokio::time::sleep(pause) => self.strike(),
            }
        }
        for (pid, _) in self.stopped {
            send(pid, self.supervisor, Signal::CONT);
        }
        self.done
    }

    fn strike(&mut self) {
        let (mut going_on, mut still) = (Vec::new(), Vec::new());
        for (pid, left) in self.stopped.drain(..) {
            if left == 0 { going_on.push(pid) } else { still.push((pid, left - 1)) }
        }
        self.stopped = still;
        for pid in going_on {
            send(pid, self.supervisor, Signal::CONT);
        }
        if self.dice.roll(RARELY) == 0 {
            if self.dice.roll(2) == 0 {
                self.strike_at(self.supervisor, Signal::KILL, "attack: kill a supervisor");
            } else if self.strike_at(self.supervisor, Signal::STOP, "attack: stop a supervisor") {
                self.stopped.push((self.supervisor, self.dice.roll(4)));
            }
            return;
        }
        let targets = sessions_under(self.supervisor);
        if targets.is_empty() {
            return;
        }
        let target = *self.dice.pick(&targets);
        match self.dice.roll(8) {
            0..2 => {
                self.strike_at(target, Signal::KILL, "attack: kill");
            }
            2 => {
                let signal = *self.dice.pick(&[Signal::SEGV, Signal::ABORT, Signal::TERM]);
                self.strike_at(target, signal, "attack: crash");
            }
            3..7 => {
                if self.strike_at(target, Signal::STOP, "attack: stop") {
                    self.stopped.push((target, self.dice.roll(6)));
                }
            }
            _ => {
                self.strike_at(target, Signal::STOP, "attack: stop for good");
            }
        }
    }

    fn strike_at(&mut self, pid: u32, signal: Signal, what: &str) -> bool {
        let hit = send(pid, self.supervisor, signal);
        if hit {
            *self.done.entry(what.to_owned()).or_default() += 1;
        }
        hit
    }
}
