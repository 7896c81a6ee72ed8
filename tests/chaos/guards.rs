//! A guard that is struck itself: what stands behind an execution falls, and then the session may, too.

use std::time::Duration;

use hibernaculum::{Execution, ExecutionResult, TransactionPolicy, TransactionScope};
use rustix::process::Signal;

use crate::actor::{Actor, Gone};
use crate::bounds::{Bound, in_time};
use crate::code::{End, write};
use crate::processes::{Target, send, sessions_under};

const POLICY: TransactionPolicy = TransactionPolicy::CommitOnSuccess { scope: TransactionScope::Memory };
const TIMEOUT: Duration = Duration::from_millis(500);

impl Actor {
    /// Begins code that cannot end well, strikes the guard that stands for it, and sometimes its session as well.
    pub(crate) async fn lose_a_guard(&mut self, signal: Signal) -> Result<&'static str, Gone> {
        let before = self.copies();
        let token = self.token();
        let request = write(token, End::Sleeps, POLICY).timeout(TIMEOUT);
        let (starting, bound) = (self.life.session.start(request), Bound::at_once("start"));
        let running = match in_time(bound, starting).await {
            Ok(running) => running,
            Err(error) => return self.not_begun(&error).await.map(|()| "lose a guard"),
        };
        let way_back = self.life.way_back_of(POLICY);
        let bound = Bound::timed("the end of what has lost its guard", TIMEOUT, way_back);
        match in_time(bound, self.strike_guard(running, &before, signal)).await {
            Ok(result) => self.judge_write(&result, token, POLICY),
            Err(error) => self.not_begun(&error).await?,
        }
        Ok("lose a guard")
    }

    async fn strike_guard(
        &mut self,
        mut running: Execution,
        before: &[u32],
        signal: Signal,
    ) -> Result<ExecutionResult, hibernaculum::Error> {
        // Once it has printed, its guard stands.
        crate::deeds::until_output(&mut running).await;
        let guard = self.copies().into_iter().find(|pid| !before.contains(pid));
        if let Some(guard) = guard
            && send(guard, self.fire.supervisor, signal)
        {
            self.count(if signal == Signal::STOP { "attack: stop a guard" } else { "attack: kill a guard" });
        }
        if self.dice.roll(2) == 0 {
            for target in self.processes().iter().filter(|target| !target.is_copy()) {
                send(target.pid, self.fire.supervisor, Signal::KILL);
            }
        }
        let id = running.id();
        running.detach();
        // From the first event once more.
        self.life.session.attach(&id, 0).await?.await
    }

    /// Keeps the state, and is killed while nothing runs: what comes of it is told by the next look.
    pub(crate) async fn die_idle(&mut self) -> Result<&'static str, Gone> {
        let kind = self.some_kind();
        self.checkpoint(kind).await?;
        let known = self.info().await?.crashes;
        for target in self.processes().iter().filter(|target| !target.is_copy()) {
            send(target.pid, self.fire.supervisor, Signal::KILL);
        }
        // A while, until it is known; where it is not, the look finds the session on its way.
        for _ in 0..50 {
            if self.info().await?.crashes > known {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok("die idle")
    }

    /// The session's process, and its copies.
    fn processes(&self) -> Vec<Target> {
        let session = self.life.session.id().to_string();
        sessions_under(self.fire.supervisor).into_iter().filter(|target| target.session == session).collect()
    }

    fn copies(&self) -> Vec<u32> {
        self.processes().iter().filter(|target| target.is_copy()).map(|target| target.pid).collect()
    }
}
