//! The Pythons of this machine: those that somebody named, those along `PATH`, pyenv's, and the system's.
//!
//! Each is run once and says what it is. Which of them a session takes is the backend's choice; the check `session` tells it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use serde_json::Value;

use super::ask::{LIMIT, ask};
use super::check::{Check, Group, Status};

/// Runs on every Python there ever was.
const PROGRAM: &str = "import sys; w = sys.stdout.write; \
    w('\\nhib-doctor\\n%s\\n' % getattr(getattr(sys, 'implementation', None), 'name', 'cpython')); \
    w('%d.%d.%d\\n' % tuple(sys.version_info[:3]))";
/// What precedes the answer: a wrapper may print as well.
const MARK: &str = "hib-doctor";
/// The oldest Python that a session runs on.
const OLDEST: (u32, u32) = (3, 8);
/// Who named a Python that was given by a flag, or by the configuration file.
const NAMED: &str = "--python, or configured";
/// How many are asked at once.
const AT_ONCE: usize = 4;

/// A place where a Python may be, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    path: PathBuf,
    by: &'static str,
}

/// Where to look.
#[derive(Debug, Default)]
struct Places {
    named: Option<OsString>,
    variable: Option<OsString>,
    venv: Option<PathBuf>,
    path: OsString,
    pyenv: Option<PathBuf>,
    system: Vec<PathBuf>,
}

/// Checks every Python that is found.
pub(super) async fn check(named: Option<&str>) -> Vec<Check> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let home = variable("HOME").map(PathBuf::from);
    let places = Places {
        named: named.map(OsString::from),
        variable: variable("HIBERNACULUM_PYTHON"),
        venv: variable("VIRTUAL_ENV").map(PathBuf::from),
        path: variable("PATH").unwrap_or_default(),
        pyenv: variable("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(home?.join(".pyenv"))),
        system: ["/usr/bin", "/usr/local/bin"].map(PathBuf::from).to_vec(),
    };
    of(&places).await
}

async fn of(places: &Places) -> Vec<Check> {
    let found = places.candidates();
    if found.is_empty() {
        let detail = "none along PATH, nor of pyenv, nor in /usr/bin";
        return vec![Check::missing(Group::Python, "python", detail, "sudo apt-get install python3")];
    }
    futures_util::stream::iter(found)
        .map(|candidate| async move { one(&candidate).await })
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// The path of the newest that is fit.
pub(super) fn newest(checks: &[Check]) -> Option<&str> {
    let version = |check: &&Check| -> Vec<u32> {
        let version = check.facts.get("version").and_then(Value::as_str).unwrap_or_default();
        version.split('.').map_while(|number| number.parse().ok()).collect()
    };
    let fit = checks.iter().filter(|check| check.group == Group::Python && check.status == Status::Ok);
    fit.max_by_key(version)?.facts.get("path")?.as_str()
}

/// Asks one of them.
async fn one(Candidate { path, by }: &Candidate) -> Check {
    let shown = path.display();
    let install = "install CPython 3.8 or newer, or name another with --python";
    let check = match ask(path, ["-E", "-s", "-S", "-c", PROGRAM], LIMIT).await {
        Err(error) => {
            Check::missing(Group::Python, "python", format!("{shown} ({by}) cannot be run: {error}"), install)
        }
        Ok(said) => match understand(&said.stdout) {
            None => Check::missing(
                Group::Python,
                "python",
                format!("{shown} ({by}) does not say what it is: {}", said.complaint()),
                install,
            ),
            Some((implementation, version, pair)) => {
                let is_cpython = implementation == "cpython";
                let name = if is_cpython { "CPython" } else { implementation.as_str() };
                let detail = format!("{name} {version} at {shown} ({by})");
                if is_cpython && pair >= OLDEST {
                    Check::ok(Group::Python, "python", detail)
                } else {
                    let why = if is_cpython { "too old" } else { "no CPython" };
                    let mend = "sessions need CPython 3.8 or newer: name another with --python";
                    Check::limited(Group::Python, "python", format!("{detail}: {why}"), mend)
                }
                .with("implementation", implementation)
                .with("version", version)
            }
        },
    };
    check.with("path", shown.to_string()).with("by", *by)
}

/// Implementation, version, and the version's first two numbers.
fn understand(said: &str) -> Option<(String, String, (u32, u32))> {
    let mut lines = said.lines().skip_while(|line| *line != MARK).skip(1);
    let (implementation, version) = (lines.next()?, lines.next()?);
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let pair = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((implementation.to_owned(), version.to_owned(), pair))
}

impl Places {
    /// Each executable once, under the first name by which it is found.
    fn candidates(&self) -> Vec<Candidate> {
        let directories: Vec<_> =
            std::env::split_paths(&self.path).filter(|place| place.is_absolute()).collect();
        let resolve = |name: &OsString| {
            let is_bare = !name.as_encoded_bytes().contains(&b'/');
            let found =
                is_bare.then(|| directories.iter().map(|place| place.join(name)).find(|path| path.is_file()));
            found.flatten().unwrap_or_else(|| std::path::absolute(name).unwrap_or_else(|_| name.into()))
        };
        // What somebody named is told even where it is not there; the rest is what is there.
        let mut all = Vec::new();
        all.extend(self.named.iter().map(|name| Candidate { path: resolve(name), by: NAMED }));
        all.extend(
            self.variable.iter().map(|name| Candidate { path: resolve(name), by: "HIBERNACULUM_PYTHON" }),
        );
        let venv = self
            .venv
            .iter()
            .map(|root| root.join("bin/python"))
            .filter(|path| path.symlink_metadata().is_ok());
        all.extend(venv.map(|path| Candidate { path, by: "VIRTUAL_ENV" }));
        let pyenv = self.pyenv.as_deref();
        for directory in &directories {
            // A shim stands for pyenv's own Pythons, which are listed by themselves.
            if pyenv.is_none_or(|root| !directory.starts_with(root.join("shims"))) {
                all.extend(pythons_in(directory).into_iter().map(|path| Candidate { path, by: "PATH" }));
            }
        }
        let mut versions: Vec<_> = pyenv
            .map(|root| entries(&root.join("versions")))
            .unwrap_or_default()
            .into_iter()
            .map(|root| root.join("bin/python"))
            .collect();
        versions.retain(|path| path.is_file());
        all.extend(versions.into_iter().map(|path| Candidate { path, by: "pyenv" }));
        for directory in &self.system {
            all.extend(pythons_in(directory).into_iter().map(|path| Candidate { path, by: "system" }));
        }
        let mut seen = BTreeSet::new();
        // A virtual environment's Python is a link to another one, and not the same: packages differ.
        all.retain(|Candidate { path, by }| match *by {
            "VIRTUAL_ENV" | NAMED | "HIBERNACULUM_PYTHON" => seen.insert(path.clone()),
            _ => seen.insert(fs::canonicalize(path).unwrap_or_else(|_| path.clone())),
        });
        all
    }
}

/// `python3` first, then `python3.N`.
fn pythons_in(directory: &Path) -> Vec<PathBuf> {
    let is_python = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let minor = name.strip_prefix("python3").map(|rest| rest.strip_prefix('.').unwrap_or(rest));
        minor.is_some_and(|minor| minor.bytes().all(|byte| byte.is_ascii_digit())) && path.is_file()
    };
    entries(directory).into_iter().filter(is_python).collect()
}

