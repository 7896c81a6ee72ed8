//! Where code is read from: a file or stdin. What cannot be read, or is no text, is told so that it can be mended.

use std::fs::File;
use std::io::{self, Read};
use std::path::{self, Path};

use hibernaculum::Script;

use super::cell::{Cell, Job, prelude};
use super::{notebook, script};
use crate::exit::Exit;
use crate::failure::Failure;

/// The largest input that is read: a notebook may carry the pictures of its last run.
const LIMIT: u64 = 256 << 20;

/// What piped input is called.
const STDIN: &str = "stdin";

/// A script or a notebook, by its name.
pub(crate) fn file(path: &Path, words: &[String]) -> Result<Job, Failure> {
    let name = path.display().to_string();
    let text =
        File::open(path).and_then(|file| read(file, LIMIT)).map_err(|error| unreadable(&name, &error))?;
    let text = utf8(&name, text)?;
    let (Some(shown), Some(full)) = (path.to_str(), absolute(path)) else {
        return Err(Failure::new(
            Exit::BAD_INPUT,
            "input.path_not_utf8",
            format!("`{name}` cannot be run"),
            "its path is not UTF-8, and the code is to see it",
            "rename it, or give it to stdin: `hib run - < FILE`",
        ));
    };
    let argv = [&[shown.to_owned()], words].concat();
    let quoted = format!("`{name}`");
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("ipynb")) {
        notebook_job(quoted, &text, &full, &argv)
    } else {
        Ok(script_job(quoted, &text, &full, Some(&argv)))
    }
}

/// What is piped in, as text.
pub(crate) fn piped() -> Result<String, Failure> {
    let bytes = read(io::stdin().lock(), LIMIT).map_err(|error| unreadable(STDIN, &error))?;
    utf8(STDIN, bytes)
}

/// Code that is piped in. Nobody can answer `input()` then.
pub(super) fn stdin(words: &[String]) -> Result<Job, Failure> {
    let text = piped()?;
    let argv = [&["-".to_owned()], words].concat();
    let job = script_job(STDIN.to_owned(), &text, "<stdin>", None);
    let prelude = (argv.len() > 1).then(|| prelude(&argv, None));
    Ok(Job { prelude, stdin_taken: true, ..job })
}

/// Tracebacks name the file, and the lines of the file.
fn script_job(name: String, text: &str, filename: &str, argv: Option<&[String]>) -> Job {
    let cells = script::split(text).into_iter().map(|piece| Cell {
        code: piece.code.to_owned(),
        script: Some(Script {
            filename: filename.to_owned(),
            first_line: piece.first_line,
            argv: argv.map(<[_]>::to_vec),
        }),
    });
    Job { name, prelude: None, cells: cells.collect(), stdin_taken: false }
}

/// As in Jupyter there is no `__file__`, and what lies beside the notebook can be imported. Tracebacks name the notebook and the number of the code cell.
fn notebook_job(name: String, text: &str, full: &str, argv: &[String]) -> Result<Job, Failure> {
    let cells = notebook::code_cells(text).map_err(|refusal| {
        Failure::new(
            Exit::BAD_INPUT,
            "input.not_a_notebook",
            format!("{name} is no notebook that can be run"),
            refusal.to_string(),
            refusal.how(),
        )
    })?;
    let cells = cells.into_iter().zip(1_u32..).map(|(code, number)| Cell {
        code,
        script: Some(Script { filename: format!("{full}[{number}]"), first_line: 1, argv: None }),
    });
    let folder = Path::new(full).parent().and_then(Path::to_str);
    Ok(Job {
        name,
        prelude: Some(prelude(argv, folder)),
        cells: cells.filter(|cell| !cell.is_blank()).collect(),
        stdin_taken: false,
    })
}

/// Python shows scripts by their full path too; it stays right when the code changes its directory.
fn absolute(path: &Path) -> Option<String> {
    path::absolute(path).ok()?.into_os_string().into_string().ok()
}

