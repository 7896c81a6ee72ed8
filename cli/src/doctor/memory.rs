//! Memory: how much there is, and whether the kernel deals it out in huge pages.

use super::check::{Check, Group};
use super::host::Host;

/// Less than this is soon used up by a session that computes something.
const LITTLE_MIB: u64 = 512;

/// Checks both.
pub(super) fn check(host: &Host) -> [Check; 2] {
    [amount(host), huge_pages(host)]
}

fn amount(host: &Host) -> Check {
    const NAME: &str = "memory";
    let meminfo = host.read("/proc/meminfo").unwrap_or_default();
    let mebibytes = |name: &str| {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':')
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse::<u64>()
            .ok()
            .map(|kibibytes| kibibytes / 1024)
    };
    let (Some(total), Some(available)) = (mebibytes("MemTotal"), mebibytes("MemAvailable")) else {
        return Check::limited(
            Group::Machine,
            NAME,
            "/proc/meminfo does not tell how much",
            "mount -t proc proc /proc",
        );
    };
    let detail = format!("{available} MiB available of {total} MiB");
    let check = if available < LITTLE_MIB {
        Check::limited(
            Group::Machine,
            NAME,
            detail,
            "end other programs: `ps -eo rss,comm --sort=-rss | head`",
        )
    } else {
        Check::ok(Group::Machine, NAME, detail)
    };
    check.with("total_mib", total).with("available_mib", available)
}

fn huge_pages(host: &Host) -> Check {
    const NAME: &str = "huge_pages";
    let setting = host.read("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    let chosen = setting
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'))
        .map_or("none", |(chosen, _)| chosen);
    let check = match chosen {
        "always" => Check::limited(
            Group::Machine,
            NAME,
            "always: many idle sessions take more memory than they need",
            "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled",
        ),
        "none" => Check::ok(Group::Machine, NAME, "the kernel has no transparent ones"),
        chosen => Check::ok(Group::Machine, NAME, chosen),
    };
    check.with("setting", chosen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;
    use crate::doctor::host::tests::machine;

    #[test]
    fn memory_is_plenty_or_little_or_unknown() {
        for (meminfo, status) in [
            ("MemTotal:       24684084 kB\nMemFree: 1 kB\nMemAvailable:   24114456 kB\n", Status::Ok),
            ("MemTotal: 1048576 kB\nMemAvailable: 102400 kB\n", Status::Limited),
            ("MemTotal: much\n", Status::Limited),
        ] {
            let (_scene, host) = machine(&[("/proc/meminfo", meminfo)]);
            assert_eq!(amount(&host).status, status, "{meminfo}");
        }
        let (_scene, empty) = machine(&[]);
        assert_eq!(amount(&empty).status, Status::Limited);
    }

    #[test]
    fn huge_pages_for_all_are_a_limit() {
        let path = "/sys/kernel/mm/transparent_hugepage/enabled";
        for (setting, status) in
            [("always [madvise] never", Status::Ok), ("[always] madvise never", Status::Limited)]
        {
            let (_scene, host) = machine(&[(path, setting)]);
            assert_eq!(huge_pages(&host).status, status);
        }
        let (_scene, empty) = machine(&[]);
        assert_eq!(huge_pages(&empty).facts["setting"], "none");
    }
}
