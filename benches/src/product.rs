//! The product, as a program uses it: one session of the local backend, and blocking calls, so that it can be measured in turns with a floor.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use hibernaculum::{
    Error, EventKind, Execution, ExecutionRequest, LocalBackend, Sandbox, SandboxSpec, Session, Timeout,
};
use tokio::runtime::{Builder, Runtime};

/// A session to measure, with its runtime: one thread, on which the caller's future runs beside the session's task.
///
/// (A future that `block_on` runs beside a multi-threaded runtime is on a thread of its own, and pays for two more switches; a spawned task does not.)
#[derive(Debug)]
pub struct Product {
    session: Session,
    sandbox: Sandbox,
    runtime: Runtime,
}

impl Product {
    /// Opens a session with every default.
    ///
    /// # Errors
    ///
    /// What the backend says.
    ///
    /// # Panics
    ///
    /// Where the system refuses a thread.
    pub fn open() -> Result<Self, Error> {
        #[expect(clippy::expect_used, reason = "without a thread there is nothing to measure")]
        let runtime = Builder::new_current_thread().enable_all().build().expect("the system gives a thread");
        let (sandbox, session) = runtime.block_on(async {
            let backend = LocalBackend::builder().build()?;
            let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
            let session = sandbox.session().await?;
            Ok::<_, Error>((sandbox, session))
        })?;
        Ok(Self { session, sandbox, runtime })
    }

    /// The Python that it runs on: its real executable, not a shim in front of it.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn python(&self) -> Result<PathBuf, Error> {
        let path = "import os, sys; os.path.realpath(sys.executable)";
        let result = self.runtime.block_on(self.session.execute(path))?;
        let path = result.json().and_then(|json| json.as_str()).unwrap_or_default();
        Ok(PathBuf::from(path))
    }

    /// Runs code whose value is known; tells how long it took.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where the value is another one: a wrong answer has no speed.
    pub fn roundtrip(&self, code: &str, repr: &str) -> Result<Duration, Error> {
        let start = Instant::now();
        let result = self.runtime.block_on(self.session.execute(code))?;
        let took = start.elapsed();
        assert_eq!(result.value().map(|value| value.repr.as_str()), Some(repr), "{code}: {result:?}");
        Ok(took)
    }

    /// Has so many lines printed, and takes them as they come; tells how long it took.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where other output came.
    pub fn print_lines(&self, lines: usize) -> Result<Duration, Error> {
        let code = format!("for _ in range({lines}): print('x')");
        let request = ExecutionRequest::new(code).timeout(Timeout::Unlimited);
        self.runtime.block_on(async {
            let start = Instant::now();
            let mut execution = self.session.start(request).await?;
            let mut bytes = 0;
            while let Some(event) = execution.next().await {
                if let EventKind::Output { text, .. } = event.kind {
                    bytes += text.len();
                }
            }
            let took = start.elapsed();
            assert_eq!(bytes, 2 * lines, "{lines} lines came to {bytes} bytes");
            Ok(took)
        })
    }

    /// Has it sleep (or spin), interrupts it, and tells how long the end took from the interrupt on.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where it ended otherwise.
    pub fn interrupt(&self, busy: bool) -> Result<Duration, Error> {
        let what = if busy { "while True: pass" } else { "import time; time.sleep(3600)" };
        let code = format!("print('begins', flush=True)\n{what}");
        let request = ExecutionRequest::new(code).timeout(Timeout::Unlimited);
        self.runtime.block_on(async {
            let mut execution = self.session.start(request).await?;
            first_output(&mut execution).await;
            tokio::time::sleep(SETTLING).await;
            let start = Instant::now();
            self.session.interrupt(&execution.id()).await?;
            let result = execution.result().await?;
            let took = start.elapsed();
            assert_eq!(result.status(), hibernaculum::Status::Interrupted, "{result:?}");
            Ok(took)
        })
    }

    /// Ends the sandbox, and waits until nothing is left.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub fn close(self) -> Result<(), Error> {
        let Self { session, sandbox, runtime } = self;
        session.keep();
        runtime.block_on(sandbox.close())
    }
}

/// As for the floor: from the first line to the middle of the sleep or loop.
const SETTLING: Duration = Duration::from_millis(3);

async fn first_output(execution: &mut Execution) {
    while let Some(event) = execution.next().await {
        if matches!(event.kind, EventKind::Output { .. }) {
            return;
        }
    }
}
