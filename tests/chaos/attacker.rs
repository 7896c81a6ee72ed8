//! Who kills, crashes and stops.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Tally;
use crate::bounds::STANDSTILL;
use crate::dice::Dice;
use crate::fire::Fire;
use crate::processes::{Target, send, sessions_under};

/// One in so many attacks is on the supervisor, besides those that have their turn.
const RARELY: u64 = 200;

/// What is done to a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blow {
    Stop,
    Kill,
}

/// Blows to supervisors that have their turn when no more than so many operations are left: chance alone might leave one out.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    left: Arc<AtomicU64>,
    blows: Arc<Mutex<VecDeque<(u64, Blow)>>>,
}

impl Turns {
    /// For one line of sandboxes, the first of which begins with so many operations left.
    pub(crate) fn new(left: &Arc<AtomicU64>, line: u64) -> Self {
        let all = left.load(Ordering::Relaxed);
        let blows = [(17, Blow::Stop), (13, Blow::Kill), (9, Blow::Stop), (5, Blow::Kill)];
        let blows = blows.map(|(of_twenty, blow)| (all * (of_twenty - line.min(2)) / 20, blow));
        Self { left: Arc::clone(left), blows: Arc::new(Mutex::new(blows.into())) }
    }

    fn next(&self) -> Option<Blow> {
        let left = self.left.load(Ordering::Relaxed);
        let mut blows = self.blows.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = blows.front().is_some_and(|(due, _)| left <= *due);
        is_due.then(|| blows.pop_front())?.map(|(_, blow)| blow)
    }
}

pub(crate) struct Attacker {
    fire: Arc<Fire>,
    turns: Turns,
    dice: Dice,
    done: Tally,
    /// Who was stopped: goes on after so many more attacks.
    stopped: Vec<(u32, u64)>,
    /// Who was stopped for good: goes on only if it is loading, and then after a while.
    for_good: Vec<(Target, Instant)>,
}

impl Attacker {
    pub(crate) fn new(fire: Arc<Fire>, turns: Turns, dice: Dice) -> Self {
        let (done, stopped, for_good) = (Tally::new(), Vec::new(), Vec::new());
        Self { fire, turns, dice, done, stopped, for_good }
    }

    /// Goes on until the sandbox's actors are done. Whoever is stopped then goes on.
    pub(crate) async fn attack(mut self, mut until: oneshot::Receiver<()>) -> Tally {
        loop {
            let pause = Duration::from_millis(10 + self.dice.roll(150));
            tokio::select! {
                _ = &mut until => break,
                () = tokio::time::sleep(pause) => {
                    self.let_go_on();
                    self.strike();
                }
            }
        }
        let for_good = self.for_good.iter().map(|(target, _)| target.pid);
        for pid in self.stopped.iter().map(|(pid, _)| *pid).chain(for_good) {
            send(pid, self.fire.supervisor, Signal::CONT);
        }
        self.done
    }

    fn let_go_on(&mut self) {
        let supervisor = self.fire.supervisor;
        self.stopped.retain_mut(|(pid, left)| {
            if *left == 0 {
                send(*pid, supervisor, Signal::CONT);
                return false;
            }
            *left -= 1;
            true
        });
        self.for_good.retain(|(target, since)| {
            let is_over = since.elapsed() > STANDSTILL && self.fire.is_loading(&target.session);
            if is_over {
                send(target.pid, supervisor, Signal::CONT);
            }
            !is_over
        });
    }

    fn strike(&mut self) {
        let by_chance = (self.dice.roll(RARELY) == 0).then(|| *self.dice.pick(&[Blow::Stop, Blow::Kill]));
        if let Some(blow) = self.turns.next().or(by_chance) {
            return self.strike_supervisor(blow);
        }
        let targets = sessions_under(self.fire.supervisor);
        if targets.is_empty() {
            return;
        }
        let target = self.dice.pick(&targets).clone();
        let whom = if target.is_copy() { "a copy" } else { "a session" };
        match self.dice.roll(8) {
            0..2 => {
                self.hit(target.pid, Signal::KILL, "kill", whom);
            }
            2 => {
                let signal = *self.dice.pick(&[Signal::SEGV, Signal::ABORT, Signal::TERM]);
                self.hit(target.pid, signal, "crash", whom);
            }
            3..7 => {
                if self.hit(target.pid, Signal::STOP, "stop", whom) {
                    self.stopped.push((target.pid, self.dice.roll(6)));
                }
            }
            _ => {
                if self.hit(target.pid, Signal::STOP, "stop for good", whom) {
                    self.for_good.push((target, Instant::now()));
                }
            }
        }
    }

    fn strike_supervisor(&mut self, blow: Blow) {
        let supervisor = self.fire.supervisor;
        match blow {
            Blow::Kill => {
                self.hit(supervisor, Signal::KILL, "kill", "a supervisor");
            }
            Blow::Stop => {
                if self.hit(supervisor, Signal::STOP, "stop", "a supervisor") {
                    self.stopped.push((supervisor, 1 + self.dice.roll(4)));
                }
            }
        }
    }

    fn hit(&mut self, pid: u32, signal: Signal, how: &str, whom: &str) -> bool {
        let hit = send(pid, self.fire.supervisor, signal);
        if hit {
            *self.done.entry(format!("attack: {how} {whom}")).or_default() += 1;
        }
        hit
    }
}
