//! Lines that running code asks for, read from the terminal as it is: with the system's own line editing.
//!
//! Nothing is read before it is there, so a question that nobody waits for any more leaves the next line to the prompt.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd};

use hibernaculum::InputReply;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
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
            let stdin: BorrowedFd<'_> = self.stdin.get_ref().as_fd();
            // What was noticed may be a key that the prompt has read since: a read would block everything, Ctrl-C included.
            if !has_input(stdin)? {
                ready.clear_ready();
                continue;
            }
            let mut bytes = [0; 4096];
            let count = retry_on_intr(|| rustix::io::read(stdin, &mut bytes))?;
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

/// Whether a read would give something at once: a whole line, or an end.
fn has_input(stdin: BorrowedFd<'_>) -> io::Result<bool> {
    let mut asked = [PollFd::from_borrowed_fd(stdin, PollFlags::IN)];
    // Ctrl-C is a signal, and may come in the middle of this.
    Ok(retry_on_intr(|| poll(&mut asked, Some(&Timespec::default())))? > 0)
}
