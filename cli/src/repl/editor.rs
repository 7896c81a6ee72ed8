//! The prompt: what is typed, coloured, completed and remembered. The editing itself is reedline's.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hibernaculum::{Backend, ExecutionRequest, Session, SessionId, StdinPolicy, Timeout};
use nu_ansi_term::{Color, Style};
use reedline::{
    ColumnarMenu, Completer, CompletionResult, EditCommand, EditMode, Emacs, FileBackedHistory, Highlighter,
    KeyCode, KeyModifiers, MenuBuilder as _, Prompt, PromptEditMode, PromptHistorySearch,
    PromptHistorySearchStatus, Reedline, ReedlineEvent, ReedlineMenu, ReedlineRawEvent, Signal, Span,
    StyledText, Suggestion, ValidationResult, Validator, default_emacs_keybindings,
};
use serde::Deserialize as _;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::commands;
use super::python::{self, KEYWORDS, Kind};
use crate::exit::Exit;

/// Lines that are kept from session to session.
const REMEMBERED: usize = 10_000;
/// A session that does not tell its names in this time has others things to do.
const PATIENCE: Duration = Duration::from_millis(300);
/// Tells names, and the attributes of an object.
const ATTRIBUTES: &str = include_str!("attributes.py");
const MENU: &str = "completions";

const BUILTINS: &[&str] = &[
    "abs",
    "all",
    "any",
    "bool",
    "bytes",
    "callable",
    "chr",
    "dict",
    "dir",
    "display",
    "divmod",
    "enumerate",
    "eval",
    "exec",
    "filter",
    "float",
    "format",
    "frozenset",
    "getattr",
    "hasattr",
    "hash",
    "help",
    "hex",
    "id",
    "input",
    "int",
    "isinstance",
    "issubclass",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "next",
    "object",
    "open",
    "ord",
    "pow",
    "print",
    "property",
    "range",
    "repr",
    "reversed",
    "round",
    "set",
    "setattr",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "type",
    "vars",
    "zip",
];

/// What a person did at the prompt.
#[derive(Debug)]
pub(super) enum Typed {
    /// This is to be run.
    Text(String),
    /// Ctrl-C: what was typed is forgotten.
    Nothing,
    /// Ctrl-D.
    Leave,
    /// Nothing: `hib` is to end, with this code.
    End(Exit),
}

/// What is typed into.
pub(super) struct Editor {
    reedline: Reedline,
}

/// The session whose names are completed.
pub(super) struct Here(Arc<Mutex<SessionId>>);

impl Here {
    /// Completes the names of this session from now on.
    pub(super) fn follow(&self, session: &Session) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = session.id();
    }
}

impl Editor {
    /// `history`: where it is kept; nowhere, if that is `None` or cannot be used. `ends`: whether `hib` is to end.
    pub(super) fn new(
        session: &Session,
        runtime: Handle,
        history: Option<PathBuf>,
        is_coloured: bool,
        ends: Arc<AtomicBool>,
    ) -> (Self, Here) {
        let mut keys = default_emacs_keybindings();
        keys.add_binding(
            KeyModifiers::NONE,
            KeyCode::Tab,
            ReedlineEvent::UntilFound(vec![ReedlineEvent::Menu(MENU.to_owned()), ReedlineEvent::MenuNext]),
        );
        let seen = Arc::new(Mutex::new(Seen::default()));
        let here = Arc::new(Mutex::new(session.id()));
        let menu = ColumnarMenu::default().with_name(MENU);
        let mut reedline = Reedline::create()
            .with_validator(Box::new(Complete))
            .with_completer(Box::new(Names {
                backend: Arc::clone(session.backend()),
                session: Arc::clone(&here),
                runtime,
                late: None,
            }))
            .with_quick_completions(true)
            .with_partial_completions(true)
            .with_menu(ReedlineMenu::EngineCompleter(Box::new(menu)))
            .with_edit_mode(Box::new(Keys {
                emacs: Emacs::new(keys),
                seen: Arc::clone(&seen),
                is_choosing: false,
            }))
            .with_ansi_colors(is_coloured)
            .use_bracketed_paste(true)
            .with_break_signal(ends);
        reedline = reedline.with_highlighter(Box::new(Colours { is_coloured, seen }));
        if let Some(history) = history.and_then(|path| remembered(path).ok()) {
            reedline = reedline.with_history(Box::new(history));
        }
        (Self { reedline }, Here(here))
    }

    /// Reads one piece of code, or one command. Blocks. `among`: the session's number, where there are several.
    pub(super) fn read(&mut self, number: u64, among: Option<usize>) -> io::Result<Typed> {
        let prompt = In(among.map(|session| format!("({session}) ")).unwrap_or_default(), number);
        Ok(match self.reedline.read_line(&prompt).map_err(io::Error::other)? {
            Signal::Success(text) => Typed::Text(text),
            Signal::CtrlD => Typed::Leave,
            // Ctrl-C; or whoever broke it off knows why.
            _ => Typed::Nothing,
        })
    }
}

