//! How many processors, processes and open files we may have.

use std::num::NonZero;

use rustix::process::{Resource, getrlimit};

use super::check::{Check, Group};

/// A session is a few processes and a handful of descriptors; below this a hundred of them do not fit.
const FEW: u64 = 1024;

/// Checks each.
pub(super) fn check() -> [Check; 3] {
    [
        cores(),
        limit("processes", getrlimit(Resource::Nproc).current, "ulimit -u 8192"),
        limit("open_files", getrlimit(Resource::Nofile).current, "ulimit -n 65536"),
    ]
}

fn cores() -> Check {
    match std::thread::available_parallelism().map(NonZero::get) {
        Ok(cores) => {
            let detail = format!("{cores} for this process");
            Check::ok(Group::Machine, "cores", detail).with("count", cores)
        }
        Err(error) => Check::limited(
            Group::Machine,
            "cores",
            format!("the system does not say: {error}"),
            "see `nproc`",
        ),
    }
}

/// No limit at all is nothing here.
fn limit(name: &'static str, limit: Option<u64>, mend: &str) -> Check {
    let detail =
        limit.map_or_else(|| "as many as there can be".to_owned(), |limit| format!("{limit} at most"));
    let check = match limit {
        Some(limit) if limit < FEW => {
            Check::limited(Group::Machine, name, format!("{detail}: too few for many sessions"), mend)
        }
        _ => Check::ok(Group::Machine, name, detail),
    };
    check.with("limit", limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;

    #[test]
    fn few_are_told_with_the_command_for_more() {
        assert_eq!(
            limit("open_files", Some(256), "ulimit -n 65536").mend.as_deref(),
            Some("ulimit -n 65536")
        );
        assert_eq!(limit("open_files", Some(20_000), "").status, Status::Ok);
        assert_eq!(limit("open_files", None, "").detail, "as many as there can be");
    }
}
