//! The directory in which sandboxes live: whether it can be written, how much room there is, and whether programs may run from it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags, access, statvfs};

use super::check::{Check, Group};

const NAME: &str = "state_directory";
/// Less is soon filled by a script's files.
const LITTLE_MIB: u64 = 256;
/// Longer paths leave no room for the name of a socket; the local backend goes to `/tmp` then.
const LONGEST: usize = 83;
/// Moves it.
const ELSEWHERE: &str = "export TMPDIR=/var/tmp";

/// What the file system says.
struct Room {
    mebibytes: u64,
    is_noexec: bool,
}

/// Checks the directory of the local backend.
pub(super) fn check() -> Check {
    let path = place(&std::env::temp_dir(), rustix::process::geteuid().as_raw());
    told(&path, room(&path))
}

/// Where the local backend keeps sandboxes unless a program tells it otherwise.
fn place(temporary: &Path, user: u32) -> PathBuf {
    let name = format!("hibernaculum-{user}");
    let wanted = temporary.join(&name);
    let is_fit = wanted.is_absolute() && wanted.as_os_str().len() <= LONGEST && wanted.to_str().is_some();
    if is_fit { wanted } else { Path::new("/tmp").join(name) }
}

/// Looks at the directory, or at the one in which it would be made.
fn room(path: &Path) -> io::Result<Room> {
    let parent = path.parent().unwrap_or(path);
    let there = if path.is_dir() { path } else { parent };
    access(there, Access::WRITE_OK | Access::EXEC_OK)?;
    let system = statvfs(there)?;
    let bytes = system.f_bavail.saturating_mul(system.f_frsize);
    Ok(Room {
        mebibytes: bytes / (1024 * 1024),
        is_noexec: system.f_flag.contains(StatVfsMountFlags::NOEXEC),
    })
}

fn told(path: &Path, room: io::Result<Room>) -> Check {
    let shown = path.display();
    let check = match room {
        Err(error) => {
            Check::missing(Group::Machine, NAME, format!("{shown} cannot be written: {error}"), ELSEWHERE)
        }
        Ok(Room { mebibytes, is_noexec }) => {
            let detail = format!("{shown}, {mebibytes} MiB free");
            let check = if is_noexec {
                let detail =
                    format!("{detail}; mounted noexec: compiled modules that are put there cannot be loaded");
                Check::limited(Group::Machine, NAME, detail, ELSEWHERE)
            } else if mebibytes < LITTLE_MIB {
                Check::limited(Group::Machine, NAME, format!("{detail}: little"), ELSEWHERE)
            } else {
                Check::ok(Group::Machine, NAME, detail)
            };
            check.with("free_mib", mebibytes).with("noexec", is_noexec)
        }
    };
    check.with("path", shown.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;

    #[test]
    fn it_lies_in_the_temporary_directory_if_a_socket_fits() {
        assert_eq!(place(Path::new("/var/tmp"), 7), Path::new("/var/tmp/hibernaculum-7"));
        assert_eq!(place(&Path::new("/").join("x".repeat(90)), 7), Path::new("/tmp/hibernaculum-7"));
    }

    #[test]
    fn little_room_and_noexec_are_limits_and_no_place_is_none() {
        let path = Path::new("/s");
        for (mebibytes, is_noexec, status) in
            [(9999, false, Status::Ok), (9999, true, Status::Limited), (3, false, Status::Limited)]
        {
            assert_eq!(told(path, Ok(Room { mebibytes, is_noexec })).status, status);
        }
        assert_eq!(told(path, room(Path::new("/nonexistent/a/b"))).status, Status::Missing);
    }
}
