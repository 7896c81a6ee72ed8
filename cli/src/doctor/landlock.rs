//! Landlock: which version of it the kernel speaks.

use std::io;

use super::check::{Check, Group};

const NAME: &str = "landlock";
/// The version that can bound TCP as well as files (Linux 6.7).
const WITH_NETWORK: libc::c_long = 4;

/// Asks the kernel.
pub(super) fn check() -> Check {
    told(version())
}

/// The version of the kernel's interface.
#[expect(unsafe_code, reason = "no safe interface asks for the version alone")]
fn version() -> io::Result<libc::c_long> {
    /// Asks for the version instead of a ruleset.
    const CREATE_RULESET_VERSION: libc::c_ulong = 1;
    let no_attributes = std::ptr::null::<libc::c_void>();
    let no_size: libc::size_t = 0;
    // SAFETY: with this flag the kernel reads nothing through the pointer, which has to be null, makes nothing, and answers with a number.
    let answer = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, no_attributes, no_size, CREATE_RULESET_VERSION)
    };
    if answer < 0 { Err(io::Error::last_os_error()) } else { Ok(answer) }
}

fn told(version: io::Result<libc::c_long>) -> Check {
    let mend = "a kernel from 5.13 on with CONFIG_SECURITY_LANDLOCK";
    match version {
        Ok(version) if version >= WITH_NETWORK => {
            Check::ok(Group::Confinement, NAME, format!("version {version}, for files and TCP"))
                .with("abi", version)
        }
        Ok(version) => {
            let detail = format!("version {version}, for files; TCP needs version {WITH_NETWORK}");
            Check::limited(Group::Confinement, NAME, detail, "a kernel from 6.7 on").with("abi", version)
        }
        Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {
            let mend =
                "add `lsm=landlock,…` to the kernel's command line (GRUB_CMDLINE_LINUX), and boot anew";
            Check::missing(Group::Confinement, NAME, "the kernel has it, but it was turned off at boot", mend)
        }
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
            Check::missing(Group::Confinement, NAME, "the kernel was built without it", mend)
        }
        Err(error) => {
            let mend = "in a container: start it with --security-opt seccomp=unconfined";
            Check::missing(Group::Confinement, NAME, format!("the kernel does not say: {error}"), mend)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;

    #[test]
    fn each_answer_has_its_meaning() {
        let failed = |code| Err(io::Error::from_raw_os_error(code));
        for (answer, status, part) in [
            (Ok(6), Status::Ok, "version 6"),
            (Ok(3), Status::Limited, "TCP needs"),
            (failed(libc::EOPNOTSUPP), Status::Missing, "turned off"),
            (failed(libc::ENOSYS), Status::Missing, "built without"),
            (failed(libc::EPERM), Status::Missing, "does not say"),
        ] {
            let check = told(answer);
            assert!(check.status == status && check.detail.contains(part), "{check:?}");
        }
    }

    #[test]
    fn this_kernel_answers_somehow() {
        assert!(!check().detail.is_empty());
    }
}
