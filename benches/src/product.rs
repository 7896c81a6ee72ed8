//! The product, as a program uses it: a session, and blocking calls, so that it can be measured in turns with a floor.

use bytes::Bytes;
use futures_util::StreamExt;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hibernaculum::{
    Backend, CheckpointRequest, Error, EventKind, Execution, ExecutionRequest, Feature, Sandbox, SandboxId,
    SandboxSpec, Session, Status, Timeout,
};
use tokio::runtime::Runtime;

/// From the first line of output to the middle of the sleep or loop: as long as the floor is given.
const SETTLING: Duration = Duration::from_millis(3);

/// The file that goes in and out.
const FILE: &str = "bench.bin";

/// What a store says of a checkpoint, in stored bytes.
#[derive(Debug, Clone, Copy)]
pub struct Told {
    /// All that it needs.
    pub size: u64,
    /// What was not there before.
    pub added: u64,
}

/// A session to measure, in a sandbox of its own.
#[derive(Debug)]
pub struct Product {
    session: Session,
    sandbox: Sandbox,
    runtime: Rc<Runtime>,
}

impl Product {
    /// Makes the sandbox and opens a session in it.
    ///
    /// # Errors
    ///
    /// What the backend says.
    pub fn open(backend: &Arc<dyn Backend>, spec: SandboxSpec, runtime: &Rc<Runtime>) -> Result<Self, Error> {
        let (sandbox, session) = runtime.block_on(async {
            let sandbox = Sandbox::create(backend, spec).await?;
            let session = sandbox.session().await?;
            Ok::<_, Error>((sandbox, session))
        })?;
        Ok(Self { session, sandbox, runtime: Rc::clone(runtime) })
    }

    /// The sandbox's id.
    pub fn sandbox(&self) -> SandboxId {
        self.sandbox.id()
    }

