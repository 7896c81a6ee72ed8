//! Running code under observation: every event is held to the grammar, and kept to be asked about.

use hibernaculum_core::{
    Collector, Error, Event, EventKind, Execution, ExecutionId, ExecutionRequest, ExecutionResult,
    InputToken, OutputLimits, Session,
};

use crate::failure::Failure;
use crate::grammar::Grammar;
use crate::transcript::{note, shorten};

/// Sessions, watched.
pub trait Watch {
    /// Runs code to its end.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the call failed, or the stream broke the grammar.
    fn run(
        &self,
        request: impl Into<ExecutionRequest> + Send,
    ) -> impl Future<Output = Result<ExecutionResult, Failure>> + Send;

    /// Puts code into the queue.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the call failed.
    fn watch(
        &self,
        request: impl Into<ExecutionRequest> + Send,
    ) -> impl Future<Output = Result<Run, Failure>> + Send;

    /// Takes up an execution.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the call failed.
    fn rejoin(
        &self,
        execution: &ExecutionId,
        after_seq: u64,
    ) -> impl Future<Output = Result<Run, Failure>> + Send;
}

impl Watch for Session {
    async fn run(&self, request: impl Into<ExecutionRequest> + Send) -> Result<ExecutionResult, Failure> {
        self.watch(request).await?.finish().await
    }

    async fn watch(&self, request: impl Into<ExecutionRequest> + Send) -> Result<Run, Failure> {
        let request = request.into();
        let limits = request.output;
        note(|| format!("run: {}", shorten(&request.code)));
        let execution = self.start(request).await?;
        let grammar = Grammar::new(execution.id(), 0, false);
        Ok(Run::new(execution, grammar, limits))
    }

    async fn rejoin(&self, execution: &ExecutionId, after_seq: u64) -> Result<Run, Failure> {
        note(|| format!("attach to {execution} after {after_seq}"));
        let execution = self.attach(execution, after_seq).await?;
        let grammar = Grammar::new(execution.id(), after_seq, true);
        Ok(Run::new(execution, grammar, OutputLimits::default()))
    }
}

/// An execution under observation. Dropping it drops the [`Execution`], which interrupts it.
#[derive(Debug)]
pub struct Run {
    execution: Execution,
    grammar: Grammar,
    limits: OutputLimits,
    events: Vec<Event>,
}

/// A question that the code asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// What the answer has to name.
    pub token: InputToken,
    /// The prompt.
    pub prompt: String,
    /// Whether what is typed should not be shown.
    pub password: bool,
}

impl Run {
    fn new(execution: Execution, grammar: Grammar, limits: OutputLimits) -> Self {
        Self { execution, grammar, limits, events: Vec::new() }
    }

    /// The execution's id.
    pub fn id(&self) -> ExecutionId {
        self.execution.id()
    }

    /// The events so far.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What was written so far, both streams as they came.
    pub fn output(&self) -> String {
        let text = |event: &Event| match &event.kind {
            EventKind::Output { text, .. } => Some(text.clone()),
            _ => None,
        };
        self.events.iter().filter_map(text).collect()
    }

    /// Whether `Started` came.
    pub fn has_started(&self) -> bool {
        self.events.iter().any(|event| event.kind == EventKind::Started)
    }

    /// The next event; `None` after the last.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it breaks the grammar.
    pub async fn next(&mut self) -> Result<Option<&Event>, Failure> {
        let Some(event) = self.execution.next().await else { return Ok(None) };
        note(|| format!("  {}", tell(&event.kind)));
        if let Err(rule) = self.grammar.accept(&event) {
            return Err(Failure::new(rule));
        }
        self.events.push(event);
        Ok(self.events.last())
    }

    /// Reads until the code runs.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the execution ended before.
    pub async fn until_started(&mut self) -> Result<(), Failure> {
        while !self.has_started() {
            self.expect_next("`Started`").await?;
        }
        Ok(())
    }

    /// Reads until what was written contains `text`.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the execution ended before.
    pub async fn until_output(&mut self, text: &str) -> Result<(), Failure> {
        note(|| format!("  … until output has {text:?}"));
        while !self.output().contains(text) {
            self.expect_next(&format!("the output {text:?}")).await?;
        }
        Ok(())
    }

    /// Reads until the code asks a question.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where the execution ended before.
    pub async fn until_question(&mut self) -> Result<Question, Failure> {
        loop {
            let event = self.expect_next("an `InputRequest`").await?;
            if let EventKind::InputRequest { token, prompt, password } = &event.kind {
                return Ok(Question { token: token.clone(), prompt: prompt.clone(), password: *password });
            }
        }
    }

    /// The next event, which must not be the last.
    async fn expect_next(&mut self, wanted: &str) -> Result<&Event, Failure> {
        let seen = self.output();
        match self.next().await? {
            Some(event) if !event.is_last() => Ok(event),
            Some(event) => Err(Failure::expected(
                wanted,
                format!("the end {:?}, after the output {:?}", event.kind, shorten(&seen)),
            )),
            None => Err(Failure::expected(wanted, "the end of the stream")),
        }
    }

    /// Reads to the end.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it ended with `Failed`, or the grammar was broken.
    pub async fn finish(&mut self) -> Result<ExecutionResult, Failure> {
        while self.next().await?.is_some() {}
        let mut collector = Collector::new(self.id(), self.limits);
        for event in &self.events {
            if let Some(outcome) = collector.push(event.clone()) {
                return Ok(collector.finish(outcome));
            }
        }
        Err(self.execution.error().into())
    }

    /// Reads to the end, which must be `Failed`; gives its error.
    ///
    /// # Errors
    ///
    /// A [`Failure`] where it ended otherwise, or event and error differ.
    pub async fn error(&mut self) -> Result<Error, Failure> {
        while self.next().await?.is_some() {}
        match self.events.last().map(|event| event.kind.clone()) {
            Some(EventKind::Failed { error: told }) => {
                let error = self.execution.error();
                let same = told.code == error.code();
                if same { Ok(error) } else { Err(Failure::expected(told.code, error.code())) }
            }
            last => Err(Failure::expected("`Failed`", format!("{last:?}"))),
        }
    }

    /// Lets the execution run on alone.
    pub fn detach(self) -> ExecutionId {
        self.execution.detach()
    }
}

/// An event in a few words: a megabyte of output is not worth the time of formatting it.
fn tell(kind: &EventKind) -> String {
    match kind {
        EventKind::Output { stream, text } => format!("{stream} {:?} of {} bytes", shorten(text), text.len()),
        EventKind::Background { stream, text } => format!("{stream}, background: {:?}", shorten(text)),
        EventKind::Display(display) => format!("display of {:?}", display.data.keys()),
        EventKind::Finished(outcome) => format!("{}, state {:?}", outcome.status, outcome.state),
        EventKind::Failed { error } => format!("failed: {}", error.what),
        other => format!("{other:?}"),
    }
}
