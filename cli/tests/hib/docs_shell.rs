//! Every line of shell in the pages is run, or all of it is understood: its commands, their flags, and the examples, packages, features, recipes and
//! variables that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::docs::{of, root};
use crate::driver::hib;
use crate::leash;

/// Commands that are understood as far as they are taken for what they are: the name, and why no more is asked of them.
const TAKEN_FOR_GRANTED: &[(&str, &str)] = &[];

/// The commands of a line, without comments: what stands between `|`, `&&`, `||` and `;`.
fn commands(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), String::new());
    let (mut quote, mut begun) = (None, false);
    for character in line.chars().chain(['\n']) {
        let is_blank = character.is_whitespace();
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => word.push(character),
            (None, '\'' | '"') => (quote, begun) = (Some(character), true),
            (None, '#') if !begun => break,
            (None, '|' | ';' | '&') => {
                words.extend(begun.then(|| std::mem::take(&mut word)));
                begun = false;
                commands.extend((!words.is_empty()).then(|| std::mem::take(&mut words)));
            }
            (None, _) if is_blank => {
                words.extend(begun.then(|| std::mem::take(&mut word)));
                begun = false;
            }
            (None, _) => {
                word.push(character);
                begun = true;
            }
        }
    }
    assert_eq!(quote, None, "`{line}`: a quote is not closed");
    words.extend(begun.then_some(word));
    commands.extend((!words.is_empty()).then_some(words));
    commands
}

/// A line that a `\` at its end goes on with is one.
fn lines(text: &str) -> Vec<String> {
    text.replace("\\\n", " ").lines().map(str::to_owned).filter(|line| !commands(line).is_empty()).collect()
}

/// The name of a variable that a word sets.
fn assigned(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let is_name =
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    is_name.then_some(name)
}

/// Whether what is written here is what the programs take; else what is wrong with it.
fn understood(words: &[String]) -> Result<(), String> {
    let named = words.iter().take_while(|word| assigned(word).is_some());
    let rest = words.get(named.clone().count()..).unwrap_or_default();
    for name in named.filter_map(|word| assigned(word)) {
        is_read(name)?;
    }
    let Some((program, arguments)) = rest.split_first() else { return Ok(()) };
    match program.rsplit('/').next().unwrap_or_default() {
        "hib" => asks_hib(arguments),
        "cargo" => asks_cargo(arguments),
        "just" => asks_just(arguments),
        "echo" => Ok(()),
        "export" => arguments.iter().try_for_each(|word| {
            is_read(assigned(word).ok_or_else(|| format!("`{word}` is no assignment"))?)
        }),
        "taskset" => match arguments {
            [flag, processor, rest @ ..] if flag == "--cpu-list" && processor.parse::<u32>().is_ok() => {
                understood(rest)
            }
            _ => Err("taskset is understood with `--cpu-list N` only".to_owned()),
        },
        name if TAKEN_FOR_GRANTED.iter().any(|(known, _)| *known == name) => Ok(()),
        name => {
            Err(format!("nobody knows `{name}`: teach `understood`, or give a reason in TAKEN_FOR_GRANTED"))
        }
    }
}

/// Asked for help, a line that is understood so far does nothing else. What is behind `--` is the code's.
fn with_help(arguments: &[String]) -> Vec<String> {
    let mut words = arguments.to_vec();
    let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
    if words.first().is_some_and(|word| word != "help") {
        words.insert(end, "--help".to_owned());
    }
    words
}

fn asks_hib(arguments: &[String]) -> Result<(), String> {
    // These are there where `hib` is built with containers.
    let is_of_docker = arguments.first().is_some_and(|word| word == "image" || word == "reap");
    if is_of_docker && cfg!(not(feature = "docker")) {
        return Ok(());
    }
    let ran = hib([]).command(|command| _ = command.args(with_help(arguments))).run();
    if ran.code == Some(0) { Ok(()) } else { Err(ran.stderr) }
}