/// `$XDG_STATE_HOME/hib/history`.
pub(super) fn history_file(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let absolute = |path: PathBuf| path.is_absolute().then_some(path);
    let state = variable("XDG_STATE_HOME").map(PathBuf::from).and_then(absolute);
    let home = || variable("HOME").map(|home| PathBuf::from(home).join(".local/state")).and_then(absolute);
    Some(state.or_else(home)?.join("hib/history"))
}

/// The history, in a file that nobody else can read: what people type may be secret.
fn remembered(path: PathBuf) -> io::Result<FileBackedHistory> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().append(true).create(true).mode(0o600).open(&path)?;
    FileBackedHistory::with_file(REMEMBERED, path).map_err(io::Error::other)
}

struct Complete;

impl Validator for Complete {
    fn validate(&self, text: &str) -> ValidationResult {
        if commands::is_command(text) || python::is_complete(text) {
            ValidationResult::Complete
        } else {
            ValidationResult::Incomplete
        }
    }
}

/// What is being edited, as it was last shown.
#[derive(Debug, Default)]
struct Seen {
    text: String,
    is_at_end: bool,
    /// No key came since: keys that come faster than a person types are a paste, which has its own blanks.
    is_fresh: bool,
}

/// The keys of Emacs; and behind what is not complete, Enter begins a line where it belongs.
struct Keys {
    emacs: Emacs,
    seen: Arc<Mutex<Seen>>,
    /// Tab was the last key: Enter takes what the menu offers.
    is_choosing: bool,
}

impl EditMode for Keys {
    fn parse_event(&mut self, event: ReedlineRawEvent) -> ReedlineEvent {
        let event = self.emacs.parse_event(event);
        let was_choosing =
            std::mem::replace(&mut self.is_choosing, matches!(event, ReedlineEvent::UntilFound(_)));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = std::mem::replace(&mut seen.is_fresh, false);
        if !matches!(event, ReedlineEvent::Enter) || was_choosing || !is_fresh {
            return event;
        }
        if !seen.is_at_end || commands::is_command(&seen.text) || python::is_complete(&seen.text) {
            return event;
        }
        let indent = python::indent(&seen.text);
        ReedlineEvent::Edit(vec![EditCommand::InsertNewline, EditCommand::InsertString(indent)])
    }

    fn edit_mode(&self) -> PromptEditMode {
        self.emacs.edit_mode()
    }
}

/// Colours what is edited, where colours are wanted; and tells [`Keys`] what it is.
struct Colours {
    is_coloured: bool,
    seen: Arc<Mutex<Seen>>,
}

impl Highlighter for Colours {
    fn highlight(&self, text: &str, cursor: usize) -> StyledText {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) =
            Seen { text: text.to_owned(), is_at_end: cursor >= text.len(), is_fresh: true };
        let mut styled = StyledText::new();
        if !self.is_coloured {
            styled.push((Style::new(), text.to_owned()));
            return styled;
        }
        if commands::is_command(text) {
            styled.push((Color::Cyan.normal(), text.to_owned()));
            return styled;
        }
        for (kind, place) in python::pieces(text) {
            let style = match kind {
                Kind::Keyword => Color::Blue.bold(),
                Kind::Number => Color::Cyan.normal(),
                Kind::Text => Color::Green.normal(),
                Kind::Comment => Style::new().dimmed(),
                Kind::Magic => Color::Purple.normal(),
                Kind::Name | Kind::Other => Style::new(),
            };
            styled.push((style, text.get(place).unwrap_or_default().to_owned()));
        }
        styled
    }
}

/// Completes what the session knows. None of its code is run for that.
struct Names {
    backend: Arc<dyn Backend>,
    session: Arc<Mutex<SessionId>>,
    runtime: Handle,
    /// A question that took longer than anybody waits.
    late: Option<AbortHandle>,
}

impl Completer for Names {
    fn complete(&mut self, text: &str, cursor: usize) -> CompletionResult {
        let before = text.get(..cursor).unwrap_or(text);
        let (start, words) = self.words(before);
        let span = Span::new(start, cursor);
        if words.is_empty() {
            return CompletionResult::Pending; // an empty menu would say so in its own words
        }
        let suggestion = |value: String| Suggestion { value, span, ..Suggestion::default() };
        CompletionResult::fresh(words.into_iter().map(suggestion).collect::<Vec<_>>())
    }
}

