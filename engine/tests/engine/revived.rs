//! A place that stands still and comes back, or does not.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hibernaculum_core::{
    Backend, CrashCause, Error, Features, RecoveryPolicy, Sandbox, SandboxError, SandboxSpec, Session,
    SessionSpec, SessionState, StateAfter, Status,
};
use hibernaculum_engine::{Boot, ByteStream, Engine, Fate, Place, Provider, Ready, Role};

use crate::scripted::{Lie, Scripted, ScriptedPlace};

/// How long a start takes.
const START: Duration = Duration::from_secs(5);

/// A service that may stop the sandboxes that it has.
#[derive(Clone)]
struct Service {
    comes_back: bool,
    stopped: Arc<Mutex<Vec<Arc<AtomicBool>>>>,
}

struct ServedPlace {
    place: ScriptedPlace,
    comes_back: bool,
    is_stopped: Arc<AtomicBool>,
}

impl Provider for Service {
    type Place = ServedPlace;

    fn features(&self) -> Features {
        Scripted { lie: Lie::None }.features()
    }

    async fn start(&self, spec: &SandboxSpec, boot: &Boot) -> Result<ServedPlace, Error> {
        let place = Scripted { lie: Lie::None }.start(spec, boot).await?;
        let is_stopped = Arc::<AtomicBool>::default();
        self.stopped.lock().unwrap().push(Arc::clone(&is_stopped));
        let (control, watched) = (place.control(), Arc::clone(&is_stopped));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                // Its control ends at once; what its sessions said may be on its way for a while.
                if watched.load(Ordering::Relaxed) {
                    control.end();
                }
            }
        });
        Ok(ServedPlace { place, comes_back: self.comes_back, is_stopped })
    }
}

impl Place for ServedPlace {
    fn ready(&self) -> &Ready {
        self.place.ready()
    }

    fn workdir(&self) -> &str {
        self.place.workdir()
    }

    async fn connect(&self, role: Role) -> Result<Box<dyn ByteStream>, Error> {
        self.place.connect(role).await
    }

    async fn stop(&self) {
        self.place.stop().await;
    }

    async fn kill(&self) {
        self.place.kill().await;
    }

    async fn fate(&self) -> Fate {
        if self.is_stopped.load(Ordering::Relaxed) {
            Fate::Stopped("it was put to rest".into())
        } else {
            Fate::Unknown
        }
    }

    async fn revive(&self, _spec: &SandboxSpec, _boot: &Boot) -> Result<(), Error> {
        if !self.comes_back {
            return Err(SandboxError::Start { problem: "there is no room".into(), source: None }.into());
        }
        tokio::time::sleep(START).await;
        self.place.kill().await;
        self.is_stopped.store(false, Ordering::Relaxed);
        Ok(())
    }
}

/// A sandbox, a session in it, and what stops it.
async fn scene(comes_back: bool, recovery: RecoveryPolicy) -> (Sandbox, Session, impl Fn()) {
    let service = Service { comes_back, stopped: Arc::default() };
    let stopped = Arc::clone(&service.stopped);
    let backend: Arc<dyn Backend> = Arc::new(Engine::new(service).unwrap());
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session_with(SessionSpec::default().recovery(recovery)).await.unwrap();
    let stop = move || stopped.lock().unwrap().iter().for_each(|place| place.store(true, Ordering::Relaxed));
    (sandbox, session, stop)
}

/// What becomes of code that runs as the sandbox stops.
async fn crashed(session: &Session, stop: impl Fn()) {
    let running = session.start("sleep").await.unwrap();
    stop();
    let result = running.await.unwrap();
    assert_eq!((result.status(), result.state()), (Status::Crashed, &StateAfter::Lost), "{result:?}");
    let Some(CrashCause::SandboxStopped { problem }) = result.crash() else { panic!("{result:?}") };
    assert_eq!(problem, "it was put to rest");
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_back_has_its_sessions_begin_afresh() {
    let (sandbox, session, stop) = scene(true, RecoveryPolicy::FreshOnCrash).await;
    for times in 1..=3 {
        crashed(&session, &stop).await;
        let next = session.execute("1 + 1").await.unwrap();
        assert!(next.is_completed(), "{next:?}");
        assert_eq!(session.info().await.unwrap().crashes, times);
    }
    sandbox.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_recovery_its_sessions_are_crashed_and_it_takes_new_ones() {
    let (sandbox, session, stop) = scene(true, RecoveryPolicy::None).await;
    crashed(&session, &stop).await;
    assert_eq!(session.execute("1 + 1").await.unwrap_err().code(), "session.crashed");
    assert_eq!(session.info().await.unwrap().state, SessionState::Crashed);
    // It waits until the place is there again.
    let another = sandbox.session().await.unwrap();
    assert!(another.execute("1 + 1").await.unwrap().is_completed());
    sandbox.close().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_come_back_is_lost_and_what_ran_crashed_all_the_same() {
    let (sandbox, session, stop) = scene(false, RecoveryPolicy::FreshOnCrash).await;
    crashed(&session, &stop).await;
    let error = session.execute("1 + 1").await.unwrap_err();
    assert_eq!(error.code(), "sandbox.lost");
    let told = error.to_string();
    assert!(told.contains("put to rest") && told.contains("there is no room"), "{told}");
    sandbox.close().await.unwrap();
}
