//! Commands that keep the state, go back to it, and go on from it twice.

use std::fmt::Write as _;

use super::table::table;
use crate::failure::Failure;
use crate::repl::branches::{Branches, Kept};

/// The longest name of a checkpoint, in characters.
const LONGEST: usize = 64;

pub(super) async fn checkpoint(branches: &mut Branches, name: &str) -> Result<String, Failure> {
    let name = match name {
        "" => branches.free_name(),
        name => name.to_owned(),
    };
    if let Some(refusal) = refuse_name(branches, &name) {
        return Ok(refusal);
    }
    let made = branches.checkpoint(name.clone()).await?;
    let mut text = format!(
        "{name} is kept until you leave: `:restore {name}` goes back to it, `:branch {name}` goes on from it in a new session\n"
    );
    text.push_str(&told(&made.warnings));
    Ok(text)
}

fn told(warnings: &[String]) -> String {
    warnings.iter().fold(String::new(), |mut text, warning| {
        let _ = writeln!(text, "warning: {warning}");
        text
    })
}

pub(super) async fn restore(branches: &mut Branches, name: &str) -> Result<String, Failure> {
    let kept = match find(branches, name) {
        Ok(kept) => kept,
        Err(told) => return Ok(told),
    };
    branches.restore(&kept).await?;
    Ok(format!("all is as it was at {}, after In [{}] of session {}\n", kept.name, kept.after, kept.session))
}

pub(super) async fn delete(branches: &mut Branches, name: &str) -> Result<String, Failure> {
    let kept = match find(branches, name) {
        Ok(kept) => kept,
        Err(told) => return Ok(told),
    };
    branches.delete(kept.id).await?;
    Ok(format!("{} is forgotten\n", kept.name))
}

pub(super) async fn branch(branches: &mut Branches, name: &str) -> Result<String, Failure> {
    let mut warnings = Vec::new();
    let kept = if name.is_empty() {
        let name = branches.free_name();
        warnings = branches.checkpoint(name.clone()).await?.warnings;
        find(branches, &name)
    } else {
        find(branches, name)
    };
    let kept = match kept {
        Ok(kept) => kept,
        Err(told) => return Ok(told),
    };
    let left = branches.number();
    branches.branch(&kept).await?;
    let text = format!(
        "session {} goes on from {}; `:switch {left}` goes back to session {left}\n",
        branches.number(),
        kept.name
    );
    Ok(text + &told(&warnings))
}

pub(super) async fn undo(branches: &mut Branches, count: &str) -> Result<String, Failure> {
    let count: usize = match if count.is_empty() { Ok(1) } else { count.parse() } {
        Ok(0) | Err(_) => {
            return Ok(":undo takes how many inputs are to be undone; 1 unless you say so\n".to_owned());
        }
        Ok(count) => count,
    };
    let inputs = if count == 1 { "the last input".to_owned() } else { format!("the last {count} inputs") };
    Ok(match branches.undo(count).await? {
        Ok(()) => format!("all is as it was before {inputs}\n"),
        Err(why) => format!("there is no way back to before {inputs}: {why}\n"),
    })
}

pub(super) fn sessions(branches: &Branches) -> String {
    let rows: Vec<_> = branches
        .rows()
        .into_iter()
        .map(|row| {
            let mark = if row.is_here { "← here" } else { "" };
            [row.number.to_string(), row.count.to_string(), row.from, mark.to_owned()]
        })
        .collect();
    table(["session", "In", "goes on from", ""], &rows)
}

pub(super) fn switch(branches: &mut Branches, number: &str) -> String {
    match number.parse() {
        Ok(number) if branches.switch(number) => {
            format!("session {number}, after In [{}]\n", branches.count())
        }
        _ => no_session(branches, number),
    }
}

pub(super) async fn close(branches: &mut Branches, number: &str) -> Result<String, Failure> {
    let Ok(number) = number.parse() else { return Ok(no_session(branches, number)) };
    if number == branches.number() {
        return Ok(format!("session {number} is the present one: `:switch` to another first, or `:quit`\n"));
    }
    if branches.close(number).await? {
        return Ok(format!("session {number} has ended\n"));
    }
    Ok(no_session(branches, &number.to_string()))
}

fn no_session(branches: &Branches, asked: &str) -> String {
    let numbers: Vec<_> = branches.rows().iter().map(|row| row.number.to_string()).collect();
    let numbers = numbers.join(", ");
    match asked {
        "" => format!("which session? There are {numbers}\n"),
        _ => format!("there is no session {asked}; there are {numbers}\n"),
    }
}

/// The checkpoint of this name, or of the only one that begins so.
fn find(branches: &Branches, name: &str) -> Result<Kept, String> {
    let names: Vec<_> = branches.names().collect();
    let known = names.join(", ");
    if names.is_empty() {
        return Err("no checkpoint is kept yet: `:checkpoint` keeps the present state\n".to_owned());
    }
    if name.is_empty() {
        return Err(format!("which checkpoint? There are {known}\n"));
    }
    let mut begin = names.iter().filter(|known| known.starts_with(name));
    let found = match (branches.find(name), begin.next(), begin.next()) {
        (Some(kept), ..) => Some(kept),
        (None, Some(only), None) => branches.find(only),
        _ => None,
    };
    found.cloned().ok_or_else(|| format!("there is no checkpoint {name}; there are {known}\n"))
}

fn refuse_name(branches: &Branches, name: &str) -> Option<String> {
    if branches.find(name).is_some() {
        return Some(format!("there is a checkpoint {name} already: `:delete {name}` forgets it\n"));
    }
    let is_word = name.chars().all(|c| !c.is_whitespace() && !c.is_control());
    (!is_word || name.chars().count() > LONGEST)
        .then(|| format!("a checkpoint's name is one word of at most {LONGEST} characters\n"))
}
