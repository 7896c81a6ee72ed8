//! What else a kernel has: filters of system calls, descriptors of processes, files in memory.

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::check::{Check, Group};
use super::host::Host;

/// Checks each.
pub(super) fn check(host: &Host) -> [Check; 3] {
    [seccomp(host), pidfd(), memfd(host)]
}

fn seccomp(host: &Host) -> Check {
    const NAME: &str = "seccomp";
    let Some(status) = host.read("/proc/self/status") else {
        return Check::limited(
            Group::Confinement,
            NAME,
            "/proc/self/status cannot be read",
            "mount -t proc proc /proc",
        );
    };
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:")).map(str::trim);
    let detail = match mode {
        None => {
            let mend = "a kernel with CONFIG_SECCOMP_FILTER";
            return Check::missing(Group::Confinement, NAME, "the kernel was built without it", mend);
        }
        Some("0") => "filters can be set",
        Some(_) => "filters can be set, and one is in force already (a container's?)",
    };
    Check::ok(Group::Confinement, NAME, detail).with("filtered", mode != Some("0"))
}

fn pidfd() -> Check {
    match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(_) => Check::ok(Group::Machine, "pidfd", "processes have descriptors"),
        Err(error) => {
            let detail = format!("processes have no descriptors: {error}");
            Check::missing(Group::Machine, "pidfd", detail, "a kernel from 5.3 on")
        }
    }
}

fn memfd(host: &Host) -> Check {
    const NAME: &str = "memfd";
    let noexec = host.number("/proc/sys/vm/memfd_noexec").unwrap_or(0);
    match memfd_create("hib-doctor", MemfdFlags::CLOEXEC) {
        Ok(_) => Check::ok(Group::Machine, NAME, "files in memory can be made").with("noexec", noexec),
        Err(error) if noexec > 1 => {
            let detail = format!("only files that cannot be executed: vm.memfd_noexec is {noexec} ({error})");
            Check::limited(Group::Machine, NAME, detail, "sudo sysctl -w vm.memfd_noexec=1")
                .with("noexec", noexec)
        }
        Err(error) => {
            let detail = format!("files in memory cannot be made: {error}");
            Check::missing(Group::Machine, NAME, detail, "a kernel with CONFIG_MEMFD_CREATE")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;
    use crate::doctor::host::tests::machine;

    #[test]
    fn seccomp_is_there_or_not_or_unknown() {
        for (files, status) in [
            (&[("/proc/self/status", "Name:\thib\nSeccomp:\t0\n")][..], Status::Ok),
            (&[("/proc/self/status", "Seccomp:\t2\n")], Status::Ok),
            (&[("/proc/self/status", "Name:\thib\n")], Status::Missing),
            (&[], Status::Limited),
        ] {
            let (_scene, host) = machine(files);
            assert_eq!(seccomp(&host).status, status, "{files:?}");
        }
    }
}
