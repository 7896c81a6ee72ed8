//! What is asked of a session.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::ConfigError;
use crate::{ByteSize, ExecutionId, TransactionPolicy, micros};

/// A piece of code and how to run it.
///
/// A plain string is a request with every default:
///
/// ```
/// use std::time::Duration;
/// use hibernaculum_core::{ExecutionRequest, StdinPolicy};
///
/// let plain = ExecutionRequest::from("1 + 1");
/// let careful = ExecutionRequest::new("answer = input('How many? ')")
///     .timeout(Duration::from_secs(5))
///     .stdin(StdinPolicy::Ask);
/// assert_ne!(plain.id, careful.id);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ExecutionRequest {
    /// The execution's id, minted here: a request that is sent twice runs once.
    #[serde(default = "ExecutionId::new")]
    pub id: ExecutionId,
    /// Python source, at most 64 MiB. A trailing expression's value is the result; `await` works at top level.
    pub code: String,
    /// How long it may take, its time in the queue included.
    #[serde(default)]
    pub timeout: Timeout,
    /// What becomes of its effects.
    #[serde(default)]
    pub transaction: TransactionPolicy,
    /// What `input()` does.
    #[serde(default)]
    pub stdin: StdinPolicy,
    /// How much of the output the collected result keeps. Streams give everything.
    #[serde(default)]
    pub output: OutputLimits,
    /// Whether `_`, `Out` and the execution count take note of it.
    #[serde(default = "yes")]
    pub store_history: bool,
    /// Whether to profile it; needs [`crate::Feature::Profile`].
    #[serde(default)]
    pub profile: bool,
    /// The file that the code comes from, where it comes from one.
    #[serde(default)]
    pub script: Option<Script>,
}

fn yes() -> bool {
    true
}

impl ExecutionRequest {
    /// Code with every default: 30 s, no transaction, `input()` denied.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    ///
    /// let request = ExecutionRequest::new("6 * 7");
    /// assert_eq!(request.code, "6 * 7");
    /// ```
    pub fn new(code: impl Into<String>) -> Self {
        Self {
            id: ExecutionId::new(),
            code: code.into(),
            timeout: Timeout::default(),
            transaction: TransactionPolicy::default(),
            stdin: StdinPolicy::default(),
            output: OutputLimits::default(),
            store_history: true,
            profile: false,
            script: None,
        }
    }

    /// Sets how long it may take, the queue included: more than zero. Unset: 30 s.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    /// use std::time::Duration;
    ///
    /// let request = ExecutionRequest::new("work()").timeout(Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = timeout.into();
        self
    }

    /// Sets what becomes of its effects. Unset: they stay.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    /// use hibernaculum_core::TransactionPolicy;
    ///
    /// let request = ExecutionRequest::new("work()").transaction(TransactionPolicy::None);
    /// ```
    #[must_use]
    pub fn transaction(mut self, policy: TransactionPolicy) -> Self {
        self.transaction = policy;
        self
    }

    /// Sets what `input()` does. Unset: it is denied, with an `EOFError`.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    /// use hibernaculum_core::StdinPolicy;
    ///
    /// let request = ExecutionRequest::new("input()").stdin(StdinPolicy::Ask);
    /// ```
    #[must_use]
    pub fn stdin(mut self, policy: StdinPolicy) -> Self {
        self.stdin = policy;
        self
    }

    /// Sets how much output the collected result keeps. Unset: [`OutputLimits::default`].
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    /// use hibernaculum_core::{ByteSize, OutputLimits};
    ///
    /// let limits = OutputLimits { displays: ByteSize::kib(64), ..OutputLimits::default() };
    /// let request = ExecutionRequest::new("draw()").output(limits);
    /// ```
    #[must_use]
    pub fn output(mut self, limits: OutputLimits) -> Self {
        self.output = limits;
        self
    }

    /// Sets whether the session's history takes note of it: `_`, `Out` and the execution count. Unset: it does.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    ///
    /// let request = ExecutionRequest::new("import json").store_history(false);
    /// ```
    #[must_use]
    pub fn store_history(mut self, store: bool) -> Self {
        self.store_history = store;
        self
    }

    /// Says which file the code comes from.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    /// use hibernaculum_core::Script;
    ///
    /// let script = Script { filename: "train.py".into(), first_line: 1, argv: Some(vec!["train.py".into()]) };
    /// let request = ExecutionRequest::new("import sys; sys.argv").script(script);
    /// ```
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.script = Some(script);
        self
    }

    /// Refuses what no session could do.
    ///
    /// ```
    /// use hibernaculum_core::ExecutionRequest;
    ///
    /// assert!(ExecutionRequest::new("1 + 1").validate().is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a timeout of zero, and for a script's name or arguments of more than 1 MiB together.
    pub fn validate(&self) -> Result<(), ConfigError> {
        const SCRIPT_LIMIT: usize = 1 << 20;
        let script = self.script.as_ref();
        let arguments = script.and_then(|script| script.argv.as_deref()).unwrap_or_default();
        // Each costs a list's item besides its text.
        let bytes = script.map_or(0, |script| script.filename.len())
            + arguments.iter().map(|argument| argument.len() + size_of::<usize>()).sum::<usize>();
        if bytes > SCRIPT_LIMIT {
            return Err(ConfigError::Invalid {
                field: "script".to_owned(),
                value: format!("{} arguments, {bytes} bytes", arguments.len()),
                rule: format!("must have at most {SCRIPT_LIMIT} bytes; pass more through a file"),
            });
        }
        if self.timeout == Timeout::After(Duration::ZERO) {
            return Err(ConfigError::Invalid {
                field: "timeout".to_owned(),
                value: "0".to_owned(),
                rule: "must be more than zero; for no limit ask for `Timeout::Unlimited`".to_owned(),
            });
        }
        Ok(())
    }
}

