//! `hib config`: what holds, and who says so.

use std::fmt::Write as _;
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::kind::Kind;
use super::layers::{Config, FILE_VARIABLE, Origin, Setting};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::place::PlaceArgs;
use crate::terminal::say;
use crate::time::parse_time;

const EXAMPLES: &str = "\
Examples:
  hib config                           what holds, and who says so
  hib config --timeout 5s              what would hold with this flag
  hib --config ./ci.toml config --json

A flag beats the environment, that beats the configuration file, and that the
default. The file is $XDG_CONFIG_HOME/hib/config.toml, ~/.config/hib/config.toml
where that is not set, or the one that --config or HIBERNACULUM_CONFIG names:

  backend = \"local\"
  preload = [\"json\", \"numpy\"]
  timeout = \"2m\"

docs/config.md tells every key.";

/// Show what holds where no flag is typed: from the environment, the configuration file, or by default
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ConfigArgs {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,

    /// How long each cell may take, such as 30s or 2m
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    #[command(flatten)]
    place: PlaceArgs,
}

/// The whole of `hib config`.
pub(crate) fn config(args: &ConfigArgs, config: &Config) -> Result<Exit, Failure> {
    say(&if args.json { object(config) } else { table(config) })?;
    Ok(Exit::OK)
}

fn table(config: &Config) -> String {
    let file = match &config.file.path {
        None => format!("no configuration file: neither HOME nor {FILE_VARIABLE} is set"),
        Some(path) if config.file.is_there => format!("configuration file: {}", path.display()),
        Some(path) => format!("configuration file: {} (not there)", path.display()),
    };
    let mut text = format!("{file}\n\n");
    let shown: Vec<_> = config.settings.iter().map(|setting| (setting, value(setting))).collect();
    let width = shown.iter().map(|(_, value)| value.chars().count()).max().unwrap_or(0).min(60);
    for (setting, value) in shown {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:8}  {value:width$}  {}", setting.key.name, who(setting));
    }
    text
}

fn value(setting: &Setting) -> String {
    match (setting.origin, setting.key.kind) {
        (Origin::Default, _) => setting.key.default.to_owned(),
        (_, Kind::List) if setting.values.is_empty() => "none".to_owned(),
        _ => setting.values.join(", "),
    }
}

fn who(setting: &Setting) -> String {
    match setting.origin {
        Origin::Flag => format!("--{}", setting.key.name),
        Origin::Environment => setting.key.variable.to_owned(),
        Origin::File(line) => format!("the file, line {line}"),
        Origin::Default => "default".to_owned(),
    }
}

/// `null` stands for what nobody said.
fn object(config: &Config) -> String {
    let values = config.settings.iter().map(|setting| {
        let value = match (setting.origin, setting.key.kind) {
            (Origin::Default, Kind::List) => json!([]),
            (Origin::Default, Kind::Switch) => json!(setting.key.default == "true"),
            (Origin::Default, Kind::Choice(_)) => json!(setting.key.default),
            (Origin::Default, _) if setting.key.name == "backend" => json!(setting.key.default),
            (Origin::Default, _) => Value::Null,
            (_, Kind::List) => json!(setting.values),
            (_, Kind::Switch) => json!(setting.values.first().is_some_and(|value| value == "true")),
            _ => json!(setting.values.first()),
        };
        let from = match setting.origin {
            Origin::Flag => "flag",
            Origin::Environment => "environment",
            Origin::File(_) => "file",
            Origin::Default => "default",
        };
        let line = if let Origin::File(line) = setting.origin { Some(line) } else { None };
        (setting.key.name.to_owned(), json!({ "value": value, "from": from, "line": line }))
    });
    let values: Map<String, Value> = values.collect();
    let path = config.file.path.as_ref().map(|path| path.display().to_string());
    let object = json!({ "file": path, "is_there": config.file.is_there, "values": values });
    format!("{object:#}\n")
}