fn asks_cargo(arguments: &[String]) -> Result<(), String> {
    let ran = leash::output_of_all(cargo().args(with_help(arguments)));
    if !ran.status.success() {
        return Err(String::from_utf8_lossy(&ran.stderr).into_owned());
    }
    // So far names have not been looked at.
    let own = arguments.split(|word| word == "--").next().unwrap_or_default();
    let value = |flags: &[&str]| {
        let mut pairs = own.iter().zip(own.iter().skip(1));
        pairs.find(|(flag, _)| flags.contains(&flag.as_str())).map(|(_, value)| value.as_str())
    };
    let folder = root().join(value(&["--path"]).unwrap_or("."));
    let packages = packages();
    let chosen: Vec<_> = match value(&["-p", "--package"]) {
        Some(name) => packages.iter().filter(|package| package["name"] == name).collect(),
        None if own.iter().any(|word| word == "--workspace") => packages.iter().collect(),
        None => {
            let manifest = folder.join("Cargo.toml").canonicalize().map_err(|error| error.to_string())?;
            packages
                .iter()
                .filter(|package| package["manifest_path"] == *manifest.to_string_lossy())
                .collect()
        }
    };
    if chosen.is_empty() {
        return Err("there is no such package".to_owned());
    }
    let any = |has: &dyn Fn(&Value) -> bool| chosen.iter().any(|package| has(package));
    let is_target = |kind: &str, name: &str| {
        any(&|package| {
            let targets = package["targets"].as_array().into_iter().flatten();
            targets.into_iter().any(|target| {
                target["name"] == name
                    && target["kind"].as_array().is_some_and(|kinds| kinds.contains(&kind.into()))
            })
        })
    };
    for kind in ["example", "test", "bench", "bin"] {
        if let Some(name) = value(&[&format!("--{kind}")]).filter(|name| !is_target(kind, name)) {
            return Err(format!("there is no {kind} `{name}`"));
        }
    }
    let features = value(&["--features", "-F"]).unwrap_or_default();
    let strange = features
        .split([',', ' '])
        .find(|name| !name.is_empty() && !any(&|package| package["features"].get(name).is_some()));
    strange.map_or(Ok(()), |name| Err(format!("there is no feature `{name}`")))
}

fn asks_just(arguments: &[String]) -> Result<(), String> {
    let text = fs::read_to_string(root().join("justfile")).map_err(|error| error.to_string())?;
    let Some(wanted) = arguments.first() else { return Ok(()) };
    let recipes =
        text.lines().filter(|line| !line.starts_with(char::is_whitespace) && !line.starts_with('#'));
    let mut names = recipes.filter_map(|line| line.split_once(':')?.0.split_whitespace().next());
    if names.any(|name| name == wanted) {
        Ok(())
    } else {
        Err(format!("the justfile has no recipe `{wanted}`"))
    }
}

/// Whether some program of the house reads the variable.
fn is_read(name: &str) -> Result<(), String> {
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let (path, name_of) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                let is_ours = !name_of.starts_with('.') && name_of != "target" && name_of != "tests";
                folders.extend(is_ours.then_some(path));
            } else if path.extension().is_some_and(|end| end == "rs")
                && fs::read_to_string(&path).is_ok_and(|text| text.contains(&format!("\"{name}\"")))
            {
                return Ok(());
            }
        }
    }
    Err(format!("nobody reads the variable `{name}`"))
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// The packages of the workspace, as cargo tells of them.
fn packages() -> &'static [Value] {
    static PACKAGES: OnceLock<Vec<Value>> = OnceLock::new();
    PACKAGES.get_or_init(|| {
        let options = ["metadata", "--no-deps", "--offline", "--format-version=1"];
        let ran = leash::output_of_all(cargo().args(options));
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        let told: Value = serde_json::from_slice(&ran.stdout).unwrap();
        told.get("packages").and_then(Value::as_array).unwrap().clone()
    })
}

