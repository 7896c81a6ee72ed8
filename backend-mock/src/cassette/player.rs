//! Playing.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use hibernaculum_core::{Backend, ConfigError, Error, Execution, FileBody, FileInfo};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::content::Content;
use super::recorder::whole;
use super::stream::Player;
use super::tape::{Take, Tape};
use crate::ids::Bindings;
use crate::layer::{Answer, Call, Layer, Layered, Run};
use crate::mocks::MockBackend;
use crate::script::difference;

/// A recorded run as a [`Backend`]: no Python, no sandbox, no waiting.
///
/// Strict, unless [`Cassette::by_lookup`] says otherwise: the same calls in the same order. A call that differs fails, and
/// [`Cassette::verify`] shows the difference.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::cassette::Cassette;
/// # use hibernaculum_backend_mock::{Script, cassette::Recorder, when};
/// use hibernaculum_core::{Sandbox, SandboxSpec};
///
/// # let mock = Script::in_order([when("6 * 7").value(42)]).backend()?;
/// # let recorder = Recorder::new(mock.backend());
/// # let sandbox = Sandbox::create(&recorder.backend(), SandboxSpec::default()).await?;
/// # let session = sandbox.session().await?;
/// # session.execute("6 * 7").await?;
/// # session.close().await?;
/// # sandbox.close().await?;
/// # let yaml = recorder.to_yaml();
/// # mock.verify().await;
/// let cassette = Cassette::from_yaml(&yaml)?; // what a `Recorder` wrote
/// let sandbox = Sandbox::create(&cassette.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// assert_eq!(session.execute("6 * 7").await?.json(), Some(&42.into()));
/// session.close().await?;
/// sandbox.close().await?;
/// cassette.verify();
/// # Ok(()) }
/// ```
#[must_use = "a cassette that nobody verifies proves nothing"]
pub struct Cassette {
    backend: Arc<dyn Backend>,
    deck: Deck,
}

impl Cassette {
    /// Reads a cassette.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] with the line, where it is none.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        let tape = Tape::read(text)?;
        let absent = Arc::new(MockBackend::new(tape.features.clone()));
        let inner = Inner {
            played: vec![false; tape.calls.len()],
            tape,
            by_lookup: false,
            next: 0,
            bindings: Bindings::default(),
            complaints: Vec::new(),
            waiting: Vec::new(),
        };
        let deck = Deck(Arc::new(Mutex::new(inner)));
        Ok(Self { backend: Arc::new(Layered { layer: deck.clone(), inner: absent }), deck })
    }

    /// Answers each call with the first recorded one like it that was not played yet, or with the last like it, in any order. For code whose calls come
    /// in no order that can be told: of several tasks, say.
    ///
    /// ```
    /// # fn example(yaml: &str) -> Result<(), hibernaculum_core::Error> {
    /// let cassette = hibernaculum_backend_mock::cassette::Cassette::from_yaml(yaml)?.by_lookup();
    /// # Ok(()) }
    /// ```
    #[must_use = "a cassette that nobody verifies proves nothing"]
    pub fn by_lookup(self) -> Self {
        self.deck.inner().by_lookup = true;
        self
    }

    /// The backend, for the code under test.
    pub fn backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// What [`Cassette::verify`] would complain of.
    ///
    /// ```
    /// # fn example(cassette: &hibernaculum_backend_mock::cassette::Cassette) {
    /// for complaint in cassette.complaints() {
    ///     println!("{complaint}");
    /// }
    /// # }
    /// ```
    pub fn complaints(&self) -> Vec<String> {
        let inner = self.deck.inner();
        let mut complaints = inner.complaints.clone();
        let calls = inner.tape.calls.iter().zip(&inner.played).enumerate();
        let unmade = calls.filter(|(_, (_, played))| !**played);
        complaints.extend(
            unmade.map(|(index, (take, _))| format!("call #{} was never made:\n{}", index + 1, asked(take))),
        );
        complaints
    }

    /// Fails the test where a call was made that is not on the cassette, or one that is was not.
    ///
    /// # Panics
    ///
    /// There, with all that differs: it is for tests.
    pub fn verify(self) {
        let complaints = self.complaints();
        assert!(
            complaints.is_empty(),
            "the calls are not those of the cassette (`HIBERNACULUM_RECORD=all` records it anew):\n\n{}\n",
            complaints.join("\n\n")
        );
    }
}

