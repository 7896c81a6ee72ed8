//! Playing steps, with an eye on interrupts.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::SinkExt as _;
use hibernaculum_core::Display;
use hibernaculum_engine::wire::messages::{self, Event, Input, InputAnswer, StdinPolicy, Stream};
use hibernaculum_engine::wire::{Id, Incoming, WireError, rpc};
use tokio::time::Instant;

use super::Process;
use super::output::FORWARD_EVERY;
use crate::script::{Exception, Pause, Step};

/// How far steps were played.
#[derive(Debug, PartialEq)]
pub(super) enum Played {
    /// To their end.
    Whole,
    /// An interrupt came.
    Interrupted,
    /// Something was raised on the way.
    Raised(Exception),
}

/// What an execution has while it is played.
#[derive(Debug)]
pub(super) struct Act {
    pub(super) number: u64,
    pub(super) stdin: StdinPolicy,
    pub(super) answers: Vec<String>,
    /// Whether interrupts are looked for: not in code that ignores them, nor in what comes after one.
    pub(super) heeds: bool,
}

impl Process {
    pub(super) async fn play(&mut self, act: &mut Act, steps: &[Step]) -> Result<Played, WireError> {
        for step in steps {
            if self.is_interrupted(act) {
                return Ok(Played::Interrupted);
            }
            let played = self.step(act, step).await?;
            if played != Played::Whole {
                return Ok(played);
            }
            // What runs shares its thread with the host: a flood must not keep an interrupt from being heard.
            tokio::task::consume_budget().await;
        }
        Ok(if self.is_interrupted(act) { Played::Interrupted } else { Played::Whole })
    }

    async fn step(&mut self, act: &mut Act, step: &Step) -> Result<Played, WireError> {
        match step {
            Step::Print(text) => self.print(Stream::Stdout, text).await?,
            Step::PrintError(text) => self.print(Stream::Stderr, text).await?,
            Step::Write(bytes) => self.write(Stream::Stdout, bytes).await?,
            Step::WriteError(bytes) => self.write(Stream::Stderr, bytes).await?,
            Step::Wait(Pause::For(time)) => {
                let due = Instant::now().checked_add(*time);
                return Ok(self.wait(act, due, std::future::pending()).await);
            }
            Step::Wait(Pause::Forever) => return Ok(self.wait(act, None, std::future::pending()).await),
            Step::WaitFor(name) => {
                let world = std::sync::Arc::clone(&self.world);
                return Ok(self.wait(act, None, world.signalled(name)).await);
            }
            Step::Signal(name) => self.world.signal(name),
            Step::Ask(prompt) => return self.ask(act, prompt, false).await,
            Step::AskSecretly(prompt) => return self.ask(act, prompt, true).await,
            Step::Display(display) => self.display(display).await?,
            Step::Bind(names) => self.bind(names),
            Step::Unbind(name) => drop(self.namespace.unbind(name)),
        }
        Ok(Played::Whole)
    }

    fn is_interrupted(&self, act: &Act) -> bool {
        act.heeds && *self.interrupt.borrow() == act.number
    }

    /// Waits until the time has come, or the event, or an interrupt; text that waits is forwarded meanwhile.
    async fn wait(&mut self, act: &Act, due: Option<Instant>, event: impl Future<Output = ()>) -> Played {
        tokio::pin!(event);
        let mut interrupt = self.interrupt.clone();
        let mut watched = self.watched.clone();
        watched.mark_unchanged();
        loop {
            let lacks_credit = self.forward().await;
            // Nothing new is printed while the code waits, so that one look after `watch` is enough, unless credit lacks.
            let look = async {
                if !lacks_credit && watched.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(FORWARD_EVERY).await;
            };
            tokio::select! {
                biased;
                _ = interrupt.wait_for(|number| *number == act.number), if act.heeds => return Played::Interrupted,
                () = &mut event => return Played::Whole,
                () = sleep_until(due) => return Played::Whole,
                () = look => {}
            }
        }
    }

    /// Asks the host for a line.
    async fn ask(&mut self, act: &mut Act, prompt: &str, password: bool) -> Result<Played, WireError> {
        if act.stdin == StdinPolicy::Deny {
            let why =
                "input is denied for this execution: ask for `StdinPolicy::Ask` to answer it from the host";
            return Ok(Played::Raised(Exception::new("EOFError", why)));
        }
        self.flush().await?;
        self.questions += 1;
        let id = Id::Number(self.questions);
        let mut input = Input {
            execution: act.number,
            prompt: prompt.into(),
            password,
            at: self.world.now_ms(),
            raw: self.roads.raw(),
            text_pos: self.roads.text(),
        };
        self.send_texts(&mut input).await?;
        self.wire.send(rpc::request(id.clone(), &input)?).await?;
        let mut interrupt = self.interrupt.clone();
        loop {
            let message = tokio::select! {
                biased;
                _ = interrupt.wait_for(|number| *number == act.number), if act.heeds => return Ok(Played::Interrupted),
                message = self.next_message() => message?,
            };
            let Some(message) = message else { return Err(gone()) };
            let Incoming::Response { id: answered, outcome } = rpc::parse(&message)? else { continue };
            if answered != id {
                continue;
            }
            let mut answer = match outcome {
                Ok(result) => rpc::contents::<InputAnswer>("input", result)?,
                Err(_) => InputAnswer::Eof,
            };
            self.transfers.resolve(&mut answer)?;
            return Ok(match answer {
                InputAnswer::Text(text) => {
                    act.answers.push(text.into_string()?);
                    Played::Whole
                }
                InputAnswer::Eof => Played::Raised(Exception::new("EOFError", "there is no more input")),
            });
        }
    }

    async fn display(&mut self, display: &Display) -> Result<(), WireError> {
        self.flush().await?;
        let data: BTreeMap<_, _> =
            display.data.iter().map(|(kind, form)| (kind.clone(), form.as_str().into())).collect();
        let mut event = Event::Display(messages::Display {
            execution: self.roads.execution,
            at: self.world.now_ms(),
            data,
            metadata: display.metadata.clone(),
            display_id: display.display_id.clone(),
            update: display.update,
            result: display.result,
            raw: self.roads.raw(),
            text_pos: self.roads.text(),
        });
        self.send_texts(&mut event).await?;
        self.wire.send(rpc::notification(&event)?).await
    }

    fn bind(&mut self, names: &BTreeMap<String, crate::script::ScriptedValue>) {
        for (name, value) in names {
            self.namespace.bind(name, value.clone());
        }
    }
}

/// Until then; for ever where there is no such moment.
async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The host is gone while it is asked.
fn gone() -> WireError {
    std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into()
}

/// How long a step takes at least, for those who only count.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