/// Whether a line can be run as it stands: it needs this `hib` and the local backend, and no file.
fn needs_nothing(line: &str) -> bool {
    let is_snippet = |words: &[String]| matches!(words, [program, run, code, ..] if program == "hib" && run == "run" && (code == "-c" || code == "-"));
    commands(line).iter().all(|words| is_snippet(words) || words.first().is_some_and(|word| word == "echo"))
}

#[test]
fn every_line_of_shell_is_understood_all_of_it() {
    let mut programs = BTreeSet::new();
    for block in of("sh") {
        for line in lines(&block.text) {
            for words in commands(&line) {
                let problem = understood(&words);
                assert_eq!(problem, Ok(()), "{}: `{line}`", block.place);
                programs.extend(words.into_iter().find(|word| assigned(word).is_none()));
            }
        }
    }
    for program in ["hib", "cargo", "echo", "export"] {
        assert!(programs.contains(program), "no page has a line of {program}: is the right thing looked at?");
    }
}

#[test]
fn what_needs_nothing_is_run() {
    let program = Path::new(env!("CARGO_BIN_EXE_hib")).parent().map(PathBuf::from).unwrap_or_default();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut told = Vec::new();
    for block in of("sh") {
        for line in lines(&block.text).into_iter().filter(|line| needs_nothing(line)) {
            let mut sh = Command::new("sh");
            sh.args(["-c", &line]).env("PATH", &path).env("HIBERNACULUM_CONFIG", "/dev/null");
            let ran = leash::output_of_all(sh.env_remove("HIBERNACULUM_BACKEND"));
            let stdout = String::from_utf8_lossy(&ran.stdout).trim_end().to_owned();
            assert!(
                ran.status.success(),
                "{}: `{line}`: {}",
                block.place,
                String::from_utf8_lossy(&ran.stderr)
            );
            // A remark that begins with a number is what is printed.
            let remark = line.rsplit_once(" # ").map(|(_, remark)| remark).unwrap_or_default();
            let claimed = remark.split_once(':').map(|(claimed, _)| claimed.trim()).unwrap_or_default();
            if claimed.parse::<i64>().is_ok() {
                assert_eq!(stdout, claimed, "{}: `{line}`", block.place);
            }
            told.push(stdout);
        }
    }
    assert!(told.iter().any(|text| text == "42") && told.iter().any(|text| text == "45"), "{told:?}");
}

/// Else the test above could not fail.
#[test]
fn what_is_wrong_in_a_line_of_shell_is_found() {
    for (line, why) in [
        ("hib run --tiemout 5s x.py", "--tiemout"),
        ("hib fly", "fly"),
        ("echo x | hib run --zzz -", "--zzz"),
        ("cargo fly", "fly"),
        ("cargo test --wrkspace", "--wrkspace"),
        ("cargo run --example quickstrat", "no example `quickstrat`"),
        ("cargo build -p hibernaculum-cil", "no such package"),
        ("cargo install --path cli --features datona", "no feature `datona`"),
        ("cargo install --path clu", "No such file"),
        ("just ic", "no recipe `ic`"),
        ("HIBERNACULUM_RECORDS=all cargo test", "HIBERNACULUM_RECORDS"),
        ("export DAYTONA_API_KYE=x", "DAYTONA_API_KYE"),
        ("taskset 1 hib bench", "--cpu-list"),
        ("true && podman ps", "nobody knows `true`"),
    ] {
        let found = commands(line).iter().find_map(|words| understood(words).err());
        assert!(found.as_ref().is_some_and(|told| told.contains(why)), "`{line}`: {found:?}");
    }
    for line in [
        "just ci",
        "just",
        "HIBERNACULUM_RECORD=all cargo test -- --anything",
        "# a remark; with 'quotes",
        "cargo run --example quickstart # does it work at all?",
    ] {
        let found = commands(line).iter().find_map(|words| understood(words).err());
        assert_eq!(found, None, "`{line}`");
    }
    assert_eq!(lines("a b \\\n  c\n\n# d\n"), ["a b    c"]);
    assert_eq!(commands("echo 'a | b' | c -x; d"), [&["echo", "a | b"][..], &["c", "-x"], &["d"]]);
}
