//! The configuration file: where it lies, and what it says.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::schema::{KEYS, names, nearest};
use crate::exit::Exit;
use crate::failure::Failure;

/// A file that was looked for.
#[derive(Debug, Default)]
pub(super) struct File {
    /// Nothing where there is no place for one.
    pub(super) path: Option<PathBuf>,
    pub(super) is_there: bool,
    /// What it says, by key.
    pub(super) entries: BTreeMap<&'static str, Entry>,
}

/// What it says of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// As the flag would take them.
    pub(super) values: Vec<String>,
    pub(super) line: usize,
}

impl File {
    /// Reads the file that was named, or else the one at the usual place, if it is there.
    pub(super) fn open(
        named: Option<PathBuf>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let is_named = named.is_some();
        let Some(path) = named.or_else(|| usual(variable)) else { return Ok(Self::default()) };
        match fs::read(&path) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes).map_err(|_| not_toml(&path, 1, "it is not UTF-8"))?;
                Ok(Self { entries: read(&path, &text)?, path: Some(path), is_there: true })
            }
            // A home that is none, or somebody else's, holds no file that was meant.
            Err(_) if !is_named && path.symlink_metadata().is_err() => {
                Ok(Self { path: Some(path), ..Self::default() })
            }
            Err(error) => Err(unreadable(&path, &error)),
        }
    }
}

/// `$XDG_CONFIG_HOME/hib/config.toml`, and `~/.config` in the variable's place where it is not set.
fn usual(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let root = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(root.join("hib/config.toml"))
}

fn read(path: &Path, text: &str) -> Result<BTreeMap<&'static str, Entry>, Failure> {
    let line = |at: usize| 1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count();
    let table = DeTable::parse(text)
        .map_err(|error| not_toml(path, line(error.span().map_or(0, |span| span.start)), error.message()))?;
    let mut entries = BTreeMap::new();
    for (name, value) in table.get_ref() {
        let line = line(name.span().start);
        let name: &str = name.get_ref();
        let Some(key) = KEYS.iter().find(|key| key.name == name) else {
            return Err(unknown(path, line, name));
        };
        let values = key
            .kind
            .of_file(value.get_ref())
            .map_err(|rule| wrong(path, line, key.name, value.get_ref().type_str(), &rule))?;
        entries.insert(key.name, Entry { values, line });
    }
    Ok(entries)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        Exit::USAGE,
        "config_file.unreadable",
        format!("the configuration file `{}` cannot be read", path.display()),
        "it was named, or lies where `hib` looks for it",
        "name another with --config or HIBERNACULUM_CONFIG; --config /dev/null does without",
    )
    .because(error)
}

fn not_toml(path: &Path, line: usize, problem: &str) -> Failure {
    Failure::new(
        Exit::USAGE,
        "config_file.not_toml",
        format!("`{}` is no configuration file", path.display()),
        format!("line {line}: {}", problem.replace('\n', ", ")),
        "write lines such as: backend = \"local\"",
    )
}

fn unknown(path: &Path, line: usize, name: &str) -> Failure {
    let meant = nearest(name).map_or_else(String::new, |nearest| format!("did you mean `{nearest}`? "));
    Failure::new(
        Exit::USAGE,
        "config_file.unknown_key",
        format!("`{}` has a key that `hib` does not know: `{}`", path.display(), name.escape_debug()),
        format!("line {line}: no key has that name"),
        format!("{meant}The keys are: {}", names()),
    )
}

fn wrong(path: &Path, line: usize, name: &str, given: &str, rule: &str) -> Failure {
    let article = if given.starts_with(['a', 'i']) { "an" } else { "a" };
    Failure::new(
        Exit::USAGE,
        "config_file.wrong_value",
        format!("`{name}` in `{}` cannot have this value", path.display()),
        format!("line {line}: it is {article} {given}, and {rule}"),
        "docs/config.md has an example of each key; `hib config` shows what holds",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn none(_: &str) -> Option<OsString> {
        None
    }

    #[test]
    fn what_it_says_is_kept_with_its_line() {
        let entries = read(Path::new("c"), "# mine\npreload = [\"json\"]\n\nbackend = 'local'\n").unwrap();
        let entry = |values: &[&str], line| Entry {
            values: values.iter().map(|&value| value.to_owned()).collect(),
            line,
        };
        assert_eq!(
            entries.into_iter().collect::<Vec<_>>(),
            [("backend", entry(&["local"], 4)), ("preload", entry(&["json"], 2))]
        );
    }

    #[test]
    fn what_makes_no_sense_names_file_line_and_what_is_near() {
        for (text, parts) in [
            (
                "\nbakend = 1",
                &["config_file.unknown_key", "`bakend`", "line 2", "did you mean `backend`?"][..],
            ),
            ("[colours]\nauto = 1", &["config_file.unknown_key", "`colours`", "line 1", "`colour`"]),
            (
                "timeout = []",
                &["config_file.wrong_value", "`timeout` in `c.toml`", "line 1: it is an array", "30s"],
            ),
            ("quiet = 'yes'", &["config_file.wrong_value", "it is a string", "`true` or `false`"]),
            ("a = 1\nb = = 2", &["config_file.not_toml", "line 2"]),
            ("quiet = true\nquiet = true", &["config_file.not_toml", "line 2"]),
        ] {
            let failure = format!("{:?}", read(Path::new("c.toml"), text).expect_err(text));
            assert!(parts.iter().all(|part| failure.contains(part)), "{text}: {failure}");
        }
    }

    #[test]
    fn it_is_looked_for_where_people_keep_such_files() {
        let of = |pairs: &'static [(&str, &str)]| {
            usual(move |name| pairs.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into()))
        };
        assert_eq!(of(&[("XDG_CONFIG_HOME", "/x"), ("HOME", "/h")]), Some("/x/hib/config.toml".into()));
        assert_eq!(
            of(&[("XDG_CONFIG_HOME", "x"), ("HOME", "/h")]),
            Some("/h/.config/hib/config.toml".into())
        );
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn one_that_was_named_has_to_be_there() {
        let failure = format!("{:?}", File::open(Some("/nonexistent/c.toml".into()), none).unwrap_err());
        assert!(failure.contains("config_file.unreadable"), "{failure}");
        let home = |name: &str| (name == "HOME").then(|| "/nonexistent".into());
        let file = File::open(None, home).unwrap();
        assert!(!file.is_there && file.path.is_some());
        assert!(File::open(None, none).unwrap().path.is_none());
        let no_directory = |name: &str| (name == "HOME").then(|| "/dev/null".into());
        assert!(!File::open(None, no_directory).unwrap().is_there);
        let scene = tempfile::tempdir().unwrap();
        fs::create_dir_all(scene.path().join("hib/config.toml")).unwrap();
        let odd = |name: &str| (name == "XDG_CONFIG_HOME").then(|| scene.path().into());
        assert!(File::open(None, odd).is_err(), "what is there, and cannot be read, is told");
    }
}
