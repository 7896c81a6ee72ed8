//! What a sandbox holds apart from its sessions: its supervisor's descriptors and memory, and all processes below its keeper.

use std::time::Duration;

use hibernaculum::Sandbox;
use hibernaculum_tests::processes::{descendants, descriptors, parent, share};
use tokio::time::Instant;

use crate::deeds::in_time;

/// How much more memory a supervisor may hold afterwards, in KiB: what Python's allocator keeps of what was used at once.
const MARGIN: u64 = 4096;

#[derive(Debug, Clone)]
pub(crate) struct Holdings {
    supervisor: u32,
    descriptors: usize,
    processes: usize,
    memory: u64,
}

impl Holdings {
    /// Of a sandbox without sessions, after one has come, crashed, come back and gone: what is made once and kept is there.
    pub(crate) async fn of_warm(sandbox: &Sandbox) -> Self {
        let session = in_time(sandbox.session()).await.unwrap();
        in_time(session.execute("import os; os._exit(7)")).await.unwrap();
        let result = in_time(session.execute("import os; [os.getppid(), os.getpid()]")).await.unwrap();
        let [supervisor, process]: [u32; 2] = serde_json::from_value(result.json().unwrap().clone()).unwrap();
        in_time(session.close()).await.unwrap();
        until(|| parent(process).is_none(), || format!("process {process} of a closed session is there"))
            .await;
        // What the next session is cloned from, and the clone in reserve, come a moment after the second one.
        let there = ["supervisor", "zygote", "reserve"];
        let held = || Self::of(supervisor);
        until(|| held().processes == there.len(), || format!("{there:?} are not there: {:?}", held())).await;
        held()
    }

    fn of(supervisor: u32) -> Self {
        Self {
            supervisor,
            descriptors: descriptors(supervisor),
            processes: parent(supervisor).map(descendants).unwrap_or_default().len(),
            memory: share(supervisor).unwrap(),
        }
    }

    /// Waits until no more than this is held again.
    pub(crate) async fn expect_again(&self) {
        let as_before = || {
            let now = Self::of(self.supervisor);
            now.descriptors <= self.descriptors
                && now.processes <= self.processes
                && now.memory <= self.memory + MARGIN
        };
        until(as_before, || format!("the sandbox held {self:?}, and holds {:?}", Self::of(self.supervisor)))
            .await;
    }
}

async fn until(mut is_so: impl FnMut() -> bool, problem: impl Fn() -> String) {
    let end = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < end, "{}", problem());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