/// What lies in a directory, by name.
fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn script(path: &Path, text: &str) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn each_says_what_it_is_and_where_it_was_found() {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        script(&at("bin/python3"), "printf 'hib-doctor\\ncpython\\n3.12.1\\n'");
        script(&at("bin/python3.7"), "printf 'hib-doctor\\ncpython\\n3.7.2\\n'");
        script(&at("bin/python3-config"), "echo never asked");
        script(&at("root/versions/pypy/bin/python"), "printf 'hib-doctor\\npypy\\n3.10.1\\n'");
        script(&at("root/shims/python3"), "echo never asked");
        script(&at("broken"), "echo no library >&2; exit 127");
        let places = Places {
            variable: Some(at("broken").into()),
            path: std::env::join_paths([at("root/shims"), at("bin")]).unwrap(),
            pyenv: Some(at("root")),
            ..Places::default()
        };
        let checks = of(&places).await;
        assert_eq!(newest(&checks), at("bin/python3").to_str());
        let found: Vec<_> = checks.into_iter().map(|check| (check.status, check.detail)).collect();
        let shown = |name: &str| at(name).display().to_string();
        assert_eq!(
            found,
            [
                (
                    Status::Missing,
                    format!("{} (HIBERNACULUM_PYTHON) does not say what it is: no library", shown("broken"))
                ),
                (Status::Ok, format!("CPython 3.12.1 at {} (PATH)", shown("bin/python3"))),
                (Status::Limited, format!("CPython 3.7.2 at {} (PATH): too old", shown("bin/python3.7"))),
                (
                    Status::Limited,
                    format!("pypy 3.10.1 at {} (pyenv): no CPython", shown("root/versions/pypy/bin/python"))
                ),
            ]
        );
    }

    #[tokio::test]
    async fn a_machine_without_python_is_told_how_to_get_one() {
        let [check] = &of(&Places::default()).await[..] else { panic!("one line") };
        assert_eq!(
            (check.status, check.mend.as_deref()),
            (Status::Missing, Some("sudo apt-get install python3"))
        );
    }

    #[test]
    fn a_link_is_not_told_twice() {
        let scene = tempfile::tempdir().unwrap();
        script(&scene.path().join("python3.11"), "");
        std::os::unix::fs::symlink("python3.11", scene.path().join("python3")).unwrap();
        let places =
            Places { path: scene.path().into(), system: vec![scene.path().into()], ..Places::default() };
        assert_eq!(places.candidates(), [Candidate { path: scene.path().join("python3"), by: "PATH" }]);
    }
}
