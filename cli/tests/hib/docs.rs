//! The pages say what is true: each piece of Python compiles, each piece of JSON can be read, each of TOML is a configuration that `hib` takes, each session of
//! `hib repl` goes as it is shown. (Shell: `docs_shell.rs`. Rust is compiled and run by the facade's own documentation tests, YAML read by the mock's.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::driver::hib;
use crate::leash;
use crate::repl::{Person, state};

/// A fenced block: where it begins, its language, its text.
pub(crate) struct Block {
    pub(crate) place: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// Where the repository begins.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All pages of the repository.
fn pages() -> Vec<PathBuf> {
    let (mut pages, mut folders) = (Vec::new(), vec![root()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                pages.push(path);
            }
        }
    }
    pages.sort();
    assert!(pages.len() > 20, "{pages:?}");
    pages
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), open.take()) {
                (Some(language), None) => {
                    let name = page.file_name().unwrap_or_default().to_string_lossy();
                    let place = format!("{name}, line {}", index + 1);
                    open = Some(Block { place, language: language.to_owned(), text: String::new() });
                }
                (Some(_), Some(block)) => found.push(block),
                (None, Some(block)) => open = Some(Block { text: block.text + line + "\n", ..block }),
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "a block of {} is not closed", page.display());
    }
    found
}

pub(crate) fn of(language: &str) -> Vec<Block> {
    let found: Vec<_> = blocks().into_iter().filter(|block| block.language == language).collect();
    assert!(!found.is_empty(), "no page has a block of {language}: does this test look at the right place?");
    found
}

#[test]
fn every_piece_of_python_compiles() {
    for block in of("python") {
        let code = "import sys; compile(sys.argv[1], 'page', 'exec')";
        let ran = leash::output(Command::new("python3").args(["-c", code, &block.text]));
        assert!(ran.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn every_piece_of_json_can_be_read() {
    for block in of("json") {
        let mut values = serde_json::Deserializer::from_str(&block.text).into_iter::<serde_json::Value>();
        let problem = values.find_map(Result::err);
        assert!(problem.is_none(), "{}: {problem:?}", block.place);
    }
}

#[test]
fn every_piece_of_toml_is_a_configuration() {
    for block in of("toml") {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, &block.text).unwrap();
        let ran = hib(["config"]).env("HIBERNACULUM_CONFIG", &file.path().to_string_lossy()).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{}", block.place);
        let keys = block.text.parse::<toml::Table>().unwrap();
        assert!(keys.keys().all(|key| ran.stdout.contains(key.as_str())), "{}", ran.stdout);
    }
}

/// What a session of `hib repl` shows in a page: its prompts are entered into a real one, which shows what stands below them.
#[test]
fn every_session_goes_as_it_is_shown() {
    let sessions: Vec<_> = of("text").into_iter().filter(|block| block.text.contains("In [1]: ")).collect();
    assert!(sessions.len() >= 2, "no page shows a session");
    for block in sessions {
        let state = state();
        let mut person = Person::begins(state.path(), &["--no-history", "--colour", "never"], &[]);
        for line in block.text.lines().filter(|line| !line.is_empty()) {
            match line.split_once("]: ").filter(|(prompt, _)| prompt.contains("In [")) {
                Some((prompt, typed)) => {
                    person.sees(&format!("{prompt}]: "));
                    person.types(&format!("{typed}\r"));
                }
                // The Python is that of whoever reads.
                None if line.starts_with("Python ") => {
                    let (_, told) = line.split_once(", ").unwrap();
                    person.sees(told);
                }
                None => _ = person.sees(&format!("{line}\r\n")),
            }
        }
        person.sees("In [");
        assert_eq!(person.leaves(), Some(0), "{}", block.place);
    }
}

/// What nobody reads may be wrong.
#[test]
fn every_language_is_one_that_somebody_reads() {
    for Block { place, language, text } in blocks() {
        match language.as_str() {
            "json" | "python" | "rust" | "sh" | "toml" => {}
            // `tests/claims` reads that page.
            "yaml" => assert!(place.starts_with("mock.md"), "{place}: nobody reads it"),
            // Shown, and no code.
            "" | "text" => {
                let words = ["$ ", "hib ", "cargo ", "just ", "docker ", ">>> ", "import ", "let ", "use "];
                let is_code = |line: &&str| words.iter().any(|word| line.trim_start().starts_with(word));
                let code = text.lines().find(is_code);
                assert_eq!(code, None, "{place}: code that nobody reads");
            }
            _ => panic!("{place}: nobody reads `{language}`"),
        }
    }
}

#[test]
fn rust_is_compiled_by_the_facade() {
    let facade = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/lib.rs")).unwrap();
    for block in blocks().iter().filter(|block| block.language.starts_with("rust")) {
        let page = block.place.split(',').next().unwrap_or_default();
        assert!(block.language == "rust" && facade.contains(page), "{}: nobody compiles it", block.place);
    }
}

#[test]
fn links_lead_somewhere() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap_or_default();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            let target = page.parent().map(|folder| folder.join(path));
            assert!(target.is_some_and(|target| target.exists()), "{}: {link} is not there", page.display());
        }
    }
}
