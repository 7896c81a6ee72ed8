//! The commands of the prompt: lines that begin with a colon, which no Python does.
//!
//! One table: what it is called, what it takes, what it does. `:help` and completion follow it.

use std::fmt::Write as _;

use hibernaculum::{ByteSize, FileKind, NamespaceFilter, Outcome, Sandbox, Session};

use crate::failure::Failure;
use crate::terminal::paint::{Colour, paint};

/// What a command can look at.
pub(super) struct Scene<'a> {
    pub(super) session: &'a Session,
    pub(super) sandbox: &'a Sandbox,
    /// How the last piece of code ended.
    pub(super) last: Option<&'a Outcome>,
}

/// What becomes of a command.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// This is to be shown.
    Say(String),
    /// The person leaves.
    Leave,
}

#[derive(Debug, Clone, Copy)]
enum Action {
    Vars,
    Files,
    Time,
    Limits,
    Info,
    Reset,
    Help,
    Quit,
}

/// A command's name, what it takes, and what it does.
const TABLE: &[(&str, &str, &str, Action)] = &[
    (":vars", "[PREFIX]", "the session's names: types, sizes, previews", Action::Vars),
    (":files", "[DIR]", "the files of the working directory", Action::Files),
    (":time", "", "where the time of the last execution went", Action::Time),
    (":limits", "", "what the sandbox may use, and what it cannot limit", Action::Limits),
    (":info", "", "the session, its Python and its sandbox", Action::Info),
    (":reset", "", "forgets all names; the interpreter goes on", Action::Reset),
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

/// Does what a line asks for. A beginning that only one command has is enough.
pub(super) async fn run(line: &str, scene: &Scene<'_>) -> Result<Done, Failure> {
    let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
    let rest = rest.trim();
    let matching: Vec<_> = TABLE.iter().filter(|(name, ..)| name.starts_with(word)).collect();
    let action = match (TABLE.iter().find(|(name, ..)| *name == word), matching.as_slice()) {
        (Some((.., action)), _) | (None, [(.., action)]) => *action,
        _ => return Ok(Done::Say(unknown(word))),
    };
    Ok(Done::Say(match action {
        Action::Vars => vars(scene.session, rest).await?,
        Action::Files => files(scene.sandbox, rest).await?,
        Action::Time => scene.last.map_or_else(|| "nothing has run yet\n".to_owned(), time),
        Action::Limits => limits(scene.sandbox).await?,
        Action::Info => info(scene).await?,
        Action::Reset => {
            scene.session.namespace().clear().await?;
            "the names are gone; modules stay imported\n".to_owned()
        }
        Action::Help => help(),
        Action::Quit => return Ok(Done::Leave),
    }))
}

fn unknown(word: &str) -> String {
    let near = names().max_by(|a, b| {
        strsim::jaro_winkler(a, word)
            .partial_cmp(&strsim::jaro_winkler(b, word))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    let nearest = near.map(|name| format!("; the nearest is {name}")).unwrap_or_default();
    format!("there is no command {word}{nearest}. :help lists them all\n")
}

fn help() -> String {
    let mut text = String::new();
    for (name, takes, what, _) in TABLE {
        let _ = writeln!(text, "  {:<18} {what}", format!("{name} {takes}"));
    }
    text.push_str(
        "\n  Enter runs what is complete; a block ends with an empty line.\n  \
         Tab completes; Ctrl-R searches the history; Ctrl-C interrupts, and keeps the state.\n  \
         !command runs in the shell; %time, %pip and other magics: %lsmagic lists them.\n",
    );
    text
}

async fn vars(session: &Session, prefix: &str) -> Result<String, Failure> {
    let mut filter = NamespaceFilter::default();
    if !prefix.is_empty() {
        filter = filter.prefix(prefix);
    }
    let listing = session.namespace().list(filter).await?;
    if listing.variables.is_empty() {
        return Ok("there are no such names yet\n".to_owned());
    }
    let rows: Vec<[String; 4]> = listing
        .variables
        .iter()
        .map(|variable| {
            let shape = variable.shape.as_ref().map(|shape| {
                let sides: Vec<_> = shape.iter().map(u64::to_string).collect();
                format!("({})", sides.join(", "))
            });
            [
                variable.name.clone(),
                format!("{}{}", variable.type_name, shape.unwrap_or_default()),
                variable.size.map(|size| size.to_string()).unwrap_or_default(),
                one_line(&variable.preview),
            ]
        })
        .collect();
    let mut text = table(["name", "type", "size", ""], &rows);
    if listing.more > 0 {
        let _ = writeln!(text, "… and {} more", listing.more);
    }
    Ok(text)
}

async fn files(sandbox: &Sandbox, folder: &str) -> Result<String, Failure> {
    let folder = if folder.is_empty() { "." } else { folder };
    let files = sandbox.files().list(folder).await?;
    if files.is_empty() {
        return Ok("nothing is there\n".to_owned());
    }
    let rows: Vec<[String; 4]> = files
        .iter()
        .map(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let (mark, size) = match file.kind {
                FileKind::Directory => ("/", String::new()),
                _ => ("", file.size.to_string()),
            };
            [format!("{name}{mark}"), size, String::new(), String::new()]
        })
        .collect();
    Ok(table(["name", "size", "", ""], &rows))
}

fn time(outcome: &Outcome) -> String {
    let timings = outcome.timings;
    let row = |name: &str, time: std::time::Duration| {
        [name.to_owned(), format!("{time:.1?}"), String::new(), String::new()]
    };
    let mut text = table(
        ["phase", "time", "", ""],
        &[
            row("queue", timings.queue),
            row("transport", timings.transport),
            row("compile", timings.compile),
            row("run", timings.run),
            row("capture", timings.capture),
            row("total", timings.total),
            row("CPU", outcome.cpu_time),
        ],
    );
    let delta = outcome.memory_delta;
    let _ = writeln!(
        text,
        "memory {} ({}{})",
        outcome.memory,
        if delta < 0 { "-" } else { "+" },
        ByteSize::bytes(delta.unsigned_abs())
    );
    text
}

async fn limits(sandbox: &Sandbox) -> Result<String, Failure> {
    let info = sandbox.info().await?;
    let features = sandbox.backend().features();
    let mut text = format!("isolation {}, network {}\n", info.isolation.name(), info.network);
    let _ = writeln!(
        text,
        "this backend can limit: {}",
        list(features.limits.iter().map(|limit| limit.name().to_owned()))
    );
    Ok(text)
}

async fn info(scene: &Scene<'_>) -> Result<String, Failure> {
    let (session, sandbox) = (scene.session.info().await?, scene.sandbox.info().await?);
    let rows = [
        ("session", session.id.to_string()),
        ("sandbox", format!("{} ({})", sandbox.id, sandbox.backend)),
        ("python", session.python.clone()),
        ("workdir", sandbox.workdir.clone()),
        ("executions", format!("{}, {:.1?} in all", session.executions, session.execution_time)),
        ("crashes", session.crashes.to_string()),
    ]
    .map(|(name, value)| [name.to_owned(), value, String::new(), String::new()]);
    Ok(table(["", "", "", ""], &rows))
}

fn list(words: impl Iterator<Item = String>) -> String {
    let words: Vec<_> = words.collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if text.chars().count() > 60 { line + "…" } else { line }
}

/// Columns as wide as what stands in them, below their titles.
fn table(titles: [&str; 4], rows: &[[String; 4]]) -> String {
    let mut widths = titles.map(|title| title.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; 4]| {
        let padded: Vec<_> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    if titles.iter().any(|title| !title.is_empty()) {
        let _ = writeln!(text, "{}", paint(Colour::Bold, &line(titles)));
    }
    for row in rows {
        let _ = writeln!(text, "{}", line(row.each_ref().map(String::as_str)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_command_names_the_nearest() {
        assert!(unknown(":var").contains(":vars"), "{}", unknown(":var"));
        assert!(unknown(":quti").contains(":quit"));
    }

    #[test]
    fn columns_are_as_wide_as_what_stands_in_them() {
        let row = |a: &str, b: &str| [a.to_owned(), b.to_owned(), String::new(), String::new()];
        let text = table(["n", "type", "", ""], &[row("größe", "int"), row("x", "ndarray(3)")]);
        let lines: Vec<_> = text.lines().skip(1).collect();
        assert_eq!(lines, ["größe  int", "x      ndarray(3)"]);
    }

    #[test]
    fn every_command_is_in_the_help() {
        let help = help();
        assert!(names().all(|name| help.contains(name)));
    }
}
