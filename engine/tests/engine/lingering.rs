//! Sandboxes that outlive their host are let go of and taken over, and each call is dropped at every poll: a sandbox has one host, or waits for the next.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hibernaculum_core::{
    Backend, Error, Feature, Features, HostLoss, Sandbox, SandboxId, SandboxSpec, Session, SessionId,
};
use hibernaculum_engine::{Boot, ByteStream, Engine, EngineConfig, OwnerKey, Place, Provider, Ready, Role};
use hibernaculum_testkit::polls::{polled, step_by_step};

use crate::scripted::{Lie, Scripted, ScriptedPlace};

/// More polls than any of these calls takes.
const POLLS: usize = 300;

/// A service whose sandboxes outlive those who made them.
#[derive(Clone, Default)]
struct Service {
    places: Arc<Mutex<HashMap<SandboxId, ScriptedPlace>>>,
}

struct Lingering(ScriptedPlace);

impl Provider for Service {
    type Place = Lingering;

    fn features(&self) -> Features {
        Scripted { lie: Lie::None }.features().with([Feature::Linger])
    }

    async fn start(&self, _spec: &SandboxSpec, boot: &Boot) -> Result<Lingering, Error> {
        let place = ScriptedPlace::lingering(boot);
        self.places.lock().unwrap().insert(boot.sandbox, place.again());
        Ok(Lingering(place))
    }

    async fn adopt(&self, known: &[SandboxId]) -> Result<Vec<(SandboxId, Lingering)>, Error> {
        // A look takes a while.
        tokio::task::yield_now().await;
        let places = self.places.lock().unwrap();
        let unknown = places.iter().filter(|(id, place)| !known.contains(id) && !place.is_over());
        Ok(unknown.map(|(id, place)| (*id, Lingering(place.again()))).collect())
    }
}

impl Place for Lingering {
    fn ready(&self) -> &Ready {
        self.0.ready()
    }

    fn workdir(&self) -> &str {
        self.0.workdir()
    }

    async fn connect(&self, role: Role) -> Result<Box<dyn ByteStream>, Error> {
        self.0.connect(role).await
    }

    async fn stop(&self) {
        self.0.stop().await;
    }

    async fn kill(&self) {
        self.0.kill().await;
    }
}

impl Service {
    /// A host of all sandboxes of one owner.
    fn host(&self) -> Arc<dyn Backend> {
        let config = EngineConfig::with_key(OwnerKey::of_secret(b"one owner"));
        Arc::new(Engine::with_config(self.clone(), config).unwrap())
    }

    /// A sandbox with a session, on a host.
    async fn sandbox(&self) -> (Arc<dyn Backend>, Sandbox, SessionId) {
        let host = self.host();
        let linger = HostLoss::Linger(Duration::from_mins(5));
        let spec = SandboxSpec::builder().on_host_loss(linger).build().unwrap();
        let sandbox = Sandbox::create(&host, spec).await.unwrap();
        let session = sandbox.session().await.unwrap();
        answers(&session).await;
        (host, sandbox, session.keep())
    }

    /// How many places have not ended.
    fn running(&self) -> usize {
        self.places.lock().unwrap().values().filter(|place| !place.is_over()).count()
    }
}

async fn answers(session: &Session) {
    let result = session.execute("1 + 1").await.unwrap();
    assert_eq!(result.value().map(|value| value.repr.as_str()), Some("2"));
}

/// Whether this host has the sandbox, with its session; then both work.
async fn has(host: &Arc<dyn Backend>, sandbox: SandboxId, session: SessionId) -> bool {
    match host.get(&sandbox).await {
        Ok(info) => {
            assert_eq!(info.sessions, 1);
            answers(&Session::of(host, session)).await;
            true
        }
        Err(error) => {
            assert_eq!(error.code(), "sandbox.unknown");
            assert!(host.session(&session).await.is_err());
            false
        }
    }
}

/// What was given up comes to its end in tasks of the engine.
async fn quiet() {
    tokio::time::sleep(Duration::from_mins(1)).await;
}

#[test]
fn what_is_adopted_by_a_call_that_is_given_up_is_this_hosts_all_the_same() {
    step_by_step(async {
        for polls in 0..POLLS {
            let service = Service::default();
            let (first, sandbox, session) = service.sandbox().await;
            let id = sandbox.id();
            sandbox.release().await.unwrap();
            let next = service.host();
            let adopted = polled(next.adopt(), polls).await;
            let is_done = adopted.is_some();
            quiet().await;
            // The call had begun, or it had not.
            assert_eq!(has(&next, id, session).await, polls > 0, "after {polls} polls");
            let found: Vec<_> = next.adopt().await.unwrap().into_iter().map(|info| info.id).collect();
            assert_eq!(found, if polls > 0 { vec![] } else { vec![id] }, "after {polls} polls");
            assert!(has(&next, id, session).await && !has(&first, id, session).await);
            next.destroy(&id).await.unwrap();
            assert_eq!(service.running(), 0);
            if is_done {
                assert_eq!(adopted.unwrap().unwrap().len(), 1);
                return;
            }
        }
        panic!("nothing is adopted after {POLLS} polls");
    });
}

#[test]
fn what_is_released_by_a_call_that_is_given_up_is_released_all_the_same_and_never_ended() {
    step_by_step(async {
        for is_handle in [true, false] {
            let mut is_done = false;
            for polls in 0..POLLS {
                let service = Service::default();
                let (first, sandbox, session) = service.sandbox().await;
                let id = sandbox.id();
                let released = if is_handle {
                    polled(sandbox.release(), polls).await
                } else {
                    polled(first.release(&sandbox.keep()), polls).await
                };
                quiet().await;
                assert_eq!(service.running(), 1, "after {polls} polls");
                let host = if polls == 0 { first } else { service.host() };
                assert_eq!(host.adopt().await.unwrap().len(), usize::from(polls > 0), "after {polls} polls");
                assert!(has(&host, id, session).await, "after {polls} polls");
                host.destroy(&id).await.unwrap();
                assert_eq!(service.running(), 0);
                if let Some(released) = released {
                    released.unwrap();
                    is_done = true;
                    break;
                }
            }
            assert!(is_done, "nothing is released after {POLLS} polls");
        }
    });
}
