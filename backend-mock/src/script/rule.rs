//! One rule: which code, how often, what it does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Display, OutputStream};

use super::{Crash, Ending, Exception, Matcher, Pause, Scene, ScriptedValue, Step};

/// Begins a rule for this code: without more it is met once, does nothing and completes.
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_backend_mock::when;
/// use serde_json::json;
///
/// let rule = when("train()").prints("epoch 1\n").waits(Duration::from_secs(60)).prints("epoch 2\n").value(json!(0.93));
/// ```
pub fn when(code: impl Into<Matcher>) -> Rule {
    Rule {
        matcher: code.into(),
        times: Times::ONCE,
        steps: Vec::new(),
        ending: Ending::Nothing,
        reaction: Reaction::default(),
        warnings: Vec::new(),
    }
}

/// Which code, how often, what it does, and how it ends.
#[derive(Debug, Clone)]
#[must_use = "a rule has no effect until a script has it"]
pub struct Rule {
    pub(super) matcher: Matcher,
    pub(super) times: Times,
    pub(crate) steps: Vec<Step>,
    pub(crate) ending: Ending,
    pub(crate) reaction: Reaction,
    pub(crate) warnings: Vec<String>,
}

/// How often a rule is to be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    pub(super) least: u64,
    pub(super) most: u64,
}

impl Times {
    pub(super) const ONCE: Self = Self { least: 1, most: 1 };
    pub(super) const ANY: Self = Self { least: 0, most: u64::MAX };
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.least, self.most) {
            (1, 1) => f.write_str("once"),
            (0, 1) => f.write_str("at most once"),
            (0, u64::MAX) => f.write_str("any number of times"),
            (least, u64::MAX) => write!(f, "at least {least} times"),
            (least, most) if least == most => write!(f, "{least} times"),
            (least, most) => write!(f, "{least} to {most} times"),
        }
    }
}

/// What an interrupt does to the code.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Reaction {
    /// `KeyboardInterrupt` ends it.
    #[default]
    Ends,
    /// It takes no notice; only the death of its process ends it.
    Ignores,
    /// It does this first, and then `KeyboardInterrupt` ends it: a `finally`.
    Tidies(Vec<Step>),
    /// It catches the `KeyboardInterrupt`, does this, and ends so.
    Handles(Vec<Step>, Ending),
}

/// What the code does, one step after the other.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use std::time::Duration;
/// use hibernaculum_backend_mock::{Pause, Script, Step, when};
/// use hibernaculum_core::{Display, Sandbox, SandboxSpec};
///
/// let plot = Display { data: [("text/plain".into(), "a plot".into())].into(), ..Display::default() };
/// let mock = Script::in_order([
///     when("train()")
///         .prints("epoch 1\n")
///         .prints_to_stderr("the disk is slow\n")
///         .waits(Duration::from_secs(20))
///         .writes("from C\n")
///         .writes_to_stderr("from C, too\n")
///         .displays(plot)
///         .binds("loss", 0.07)
///         .unbinds("draft")
///         .step(Step::Wait(Pause::For(Duration::from_secs(1)))),
///     when("login()").asks("Name? ").asks_secretly("Password? ").optional(),
///     when("first()").signals("ready").optional(), // lets those go on who wait for it in another session
///     when("second()").waits_for("ready").optional(),
///     when("while True: pass").hangs().optional(),
/// ])
/// .backend()?;
///
/// let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// let result = session.execute("train()").await?;
/// assert_eq!(result.stdout.to_string(), "epoch 1\nfrom C\n");
/// assert_eq!(result.displays.len(), 1);
/// assert_eq!(session.namespace().get("loss").await?, 0.07);
/// sandbox.close().await?;
/// mock.verify().await;
/// # Ok(()) }
/// ```
impl Rule {
    /// Prints text, with `print(…, end='')`: no line end is added.
    pub fn prints(self, text: impl Into<String>) -> Self {
        self.step(Step::printed(OutputStream::Stdout, text.into()))
    }

    /// Prints text to `sys.stderr`.
    pub fn prints_to_stderr(self, text: impl Into<String>) -> Self {
        self.step(Step::printed(OutputStream::Stderr, text.into()))
    }