impl fmt::Debug for Cassette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cassette").field("calls", &self.deck.inner().tape.calls.len()).finish_non_exhaustive()
    }
}

/// A tape while it is played.
#[derive(Debug, Clone)]
pub(super) struct Deck(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    tape: Tape,
    by_lookup: bool,
    /// Where it is, if it is played in order.
    next: usize,
    played: Vec<bool>,
    bindings: Bindings,
    complaints: Vec<String>,
    /// Executions that wait for a call.
    waiting: Vec<Waker>,
}

impl Deck {
    /// Every change under the lock leaves what it guards whole.
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn complain(&self, complaint: String) {
        self.inner().complaints.push(complaint);
    }

    /// Whether that call, counted from 1, was made; else whoever asks is woken by the next.
    pub(super) fn was_made(&self, call: usize, cx: &mut Context<'_>) -> bool {
        let mut inner = self.inner();
        // One that is not there cannot be waited for.
        let was_made =
            call.checked_sub(1).and_then(|index| inner.played.get(index)).is_none_or(|played| *played);
        if !was_made {
            inner.waiting.push(cx.waker().clone());
        }
        was_made
    }

    /// With the ids of now.
    pub(super) fn revived(&self, mut value: Value) -> Value {
        self.inner().bindings.revive(&mut value);
        value
    }

    /// The recorded call like this one.
    fn find(&self, call: Call, takes: Option<Content>) -> Result<Take, Error> {
        let call = &call.essential();
        let mut inner = self.inner();
        let found = if inner.by_lookup {
            inner.look_up(call, takes.as_ref())
        } else {
            inner.next_in_order(call, takes.as_ref())
        };
        let Some(index) = found else {
            let complaint = inner.complain(call, takes);
            let number = inner.next;
            inner.complaints.push(complaint.clone());
            let field = format!("call #{}", number + 1);
            return Err(ConfigError::Invalid { field, value: call.name.to_owned(), rule: complaint }.into());
        };
        if let Some(played) = inner.played.get_mut(index) {
            *played = true;
        }
        inner.waiting.drain(..).for_each(Waker::wake);
        Ok(inner.tape.calls.get(index).cloned().unwrap_or_default())
    }

    fn answer<T: DeserializeOwned>(&self, take: Take) -> Result<T, Error> {
        if let Some(fails) = take.fails {
            let fails = self.revived(serde_json::to_value(&fails).unwrap_or_default());
            let told = serde_json::from_value(fails).ok();
            return Err(told.and_then(|told| Error::told(&told)).unwrap_or_else(|| unreadable("an error")));
        }
        let gives = self.revived(take.gives.unwrap_or_default());
        serde_json::from_value(gives).map_err(|_| unreadable(&format!("the answer of `{}`", take.call)))
    }
}

fn unreadable(what: &str) -> Error {
    let (field, value) = ("cassette".to_owned(), what.to_owned());
    ConfigError::Invalid { field, value, rule: "has something that this version does not know".to_owned() }
        .into()
}

impl Inner {
    fn next_in_order(&mut self, call: &Call, takes: Option<&Content>) -> Option<usize> {
        let index = self.next;
        let take = self.tape.calls.get(index)?;
        if !is_like(take, call, takes, &mut self.bindings) {
            return None;
        }
        self.next += 1;
        Some(index)
    }

    fn look_up(&mut self, call: &Call, takes: Option<&Content>) -> Option<usize> {
        let mut last = None;
        for (index, take) in self.tape.calls.iter().enumerate() {
            let mut attempt = self.bindings.clone();
            if self.played.get(index) == Some(&true)
                && let Some(minted) = take.with.get("request").and_then(|request| request.get("id"))
            {
                // Whoever executes the same again mints another id for it.
                attempt.forget(minted.as_str().unwrap_or_default());
            }
            if !is_like(take, call, takes, &mut attempt) {
                continue;
            }
            last = Some((index, attempt));
            if self.played.get(index) == Some(&false) {
                break;
            }
        }
        let (index, bindings) = last?;
        self.bindings = bindings;
        Some(index)
    }

