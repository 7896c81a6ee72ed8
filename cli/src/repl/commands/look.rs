//! Commands that look, and change nothing.

use std::fmt::Write as _;

use hibernaculum::{ByteSize, FileKind, NamespaceFilter, Outcome, Sandbox, Session};

use super::table::table;
use crate::failure::Failure;

pub(super) async fn vars(session: &Session, prefix: &str) -> Result<String, Failure> {
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

pub(super) async fn files(sandbox: &Sandbox, folder: &str) -> Result<String, Failure> {
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

pub(super) fn time(outcome: &Outcome) -> String {
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

pub(super) async fn info(session: &Session, sandbox: &Sandbox) -> Result<String, Failure> {
    let (session, sandbox) = (session.info().await?, sandbox.info().await?);
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

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(60).collect();
    if text.chars().count() > 60 { line + "…" } else { line }
}