impl Names {
    /// Where the word begins that is to be completed, and what it may become.
    fn words(&mut self, before: &str) -> (usize, Vec<String>) {
        let line = before.rsplit('\n').next().unwrap_or_default();
        if line.trim().is_empty() {
            return (before.len(), vec!["    ".to_owned()]); // a tab, as in every editor of Python
        }
        if commands::is_command(before) {
            let known = commands::names().filter(|name| name.starts_with(before)).map(str::to_owned);
            return (0, known.collect());
        }
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| {
            at + before.get(at..).and_then(|rest| rest.chars().next()).map_or(1, char::len_utf8)
        });
        let word = before.get(start..).unwrap_or_default();
        if let Some(owner) = before.get(..start).and_then(|before| before.strip_suffix('.')) {
            let path = owner.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').next();
            return (start, self.known(path.unwrap_or_default(), word));
        }
        if word.is_empty() {
            return (start, Vec::new());
        }
        let mut words = self.known("", word);
        let known = KEYWORDS.iter().chain(BUILTINS).filter(|known| known.starts_with(word));
        words.extend(known.map(|known| (*known).to_owned()));
        words.sort_unstable();
        words.dedup();
        (start, words)
    }

    /// The attributes of a dotted name, or the session's names where there is none: told from the dicts of objects and types. No property
    /// is asked, no `__getattr__`, no `__dir__`.
    fn known(&mut self, path: &str, prefix: &str) -> Vec<String> {
        let is_name = |name: &str| name.starts_with(|c: char| c.is_alphabetic() || c == '_');
        if !path.is_empty() && !path.split('.').all(is_name) {
            return Vec::new();
        }
        let call = format!("space['attributes'](globals(), {path:?}, {prefix:?})");
        let code = format!("(lambda space: (exec({ATTRIBUTES:?}, space), {call})[1])({{}})");
        // Without a limit: at its deadline an execution is ended, and if the session cannot end it, its interpreter with it.
        let request = ExecutionRequest::new(code)
            .store_history(false)
            .timeout(Timeout::Unlimited)
            .stdin(StdinPolicy::Deny);
        let mut words = self.ask(request).unwrap_or_default();
        words.retain(|word| word.chars().all(|c| c.is_alphanumeric() || c == '_'));
        words
    }

    /// What the session answers to a question, if it does so at once. One that is at something else is not disturbed, which could cost it
    /// its state: the question waits for its turn, nobody for its answer, and until then nothing more is asked.
    fn ask(&mut self, request: ExecutionRequest) -> Option<Vec<String>> {
        if self.late.as_ref().is_some_and(|late| !late.is_finished()) {
            return None;
        }
        let session = *self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let backend = Arc::clone(&self.backend);
        let mut asked =
            self.runtime.spawn(async move { backend.execute(&session, request).await?.result().await });
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, &mut asked).await });
        let Ok(answer) = answer else {
            self.late = Some(asked.abort_handle());
            return None;
        };
        let result = answer.ok()?.ok()?;
        result.json().and_then(|json| Vec::deserialize(json).ok())
    }
}

/// `In [7]: `, or `(2) In [7]: ` in session 2 of several; and dots of the same width before the lines below.
struct In(String, u64);

impl Prompt for In {
    fn render_prompt_left(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{}In [{}]", self.0, self.1))
    }

    fn render_prompt_right(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn render_prompt_indicator(&self, _mode: PromptEditMode) -> Cow<'_, str> {
        Cow::Borrowed(": ")
    }

    fn render_prompt_multiline_indicator(&self) -> Cow<'_, str> {
        Cow::Owned(format!("{:>1$} ", "...:", self.render_prompt_left().len() + 1))
    }

    fn render_prompt_history_search_indicator(&self, search: PromptHistorySearch) -> Cow<'_, str> {
        let failing =
            if matches!(search.status, PromptHistorySearchStatus::Failing) { "nothing like " } else { "" };
        Cow::Owned(format!(" (history: {failing}{}) ", search.term))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_history_is_where_state_is_kept_and_for_its_owner_only() {
        let variable = |pairs: &'static [(&str, &str)]| {
            move |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).into())
        };
        let path = |pairs| history_file(variable(pairs));
        assert_eq!(path(&[("XDG_STATE_HOME", "/s"), ("HOME", "/h")]), Some("/s/hib/history".into()));
        assert_eq!(
            path(&[("XDG_STATE_HOME", "s"), ("HOME", "/h")]),
            Some("/h/.local/state/hib/history".into())
        );
        assert_eq!(path(&[]), None);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hib/history");
        remembered(file.clone()).unwrap();
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_lines_below_the_prompt_are_as_wide_as_it() {
        let width = |session: &str, number| {
            let prompt = In(session.to_owned(), number);
            let first = prompt.render_prompt_left().len() + 2;
            (first, prompt.render_prompt_multiline_indicator().len())
        };
        for (first, below) in [width("", 1), width("", 99), width("(10) ", 12345)] {
            assert_eq!(first, below);
        }
    }
}