    /// Writes bytes to fd 1, past Python.
    pub fn writes(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::Write(bytes.into()))
    }

    /// Writes bytes to fd 2, past Python.
    pub fn writes_to_stderr(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.step(Step::WriteError(bytes.into()))
    }

    /// Takes so long, by tokio's clock: under a paused one that costs no time. An interrupt ends it.
    pub fn waits(self, time: Duration) -> Self {
        self.step(Step::Wait(Pause::For(time)))
    }

    /// Never ends by itself: an interrupt does, or the end of its time.
    pub fn hangs(self) -> Self {
        self.step(Step::Wait(Pause::Forever))
    }

    /// Waits until a session of the same sandbox [`signals`](Self::signals) this name.
    pub fn waits_for(self, name: impl Into<String>) -> Self {
        self.step(Step::WaitFor(name.into()))
    }

    /// Lets those go on who wait for this name, now and later.
    pub fn signals(self, name: impl Into<String>) -> Self {
        self.step(Step::Signal(name.into()))
    }

    /// Asks for a line of input, as `input(prompt)` does.
    pub fn asks(self, prompt: impl Into<String>) -> Self {
        self.step(Step::Ask(prompt.into()))
    }

    /// Asks for a line of input that is not to be shown, as `getpass` does.
    pub fn asks_secretly(self, prompt: impl Into<String>) -> Self {
        self.step(Step::AskSecretly(prompt.into()))
    }

    /// Displays something.
    pub fn displays(self, display: Display) -> Self {
        self.step(Step::Display(display))
    }

    /// Binds a name; later questions about the session's names tell of it.
    pub fn binds(self, name: impl Into<String>, value: impl Into<ScriptedValue>) -> Self {
        self.step(Step::Bind(BTreeMap::from([(name.into(), value.into())])))
    }

    /// Deletes a name.
    pub fn unbinds(self, name: impl Into<String>) -> Self {
        self.step(Step::Unbind(name.into()))
    }

    /// Adds a step.
    pub fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

/// How the code ends. What is said last holds; without any of these it completes with no value.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), hibernaculum_core::Error> {
/// use hibernaculum_backend_mock::{Crash, Ending, Exception, Script, when};
/// use hibernaculum_core::{Sandbox, SandboxSpec, Status};
///
/// let mock = Script::in_order([
///     when("total = 42").binds("total", 42).ends(Ending::Nothing),
///     when("total").value_of("total"),
///     when("total + 1").value(43).warns("the disk is nearly full"),
///     when("1 / 0").raises(Exception::new("ZeroDivisionError", "division by zero")),
///     when("ctypes.string_at(0)").crashes(Crash::Signal(11)),
/// ])
/// .backend()?;
///
/// let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await?;
/// let session = sandbox.session().await?;
/// session.execute("total = 42").await?;
/// assert_eq!(session.execute("total").await?.json(), Some(&42.into()));
/// assert_eq!(session.execute("total + 1").await?.outcome.warnings, ["the disk is nearly full"]);
/// assert_eq!(session.execute("1 / 0").await?.outcome.status, Status::Failed);
/// assert_eq!(session.execute("ctypes.string_at(0)").await?.outcome.status, Status::Crashed);
/// sandbox.close().await?;
/// mock.verify().await;
/// # Ok(()) }
/// ```
impl Rule {
    /// Completes with this value. `null` is Python's `None`, which is none.
    pub fn value(self, value: impl Into<ScriptedValue>) -> Self {
        self.ends(Ending::Value(value.into()))
    }

    /// Completes with what the name is bound to at its end; where it is not, `NameError` ends it.
    pub fn value_of(self, name: impl Into<String>) -> Self {
        self.ends(Ending::ValueOf(name.into()))
    }

    /// An exception ends it.
    pub fn raises(self, exception: Exception) -> Self {
        self.ends(Ending::Raises(exception))
    }

    /// Its process dies.
    pub fn crashes(self, crash: Crash) -> Self {
        self.ends(Ending::Crashes(crash))
    }

    /// Ends as the function says, which is called when the steps are done.
    ///
    /// ```
    /// use hibernaculum_backend_mock::{Ending, when};
    ///
    /// let rule = when("f'Hello {input()}'").asks("").computes(|scene| {
    ///     Ending::Value(format!("Hello {}", scene.answers()[0]).into())
    /// });
    /// ```
    pub fn computes(self, ending: impl Fn(&Scene<'_>) -> Ending + Send + Sync + 'static) -> Self {
        self.ends(Ending::Computed(Arc::new(ending)))
    }

    /// Ends so.
    pub fn ends(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// Warns, in the outcome.
    pub fn warns(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }
}

/// What an interrupt does, and how often the code is to come.
///
/// ```
/// use hibernaculum_backend_mock::{Reaction, Script, Step, when};
///
/// let script = Script::any_order([
///     when("poll()").value(0).times(3),
///     when("import numpy").any_times(),
///     when("tidy()").optional(),
///     when("train()").hangs().on_interrupt(Reaction::Tidies(vec![Step::Print("saved\n".into())])),
///     when("spin()").hangs().ignores_interrupts(),
/// ]);
/// ```
impl Rule {
    /// What an interrupt does. Unset: [`Reaction::Ends`].
    pub fn on_interrupt(mut self, reaction: Reaction) -> Self {
        self.reaction = reaction;
        self
    }

    /// Takes no notice of interrupts: only the death of its process ends it.
    pub fn ignores_interrupts(self) -> Self {
        self.on_interrupt(Reaction::Ignores)
    }

    /// Is to be met so often, no more and no less. Unset: once.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Times { least: times, most: times };
        self
    }

    /// May be met any number of times, none included.
    pub fn any_times(mut self) -> Self {
        self.times = Times::ANY;
        self
    }

    /// May be met once, or not at all.
    pub fn optional(mut self) -> Self {
        self.times = Times { least: 0, most: 1 };
        self
    }
}
