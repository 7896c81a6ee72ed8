//! The commands of the prompt: lines that begin with a colon, which no Python does.
//!
//! One table: what it is called, what it takes, what it does. `:help` and completion follow it.

mod limits;
mod look;
mod state;
mod table;

use std::fmt::Write as _;

use hibernaculum::{Sandbox, Timeout};

use super::branches::Branches;
use crate::failure::Failure;

/// What a command can look at, and change.
pub(super) struct Scene<'a> {
    pub(super) sandbox: &'a Sandbox,
    /// How long each input may take.
    pub(super) timeout: Timeout,
    pub(super) branches: &'a mut Branches,
}

/// What becomes of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// This is to be shown.
    Say(String),
    /// The person leaves.
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Vars,
    Files,
    Time,
    Limits,
    Info,
    Reset,
    Checkpoint,
    Restore,
    Delete,
    Undo,
    Branch,
    Sessions,
    Switch,
    Close,
    Tree,
    Help,
    Quit,
}

/// A command's name, what it takes, and what it does.
const TABLE: &[(&str, &str, &str, Action)] = &[
    (":vars", "[PREFIX]", "the session's names: types, sizes, previews", Action::Vars),
    (":files", "[DIR]", "the files of the working directory", Action::Files),
    (":time", "", "where the time of the last execution went", Action::Time),
    (":limits", "", "all limits that hold, and which are not set", Action::Limits),
    (":info", "", "the session, its Python and its sandbox", Action::Info),
    (":reset", "", "forgets all names; the interpreter goes on", Action::Reset),
    (":undo", "[N]", "back to before the last input, or the last N", Action::Undo),
    (":checkpoint", "[NAME]", "keeps the present state, to go back to", Action::Checkpoint),
    (":restore", "NAME", "back to a checkpoint", Action::Restore),
    (":branch", "[NAME]", "goes on in a new session, from here or from a checkpoint", Action::Branch),
    (":sessions", "", "the sessions of this prompt", Action::Sessions),
    (":switch", "N", "goes on in session N", Action::Switch),
    (":close", "N", "ends session N", Action::Close),
    (":delete", "NAME", "forgets a checkpoint", Action::Delete),
    (":tree", "", "checkpoints and sessions, and what came of what", Action::Tree),
    (":help", "", "this list", Action::Help),
    (":quit", "", "leaves; so does Ctrl-D", Action::Quit),
];

/// Whether a line is for the prompt itself.
pub(super) fn is_command(text: &str) -> bool {
    text.starts_with(':')
}

/// What they are called.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|(name, ..)| *name)
}

/// The action that a line asks for, and what it is given. A beginning that only one command has is enough.
fn asked(line: &str) -> Result<(Action, &str), String> {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let mut matching = TABLE.iter().filter(|(name, ..)| name.starts_with(word));
    let exact = TABLE.iter().find(|(name, ..)| *name == word);
    match (exact, matching.next(), matching.next()) {
        (Some((.., action)), ..) | (None, Some((.., action)), None) => Ok((*action, rest.trim())),
        (None, Some(_), Some(_)) if word != ":" => Err(ambiguous(word)),
        _ => Err(unknown(word)),
    }
}

fn ambiguous(word: &str) -> String {
    let matching: Vec<_> = names().filter(|name| name.starts_with(word)).collect();
    format!("{word} may be {}\n", matching.join(" or "))
}

/// Whether any of these lines may want to go back.
pub(super) fn wants_undo<'a>(mut lines: impl Iterator<Item = &'a str>) -> bool {
    lines.any(|line| is_command(line) && matches!(asked(line), Ok((Action::Undo, _))))
}

/// Does what a line asks for.
pub(super) async fn run(line: &str, scene: &mut Scene<'_>) -> Result<Done, Failure> {
    let (action, rest) = match asked(line) {
        Ok(asked) => asked,
        Err(told) => return Ok(Done::Say(told)),
    };
    let Scene { sandbox, timeout, branches } = scene;
    let session = branches.session();
    Ok(Done::Say(match action {
        Action::Vars => look::vars(session, rest).await?,
        Action::Files => look::files(sandbox, rest).await?,
        Action::Time => branches.last().map_or_else(|| "nothing has run yet\n".to_owned(), look::time),
        Action::Limits => limits::limits(sandbox, *timeout, branches.grace()).await?,
        Action::Info => look::info(session, sandbox).await?,
        Action::Reset => {
            branches.before_input().await;
            branches.session().namespace().clear().await?;
            "the names are gone; modules stay imported\n".to_owned()
        }
        Action::Undo => state::undo(branches, rest).await?,
        Action::Checkpoint => state::checkpoint(branches, rest).await?,
        Action::Restore => state::restore(branches, rest).await?,
        Action::Delete => state::delete(branches, rest).await?,
        Action::Branch => state::branch(branches, rest).await?,
        Action::Sessions => state::sessions(branches),
        Action::Switch => state::switch(branches, rest),
        Action::Close => state::close(branches, rest).await?,
        Action::Tree => branches.tree(),
        Action::Help => help(),
        Action::Quit => return Ok(Done::Leave),
    }))
}

fn unknown(word: &str) -> String {
    /// Below this, two names have nothing to do with each other.
    const ALIKE: f64 = 0.75;
    // All have the colon.
    let bare = |name: &str| name.trim_start_matches(':').to_owned();
    let rated = names().map(|name| (strsim::jaro_winkler(&bare(name), &bare(word)), name));
    let near = rated.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness >= ALIKE);
    let nearest = near.map(|(_, name)| format!("; the nearest is {name}")).unwrap_or_default();
    format!("there is no command {word}{nearest}. :help lists them all\n")
}

fn help() -> String {
    let mut text = String::new();
    for (name, takes, what, _) in TABLE {
        let _ = writeln!(text, "  {:<19} {what}", format!("{name} {takes}"));
    }
    text.push_str(
        "\n  Enter runs what is complete; a block ends with an empty line.\n  \
         Tab completes; Ctrl-R searches the history; Ctrl-C interrupts, and keeps the state.\n  \
         !command runs in the shell; %time, %pip and other magics: %lsmagic lists them.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_names_the_nearest() {
        assert!(unknown(":var").contains(":vars"), "{}", unknown(":var"));
        assert!(unknown(":quti").contains(":quit"));
        assert!(!unknown(":xyz").contains("nearest"));
    }

    #[test]
    fn a_beginning_that_one_command_has_is_enough() {
        assert_eq!(asked(":und"), Ok((Action::Undo, "")));
        assert_eq!(asked(":che  before "), Ok((Action::Checkpoint, "before")));
        assert_eq!(asked(":res").unwrap_err(), ":res may be :reset or :restore\n");
        assert_eq!(asked(": help").unwrap_err(), "there is no command :. :help lists them all\n");
        assert!(wants_undo([":tree", ":u 2"].into_iter()) && !wants_undo(["undo", ":vars"].into_iter()));
    }

    #[test]
    fn every_command_is_in_the_help() {
        let help = help();
        assert!(names().all(|name| help.contains(name)));
    }
}
