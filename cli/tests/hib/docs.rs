//! The pages say what is true: each `hib` line in them is understood, each piece of Python compiles, each piece of JSON and TOML can be read.
//! (Rust is compiled and run by the facade's own documentation tests.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::driver::hib;

/// A fenced block: where it begins, its language, its text.
struct Block {
    place: String,
    language: String,
    text: String,
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut pages: Vec<_> =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"].map(|page| root.join(page)).into();
    let docs = fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(docs.filter(|path| path.extension().is_some_and(|end| end == "md")));
    pages
}

fn blocks() -> Vec<Block> {
    let mut found = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            match (line.strip_prefix("```"), open.take()) {
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

fn of(language: &str) -> Vec<Block> {
    let found: Vec<_> = blocks().into_iter().filter(|block| block.language == language).collect();
    assert!(!found.is_empty(), "no page has a block of {language}: does this test look at the right place?");
    found
}

/// The words of a line of shell, up to a comment, a pipe or a redirection.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote, mut begun) = (Vec::new(), String::new(), None, false);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (Some(_), _) => word.push(character),
            (None, '\'' | '"') => (quote, begun) = (Some(character), true),
            (None, '#' | '|' | '<' | '>' | ';' | '&') if !begun => break,
            (None, c) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (None, c) => {
                word.push(c);
                begun = true;
            }
        }
    }
    if begun {
        words.push(word);
    }
    words
}

#[test]
fn every_line_of_hib_is_understood() {
    let mut count = 0;
    for block in of("sh") {
        for line in block.text.lines() {
            let Some(at) = line
                .find("hib ")
                .filter(|at| line.get(..*at).is_some_and(|before| !before.ends_with(['-', '/', '`'])))
            else {
                continue;
            };
            let mut words = words(line.get(at..).unwrap_or_default());
            words.remove(0);
            // These are there where `hib` is built with containers.
            if cfg!(not(feature = "docker"))
                && words.first().is_some_and(|word| word == "image" || word == "reap")
            {
                continue;
            }
            // Asked for help, a line that is understood so far does nothing else. What is behind `--` is the code's.
            let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
            if words.first().is_some_and(|word| word != "help") {
                words.insert(end, "--help".to_owned());
            }
            let ran = hib([])
                .command(|command| {
                    command.args(&words);
                })
                .run();
            assert_eq!(ran.code, Some(0), "{}: `{line}`: {}", block.place, ran.stderr);
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} lines of `hib` were found");
}

#[test]
fn every_piece_of_python_compiles() {
    for block in of("python") {
        let code = "import sys; compile(sys.argv[1], 'page', 'exec')";
        let ran = Command::new("python3").args(["-c", code, &block.text]).output().unwrap();
        assert!(ran.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&ran.stderr));
    }
}

#[test]
fn every_piece_of_json_and_toml_can_be_read() {
    for block in of("json") {
        let mut values = serde_json::Deserializer::from_str(&block.text).into_iter::<serde_json::Value>();
        let problem = values.find_map(Result::err);
        assert!(problem.is_none(), "{}: {problem:?}", block.place);
    }
    for block in of("toml") {
        assert!(
            block.text.parse::<toml::Table>().is_ok(),
            "{}: {:?}",
            block.place,
            block.text.parse::<toml::Table>()
        );
    }
}

/// What nobody reads may be wrong. (YAML is read by the mock's own tests, Rust by the facade's; `text` and what has no language is shown, and no code.)
#[test]
fn every_language_is_one_that_somebody_reads() {
    for Block { place, language, .. } in blocks() {
        let known = ["", "json", "python", "rust", "sh", "text", "toml", "yaml"];
        assert!(known.contains(&language.as_str()), "{place}: nobody reads `{language}`");
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
