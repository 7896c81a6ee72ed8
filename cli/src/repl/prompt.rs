//! The prompt, in a thread of its own: it blocks, and a terminal that is gone may keep it for ever, reading nothing from it.
//!
//! ```text
//!  read ──▶ the editor's thread ──▶ what was typed
//!    └ a signal that means the end, or a terminal that is gone ──▶ the editor is to break off ──▶ End, whether it did or not
//! ```

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::mpsc;

use super::editor::{Editor, Typed};
use crate::terminal::Signals;

/// So long the editor has to break off, and to leave the terminal as it was. It asks a terminal where its cursor is, and waits for that for 2 s.
const BREAKING_OFF: Duration = Duration::from_secs(3);

/// The number of the prompt, and that of the session where there are several.
type Asked = (u64, Option<usize>);

/// Reads what a person types.
pub(super) struct Prompt {
    asks: mpsc::Sender<Asked>,
    answers: mpsc::Receiver<io::Result<Typed>>,
    ends: Arc<AtomicBool>,
}

impl Prompt {
    /// `ends`: what breaks the editor off.
    pub(super) fn new(mut editor: Editor, ends: Arc<AtomicBool>) -> io::Result<Self> {
        let (asks, mut asked) = mpsc::channel::<Asked>(1);
        let (answer, answers) = mpsc::channel(1);
        // Nobody joins it: it ends with its channels, or with the process where it hangs.
        thread::Builder::new().name("prompt".to_owned()).spawn(move || {
            while let Some((number, among)) = asked.blocking_recv() {
                if answer.blocking_send(editor.read(number, among)).is_err() {
                    return;
                }
            }
        })?;
        thread::Builder::new().name("hang-up".to_owned()).spawn(tell_hang_up)?;
        Ok(Self { asks, answers, ends })
    }

    /// Reads one piece of code, or one command; or the end that a signal asks for.
    pub(super) async fn read(
        &mut self,
        number: u64,
        among: Option<usize>,
        signals: &mut Signals,
    ) -> io::Result<Typed> {
        let is_over = || io::Error::other("the thread of the prompt has ended");
        self.asks.send((number, among)).await.map_err(|_| is_over())?;
        tokio::select! {
            biased;
            typed = self.answers.recv() => typed.ok_or_else(is_over)?,
            exit = signals.end() => {
                self.ends.store(true, Ordering::Relaxed);
                let _ = tokio::time::timeout(BREAKING_OFF, self.answers.recv()).await;
                Ok(Typed::End(exit))
            }
        }
    }
}

/// Waits until the terminal is gone, and says so to this process as the system does: it does not where a shell is between, and is gone as well.
fn tell_hang_up() {
    let stdin = io::stdin();
    loop {
        // Nothing is asked for; a hang-up is told all the same.
        let mut asked = [PollFd::new(&stdin, PollFlags::empty())];
        match poll(&mut asked, None) {
            Ok(_) => break,
            Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
    let _ = kill_process(getpid(), Signal::HUP);
}
