//! What is printed of checkpoints.

use std::fmt::Write as _;

use hibernaculum::{ByteSize, CheckpointInfo, Manifest, Treatment};
use jiff::Timestamp;

/// Anything, as JSON and a newline.
pub(super) fn json(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// A line for each.
pub(super) fn table(listed: &[CheckpointInfo]) -> String {
    if listed.is_empty() {
        return "nothing is saved\n".to_owned();
    }
    let mut text = format!("{:36}  {:19}  {:>4}  {:>9}  NAME\n", "CHECKPOINT", "SAVED (UTC)", "AGE", "SIZE");
    for info in listed {
        let (id, name) = (info.id.to_string(), info.name.as_deref().unwrap_or("-"));
        let saved = info.created.strftime("%Y-%m-%d %H:%M:%S");
        let _ = writeln!(text, "{id:36}  {saved}  {:>4}  {:>9}  {name}", age(info.created), size(info.size));
    }
    text
}

/// A line about one that is old.
pub(super) fn doomed(
    id: &str,
    created: Timestamp,
    bytes: ByteSize,
    name: Option<&str>,
    what: &str,
) -> String {
    let name = name.map(|name| format!("{name}, ")).unwrap_or_default();
    format!("{id} {what}: {name}{} old, {}\n", age(created), size(bytes))
}

/// How old something is, for people: one number and a unit.
fn age(created: Timestamp) -> String {
    let seconds = Timestamp::now().duration_since(created).as_secs().max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A page about one.
pub(super) fn manifest(manifest: &Manifest) -> String {
    let Manifest { info, python, implementation, .. } = manifest;
    let mut text = format!("{}\n", info.id);
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:10} {value}");
    };
    line("name", info.name.clone().unwrap_or_else(|| "-".to_owned()));
    line("session", info.session.to_string());
    line("parent", info.parent.map_or_else(|| "-".to_owned(), |parent| parent.to_string()));
    line("saved", info.created.to_string());
    line("python", format!("{implementation} {python}"));
    line(
        "size",
        format!("{} stored, {} raw, {} of it new", size(info.size), size(manifest.raw), size(manifest.added)),
    );
    for import in &manifest.imports {
        line("import", import.clone());
    }
    for warning in &info.warnings {
        line("warning", warning.clone());
    }
    let width =
        manifest.variables.iter().map(|variable| variable.name.chars().count()).max().unwrap_or(0).min(40);
    for variable in &manifest.variables {
        let (name, kind) = (&variable.name, &variable.type_name);
        let what = match &variable.treatment {
            Treatment::Saved(means) => {
                let bytes = variable.size.map(|bytes| format!(", {}", size(bytes))).unwrap_or_default();
                format!("saved by {means}{bytes}")
            }
            Treatment::Skipped(why) => format!("NOT saved: {why}"),
            _ => String::new(),
        };
        let _ = writeln!(text, "  {name:width$}  {kind}: {what}");
    }
    text
}

/// Some bytes, for people: three digits and a unit.
pub(super) fn size(bytes: ByteSize) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut value = bytes.as_u64() as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{value} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use hibernaculum::{CheckpointId, CheckpointKind, SandboxId, SavedVariable, SessionId};

    use super::*;

    #[test]
    fn what_was_not_saved_is_said_with_its_reason() {
        let info = CheckpointInfo::new(CheckpointId::new(), CheckpointKind::Portable, SessionId::new());
        let mut shown = Manifest::new(info, SandboxId::new(), "3.11.7", "cpython");
        shown.variables = vec![
            SavedVariable::new("rows", "list", Treatment::Saved("pickle".into()))
                .size(Some(ByteSize::bytes(1500))),
            SavedVariable::new("s", "socket", Treatment::Skipped("an open connection".into())),
        ];
        let text = manifest(&shown);
        assert!(text.contains("  rows  list: saved by pickle, 1.5 kB\n"), "{text}");
        assert!(text.contains("  s     socket: NOT saved: an open connection\n"), "{text}");
    }
}
