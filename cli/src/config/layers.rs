//! Which layer has the word: a flag, else the environment, else the file, else the default.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::file::File;
use super::schema::{KEYS, Key};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::LOCAL;

/// What names the file.
pub(super) const FILE_VARIABLE: &str = "HIBERNACULUM_CONFIG";

/// What holds.
#[derive(Debug, Default)]
pub(crate) struct Config {
    pub(super) file: File,
    pub(super) settings: Vec<Setting>,
}

/// What holds for one key.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) key: &'static Key,
    /// As the flag takes them; none for the default.
    pub(super) values: Vec<String>,
    pub(super) origin: Origin,
}

/// Who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Flag,
    Environment,
    /// At this line.
    File(usize),
    Default,
}

impl Config {
    /// Looks at all layers. `typed` is what was typed, read without any of them.
    pub(crate) fn load(
        typed: &ArgMatches,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        // A variable that is empty says nothing.
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let named = typed
            .get_one::<PathBuf>("config")
            .cloned()
            .or_else(|| variable(FILE_VARIABLE).map(PathBuf::from));
        let file = File::open(named, variable)?;
        let settings = KEYS.iter().map(|key| {
            let (values, origin) = if let Some(values) = of_flag(typed, key.name) {
                (values, Origin::Flag)
            } else if let Some(text) = variable(key.variable) {
                (of_variable(key, &text)?, Origin::Environment)
            } else if let Some(entry) = file.entries.get(key.name) {
                (entry.values.clone(), Origin::File(entry.line))
            } else {
                (Vec::new(), Origin::Default)
            };
            Ok(Setting { key, values, origin })
        });
        let settings = settings.collect::<Result<_, Failure>>()?;
        Ok(Self { file, settings })
    }

    /// Makes what holds the defaults of the flags, wherever a subcommand has them.
    pub(crate) fn apply(&self, mut command: Command) -> Command {
        for setting in &self.settings {
            if self.is_default_of_flag(setting) {
                command = with_default(command, setting);
            }
        }
        command
    }

    fn is_default_of_flag(&self, setting: &Setting) -> bool {
        match (setting.key.name, setting.origin) {
            // The backend reads the variable of `python` itself, and names it where it is wrong.
            (_, Origin::Flag | Origin::Default) | ("python", Origin::Environment) => false,
            // A Python of this machine means nothing to a backend that is elsewhere.
            ("python", Origin::File(_)) => self.backend() == LOCAL,
            (_, Origin::Environment | Origin::File(_)) => true,
        }
    }

    fn backend(&self) -> &str {
        let setting = self.settings.iter().find(|setting| setting.key.name == "backend");
        setting.and_then(|setting| setting.values.first()).map_or(LOCAL, String::as_str)
    }
}

/// The command, and each of its subcommands, with this default.
fn with_default(command: Command, setting: &Setting) -> Command {
    let name = setting.key.name;
    let has_it = command.get_arguments().any(|arg| arg.get_id() == name);
    let command = if has_it {
        command.mut_arg(name, |arg| arg.default_values(setting.values.clone()))
    } else {
        command
    };
    command.mut_subcommands(|subcommand| with_default(subcommand, setting))
}

/// What was typed; nothing where the flag was not, or where the subcommand has none such.
fn of_flag(typed: &ArgMatches, name: &str) -> Option<Vec<String>> {
    let subcommand = typed.subcommand().map(|(_, subcommand)| subcommand);
    subcommand.into_iter().chain([typed]).find_map(|matches| {
        let is_known = matches.try_contains_id(name).is_ok();
        let is_typed = is_known && matches.value_source(name) == Some(ValueSource::CommandLine);
        let values = is_typed.then(|| matches.get_raw(name))??;
        Some(values.map(|value| value.to_string_lossy().into_owned()).collect())
    })
}

