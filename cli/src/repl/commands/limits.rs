//! `:limits`: everything that bounds what is typed here, and by how much; and what bounds nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

use hibernaculum::{LimitKind, Limits, OutputLimits, Sandbox, SandboxInfo, Timeout};

use super::table::table;
use crate::failure::Failure;
use crate::repl::undo::MOST;

/// What holds here. `hib` asks for no limits of a sandbox: those are its backend's own.
pub(super) async fn limits(sandbox: &Sandbox, timeout: Timeout, grace: Duration) -> Result<String, Failure> {
    let info = sandbox.info().await?;
    Ok(told(&info, &sandbox.backend().features().limits, timeout, grace))
}

fn told(info: &SandboxInfo, could: &BTreeSet<LimitKind>, timeout: Timeout, grace: Duration) -> String {
    let mut text = format!("isolation {}, network {}\n", info.isolation.name(), info.network);
    let mut rows = Vec::new();
    let mut row = |name: &str, what: &str, most: String| {
        rows.push([name.to_owned(), what.to_owned(), most, String::new()]);
    };
    for (kind, what, most) in of_sandbox(&info.limits) {
        let unset = if could.contains(&kind) { "not set" } else { "not set: this backend has none to set" };
        row(kind.name(), what, most.unwrap_or_else(|| unset.to_owned()));
    }
    let live = info.live_checkpoints;
    row(
        "live checkpoints",
        "of the sandbox",
        format!("{}; `:undo` takes at most {MOST} of them", live.count),
    );
    let memory = live.memory.map_or_else(|| "not set".to_owned(), |most| most.to_string());
    row("their memory", "all together", memory);
    let time = match timeout {
        Timeout::After(time) => format!("{time:?} (--timeout)"),
        _ => "not set: as long as it takes".to_owned(),
    };
    row("time", "of each input", time);
    row("grace", "after Ctrl-C or that time", format!("{grace:?}, then the process is killed"));
    row("output", "of each input", "not set: all of it is shown".to_owned());
    row("value", "of each input", format!("{} of its repr", OutputLimits::default().value));
    let _ = write!(text, "{}", table(["limit", "what it bounds", "most", ""], &rows));
    text
}

/// Each limit of a sandbox: what it bounds, and by how much where it does.
fn of_sandbox(limits: &Limits) -> [(LimitKind, &'static str, Option<String>); 9] {
    const WHOLE: &str = "the whole sandbox";
    const EACH: &str = "each process";
    // All fields by name: one that is new shall not be forgotten.
    let Limits {
        memory,
        cpus,
        processes,
        disk,
        wall_time,
        process_memory,
        process_cpu_time,
        process_open_files,
        process_file_size,
    } = limits;
    [
        (LimitKind::Memory, WHOLE, memory.map(|most| most.to_string())),
        (LimitKind::Cpus, WHOLE, cpus.map(|most| format!("{most} processors"))),
        (LimitKind::Processes, WHOLE, processes.map(|most| format!("{most} processes and threads"))),
        (LimitKind::Disk, WHOLE, disk.map(|most| most.to_string())),
        (LimitKind::WallTime, WHOLE, wall_time.map(|most| format!("{most:?} from its beginning"))),
        (LimitKind::ProcessMemory, EACH, process_memory.map(|most| format!("{most} of addresses"))),
        (LimitKind::ProcessCpuTime, EACH, process_cpu_time.map(|most| format!("{most:?} of computing"))),
        (LimitKind::ProcessOpenFiles, EACH, process_open_files.map(|most| format!("{most} open files"))),
        (LimitKind::ProcessFileSize, EACH, process_file_size.map(|most| format!("{most} a file"))),
    ]
}

#[cfg(test)]
mod tests {
    use hibernaculum::{ByteSize, Isolation, NetworkPolicy, SandboxId};

    use super::*;

    /// The lines, with their columns parted by one blank.
    fn lines(text: &str) -> Vec<String> {
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }

    #[test]
    fn every_limit_is_told_with_its_unit_or_that_there_is_none() {
        let mut info =
            SandboxInfo::new(SandboxId::new(), "mine", NetworkPolicy::Loopback, Isolation::Container);
        info.limits = Limits {
            memory: Some(ByteSize::gib(2)),
            cpus: Some(0.5),
            processes: Some(1024),
            wall_time: Some(Duration::from_secs(90)),
            process_memory: Some(ByteSize::mib(512)),
            process_cpu_time: Some(Duration::from_secs(10)),
            process_open_files: Some(256),
            ..Limits::default()
        };
        info.live_checkpoints = info.live_checkpoints.count(7).memory(ByteSize::gib(1));
        let could = BTreeSet::from([LimitKind::Disk]);
        let timeout = Timeout::After(Duration::from_secs(30));
        let text = lines(&told(&info, &could, timeout, Duration::from_secs(2)));
        for wanted in [
            "isolation container, network loopback",
            "memory the whole sandbox 2GiB",
            "cpus the whole sandbox 0.5 processors",
            "processes the whole sandbox 1024 processes and threads",
            "disk the whole sandbox not set",
            "wall_time the whole sandbox 90s from its beginning",
            "process_memory each process 512MiB of addresses",
            "process_cpu_time each process 10s of computing",
            "process_open_files each process 256 open files",
            "process_file_size each process not set: this backend has none to set",
            "live checkpoints of the sandbox 7; `:undo` takes at most 16 of them",
            "their memory all together 1GiB",
            "time of each input 30s (--timeout)",
            "grace after Ctrl-C or that time 2s, then the process is killed",
            "output of each input not set: all of it is shown",
            "value of each input 16MiB of its repr",
        ] {
            assert!(text.iter().any(|line| line == wanted), "{wanted:?} is not in {text:#?}");
        }
        assert_eq!(text.len(), 17, "{text:#?}");
    }

    #[test]
    fn every_kind_of_limit_is_there() {
        let told = of_sandbox(&Limits::default()).map(|(kind, _, most)| (kind, most));
        assert!(told.iter().all(|(_, most)| most.is_none()));
        let kinds: BTreeSet<_> = told.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds.len(), 9);
        let mut unset = BTreeSet::new();
        let info = SandboxInfo::new(SandboxId::new(), "mine", NetworkPolicy::Full, Isolation::Trusted);
        for line in lines(&super::told(&info, &kinds, Timeout::Unlimited, Duration::ZERO)) {
            unset.extend(line.strip_suffix(" not set").map(str::to_owned));
        }
        assert_eq!(unset.len(), 10, "nine of the sandbox, and the memory of checkpoints: {unset:?}");
    }
}
