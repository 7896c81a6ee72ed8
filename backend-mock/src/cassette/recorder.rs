//! Recording.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::BytesMut;
use futures_util::StreamExt as _;
use hibernaculum_core::{Backend, Error, Execution, FileBody, FileInfo};

use super::content::Content;
use super::redaction::Redaction;
use super::stream::Listener;
use super::tape::{Take, Tape};
use crate::layer::{Answer, Call, Layer, Layered, Relayed, Run};

/// Wraps any [`Backend`], and writes down every call, its answer and its events.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::cassette::Recorder;
/// # use hibernaculum_backend_mock::{Script, when};
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// # let mock = Script::in_order([when("print('hi')").prints("hi\n")]).backend()?;
/// # let real = mock.backend();
/// let recorder = Recorder::new(real).redact("hunter2");
/// let sandbox = Sandbox::create(&recorder.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// session.execute("print('hi')").await?;
/// session.close().await?;
/// sandbox.close().await?;
/// assert!(recorder.to_yaml().contains("call: execute"));
/// # mock.verify().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Recorder {
    backend: Arc<dyn Backend>,
    layer: Recording,
    redaction: Redaction,
}

impl Recorder {
    /// Wraps a backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        let tape = Tape::new(backend.features().clone());
        let layer = Recording(Arc::new(Mutex::new(tape)));
        let backend = Arc::new(Layered { layer: layer.clone(), inner: backend });
        Self { backend, layer, redaction: Redaction::default() }
    }

    /// Names a secret that may not be written down, wherever it stands. What goes by itself: variables of sandboxes that are called key, token, secret,
    /// pass, password, credential, auth, private or DSN, unless they are trivial (`true`, `100`); answers to questions that ask for a password; what looks
    /// like a token of a well-known service, a private key, or a password in an address. A secret has at least three bytes: a shorter one is ignored.
    #[must_use]
    pub fn redact(mut self, secret: &str) -> Self {
        self.redaction.add(secret);
        self
    }

    /// The backend, for the code under test.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// What came until now, as a cassette. Executions that run have the events that were read.
    pub fn to_yaml(&self) -> String {
        let tape = self.layer.tape().clone();
        crate::yaml::write(&tape.tidied(self.redaction.clone()))
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").field("calls", &self.layer.tape().calls.len()).finish_non_exhaustive()
    }
}

/// The tape while it is written.
#[derive(Debug, Clone)]
pub(super) struct Recording(Arc<Mutex<Tape>>);

impl Recording {
    /// Every change under the lock leaves the tape whole.
    pub(super) fn tape(&self) -> MutexGuard<'_, Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call was made; where it stands.
    fn begin(&self, call: Call) -> usize {
        let call = call.essential();
        let mut tape = self.tape();
        tape.calls.push(Take { call: call.name.to_owned(), with: call.with, ..Take::default() });
        tape.calls.len() - 1
    }

    pub(super) fn note(&self, at: usize, note: impl FnOnce(&mut Take)) {
        if let Some(take) = self.tape().calls.get_mut(at) {
            note(take);
        }
    }

    fn failed(&self, at: usize, error: &Error) {
        self.note(at, |take| take.fails = Some(error.explain()));
    }
}

impl Layer for Recording {
    async fn call<T: Answer>(
        &self,
        call: Call,
        next: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        let at = self.begin(call);
        let answer = next.await;
        match &answer {
            Ok(answer) => {
                let gives = serde_json::to_value(answer).ok().filter(|gives| !gives.is_null());
                self.note(at, |take| take.gives = gives);
            }
            Err(error) => self.failed(at, error),
        }
        answer
    }

    async fn run(
        &self,
        call: Call,
        run: Run,
        next: impl Future<Output = Result<Execution, Error>> + Send,
    ) -> Result<Execution, Error> {
        let at = self.begin(call);
        match next.await {
            Ok(execution) => {
                self.note(at, |take| take.events = Some(Vec::new()));
                let calls = self.tape().calls.len();
                Ok(Relayed::execution(run, execution, Listener::new(self.clone(), at, calls)))
            }
            Err(error) => {
                self.failed(at, &error);
                Err(error)
            }
        }
    }

    fn tell(&self, call: Call, next: impl FnOnce() + Send) {
        self.begin(call);
        next();
    }

    async fn upload<F: Future<Output = Result<FileInfo, Error>> + Send>(
        &self,
        call: Call,
        body: FileBody,
        next: impl FnOnce(FileBody) -> F + Send,
    ) -> Result<FileInfo, Error> {
        let at = self.begin(call);
        let uploaded = async {
            let whole = whole(body).await?;
            self.note(at, |take| take.takes = Some(Content::of(&whole)));
            next(Box::pin(futures_util::stream::iter([Ok(whole.freeze())]))).await
        };
        let uploaded = uploaded.await;
        match &uploaded {
            Ok(info) => self.note(at, |take| take.gives = serde_json::to_value(info).ok()),
            Err(error) => self.failed(at, error),
        }
        uploaded
    }

    async fn download(
        &self,
        call: Call,
        next: impl Future<Output = Result<(FileInfo, FileBody), Error>> + Send,
    ) -> Result<(FileInfo, FileBody), Error> {
        let at = self.begin(call);
        let downloaded = async {
            let (info, body) = next.await?;
            let whole = whole(body).await?;
            Ok((info, whole))
        };
        match downloaded.await {
            Ok((info, whole)) => {
                self.note(at, |take| {
                    take.gives = serde_json::to_value(&info).ok();
                    take.content = Some(Content::of(&whole));
                });
                Ok((info, Box::pin(futures_util::stream::iter([Ok(whole.freeze())]))))
            }
            Err(error) => {
                self.failed(at, &error);
                Err(error)
            }
        }
    }
}

/// All of a file: what is written down has to be held.
pub(super) async fn whole(mut body: FileBody) -> Result<BytesMut, Error> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await {
        whole.extend_from_slice(&piece?);
    }
    Ok(whole)
}
