//! User namespaces for a user without privileges: what the kernel's settings say, and whether one can be made.

use std::io;

use super::ask::{LIMIT, ask};
use super::check::{Check, Group};
use super::host::Host;

const NAME: &str = "user_namespaces";

/// Checks the settings, and tries.
pub(super) async fn check(host: &Host) -> Check {
    let as_root = rustix::process::geteuid().is_root();
    let check = match forbidden(host) {
        Some(check) if !as_root => check,
        _ => tried(host).await,
    };
    check.with("as_root", as_root)
}

/// What a setting forbids, so that a try would be in vain.
fn forbidden(host: &Host) -> Option<Check> {
    let missing = |detail: &str, mend: &str| Some(Check::missing(Group::Confinement, NAME, detail, mend));
    if host.number("/proc/sys/kernel/unprivileged_userns_clone") == Some(0) {
        return missing(
            "forbidden to users without privileges by kernel.unprivileged_userns_clone",
            "sudo sysctl -w kernel.unprivileged_userns_clone=1",
        );
    }
    if host.number("/proc/sys/user/max_user_namespaces") == Some(0) {
        return missing(
            "none may be made: user.max_user_namespaces is 0",
            "sudo sysctl -w user.max_user_namespaces=65536",
        );
    }
    None
}

async fn tried(host: &Host) -> Check {
    let all = ["--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "true"];
    match ask("unshare", all, LIMIT).await {
        Ok(said) if said.status.success() => {
            Check::ok(Group::Confinement, NAME, "made, with mounts, processes and network of their own")
        }
        Ok(said) => {
            let alone = ask("unshare", ["--user", "--map-root-user", "true"], LIMIT).await;
            let is_partial = alone.is_ok_and(|alone| alone.status.success());
            refused(host, &said.complaint(), is_partial)
        }
        Err(error) => untried(host, &error),
    }
}

fn refused(host: &Host, complaint: &str, is_partial: bool) -> Check {
    let by_apparmor =
        host.number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").is_some_and(|value| value != 0);
    let mend = if by_apparmor {
        "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    } else {
        "in a container: start it with --security-opt seccomp=unconfined; else see `sysctl user.max_user_namespaces`"
    };
    let who = if by_apparmor { "AppArmor restricts them" } else { "the kernel refuses them" };
    if is_partial {
        let detail = format!("made, but without mounts, processes or network of their own: {complaint}");
        Check::limited(Group::Confinement, NAME, detail, mend)
    } else {
        Check::missing(Group::Confinement, NAME, format!("{who}: {complaint}"), mend)
    }
}

fn untried(host: &Host, error: &io::Error) -> Check {
    if host.path("/proc/self/ns/user").symlink_metadata().is_err() {
        let detail = "the kernel has none, or /proc is not mounted";
        return Check::missing(Group::Confinement, NAME, detail, "a kernel with CONFIG_USER_NS");
    }
    let detail = format!("no setting forbids them, but it was not tried: `unshare`: {error}");
    Check::limited(Group::Confinement, NAME, detail, "sudo apt-get install util-linux")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;
    use crate::doctor::host::tests::machine;

    #[test]
    fn a_setting_that_forbids_is_named_with_its_command() {
        for (path, mend) in [
            (
                "/proc/sys/kernel/unprivileged_userns_clone",
                "sudo sysctl -w kernel.unprivileged_userns_clone=1",
            ),
            ("/proc/sys/user/max_user_namespaces", "sudo sysctl -w user.max_user_namespaces=65536"),
        ] {
            let (_scene, host) = machine(&[(path, "0\n")]);
            assert_eq!(forbidden(&host).unwrap().mend.as_deref(), Some(mend));
            let (_scene, host) = machine(&[(path, "1\n")]);
            assert_eq!(forbidden(&host), None);
        }
        let (_scene, empty) = machine(&[]);
        assert_eq!(forbidden(&empty), None);
    }

    #[test]
    fn who_refuses_is_told_where_it_can_be_known() {
        let (_scene, host) = machine(&[("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")]);
        let check = refused(&host, "Permission denied", false);
        assert!(check.detail.starts_with("AppArmor") && check.status == Status::Missing, "{check:?}");
        let (_scene, empty) = machine(&[]);
        let check = refused(&empty, "Operation not permitted", true);
        assert_eq!(check.status, Status::Limited);
    }

    #[test]
    fn what_was_not_tried_is_not_called_good() {
        let missing = io::Error::from(io::ErrorKind::NotFound);
        let (_scene, host) = machine(&[("/proc/self/ns/user", "")]);
        assert_eq!(untried(&host, &missing).status, Status::Limited);
        let (_scene, empty) = machine(&[]);
        assert_eq!(untried(&empty, &missing).status, Status::Missing);
    }
}