    /// What is there instead, in words.
    fn complain(&self, call: &Call, takes: Option<Content>) -> String {
        let now = Take { call: call.name.to_owned(), with: call.with.clone(), takes, ..Take::default() };
        let now = asked(&now);
        let (title, there) = if self.by_lookup {
            let likeness =
                |take: &&Take| strsim::normalized_damerau_levenshtein(&head(&asked(take)), &head(&now));
            let nearest = self.tape.calls.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            ("has no call like this one; the nearest is".to_owned(), nearest)
        } else {
            let number = self.next + 1;
            (format!("differs: call #{number} is another"), self.tape.calls.get(self.next))
        };
        match there {
            Some(there) => format!("{title}:\n{}", difference(&asked(there), &now)),
            None => format!("differs: the cassette ends before this call:\n{now}"),
        }
    }
}

fn head(text: &str) -> String {
    text.chars().take(400).collect()
}

fn is_like(take: &Take, call: &Call, takes: Option<&Content>, bindings: &mut Bindings) -> bool {
    // A file that went in may have ids and secrets in it, as the arguments have.
    let all = |with: &serde_json::Map<String, Value>, takes: Option<&Content>| {
        Value::Array(vec![Value::Object(with.clone()), takes.map(Content::as_text).into()])
    };
    take.call == call.name && bindings.unify(&all(&take.with, take.takes.as_ref()), &all(&call.with, takes))
}

/// What was asked, to be shown.
fn asked(take: &Take) -> String {
    let asked = Take {
        call: take.call.clone(),
        with: take.with.clone(),
        takes: take.takes.clone(),
        ..Take::default()
    };
    crate::yaml::write(&asked)
}

impl Layer for Deck {
    async fn call<T: Answer>(
        &self,
        call: Call,
        _: impl Future<Output = Result<T, Error>> + Send,
    ) -> Result<T, Error> {
        self.answer(self.find(call, None)?)
    }

    async fn run(
        &self,
        call: Call,
        run: Run,
        _: impl Future<Output = Result<Execution, Error>> + Send,
    ) -> Result<Execution, Error> {
        let mut take = self.find(call, None)?;
        let Some(events) = take.events.take() else {
            return Err(self.answer::<()>(take).err().unwrap_or_else(|| unreadable("an execution")));
        };
        let Run { execution, session, limits } = run;
        let player = Player::new(self.clone(), execution, events, take.first_seq.unwrap_or(1));
        Ok(Execution::new(execution, session, limits, player))
    }

    /// What handles tell as they are dropped comes from anywhere: it is held against the cassette, and a difference told at the end.
    fn tell(&self, call: Call, _: impl FnOnce() + Send) {
        let _ = self.find(call, None);
    }

    async fn upload<F: Future<Output = Result<FileInfo, Error>> + Send>(
        &self,
        call: Call,
        body: FileBody,
        _: impl FnOnce(FileBody) -> F + Send,
    ) -> Result<FileInfo, Error> {
        let content = Content::of(&whole(body).await?);
        self.answer(self.find(call, Some(content))?)
    }

    async fn download(
        &self,
        call: Call,
        _: impl Future<Output = Result<(FileInfo, FileBody), Error>> + Send,
    ) -> Result<(FileInfo, FileBody), Error> {
        let mut take = self.find(call, None)?;
        let content = take.content.as_ref().and_then(Content::bytes).unwrap_or_default();
        // What stands for a secret is not as long as the secret was.
        if let Some(size) = take.gives.as_mut().and_then(|gives| gives.get_mut("size")) {
            *size = content.len().into();
        }
        let info = self.answer(take)?;
        Ok((info, Box::pin(futures_util::stream::iter([Ok(content.into())]))))
    }
}
