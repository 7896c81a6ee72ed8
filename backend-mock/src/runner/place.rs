//! One scripted sandbox.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hibernaculum_core::{Error, SandboxSpec, TransportError};
use hibernaculum_engine::{Boot, ByteStream, Place, Ready, Role};
use tokio::task::JoinSet;

use super::greeting::{self, Guest};
use super::world::World;
use super::{files, process, supervisor};
use crate::script::Ledger;

/// How many bytes a connection holds that nobody has read yet. A unix socket holds about as much.
const BUFFER: usize = 64 << 10;

/// A sandbox whose supervisor and sessions are tasks of this process.
#[derive(Debug)]
pub struct ScriptedPlace {
    ready: Ready,
    workdir: String,
    world: Arc<World>,
    /// The tasks of its connections; `None` once it has ended.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl ScriptedPlace {
    pub(super) fn new(spec: &SandboxSpec, boot: &Boot, python: &str, ledger: Arc<Ledger>) -> Self {
        let mut ready = Ready::default();
        python.clone_into(&mut ready.python);
        "cpython".clone_into(&mut ready.implementation);
        ready.pid = 1;
        let workdir = spec.workdir.clone().unwrap_or_else(|| "/sandbox".to_owned());
        let world = Arc::new(World::new(boot, python, ledger));
        Self { ready, workdir, world, tasks: Mutex::new(Some(JoinSet::new())) }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place for ScriptedPlace {
    fn ready(&self) -> &Ready {
        &self.ready
    }

    fn workdir(&self) -> &str {
        &self.workdir
    }

    async fn connect(&self, _role: Role) -> Result<Box<dyn ByteStream>, Error> {
        let (near, far) = tokio::io::duplex(BUFFER);
        let world = Arc::clone(&self.world);
        let mut tasks = self.tasks();
        let Some(tasks) = tasks.as_mut() else {
            let doing = "connecting to a scripted sandbox that has ended".to_owned();
            return Err(TransportError::Broken { doing, source: None }.into());
        };
        // Those that are done are let go, so that a place with many sessions does not grow for ever.
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            let Some((wire, guest, pid)) = greeting::greet(far, &world.secret, &world.python, &*world).await
            else {
                return;
            };
            match guest {
                Guest::Control => supervisor::serve(wire, &world).await,
                Guest::Session { id, options } => process::serve(wire, id, pid, options, &world).await,
                Guest::Files => files::serve(wire, &world).await,
            }
        });
        Ok(Box::new(near))
    }

    async fn stop(&self) {
        self.kill().await;
    }

    async fn kill(&self) {
        let tasks = self.tasks().take();
        if let Some(mut tasks) = tasks {
            self.world.end();
            tasks.shutdown().await;
        }
    }
}

impl Drop for ScriptedPlace {
    fn drop(&mut self) {
        // The tasks end with their set.
        self.world.end();
    }
}
