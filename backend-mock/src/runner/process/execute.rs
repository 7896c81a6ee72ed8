//! One execution, from its rule to its answer.

use std::fmt::Write as _;
use std::sync::Arc;

use hibernaculum_engine::wire::messages::{
    Cause, Execute, Executed, Json, PythonError, Status, StdinPolicy, Timings, TraceFrame, Value,
};
use hibernaculum_engine::wire::{Id, WireError};
use tokio::time::Instant;

use super::Process;
use super::play::{Act, Played, micros};
use crate::script::{
    Crash, Ending, Exception, Found, Frame, Lookup as _, Reaction, Scene, ScriptedValue, caught,
};
use crate::signals;

/// The longest `repr` where nothing is asked for: 16 MiB.
const VALUE_BYTES: u64 = 16 << 20;

/// How an execution ended, as its answer says it.
struct Ended {
    status: Status,
    value: Option<ScriptedValue>,
    error: Option<Exception>,
}

impl Ended {
    /// `None` is no value, whatever it comes from.
    fn completed(value: Option<ScriptedValue>) -> Self {
        let value = value.filter(|value| value.repr != "None");
        Self { status: Status::Completed, value, error: None }
    }

    fn raised(status: Status, exception: Exception) -> Self {
        Self { status, value: None, error: Some(exception) }
    }
}

impl Process {
    /// Runs code. `Some`: the process dies of it.
    pub(super) async fn execute(&mut self, id: &Id, execute: Execute) -> Result<Option<Cause>, WireError> {
        let code = execute.code.as_str().unwrap_or_default().to_owned();
        let began = Instant::now();
        self.begin(execute.execution);
        let before = self.namespace.snapshot();
        let mut warnings = Vec::new();
        let ended = match Arc::clone(&self.world).ledger.find(&self.session, &code) {
            Ok(found) => {
                warnings.clone_from(&found.rule.warnings);
                match self.perform(&found, &execute, &code).await? {
                    Ok(ended) => ended,
                    Err(cause) => return Ok(Some(cause)),
                }
            }
            Err(complaint) => Ended::raised(Status::Failed, unexpected(complaint)),
        };
        self.flush().await?;
        if execute.store_history != Some(false) {
            self.count += 1;
        }
        let limit = execute.value_bytes.unwrap_or(VALUE_BYTES);
        let executed = Executed {
            execution: execute.execution,
            status: ended.status,
            count: self.count,
            value: ended.value.map(|value| told_value(value, limit)),
            error: ended.error.map(|exception| told_error(exception, &execute, &code)),
            changes: self.namespace.changes_since(before),
            transaction: None,
            warnings,
            timings: Timings { run_us: micros(began.elapsed()), ..Timings::default() },
            cpu_us: 0,
            memory_bytes: 0,
            memory_delta: 0,
            raw: self.roads.raw(),
            text_pos: self.roads.text(),
            at: self.world.now_ms(),
        };
        self.answer(id, executed).await?;
        self.roads.execution = 0;
        Ok(None)
    }

    /// From here on output belongs to this execution, and an interrupt may be meant for it.
    pub(super) fn begin(&mut self, execution: u64) {
        self.roads.execution = execution;
        self.running.send_replace(execution);
    }

    async fn perform(
        &mut self,
        found: &Found,
        execute: &Execute,
        code: &str,
    ) -> Result<Result<Ended, Cause>, WireError> {
        let rule = &found.rule;
        let stdin = execute.stdin.clone().or_else(|| self.options.stdin.clone()).unwrap_or(StdinPolicy::Ask);
        let heeds = !matches!(rule.reaction, Reaction::Ignores);
        let mut act = Act { number: execute.execution, stdin, answers: Vec::new(), heeds };
        let played = self.play(&mut act, &rule.steps).await?;
        // A second interrupt is not looked for: the first is answered for.
        act.heeds = false;
        let ending = match played {
            Played::Whole => &rule.ending,
            Played::Raised(exception) => return Ok(Ok(Ended::raised(Status::Failed, exception))),
            Played::Interrupted => match &rule.reaction {
                Reaction::Handles(steps, ending) => {
                    self.play(&mut act, steps).await?;
                    ending
                }
                Reaction::Tidies(steps) => {
                    self.play(&mut act, steps).await?;
                    return Ok(Ok(interrupted()));
                }
                Reaction::Ends | Reaction::Ignores => return Ok(Ok(interrupted())),
            },
        };
        Ok(self.conclude(ending, found, &act, code))
    }

