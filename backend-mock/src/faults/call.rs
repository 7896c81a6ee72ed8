//! A backend whose calls go wrong.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hibernaculum_core::{Backend, Error, Execution, FileBody, FileInfo};

use super::when::Times;
use super::{CallFault, CallFaults, Dice, FaultyCall};
use crate::faults::slow::Slow;
use crate::layer::{Answer, Call, Layer, Layered, Relayed, Run};

/// Wraps any [`Backend`], and lets its calls go wrong by plan: to test what a program does about it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::faults::{CallFault, CallFaults, Faulty, InjectedError, When};
/// use hibernaculum_backend_mock::{Script, when};
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// let mock = Script::in_order([when("1 + 1").value(2)]).backend()?;
/// let busy = CallFault::Error(InjectedError::of("session.busy")?);
/// let faulty = Faulty::new(mock.backend(), CallFaults::seeded(1).fault("execute", When::Nth(1), busy))?;
///
/// let sandbox = Sandbox::create(&faulty.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// assert_eq!(session.execute("1 + 1").await.unwrap_err().code(), "session.busy");
/// assert_eq!(session.execute("1 + 1").await?.json(), Some(&2.into()));
/// assert_eq!(faulty.struck(), ["execute #1: error session.busy"]);
///
/// sandbox.close().await?;
/// mock.verify().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Faulty {
    backend: Arc<dyn Backend>,
    layer: FaultLayer,
}

impl Faulty {
    /// Wraps a backend.
    ///
    /// # Errors
    ///
    /// [`hibernaculum_core::ConfigError::Invalid`] where a fault could never strike: of a call that the contract has not, say.
    pub fn new(backend: Arc<dyn Backend>, faults: CallFaults) -> Result<Self, Error> {
        faults.check()?;
        let seed = faults.seed();
        let faults = faults.faults.into_iter().enumerate().map(|(index, fault)| Armed {
            fault,
            dice: Dice::of(seed, index),
            asked: Times::default(),
        });
        let inner = Inner { faults: faults.collect(), struck: Mutex::default() };
        let layer = FaultLayer(Arc::new(inner));
        Ok(Self { backend: Arc::new(Layered { layer: layer.clone(), inner: backend }), layer })
    }

    /// The backend, for the code under test.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// The faults that have struck, in order: `execute #2: error session.busy`, where the number counts the calls that the fault was asked about.
    pub fn struck(&self) -> Vec<String> {
        self.layer.0.struck.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("faults", &self.layer.0.faults).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
struct FaultLayer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    faults: Vec<Armed>,
    struck: Mutex<Vec<String>>,
}

#[derive(Debug)]
struct Armed {
    fault: FaultyCall,
    dice: Dice,
    asked: Times,
}

/// What is done to one call.
#[derive(Debug, Default)]
struct Fate {
    delay: Duration,
    before: Option<Error>,
    after: Option<Error>,
    slow: Duration,
}

impl FaultLayer {
    fn fate(&self, call: &Call) -> Fate {
        let mut fate = Fate::default();
        for Armed { fault, dice, asked } in &self.0.faults {
            if fault.call != "any" && fault.call != call.name {
                continue;
            }
            let time = asked.next();
            if !fault.when.strikes(time, *dice) {
                continue;
            }
            let told = match &fault.does {
                CallFault::Delay(delay) => {
                    fate.delay += *delay;
                    format!("delay {delay:?}")
                }
                CallFault::Error(error) => {
                    // It was checked when the plan was taken.
                    fate.before = error.error().ok();
                    format!("error {}", error.code())
                }
                CallFault::LoseAnswer(error) => {
                    fate.after = error.error().ok();
                    format!("answer lost, {}", error.code())
                }
                CallFault::SlowConsumer(pause) => {
                    fate.slow += *pause;
                    format!("slow consumer {pause:?}")
                }
            };
            let told = format!("{} #{time}: {told}", call.name);
            self.0.struck.lock().unwrap_or_else(PoisonError::into_inner).push(told);
        }
        fate
    }
}

/// The call, as its fate has it.
async fn suffer<T>(fate: &mut Fate, next: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    if !fate.delay.is_zero() {
        tokio::time::sleep(fate.delay).await;
    }
    if let Some(error) = fate.before.take() {
        return Err(error);
    }
    let answer = next.await?;
    match fate.after.take() {
        Some(error) => Err(error),
        None => Ok(answer),
    }
}

impl Layer for FaultLayer {
    async fn call<T: Answer>(
        &self,
        call: Call,
        next: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        suffer(&mut self.fate(&call), next).await
    }

    async fn run(
        &self,
        call: Call,
        run: Run,
        next: impl Future<Output = Result<Execution, Error>> + Send,
    ) -> Result<Execution, Error> {
        let mut fate = self.fate(&call);
        let execution = suffer(&mut fate, next).await?;
        if fate.slow.is_zero() {
            return Ok(execution);
        }
        Ok(Relayed::execution(run, execution, Slow::new(fate.slow)))
    }

    /// Handles that are dropped wait for nothing and are told nothing: no fault is asked.
    fn tell(&self, _: Call, next: impl FnOnce() + Send) {
        next();
    }

    async fn upload<F: Future<Output = Result<FileInfo, Error>> + Send>(
        &self,
        call: Call,
        body: FileBody,
        next: impl FnOnce(FileBody) -> F + Send,
    ) -> Result<FileInfo, Error> {
        suffer(&mut self.fate(&call), next(body)).await
    }

    async fn download(
        &self,
        call: Call,
        next: impl Future<Output = Result<(FileInfo, FileBody), Error>> + Send,
    ) -> Result<(FileInfo, FileBody), Error> {
        suffer(&mut self.fate(&call), next).await
    }
}
