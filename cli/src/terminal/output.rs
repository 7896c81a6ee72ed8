//! Where output goes: stdout and stderr, each piece at once, in the order in which it came.

use std::io::{self, Write as _};

use hibernaculum::OutputStream;
use tokio::io::{AsyncWrite, AsyncWriteExt as _, Stderr, Stdout, stderr, stdout};

use crate::exit::Exit;
use crate::failure::Failure;

use super::manner::is_quiet;

/// Stdout and stderr.
#[derive(Debug)]
pub(crate) struct Output {
    stdout: Stdout,
    stderr: Stderr,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { stdout: stdout(), stderr: stderr() }
    }

    /// Writes it, all of it, before anything that is written later to either stream.
    ///
    /// Fails without a word where nobody reads any more (`hib run … | head`).
    pub(crate) async fn write(&mut self, stream: OutputStream, text: &str) -> Result<(), Failure> {
        let written = match stream {
            OutputStream::Stdout => write_through(&mut self.stdout, text).await,
            OutputStream::Stderr => write_through(&mut self.stderr, text).await,
        };
        written.map_err(|error| refused(stream, &error))
    }

    /// Says something of `hib`'s own, on stderr, unless it shall be quiet.
    pub(crate) async fn remark(&mut self, text: &str) -> Result<(), Failure> {
        if is_quiet() {
            return Ok(());
        }
        self.complain(text).await
    }

    /// Tells of trouble, on stderr, however quiet it shall be.
    pub(crate) async fn complain(&mut self, text: &str) -> Result<(), Failure> {
        self.write(OutputStream::Stderr, &format!("hib: {text}\n")).await
    }
}

/// Writes a text of `hib`'s own to stdout, from where there is no runtime.
pub(crate) fn say(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| refused(OutputStream::Stdout, &error))
}

async fn write_through(stream: &mut (impl AsyncWrite + Unpin), text: &str) -> io::Result<()> {
    stream.write_all(text.as_bytes()).await?;
    stream.flush().await
}

fn refused(stream: OutputStream, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Failure::Quiet(Exit::NOBODY_READS);
    }
    Failure::new(
        Exit::NO_OUTPUT,
        "output.refused",
        format!("{stream} cannot be written"),
        "the system refused it; the code has been interrupted",
        "see where the output goes: a full disk, or a closed descriptor",
    )
    .because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_is_gone_needs_no_words_and_a_full_disk_does() {
        let gone = refused(OutputStream::Stdout, &io::ErrorKind::BrokenPipe.into());
        assert!(matches!(gone, Failure::Quiet(Exit::NOBODY_READS)));
        let full = refused(OutputStream::Stdout, &io::ErrorKind::StorageFull.into());
        assert!(matches!(full, Failure::Told(_)));
    }
}
