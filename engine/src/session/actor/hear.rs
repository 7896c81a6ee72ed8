//! What the actor makes of messages: those of the session, and those that control passes on.

use hibernaculum_core::{EventKind, InputReply, InputToken, OutputStream};
use jiff::Timestamp;
use tokio::time::Instant;

use super::death::Death;
use super::{Actor, DRAIN_WAIT, ENDED_WAIT, FromSession, RAW_WAIT};
use crate::failure;
use crate::sandbox::{Order, Told, stream, timestamp};
use crate::session::job::RunningJob;
use crate::session::link::Link;
use crate::session::machine::{Input, State, Stop};
use crate::session::merge::{Merged, TextPiece};
use crate::wire::messages::{self, Event, Executed, InputAnswer, Json, SessionAsk, SessionNotice};
use crate::wire::text::{CarriesText, Text};
use crate::wire::{Incoming, RpcError, Violation, WireError, rpc};

/// Raw output that is there and was not taken. A supervisor that keeps to the credit can never come near.
const FLOOD: usize = 32 << 20;
/// Text that was forwarded ahead of the session's own. Between it and what the host has read are only the connection's buffers.
const AHEAD: usize = 16 << 20;
/// Questions that wait for an answer. An honest session asks one at a time.
const QUESTIONS: usize = 64;

impl Actor {
    /// A message of the session.
    pub(super) fn hear(&mut self, message: &[u8]) {
        if let Err(error) = self.take_in(message) {
            self.violated(&error);
        }
    }

    fn take_in(&mut self, message: &[u8]) -> Result<(), WireError> {
        let number = self.running.as_ref().map(|running| running.number);
        if let Some(executed) = number.and_then(|number| rpc::result_of(message, number)) {
            return self.take_answer(executed, message.len());
        }
        match rpc::parse(message)? {
            Incoming::Response { id, outcome } => {
                // An answer that nobody waits for is a lie that does no harm.
                if number.is_none_or(|number| id != number.into()) {
                    return Ok(());
                }
                match outcome {
                    Ok(result) => self.take_answer(rpc::contents("execute", result)?, message.len())?,
                    Err(error) => self.merge.other([0; 2], message.len(), FromSession::Answer(Err(error))),
                }
            }
            Incoming::Notification { method, params } => {
                let mut notice = SessionNotice::parse(&method, params)?;
                self.resolve(&mut notice)?;
                match notice {
                    SessionNotice::Event(event) => self.happened(event, message.len())?,
                    SessionNotice::CheckpointBlob(blob) => self.blob_came(blob)?,
                    SessionNotice::CheckpointReady(ready) => self.load_ready(ready),
                    SessionNotice::Unknown { .. } => {}
                }
            }
            Incoming::Request { id, method, params } => match SessionAsk::parse(&method, params)? {
                SessionAsk::Input(mut input) => {
                    self.resolve(&mut input)?;
                    let token = InputToken::new(&format!("inp_{}_{}_{id}", self.process, input.execution));
                    let (prompt, password, at) = (input.prompt.into_string()?, input.password, input.at);
                    let (raw, bytes) = (input.raw, message.len() + prompt.len());
                    self.merge.other(
                        raw,
                        bytes,
                        FromSession::Question { id, token, prompt, password, at, raw },
                    );
                }
                SessionAsk::Unknown { method, .. } => {
                    let refusal = rpc::failure(Some(&id), &RpcError::unknown_method(&method))?;
                    self.send(refusal)?;
                }
            },
            Incoming::Complaint { .. } => {}
        }
        Ok(())
    }

    /// `bytes`: the length of the message.
    fn take_answer(&mut self, mut executed: Box<Executed>, bytes: usize) -> Result<(), WireError> {
        self.resolve(&mut *executed)?;
        let long = executed.value.as_ref().map_or(0, |value| text_len(&value.repr) + json_len(value));
        self.merge.other(executed.raw, bytes + long, FromSession::Answer(Ok(executed)));
        Ok(())
    }

    fn resolve(&mut self, message: &mut impl CarriesText) -> Result<(), WireError> {
        match &mut self.link {
            Link::Up(halves) => halves.0.transfers.resolve(message),
            _ => Ok(()),
        }
    }

    /// `bytes`: the length of the message.
    fn happened(&mut self, event: Event, bytes: usize) -> Result<(), WireError> {
        match event {
            Event::Output(printed) => {
                let (execution, pos, raw) = (printed.execution, printed.pos, printed.raw);
                let (stream, at, content) =
                    (stream(printed.stream), timestamp(printed.at), printed.text.into_string()?);
                self.merge.text(TextPiece { execution, stream, pos, raw, at, content });
            }
            Event::Display(display) => {
                let long: usize = display.data.values().map(text_len).sum();
                self.merge.other(display.raw, bytes + long, FromSession::Display(display));
            }
            Event::Unknown(_) => {}
        }
        Ok(())
    }

