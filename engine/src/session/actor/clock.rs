//! What time brings, and what nobody wants any more.

use hibernaculum_core::{StateAfter, Status};
use tokio::time::Instant;

use super::{Actor, RAW_WAIT, WATCH_AFTER};
use crate::sandbox::Order;
use crate::session::job::Job;
use crate::session::link::Link;
use crate::session::machine::{Input, State, Stop};
use crate::wire::Violation;

impl Actor {
    /// Ends what nobody wants any more, or what came too late.
    pub(super) fn drop_unwanted(&mut self) {
        if self.may_stop() && self.running.as_ref().is_some_and(|running| running.job.is_unwanted()) {
            self.apply(Input::Stop(Stop::Interrupt));
        }
        if self.queue.iter().any(Job::is_unwanted) {
            for job in std::mem::take(&mut self.queue) {
                if job.is_unwanted() {
                    self.end_unrun(job, Status::Interrupted, StateAfter::Kept);
                } else {
                    self.queue.push_back(job);
                }
            }
        }
    }

    /// Some deadline may have been reached.
    pub(super) fn on_alarm(&mut self, now: Instant) {
        let session = self.parts.port.id();
        if let Some(running) = &mut self.running {
            if !running.watched && running.sent + WATCH_AFTER <= now {
                running.watched = true;
                self.orders.push_back(Order::Watch { session, execution: running.number });
            }
            let is_late = running.job.is_late(now);
            if is_late && self.may_stop() {
                self.apply(Input::Stop(Stop::Deadline));
            }
        }
        if self.ladder.is_some_and(|due| due <= now) {
            self.ladder = None;
            let input = if matches!(self.state, State::Idle | State::Killing(_)) {
                Input::WaitOver
            } else {
                Input::GraceOver
            };
            self.apply(input);
        }
        if self.parting.is_some_and(|due| due <= now) {
            self.part();
        }
        if let Some((due, put_off)) = self.awaited.filter(|(due, _)| *due <= now) {
            self.awaited = Some((due + RAW_WAIT, true));
            if put_off && self.link.is_up() {
                self.violated(&Violation::OutputNeverCame.into());
            }
        }
        for job in std::mem::take(&mut self.queue) {
            if job.is_late(now) {
                self.end_unrun(job, Status::TimedOut, StateAfter::Kept);
            } else {
                self.queue.push_back(job);
            }
        }
    }

    /// Connection and process do not end together: whichever is left is ended.
    fn part(&mut self) {
        if self.death.is_some() {
            // A child that the session left behind holds the connection: what it could still say is not the session's.
            self.parting = None;
            self.link = Link::Over;
            self.merge.close();
        } else {
            self.parting = None;
            if self.is_recovering() {
                self.give_up_load();
            } else {
                self.apply(Input::Stop(Stop::Protocol));
            }
        }
    }
}