fn read(input: impl Read, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    input.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

fn unreadable(name: &str, error: &io::Error) -> Failure {
    let (code, what, why, how) = match error.kind() {
        io::ErrorKind::NotFound => (
            "input.missing",
            "there is no file",
            "nothing of that name is there",
            "see whether the name is right; code itself goes behind -c",
        ),
        io::ErrorKind::IsADirectory => (
            "input.directory",
            "a directory cannot be run:",
            "it is a directory",
            "name a Python script or a notebook in it",
        ),
        io::ErrorKind::FileTooLarge => (
            "input.too_large",
            "too much to read:",
            "it has more than 256 MiB",
            "keep data in a file of its own, and have the code read it",
        ),
        _ => ("input.unreadable", "cannot read", "the system refused it", "see who may read it: `ls -l`"),
    };
    Failure::new(Exit::NO_INPUT, code, format!("{what} `{name}`"), why, how).because(error)
}

/// The text, without the mark that some editors put before it.
fn utf8(name: &str, bytes: Vec<u8>) -> Result<String, Failure> {
    let text = String::from_utf8(bytes).map_err(|error| {
        let sound = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = sound.split(|byte| *byte == b'\n').count();
        Failure::new(
            Exit::BAD_INPUT,
            "input.not_utf8",
            format!("`{name}` is not UTF-8"),
            format!("byte {} of it, in line {line}, belongs to no character", sound.len()),
            "convert it: `iconv -f latin1 -t utf-8 FILE`, with the encoding that it has; what is no text cannot be run",
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn refusal(job: Result<Job, Failure>) -> String {
        format!("{:?}", job.expect_err("it cannot be run"))
    }

    #[test]
    fn a_script_keeps_its_name_its_lines_and_its_arguments() {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("a.py");
        fs::write(&path, "\u{feff}x = 1\n# %%\nx\n").unwrap();
        let job = file(&path, &["--fast".to_owned()]).unwrap();
        let shown = path.to_str().unwrap();
        assert_eq!(job.cells[0].code, "x = 1\n");
        let script = job.cells[1].script.as_ref().unwrap();
        assert_eq!((script.filename.as_str(), script.first_line), (shown, 2));
        assert_eq!(script.argv.as_deref().unwrap(), [shown, "--fast"]);
        assert!(!job.stdin_taken);
    }

    #[test]
    fn cells_of_a_notebook_are_counted_as_jupyter_counts_them() {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("a.IPYNB");
        let cells = r#"[{"cell_type": "code", "source": "1"}, {"cell_type": "code", "source": " "}, {"cell_type": "code", "source": "2"}]"#;
        fs::write(&path, format!(r#"{{"nbformat": 4, "cells": {cells}}}"#)).unwrap();
        let job = file(&path, &[]).unwrap();
        let names: Vec<_> =
            job.cells.iter().map(|cell| cell.script.as_ref().unwrap().filename.clone()).collect();
        let shown = path.to_str().unwrap();
        assert_eq!(names, [format!("{shown}[1]"), format!("{shown}[3]")]);
        assert!(job.prelude.unwrap().contains(scene.path().to_str().unwrap()));
    }

    #[test]
    fn what_cannot_be_read_is_told_apart() {
        let scene = tempfile::tempdir().unwrap();
        let at = |name: &str| scene.path().join(name);
        fs::write(at("latin1.py"), b"a = 1\nb = '\xe9'\n").unwrap();
        fs::write(at("broken.ipynb"), "{").unwrap();
        for (path, code, exit) in [
            (at("absent.py"), "input.missing", 66),
            (at("."), "input.directory", 66),
            (at("latin1.py/x"), "input.unreadable", 66),
            (at("latin1.py"), "input.not_utf8", 65),
            (at("broken.ipynb"), "input.not_a_notebook", 65),
        ] {
            let told = refusal(file(&path, &[]));
            assert!(told.contains(code) && told.contains(&format!("exit: Exit({exit})")), "{told}");
        }
        let told = refusal(file(&at("latin1.py"), &[]));
        assert!(told.contains("byte 11 of it, in line 2"), "{told}");
    }

    #[test]
    fn input_without_end_is_given_up() {
        assert_eq!(read(&b"1234"[..], 4).unwrap(), b"1234");
        assert_eq!(read(io::repeat(b'#'), 4096).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