    fn conclude(&self, ending: &Ending, found: &Found, act: &Act, code: &str) -> Result<Ended, Cause> {
        Ok(match ending {
            Ending::Nothing => Ended::completed(None),
            Ending::Value(value) => Ended::completed(Some(value.clone())),
            Ending::ValueOf(name) => {
                if let Some(value) = self.namespace.value_of(name) {
                    Ended::completed(Some(value.clone()))
                } else {
                    let message = format!("name '{name}' is not defined");
                    Ended::raised(Status::Failed, Exception::new("NameError", message))
                }
            }
            Ending::Raises(exception) => Ended::raised(Status::Failed, exception.clone()),
            Ending::Crashes(crash) => return Err(cause(crash)),
            Ending::Computed(compute) => {
                let scene =
                    Scene { code, groups: &found.groups, answers: &act.answers, lookup: &self.namespace };
                return match caught(|| compute(&scene)) {
                    // It has computed once; a function that gives another has nothing to say.
                    Ok(Ending::Computed(_)) => Ok(Ended::completed(None)),
                    Ok(ending) => self.conclude(&ending, found, act, code),
                    Err(panic) => {
                        let complaint = self.world.ledger.panicked(&found.rule, "what it computes", &panic);
                        Ok(Ended::raised(Status::Failed, unexpected(complaint)))
                    }
                };
            }
        })
    }
}

fn interrupted() -> Ended {
    Ended::raised(Status::Interrupted, Exception::new("KeyboardInterrupt", ""))
}

/// What code gets that the script has no rule for.
fn unexpected(complaint: String) -> Exception {
    let mut exception = Exception::new("UnexpectedExecution", complaint);
    "hibernaculum_backend_mock".clone_into(&mut exception.module);
    exception
}

fn cause(crash: &Crash) -> Cause {
    match *crash {
        Crash::OutOfMemory => signals::out_of_memory(),
        Crash::Exit(exit) => Cause::Exit { exit, by: None },
        Crash::Signal(signal) => Cause::Signal { signal, name: signals::name(signal), by: None },
    }
}

/// A value on the wire: cut where it is too long, and then without its JSON.
pub(super) fn told_value(value: ScriptedValue, limit: u64) -> Value {
    let ScriptedValue { mut repr, type_name, json } = value;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let end = (0..=limit.min(repr.len())).rev().find(|end| repr.is_char_boundary(*end)).unwrap_or(0);
    let cut = (repr.len() - end) as u64;
    repr.truncate(end);
    let json = json.filter(|_| cut == 0).map(|json| Json::Text(json.to_string().into()));
    Value { repr: repr.into(), json, type_name, cut }
}

/// An exception on the wire, with the traceback that Python would print.
fn told_error(exception: Exception, execute: &Execute, code: &str) -> PythonError {
    let Exception { type_name, module, message, mut frames, exit_code } = exception;
    let file = execute.filename.clone().unwrap_or_else(|| format!("<cell {}>", execute.execution));
    if frames.is_empty() {
        frames.push(last_line(code, execute.first_line.unwrap_or(1)));
    }
    let mut traceback = "Traceback (most recent call last):\n".to_owned();
    for Frame { line, function, source } in &frames {
        // Writing to a String cannot fail, here and below.
        let _ = writeln!(traceback, "  File \"{file}\", line {line}, in {function}");
        if !source.is_empty() {
            let _ = writeln!(traceback, "    {source}");
        }
    }
    let full = if module == "builtins" { type_name.clone() } else { format!("{module}.{type_name}") };
    if message.is_empty() {
        let _ = writeln!(traceback, "{full}");
    } else {
        let _ = writeln!(traceback, "{full}: {message}");
    }
    let frame = |frame: Frame| TraceFrame {
        file: file.clone(),
        line: Some(frame.line),
        function: frame.function,
        source: Some(frame.source),
    };
    PythonError {
        type_name,
        module,
        message: message.into(),
        traceback: traceback.into(),
        frames: frames.into_iter().map(frame).collect(),
        exit_code: exit_code.map(i64::from),
    }
}

/// Where an exception is raised that does not say it.
fn last_line(code: &str, first: u32) -> Frame {
    let lines = code.lines().zip(first..);
    let last = lines.filter(|(line, _)| !line.trim().is_empty()).last();
    let (source, line) = last.unwrap_or(("", first));
    Frame { line, function: "<module>".to_owned(), source: source.trim().to_owned() }
}