    /// Something that control passes on; `None`: the sandbox is gone.
    pub(super) fn on_told(&mut self, told: Option<Told>) {
        match told {
            Some(Told::Raw(raw)) => {
                self.awaited = None;
                self.merge.raw(raw);
                if self.merge.waiting().raw > FLOOD {
                    self.parts.dial.give_up("its supervisor sent more than it was given credit for");
                }
            }
            Some(Told::Text(text)) => {
                // The supervisor holds at most one buffer of it, so that taking it is as good as having delivered it.
                self.credit += text.content.len() as u64;
                if self.merge.waiting().ahead < AHEAD {
                    self.merge.forwarded(text);
                } else if self.link.is_up() {
                    // The positions stand in memory that the session can write: it is the liar, and not the supervisor.
                    self.violated(&Violation::TextNeverCame { limit: AHEAD }.into());
                }
            }
            // The process that the session is about to connect to is gone: the connection will say so, unless it is there already.
            Some(Told::Died(died))
                if matches!(
                    (self.state, &self.link),
                    (State::Restoring(_) | State::Starting, Link::Connecting(_))
                ) =>
            {
                self.early_death = Some(died.into());
            }
            Some(Told::Restored { pid, ended }) => {
                self.pid = Some(pid);
                self.woke(ended);
            }
            // A process that another one has replaced: what the session is now lives.
            Some(Told::Died(died)) if self.pid.is_some_and(|pid| pid != died.pid) => {
                tracing::debug!(session = %self.parts.port.id(), died.pid, "a predecessor's end was told late");
            }
            Some(Told::Died(died)) => self.died(died.into()),
            // Whatever process it was to be: it is none any more.
            Some(Told::Stopped(problem)) if matches!(self.link, Link::Connecting(_)) => {
                self.link = Link::Over;
                self.refused(failure::ended(&format!("connecting to a process: {problem}")));
            }
            Some(Told::Stopped(problem)) => self.died(Death::of_sandbox(problem)),
            None => {
                self.bury_with_the_sandbox();
                self.apply(Input::SandboxGone);
            }
        }
    }

    /// The sandbox was stopped and does not come back, and that was told before all that the process had said was there: what ran crashed all the same.
    fn bury_with_the_sandbox(&mut self) {
        if self.swap.is_none() && self.death.as_ref().is_some_and(Death::is_of_sandbox) {
            self.link = Link::Over;
            self.merge.close();
            self.deliver();
            self.bury();
        }
    }

    fn died(&mut self, death: Death) {
        self.death = Some(death);
        self.parting = Some(Instant::now() + DRAIN_WAIT);
        if self.link.is_over() {
            self.merge.close();
        }
    }

    /// Another process is connected: it may have been told dead before it was heard of.
    pub(super) fn is_process(&mut self, pid: u32) {
        self.pid = Some(pid);
        if let Some(death) = self.early_death.take().filter(|death| death.pid.is_none_or(|dead| dead == pid))
        {
            self.died(death);
        }
    }

    /// The connection ended. The process is dead or as good as that: control will tell.
    pub(super) fn parted(&mut self) {
        self.link = Link::Over;
        if self.death.is_some() {
            self.merge.close();
        } else {
            self.parting = Some(Instant::now() + ENDED_WAIT);
        }
    }

    /// The session broke the protocol: it is killed, and its death is told as any other.
    pub(super) fn violated(&mut self, error: &WireError) {
        tracing::warn!(session = %self.parts.port.id(), %error, "the session broke the protocol");
        self.link = Link::Over;
        self.apply(Input::Stop(Stop::Protocol));
        self.parted();
    }

    /// Everything that may be told now goes to the ring of the running execution, or to the background.
    pub(super) fn deliver(&mut self) {
        while self.has_room() {
            match self.merge.next() {
                Some(Merged::Text(text)) => {
                    self.tell_background(text.execution, text.raw);
                    self.output(text.execution, text.stream, text.content, text.at, [0; 2]);
                }
                Some(Merged::Raw(raw)) => {
                    // Raw output comes in the order in which it was drained.
                    self.tell_background(raw.execution, [u64::MAX; 2]);
                    let end = raw.pos.saturating_add(raw.data.len() as u64);
                    let end = match raw.stream {
                        OutputStream::Stdout => [end, 0],
                        OutputStream::Stderr => [0, end],
                    };
                    self.credit += raw.data.len() as u64;
                    let decoder = match raw.stream {
                        OutputStream::Stdout => &mut self.decoders[0],
                        OutputStream::Stderr => &mut self.decoders[1],
                    };
                    let text = decoder.push(&raw.data);
                    self.output(raw.execution, raw.stream, text, raw.at, end);
                }
                Some(Merged::Other(item)) => self.item(item),
                None => break,
            }
        }
        self.await_raw();
        self.give_credit();
    }