fn of_variable(key: &Key, text: &OsString) -> Result<Vec<String>, Failure> {
    let read =
        text.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(|text| key.kind.of_variable(text));
    read.map_err(|rule| {
        Failure::new(
            Exit::USAGE,
            "environment.invalid",
            format!("the variable {} cannot be `{}`", key.variable, text.to_string_lossy().escape_debug()),
            rule,
            format!("unset it, or give it a value as --{} takes it", key.name),
        )
    })
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory as _, FromArgMatches as _};

    use super::*;
    use crate::args::Args;

    /// Who has the word for each key that somebody said something of.
    fn said(
        line: &[&str],
        variables: &[(&str, &str)],
        file: &str,
    ) -> Result<Vec<(&'static str, String, Origin)>, Failure> {
        let (config, _) = loaded(line, variables, file)?;
        let said = config.settings.iter().filter(|setting| setting.origin != Origin::Default);
        Ok(said.map(|setting| (setting.key.name, setting.values.join(" "), setting.origin)).collect())
    }

    fn loaded(line: &[&str], variables: &[(&str, &str)], file: &str) -> Result<(Config, Args), Failure> {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("c.toml");
        std::fs::write(&path, file).unwrap();
        let line = [&["hib", "--config", path.to_str().unwrap()], line].concat();
        let typed = Args::command().try_get_matches_from(&line).unwrap();
        let variable = |name: &str| variables.iter().find(|pair| pair.0 == name).map(|pair| pair.1.into());
        let config = Config::load(&typed, variable)?;
        let matches = config.apply(Args::command()).try_get_matches_from(&line).unwrap();
        Ok((config, Args::from_arg_matches(&matches).unwrap()))
    }

    #[test]
    fn a_flag_beats_the_environment_and_that_the_file() {
        let file = "backend = \"file\"\ntimeout = \"1s\"\nquiet = true\n";
        let variables = [
            ("HIBERNACULUM_BACKEND", "variable"),
            ("HIBERNACULUM_TIMEOUT", "2s"),
            ("HIBERNACULUM_WORKDIR", ""),
        ];
        assert_eq!(
            said(&["run", "-c", "1", "--backend", "flag"], &variables, file).unwrap(),
            [
                ("backend", "flag".to_owned(), Origin::Flag),
                ("timeout", "2s".to_owned(), Origin::Environment),
                ("quiet", "true".to_owned(), Origin::File(3)),
            ]
        );
    }

    #[test]
    fn what_holds_is_what_the_subcommand_sees() {
        let file = "backend = \"far\"\ntimeout = 3\npreload = [\"json\", \"os\"]\nenv = [\"A=1,2\"]\nworkdir = \"/w\"\n";
        let (_, args) = loaded(&["run", "-c", "1"], &[], file).unwrap();
        let shown = format!("{args:?}");
        for part in
            ["backend: \"far\"", "timeout: Some(3s)", "[\"json\", \"os\"]", "[\"A=1,2\"]", "Some(\"/w\")"]
        {
            assert!(shown.contains(part), "{part}: {shown}");
        }
        let (_, args) = loaded(&["run", "-c", "1", "--preload", "re", "-q"], &[], file).unwrap();
        let shown = format!("{args:?}");
        assert!(shown.contains("preload: [\"re\"]") && shown.contains("quiet: true"), "{shown}");
        // A subcommand that lacks the flag does without.
        assert!(loaded(&["completions", "bash"], &[], file).is_ok());
        let (_, args) = loaded(&["run", "-c", "1", "--quiet=false"], &[], "quiet = true").unwrap();
        assert!(format!("{args:?}").contains("quiet: false"));
    }

    #[test]
    fn a_python_of_the_file_is_for_the_local_backend() {
        let python = |line: &[&str], variables: &[(&str, &str)]| {
            let (_, args) = loaded(line, variables, "python = \"/p\"").unwrap();
            format!("{args:?}").contains("python: Some(\"/p\")")
        };
        assert!(python(&["run", "-c", "1"], &[]));
        assert!(!python(&["run", "-c", "1", "--backend", "far"], &[]));
        assert!(!python(&["run", "-c", "1"], &[("HIBERNACULUM_PYTHON", "/v")]));
    }

    #[test]
    fn a_variable_that_makes_no_sense_is_named() {
        let failure = said(&["config"], &[("HIBERNACULUM_TIMEOUT", "soon")], "").unwrap_err();
        let failure = format!("{failure:?}");
        assert!(
            failure.contains("environment.invalid") && failure.contains("HIBERNACULUM_TIMEOUT"),
            "{failure}"
        );
    }
}
