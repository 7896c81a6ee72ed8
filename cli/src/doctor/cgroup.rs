//! Control groups: whether version 2 is mounted, and which controllers were handed down to us.

use rustix::fs::{Access, access};

use super::check::{Check, Group};
use super::host::Host;

const NAME: &str = "cgroup";
/// What bounds a sandbox: memory, processor time, and the number of processes.
const NEEDED: [&str; 3] = ["cpu", "memory", "pids"];
/// Runs a program in a group of its own, which is its to divide.
const DELEGATE: &str = "systemd-run --user --scope --property=Delegate=yes hib …";
/// Takes the controllers from version 1, which holds them on machines that mount both.
const UNIFIED: &str = "boot with systemd.unified_cgroup_hierarchy=1 on the kernel's command line";

/// Checks the group of this process.
pub(super) fn check(host: &Host) -> Check {
    let Some(mounted) = host.read("/proc/self/mountinfo").as_deref().and_then(mount_point) else {
        return Check::missing(Group::Confinement, NAME, "version 2 is not mounted", UNIFIED);
    };
    let groups = host.read("/proc/self/cgroup").unwrap_or_default();
    let own = own_group(&groups).unwrap_or_else(|| "/".to_owned());
    let mend = if groups.contains(":memory:") { UNIFIED } else { DELEGATE };
    let directory = format!("{}{own}", mounted.trim_end_matches('/'));
    let directory = directory.trim_end_matches('/');
    let controllers = host.read(&format!("{directory}/cgroup.controllers")).unwrap_or_default();
    let lacking: Vec<_> = NEEDED
        .into_iter()
        .filter(|needed| controllers.split_whitespace().all(|there| there != *needed))
        .collect();
    let is_ours = ["", "/cgroup.procs", "/cgroup.subtree_control"]
        .into_iter()
        .all(|file| access(host.path(&format!("{directory}{file}")), Access::WRITE_OK).is_ok());
    let check = if is_ours && lacking.is_empty() {
        Check::ok(Group::Confinement, NAME, format!("version 2, {directory} is ours: {controllers}"))
    } else if is_ours {
        let detail = format!("version 2, {directory} is ours, without: {}", lacking.join(", "));
        Check::limited(Group::Confinement, NAME, detail, mend)
    } else {
        let detail = format!("version 2, but {directory} may not be divided by this user");
        Check::limited(Group::Confinement, NAME, detail, mend)
    };
    let controllers: Vec<_> = controllers.split_whitespace().map(str::to_owned).collect();
    check.with("controllers", controllers).with("delegated", is_ours).with("group", directory)
}

/// Where version 2 is mounted: `30 24 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw`.
fn mount_point(mountinfo: &str) -> Option<String> {
    mountinfo.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        (kind.split(' ').next() == Some("cgroup2")).then(|| place.split(' ').nth(4).map(str::to_owned))?
    })
}

/// The group of version 2: `0::/user.slice/…`.
fn own_group(cgroup: &str) -> Option<String> {
    cgroup.lines().find_map(|line| line.strip_prefix("0::")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;
    use crate::doctor::host::tests::machine;

    const MOUNTS: (&str, &str) = (
        "/proc/self/mountinfo",
        "22 27 0:21 / /proc rw - proc proc rw\n30 24 0:26 / /cg rw shared:4 - cgroup2 cgroup2 rw\n",
    );

    #[test]
    fn a_group_that_is_ours_tells_its_controllers() {
        for (controllers, status) in [("cpuset cpu io memory pids", Status::Ok), ("memory", Status::Limited)]
        {
            let (_scene, host) = machine(&[
                MOUNTS,
                ("/proc/self/cgroup", "1:name=systemd:/x\n0::/user.slice/a\n"),
                ("/cg/user.slice/a/cgroup.controllers", controllers),
                ("/cg/user.slice/a/cgroup.procs", ""),
                ("/cg/user.slice/a/cgroup.subtree_control", ""),
            ]);
            let check = check(&host);
            assert_eq!(
                (check.status, &check.facts["group"]),
                (status, &"/cg/user.slice/a".into()),
                "{check:?}"
            );
        }
    }

    #[test]
    fn a_group_of_somebody_else_is_told_with_the_way_to_one_of_ones_own() {
        let (_scene, host) = machine(&[MOUNTS]);
        let check = check(&host);
        assert_eq!((check.status, check.mend.as_deref()), (Status::Limited, Some(DELEGATE)));
    }

    #[test]
    fn controllers_that_version_1_holds_are_won_at_boot() {
        let (_scene, host) = machine(&[MOUNTS, ("/proc/self/cgroup", "4:memory:/x\n0::/\n")]);
        assert_eq!(check(&host).mend.as_deref(), Some(UNIFIED));
    }

    #[test]
    fn without_version_2_there_is_none() {
        for files in [&[][..], &[("/proc/self/mountinfo", "30 24 0:26 / /cg rw - cgroup cgroup rw\nodd\n")]] {
            let (_scene, host) = machine(files);
            assert_eq!(check(&host).status, Status::Missing);
        }
    }
}
