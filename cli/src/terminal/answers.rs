//! Where answers to `input()` come from: the lines of stdin, taken one by one, and only when the code asks.
//!
//! ```text
//!  input() ─▶ Answers::ask ──want──▶ the reading thread ──line──▶ Answers::next ─▶ the code
//! ```
//!
//! Reading blocks, and nothing can wake a read that nobody answers. So it has a thread of its own, which the program's end does not wait for; a line that
//! came too late for one question answers the next.

use std::io::{self, BufRead as _};
use std::thread;

use hibernaculum::InputReply;
use tokio::sync::mpsc;

use super::echo::Silence;
use crate::exit::Exit;
use crate::failure::Failure;

/// The lines of stdin. Nothing is read before the first question.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    reader: Option<Reader>,
    /// The terminal is silent until the question is answered or dropped.
    silence: Option<Silence>,
}

#[derive(Debug)]
struct Reader {
    wants: mpsc::Sender<()>,
    lines: mpsc::Receiver<io::Result<Option<String>>>,
    /// Whether a line was wanted that has not come yet.
    waiting: bool,
}

impl Answers {
    /// Asks for a line; a password is typed without echo where stdin is a terminal.
    pub(crate) fn ask(&mut self, password: bool) -> Result<(), Failure> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(Reader::start().map_err(|error| unreadable(&error))?),
        };
        if !reader.waiting {
            // It has room for one, and one is wanted at a time.
            reader.waiting = reader.wants.try_send(()).is_ok();
        }
        self.silence = password.then(Silence::on_stdin).flatten();
        Ok(())
    }

    /// The line that was asked for, and whether the terminal did not show how it was ended. Cancel safe.
    pub(crate) async fn next(&mut self) -> Result<(InputReply, bool), Failure> {
        let line = match &mut self.reader {
            Some(reader) => {
                let line = reader.lines.recv().await;
                reader.waiting = false;
                line.unwrap_or(Ok(None))
            }
            None => Ok(None),
        };
        let silent = self.silence.take().is_some();
        let reply = line.map_err(|error| unreadable(&error))?.map_or(InputReply::Eof, InputReply::Line);
        Ok((reply, silent))
    }

    /// Nobody waits for the answer any more.
    pub(crate) fn forget(&mut self) {
        self.silence = None;
    }
}

impl Reader {
    fn start() -> io::Result<Self> {
        let (wants, mut wanted) = mpsc::channel(1);
        let (line, lines) = mpsc::channel(1);
        thread::Builder::new().name("hib-stdin".to_owned()).spawn(move || {
            let mut stdin = io::stdin().lock();
            while wanted.blocking_recv().is_some() {
                let mut bytes = Vec::new();
                let read = stdin.read_until(b'\n', &mut bytes);
                if line.blocking_send(read.map(|_| to_line(bytes))).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { wants, lines, waiting: false })
    }
}

/// A line without its end; `None` at the end of the input. What is not UTF-8 is replaced, as output is.
fn to_line(bytes: Vec<u8>) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let mut line = String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    if line.ends_with('\n') {
        line.pop();
        if line.ends_with('\r') {
            line.pop();
        }
    }
    Some(line)
}

fn unreadable(error: &io::Error) -> Failure {
    Failure::new(
        Exit::NO_INPUT,
        "input.unreadable",
        "stdin cannot be read",
        "the code asked for a line of input, and the system refused to read one",
        "give it input that can be read, or none: `< /dev/null` makes `input()` raise EOFError",
    )
    .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_loses_its_end_and_nothing_else() {
        for (bytes, line) in [
            (&b"a b \n"[..], Some("a b ")),
            (b"a\r\n", Some("a")),
            (b"a\r", Some("a\r")),
            (b"last", Some("last")),
            (b"\n", Some("")),
            (b"", None),
            (b"\xff\n", Some("\u{fffd}")),
        ] {
            assert_eq!(to_line(bytes.to_vec()).as_deref(), line);
        }
    }
}