    /// Looks whether a message waits for raw output that has not come.
    fn await_raw(&mut self) {
        if !self.link.is_up() || !self.merge.awaits_raw() {
            self.awaited = None;
        } else if self.awaited.is_none() {
            self.awaited = Some((Instant::now() + RAW_WAIT, false));
        }
    }

    /// Gives back what was taken, in large pieces: small outputs cost no order.
    fn give_credit(&mut self) {
        const PIECE: u64 = 256 << 10;
        if self.credit >= PIECE {
            let bytes = std::mem::take(&mut self.credit);
            self.orders.push_back(Order::Credit { session: self.parts.port.id(), bytes });
        }
    }

    fn output(&mut self, execution: u64, stream: OutputStream, text: String, at: Timestamp, end: [u64; 2]) {
        match &mut self.running {
            Some(running) if running.number == execution => {
                if !text.is_empty() {
                    running.wrote = true;
                    running.job.ring.push(EventKind::Output { stream, text }, at);
                }
            }
            _ => self.background.push(stream, text, at, end),
        }
    }

    /// Something of an execution follows, for which so much raw output was waited for. What was written before it *began* may have come only
    /// now, on the other connection: its place is before what follows. What was written after it ended has a later position, and waits.
    fn tell_background(&mut self, execution: u64, raw: [u64; 2]) {
        if let Some(running) =
            self.running.as_ref().filter(|running| running.number == execution && !running.wrote)
        {
            for (kind, at) in self.background.take_before(raw) {
                running.job.ring.push(kind, at);
            }
        }
    }

    fn item(&mut self, item: FromSession) {
        let Some(RunningJob { number, questions, .. }) = &self.running else { return };
        let number = *number;
        if questions.len() >= QUESTIONS && matches!(item, FromSession::Question { .. }) {
            return self.violated(&Violation::TooManyQuestions { limit: QUESTIONS }.into());
        }
        match &item {
            FromSession::Display(display) => self.tell_background(display.execution, display.raw),
            FromSession::Question { raw, .. } => self.tell_background(number, *raw),
            FromSession::Answer(Ok(executed)) => self.tell_background(number, executed.raw),
            FromSession::Answer(Err(_)) => {}
        }
        let Some(running) = &mut self.running else { return };
        match item {
            FromSession::Display(display) if display.execution == running.number => {
                let at = timestamp(display.at);
                running.wrote = true;
                if let Ok(display) = shown(display) {
                    running.job.ring.push(EventKind::Display(display), at);
                }
            }
            FromSession::Display(_) => {}
            FromSession::Question { id, token, prompt, password, at, .. } => {
                running.wrote = true;
                running.questions.insert(token.clone(), id);
                running.job.ring.push(EventKind::InputRequest { token, prompt, password }, timestamp(at));
            }
            FromSession::Answer(answer) => self.answered(answer),
        }
    }

    /// Answers a question of the running execution; whether it was asked, and not answered yet.
    pub(super) fn answer(&mut self, token: &InputToken, reply: InputReply) -> bool {
        let Some(id) = self.running.as_mut().and_then(|running| running.questions.remove(token)) else {
            return false;
        };
        let mut answer = match reply {
            InputReply::Line(line) => InputAnswer::Text(line.into()),
            _ => InputAnswer::Eof,
        };
        let sent = match &mut self.link {
            Link::Up(halves) => {
                halves.1.push_texts(&mut answer).and_then(|()| halves.1.push(rpc::response(&id, &answer)?))
            }
            _ => return false,
        };
        sent.is_ok()
    }
}

/// How much a value's JSON will take.
fn json_len(value: &messages::Value) -> usize {
    match &value.json {
        Some(Json::Text(text)) => text_len(text),
        Some(Json::Repr(true)) => text_len(&value.repr),
        Some(Json::Repr(false)) | None => 0,
    }
}

/// The length of a text that is here.
fn text_len(text: &Text) -> usize {
    text.as_str().map_or(0, str::len)
}

fn shown(display: messages::Display) -> Result<hibernaculum_core::Display, WireError> {
    let data = display.data.into_iter().map(|(kind, text)| Ok((kind, text.into_string()?)));
    Ok(hibernaculum_core::Display {
        data: data.collect::<Result<_, WireError>>()?,
        metadata: display.metadata,
        display_id: display.display_id,
        update: display.update,
        result: display.result,
    })
}