    /// The Python that it runs on, as that knows itself: not a shim in front of it, and in its virtual environment if it has one.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn python(&self) -> Result<PathBuf, Error> {
        let path = "import sys; sys.executable";
        let result = self.runtime.block_on(self.session.execute(path))?;
        let path = result.json().and_then(|json| json.as_str()).unwrap_or_default();
        Ok(PathBuf::from(path))
    }

    /// Whether its Python finds all of these modules.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn has_modules(&self, modules: &[&str]) -> Result<bool, Error> {
        let code = format!("import importlib.util as u; all(map(u.find_spec, {modules:?}))");
        let result = self.runtime.block_on(self.session.execute(code))?;
        Ok(result.json().and_then(serde_json::Value::as_bool) == Some(true))
    }

    /// Its sandbox.
    pub(crate) fn handle(&self) -> &Sandbox {
        &self.sandbox
    }

    /// Waits for a future of its backend.
    pub(crate) fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
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
        self.runtime.block_on(answered(&self.session, code, repr))
    }

    /// Opens one more session; tells how long it took to its first answer. It is closed before this returns.
    ///
    /// # Errors
    ///
    /// What the sandbox says.
    ///
    /// # Panics
    ///
    /// As [`Product::roundtrip`].
    pub fn session(&self) -> Result<Duration, Error> {
        self.runtime.block_on(async {
            let start = Instant::now();
            let session = self.sandbox.session().await?;
            answered(&session, "1+1", "2").await?;
            let took = start.elapsed();
            session.close().await?;
            Ok(took)
        })
    }

    /// Opens so many more sessions, each of which answers once, and keeps them open for as long as the product lives.
    ///
    /// # Errors
    ///
    /// What the sandbox says.
    ///
    /// # Panics
    ///
    /// As [`Product::roundtrip`].
    pub fn idle_sessions(&self, count: usize) -> Result<(), Error> {
        self.runtime.block_on(async {
            for _ in 0..count {
                let session = self.sandbox.session().await?;
                answered(&session, "1+1", "2").await?;
                session.keep();
            }
            Ok(())
        })
    }

    /// Uploads a file of so many bytes; tells how long it took.
    ///
    /// # Errors
    ///
    /// What the sandbox says.
    pub fn upload(&self, bytes: usize) -> Result<Duration, Error> {
        let piece = Bytes::from(vec![b'x'; 1 << 20]);
        let pieces = (0..bytes.div_ceil(piece.len())).map(move |_| Ok(piece.clone()));
        self.runtime.block_on(async {
            let start = Instant::now();
            self.sandbox.files().upload(FILE, Box::pin(futures_util::stream::iter(pieces))).await?;
            Ok(start.elapsed())
        })
    }

    /// Whether its backend offers a feature.
    pub fn offers(&self, feature: Feature) -> bool {
        self.session.backend().features().supports(feature)
    }

    /// Has the session hold so many bytes of noise, new ones: a numpy array where there is numpy.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn fill(&self, bytes: usize) -> Result<(), Error> {
        let code = format!(
            "import os\ndata = bytearray(os.urandom({bytes}))\ntry:\n    import numpy\n    data = numpy.frombuffer(data, dtype='u1').copy()\n\
             except ImportError: pass"
        );
        self.runtime.block_on(self.session.execute(code)).map(drop)
    }

    /// Saves the session; tells how long it took, and what the store says of its bytes. The checkpoint before it is deleted.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub fn save(&self) -> Result<(Duration, Told), Error> {
        self.runtime.block_on(async {
            let start = Instant::now();
            let saved = self.session.checkpoint(CheckpointRequest::portable()).await?;
            let took = start.elapsed();
            for older in self.session.checkpoints().await?.iter().filter(|older| older.id != saved.id) {
                self.session.backend().delete_checkpoint(&older.id).await?;
            }
            let manifest = self.session.backend().manifest(&saved.id).await?;
            Ok((took, Told { size: saved.size.as_u64(), added: manifest.added.as_u64() }))
        })
    }

    /// Restores the session from its newest checkpoint; tells how long it took.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where it was never saved.
    pub fn restore(&self) -> Result<Duration, Error> {
        self.runtime.block_on(async {
            let newest = self.session.checkpoints().await?.pop();
            #[expect(clippy::expect_used, reason = "what was not saved cannot be measured")]
            let newest = newest.expect("it was saved before");
            let start = Instant::now();
            self.session.restore(&newest.id).await?;
            Ok(start.elapsed())
        })
    }

    /// Downloads the file that was uploaded; tells how long it took.
    ///
    /// # Errors
    ///
    /// What the sandbox says.
    ///
    /// # Panics
    ///
    /// Where not exactly so many bytes came.
    pub fn download(&self, bytes: usize) -> Result<Duration, Error> {
        self.runtime.block_on(async {
            let start = Instant::now();
            let (_, mut body) = self.sandbox.files().download(FILE).await?;
            let mut came = 0;
            while let Some(piece) = body.next().await {
                came += piece?.len();
            }
            assert_eq!(came, bytes, "a part of the file is no file");
            Ok(start.elapsed())
        })
    }

    /// Runs code for what it prints (or what its children do), and takes that as it comes; tells how long it took.
    ///
    /// # Errors
    ///
    /// What the session says.
    ///
    /// # Panics
    ///
    /// Where not exactly so many bytes came.
    pub fn output(&self, code: &str, bytes: usize) -> Result<Duration, Error> {
        let request = ExecutionRequest::new(code).timeout(Timeout::Unlimited);
        self.runtime.block_on(async {
            let start = Instant::now();
            let mut execution = self.session.start(request).await?;
            let mut came = 0;
            while let Some(event) = execution.next().await {
                if let EventKind::Output { text, .. } = event.kind {
                    came += text.len();
                }
            }
            let took = start.elapsed();
            assert_eq!(came, bytes, "the output of {code:?}");
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
            assert_eq!(result.status(), Status::Interrupted, "{result:?}");
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

/// Runs code whose value is known; tells how long it took.
pub(crate) async fn answered(session: &Session, code: &str, repr: &str) -> Result<Duration, Error> {
    let start = Instant::now();
    let result = session.execute(code).await?;
    let took = start.elapsed();
    assert_eq!(result.value().map(|value| value.repr.as_str()), Some(repr), "{code}: {result:?}");
    Ok(took)
}

async fn first_output(execution: &mut Execution) {
    while let Some(event) = execution.next().await {
        if matches!(event.kind, EventKind::Output { .. }) {
            return;
        }
    }
}