impl<T: Into<String>> From<T> for ExecutionRequest {
    fn from(code: T) -> Self {
        Self::new(code)
    }
}

/// How long an execution may take, from the call on: the queue counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Timeout {
    /// So long; more than zero. In JSON: `{"after": microseconds}`.
    #[serde(with = "micros")]
    After(Duration),
    /// As long as it takes.
    Unlimited,
}

impl Timeout {
    /// The deadline of a request that says nothing else: 30 s.
    pub const DEFAULT: Duration = Duration::from_secs(30);

    /// The time, where there is a bound.
    ///
    /// ```
    /// use std::time::Duration;
    /// use hibernaculum_core::Timeout;
    ///
    /// assert_eq!(Timeout::default().limit(), Some(Duration::from_secs(30)));
    /// assert_eq!(Timeout::Unlimited.limit(), None);
    /// ```
    pub fn limit(self) -> Option<Duration> {
        match self {
            Self::After(limit) => Some(limit),
            Self::Unlimited => None,
        }
    }
}

impl Default for Timeout {
    fn default() -> Self {
        Self::After(Self::DEFAULT)
    }
}

impl From<Duration> for Timeout {
    fn from(limit: Duration) -> Self {
        Self::After(limit)
    }
}

/// What `input()`, `sys.stdin` and `getpass` do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StdinPolicy {
    /// They raise an `EOFError` that says that nobody can answer.
    #[default]
    Deny,
    /// They become [`crate::EventKind::InputRequest`]s.
    Ask,
}

/// How much of each output stream a collected result keeps: its beginning and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputLimits {
    /// Bytes from the beginning.
    pub head: ByteSize,
    /// Bytes from the end.
    pub tail: ByteSize,
    /// Bytes of displays, all forms together; later displays are counted and left out.
    pub displays: ByteSize,
    /// Bytes of the value's `repr`, and of its JSON form.
    pub value: ByteSize,
}

impl Default for OutputLimits {
    /// 1 MiB from the beginning, 1 MiB from the end, 64 MiB of displays, 16 MiB of the value.
    fn default() -> Self {
        Self {
            head: ByteSize::mib(1),
            tail: ByteSize::mib(1),
            displays: ByteSize::mib(64),
            value: ByteSize::mib(16),
        }
    }
}

/// The file that code comes from: what tracebacks show and what the code sees of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// The file's name, as tracebacks shall show it; `__file__` where `argv` is given.
    pub filename: String,
    /// The line of the file at which the code begins, from 1.
    #[serde(default = "one")]
    pub first_line: u32,
    /// `sys.argv`, with the script's name first. Where it is given, `__file__` is set and the file's folder comes first on `sys.path`.
    #[serde(default)]
    pub argv: Option<Vec<String>>,
}

fn one() -> u32 {
    1
}
