//! Lines that running code asks for, read from the terminal as it is: with the system's own line editing.
//!
//! Nothing is read before it is there, so a question that nobody waits for any more leaves the next line to the prompt.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use hibernaculum::InputReply;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// The terminal on stdin.
#[derive(Debug)]
pub(super) struct Lines {
    stdin: AsyncFd<io::Stdin>,
}

impl Lines {
    #[expect(
        deprecated,
        reason = "its successor is unsafe for what owns no descriptor; that of stdin is open as long as `hib` runs"
    )]
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { stdin: AsyncFd::with_interest(io::stdin(), Interest::READABLE)? })
    }

    /// The next line; the end of the input, where Ctrl-D was pressed. Cancel safe: a terminal gives whole lines, and one is taken only
    /// where it is there.
    pub(super) async fn next(&self) -> io::Result<InputReply> {
        let mut line = Vec::new();
        loop {
            let mut ready = self.stdin.readable().await?;
            let mut bytes = [0; 4096];
            let stdin: BorrowedFd<'_> = self.stdin.get_ref().as_fd();
            let count = rustix::io::read(stdin, &mut bytes)?;
            ready.clear_ready();
            line.extend_from_slice(bytes.get(..count).unwrap_or_default());
            if count == 0 && line.is_empty() {
                return Ok(InputReply::Eof);
            }
            if count == 0 || line.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line);
                return Ok(InputReply::Line(text.trim_end_matches(['\n', '\r']).to_owned()));
            }
        }
    }
}
