//! The report as people read it: a heading for each group, a line for each check, and what would mend it beneath.
//!
//! ```text
//!  Docker
//!    limited  docker     an engine listens at /var/run/docker.sock and does not let this user in
//!                        mend: sudo usermod -aG docker "$USER" && newgrp docker
//! ```

use std::fmt::Write as _;

use super::check::Status;
use super::report::Report;
use crate::terminal::paint::{Colour, paint};

/// The whole table.
pub(super) fn table(report: &Report) -> String {
    let mut text = String::new();
    let mut group = None;
    let width = report.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    for check in &report.checks {
        if group.replace(check.group) != Some(check.group) {
            let gap = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(text, "{gap}{}", paint(Colour::Bold, check.group.title()));
        }
        let (word, colour) = match check.status {
            Status::Ok => ("ok", Colour::Green),
            Status::Limited => ("limited", Colour::Yellow),
            Status::Missing => ("missing", Colour::Red),
        };
        // The padding is counted without the colours, which take no room.
        let word = paint(colour, &format!("{word:7}"));
        let gap = format!("\n  {:7}  {:width$}  ", "", "");
        let _ = writeln!(text, "  {word}  {:width$}  {}", check.name, plain(&check.detail, &gap));
        if let Some(mend) = &check.mend {
            let _ = writeln!(text, "{}mend: {}", gap.trim_start_matches('\n'), plain(mend, &gap));
        }
    }
    let _ = writeln!(text, "\n{}", paint(Colour::Bold, &report.summary));
    text
}

/// What programs and paths say, without what a terminal would take for orders; its lines stay in their column.
fn plain(text: &str, gap: &str) -> String {
    let lines = text.lines().map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>());
    lines.collect::<Vec<_>>().join(gap)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::{Check, Group};
    use crate::exit::Exit;

    #[test]
    fn groups_are_headed_and_columns_aligned() {
        let checks = vec![
            Check::missing(Group::Machine, "memfd", "no\x1b[1mne\nat all", "a kernel"),
            Check::ok(Group::Session, "session", "it answers"),
            Check::ok(Group::Machine, "cores", "2"),
        ];
        let report = Report::new(checks, Exit::OK, "Usable now: all.".to_owned());
        assert_eq!(
            table(&report),
            "Session\n  ok       session  it answers\n\n\
             Machine\n  missing  memfd    no[1mne\n                    at all\n                    mend: a kernel\n  ok       cores    2\n\n\
             Usable now: all.\n"
        );
    }
}
