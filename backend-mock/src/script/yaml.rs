//! Scripts in YAML.

use std::collections::BTreeMap;

use hibernaculum_core::{ConfigError, Error};
use serde::Deserialize;

use super::{
    Crash, Ending, Exception, Matcher, Order, Reaction, Rule, Scope, Script, ScriptedValue, Step, Times, when,
};

/// The format's version.
const VERSION: u32 = 1;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile {
    version: u32,
    #[serde(default)]
    order: Order,
    #[serde(default)]
    scope: Scope,
    rules: Vec<RuleFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    when: WhenFile,
    #[serde(default)]
    times: Option<TimesFile>,
    #[serde(default)]
    prints: Option<String>,
    #[serde(default)]
    steps: Vec<Step>,
    #[serde(default)]
    binds: BTreeMap<String, ScriptedValue>,
    #[serde(default)]
    value: Option<ScriptedValue>,
    #[serde(default)]
    value_of: Option<String>,
    #[serde(default)]
    raises: Option<Exception>,
    #[serde(default)]
    crashes: Option<Crash>,
    #[serde(default)]
    on_interrupt: Option<ReactionFile>,
    #[serde(default)]
    warns: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WhenFile {
    Code(String),
    By(ByFile),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ByFile {
    Text(String),
    Contains(String),
    Regex(String),
    Any(bool),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TimesFile {
    Exactly(u64),
    Word(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ReactionFile {
    Ends,
    Ignores,
    Tidies(Vec<Step>),
}

pub(super) fn read(text: &str) -> Result<Script, Error> {
    let file: ScriptFile = serde_saphyr::from_str(text)
        .map_err(|error| invalid("script", format!("must be a script in YAML ({error})")))?;
    if file.version != VERSION {
        return Err(invalid("script.version", format!("must be {VERSION}: this release knows no other")));
    }
    let rules = file.rules.into_iter().enumerate();
    let rules: Result<Vec<Rule>, Error> = rules.map(|(index, rule)| rule_of(index + 1, rule)).collect();
    Ok(Script { rules: rules?, order: file.order, scope: file.scope })
}

fn rule_of(number: usize, file: RuleFile) -> Result<Rule, Error> {
    let field = |name: &str| format!("script.rules[{number}].{name}");
    let matcher = match file.when {
        WhenFile::Code(code) | WhenFile::By(ByFile::Text(code)) => Matcher::text(code),
        WhenFile::By(ByFile::Contains(part)) => Matcher::contains(part),
        WhenFile::By(ByFile::Regex(pattern)) => Matcher::regex(&pattern)?,
        WhenFile::By(ByFile::Any(true)) => Matcher::any(),
        WhenFile::By(ByFile::Any(false)) => {
            return Err(invalid(&field("when"), "`any` can only be true".to_owned()));
        }
    };
    let mut rule = when(matcher);
    rule.times = match file.times {
        None => Times::ONCE,
        Some(TimesFile::Exactly(times)) => Times { least: times, most: times },
        Some(TimesFile::Word(word)) if word == "any" => Times::ANY,
        Some(TimesFile::Word(word)) if word == "optional" => Times { least: 0, most: 1 },
        Some(TimesFile::Word(word)) => {
            return Err(invalid(&field("times"), format!("{word:?}: must be a number, `any` or `optional`")));
        }
    };
    rule.steps.extend(file.prints.map(Step::Print));
    rule.steps.extend(file.steps);
    if !file.binds.is_empty() {
        rule.steps.push(Step::Bind(file.binds));
    }
    let endings = [
        file.value.map(Ending::Value),
        file.value_of.map(Ending::ValueOf),
        file.raises.map(Ending::Raises),
        file.crashes.map(Ending::Crashes),
    ];
    let mut endings = endings.into_iter().flatten();
    rule.ending = endings.next().unwrap_or_default();
    if endings.next().is_some() {
        let rule = "a rule ends once: give one of `value`, `value_of`, `raises` and `crashes`".to_owned();
        return Err(invalid(&field("value"), rule));
    }
    rule.reaction = match file.on_interrupt {
        None | Some(ReactionFile::Ends) => Reaction::Ends,
        Some(ReactionFile::Ignores) => Reaction::Ignores,
        Some(ReactionFile::Tidies(steps)) => Reaction::Tidies(steps),
    };
    rule.warnings = file.warns;
    Ok(rule)
}

fn invalid(field: &str, rule: String) -> Error {
    ConfigError::Invalid { field: field.to_owned(), value: "the YAML text".to_owned(), rule }.into()
}
