//! What can be typed after `hib run`, and the job that it means.

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use hibernaculum::Timeout;

use super::cell::{Cell, Job, prelude};
use super::source;
use crate::exit::{Exit, TABLE};
use crate::failure::Failure;
use crate::place::PlaceArgs;
use crate::time::parse_time;

const EXAMPLES: &str = "\
Examples:
  hib run analysis.py                       a script; cells split at `# %%`
  hib run analysis.ipynb                    a notebook, cell by cell
  hib run -c 'x = 41' -c 'x + 1'            42: cells share one session
  echo 'print(sum(range(10)))' | hib run -
  hib run train.py -- --epochs 3            arguments of the script, in sys.argv
  hib run --timeout 5s --json train.py      one event a line, for programs

All cells share the state of one session. Output comes as it is written; the
value of a cell's trailing expression is printed as in Python's REPL, tracebacks
go to stderr. `input()` is answered from stdin, unless the code came from there.
Ctrl-C interrupts the running cell; twice within 2 s, it ends everything.";

/// Run Python: a script, a notebook, or code from the command line
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{TABLE}"), after_help = "`hib help run` has examples and the exit codes.")]
pub(crate) struct RunArgs {
    /// A Python script, a notebook (*.ipynb), or `-` for stdin
    #[arg(value_name = "FILE", required_unless_present = "code")]
    file: Option<OsString>,

    /// What the code finds in sys.argv; those that begin with a hyphen go behind `--`
    #[arg(value_name = "ARGS")]
    args: Vec<OsString>,

    /// Code to run; each -c is a cell
    #[arg(short, value_name = "CODE", allow_hyphen_values = true)]
    code: Vec<String>,

    /// How long each cell may take, such as 30s or 2m [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    timeout: Option<Duration>,

    /// Go on after a cell that failed; the exit code is that of the first failure
    #[arg(short, long)]
    pub(super) keep_going: bool,

    /// Print events instead of output: one JSON object a line
    #[arg(long)]
    pub(super) json: bool,

    /// Save the session under this name when everything has run to its end: see `hib checkpoint`
    #[arg(long, value_name = "NAME")]
    pub(super) checkpoint_after: Option<String>,

    #[command(flatten)]
    pub(super) place: PlaceArgs,
}

impl RunArgs {
    /// The same, and the session is saved.
    pub(crate) fn saving(mut self, name: String) -> Self {
        self.checkpoint_after = Some(name);
        self
    }

    /// The same, in a session that begins with a saved state.
    pub(crate) fn from(mut self, checkpoint: String) -> Self {
        self.place = self.place.from(checkpoint);
        self
    }

    /// How long each execution may take. Here a person waits, who can press Ctrl-C: so there is no limit of its own.
    pub(super) fn timeout(&self) -> Timeout {
        self.timeout.map_or(Timeout::Unlimited, Timeout::After)
    }

    /// Reads what is to be run.
    pub(super) fn job(&self) -> Result<Job, Failure> {
        let args = texts(&self.args)?;
        match &self.file {
            Some(file) if self.code.is_empty() && file == "-" => source::stdin(&args),
            Some(file) if self.code.is_empty() => source::file(Path::new(file), &args),
            // With -c there is no FILE: all words are the code's.
            file => Ok(snippets(&self.code, &[texts(file)?, args].concat())),
        }
    }
}

fn snippets(code: &[String], words: &[String]) -> Job {
    let cells = code.iter().map(|code| Cell { code: code.clone(), script: None });
    Job {
        name: "the code of -c".to_owned(),
        prelude: (!words.is_empty()).then(|| prelude(&[&["-c".to_owned()], words].concat(), None)),
        cells: cells.filter(|cell| !cell.is_blank()).collect(),
        stdin_taken: false,
    }
}

fn texts<'a>(words: impl IntoIterator<Item = &'a OsString>) -> Result<Vec<String>, Failure> {
    words.into_iter().map(text).collect()
}

/// Python would see such an argument with surrogates in it, which no JSON can carry.
fn text(word: &OsString) -> Result<String, Failure> {
    word.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(
            Exit::USAGE,
            "args.not_utf8",
            format!("the argument `{}` cannot be passed on", word.to_string_lossy()),
            "it is not UTF-8",
            "rename the file, or pass the argument in another form",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use clap::Parser as _;

    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Line {
        #[command(flatten)]
        run: RunArgs,
    }

    fn parse(line: &[&str]) -> Result<RunArgs, clap::Error> {
        Ok(Line::try_parse_from(std::iter::once("run").chain(line.iter().copied()))?.run)
    }

    #[test]
    fn each_c_is_a_cell_and_blank_ones_are_none() {
        let job = parse(&["-c", "x = 1", "-c", " \n", "-c", "-x"]).unwrap().job().unwrap();
        let code: Vec<_> = job.cells.iter().map(|cell| cell.code.as_str()).collect();
        assert_eq!(code, ["x = 1", "-x"]);
        assert_eq!((job.prelude, job.stdin_taken), (None, false));
    }

    #[test]
    fn words_beside_c_are_arguments_of_the_code() {
        let job = parse(&["-c", "1", "a", "--", "--b"]).unwrap().job().unwrap();
        assert_eq!(job.prelude.unwrap(), "__import__('sys').argv[:] = [\"-c\",\"a\",\"--b\"]\n");
    }

    #[test]
    fn options_are_understood_before_and_after_the_file() {
        for line in [["--timeout", "2m", "x.py"], ["x.py", "--timeout", "2m"]] {
            let args = parse(&line).unwrap();
            assert_eq!(args.timeout(), Timeout::After(Duration::from_mins(2)));
            assert_eq!(args.file.unwrap(), "x.py");
        }
        assert_eq!(parse(&["x.py"]).unwrap().timeout(), Timeout::Unlimited);
    }

    #[test]
    fn a_line_that_makes_no_sense_is_refused() {
        for line in [&[][..], &["x.py", "--epochs", "3"], &["--timeout", "0", "x.py"], &["-c"]] {
            let refused = parse(line).expect_err("it makes no sense");
            assert_eq!(refused.exit_code(), 2, "{line:?}");
        }
    }

    #[test]
    fn an_argument_that_is_no_text_is_refused() {
        let args = RunArgs { args: vec![OsString::from_vec(vec![0xff])], ..parse(&["-c", "1"]).unwrap() };
        let refused = format!("{:?}", args.job().expect_err("it is no text"));
        assert!(refused.contains("args.not_utf8"), "{refused}");
    }
}
