//! Finding Python: the backend's setting, `HIBERNACULUM_PYTHON`, an active virtual environment, `PATH`; in this order.
//!
//! A Python that somebody named must be fit, or the search ends there: another one would run without the packages that were meant. Along `PATH` the
//! search goes on: `python3` first, then `python3.N`, the newest first.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use hibernaculum_core::{Error, SandboxError};

use crate::probe::{Probe, minor_version, probe};

/// Where to look for Python.
#[derive(Debug, Clone, Default)]
pub(crate) struct Search {
    setting: Option<PathBuf>,
    variable: Option<OsString>,
    venv: Option<OsString>,
    path: OsString,
}

/// A place where a Python may be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Candidate {
    path: PathBuf,
    /// Who named it.
    by: &'static str,
    /// Whether the search ends here.
    named: bool,
}

impl Search {
    /// The search that this process's environment asks for.
    pub(crate) fn of_host(setting: Option<PathBuf>) -> Self {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        Self {
            setting,
            variable: variable("HIBERNACULUM_PYTHON"),
            venv: variable("VIRTUAL_ENV"),
            path: variable("PATH").unwrap_or_default(),
        }
    }

    /// The executable of the first Python that is fit.
    pub(crate) async fn find(&self) -> Result<PathBuf, Error> {
        let (mut tried, mut unfit) = (Vec::new(), None);
        for Candidate { path, by, named } in self.candidates() {
            let place = format!("`{}` ({by})", path.display());
            match probe(&path).await {
                Probe::Fit(executable) => return Ok(executable),
                Probe::Unfit { executable, found } => {
                    tried.push(format!("{place}: it is {found}"));
                    unfit.get_or_insert(SandboxError::PythonTooOld { executable, found });
                }
                Probe::Useless(why) => tried.push(format!("{place}: {why}")),
            }
            if named {
                break;
            }
        }
        if tried.is_empty() {
            tried.push("`python3` and `python3.N` in every directory of PATH, in vain".to_owned());
        }
        Err(unfit.unwrap_or(SandboxError::NoPython { tried: tried.join("; "), source: None }).into())
    }

    fn candidates(&self) -> Vec<Candidate> {
        let named = |path: &OsStr, by| Candidate { path: self.resolve(path), by, named: true };
        if let Some(path) = &self.setting {
            return vec![named(path.as_os_str(), "the `python` setting")];
        }
        if let Some(path) = &self.variable {
            return vec![named(path, "HIBERNACULUM_PYTHON")];
        }
        let venv = self.venv.iter().map(|root| Path::new(root).join("bin/python"));
        // A variable of an environment that was deleted says nothing; one that is there says which Python is meant.
        let venv = venv.filter(|path| path.symlink_metadata().is_ok());
        let venv = venv.map(|path| Candidate { path, by: "VIRTUAL_ENV", named: true });
        let along = self.along_path().into_iter().map(|path| Candidate { path, by: "PATH", named: false });
        venv.chain(along).collect()
    }

    /// A bare name is looked for along `PATH`, as a shell does.
    fn resolve(&self, name: &OsStr) -> PathBuf {
        let bare = Path::new(name).components().count() == 1 && !name.as_encoded_bytes().contains(&b'/');
        let found = bare
            .then(|| self.directories().map(|directory| directory.join(name)).find(|path| path.is_file()));
        // Absolute, because the sandbox's first process starts in another directory.
        found.flatten().unwrap_or_else(|| std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name)))
    }

    /// Relative directories are left out: what lies in the current directory is not what the machine's owner installed.
    fn directories(&self) -> impl Iterator<Item = PathBuf> {
        std::env::split_paths(&self.path).filter(|directory| directory.is_absolute())
    }

    fn along_path(&self) -> Vec<PathBuf> {
        let plain = self.directories().map(|directory| directory.join("python3")).find(|path| path.is_file());
        let mut versions = Vec::new();
        for entry in
            self.directories().filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten()
        {
            if let Some(minor) = entry.file_name().to_str().and_then(minor_version) {
                versions.push((minor, entry.path()));
            }
        }
        // Stable: of the same version, the first along PATH comes first.
        versions.sort_by_key(|(minor, _)| std::cmp::Reverse(*minor));
        plain.into_iter().chain(versions.into_iter().map(|(_, path)| path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Directories with empty files of these names, as a PATH.
    fn path_of(scene: &Path, directories: &[&[&str]]) -> OsString {
        let made = directories.iter().enumerate().map(|(number, names)| {
            let directory = scene.join(number.to_string());
            fs::create_dir(&directory).unwrap();
            names.iter().for_each(|name| fs::write(directory.join(name), "").unwrap());
            directory
        });
        std::env::join_paths(made).unwrap()
    }

    fn shown(search: &Search, scene: &Path) -> Vec<String> {
        let relative = |path: PathBuf| path.strip_prefix(scene).unwrap_or(&path).display().to_string();
        search.candidates().into_iter().map(|candidate| relative(candidate.path)).collect()
    }

    #[test]
    fn along_path_the_plain_name_comes_first_and_then_the_newest() {
        let scene = tempfile::tempdir().unwrap();
        let path = path_of(
            scene.path(),
            &[&["python3.9", "python3.12-config"], &["python3", "python3.12"], &["python3", "python3.9"]],
        );
        let search = Search { path, ..Search::default() };
        assert_eq!(shown(&search, scene.path()), ["1/python3", "1/python3.12", "0/python3.9", "2/python3.9"]);
    }

    #[test]
    fn who_names_a_python_means_that_one() {
        let scene = tempfile::tempdir().unwrap();
        let path = path_of(scene.path(), &[&["python3", "mine"]]);
        let all = Search {
            setting: Some("/a/python".into()),
            variable: Some("/b/python".into()),
            venv: None,
            path,
        };
        assert_eq!(shown(&all, scene.path()), ["/a/python"]);
        let variable = Search { setting: None, ..all.clone() };
        assert_eq!(shown(&variable, scene.path()), ["/b/python"]);
        let bare = Search { setting: Some("mine".into()), ..all };
        assert_eq!(shown(&bare, scene.path()), ["0/mine"]);
    }

    #[test]
    fn an_active_virtual_environment_comes_before_path_unless_it_is_gone() {
        let scene = tempfile::tempdir().unwrap();
        let path = path_of(scene.path(), &[&["python3"]]);
        fs::create_dir_all(scene.path().join("venv/bin")).unwrap();
        let search = Search { venv: Some(scene.path().join("venv").into()), path, ..Search::default() };
        assert_eq!(shown(&search, scene.path()), ["0/python3"]);
        fs::write(scene.path().join("venv/bin/python"), "").unwrap();
        assert_eq!(shown(&search, scene.path()), ["venv/bin/python", "0/python3"]);
    }

    #[tokio::test]
    async fn a_search_in_vain_says_where_it_looked() {
        let nowhere = Search { path: "/nonexistent".into(), ..Search::default() };
        let error = nowhere.find().await.unwrap_err();
        assert_eq!(error.code(), "sandbox.no_python");
        assert!(error.explain().why.contains("PATH"), "{}", error.explain());
        let named = Search { setting: Some("/nonexistent/python".into()), ..Search::default() };
        let why = named.find().await.unwrap_err().explain().why;
        assert!(why.contains("`/nonexistent/python` (the `python` setting): No such file"), "{why}");
    }
}
