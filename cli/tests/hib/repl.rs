//! `hib repl`, typed into through a real pseudo-terminal, and with its code piped in.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::driver::hib;
use crate::terminal::terminal;

/// A hang is a failure, not a mystery.
const PATIENCE: Duration = Duration::from_mins(1);
const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";

/// Somebody at a terminal in which `hib repl` runs.
pub(crate) struct Person {
    terminal: File,
    shown: Receiver<Vec<u8>>,
    /// What was shown and not yet looked at.
    text: String,
    /// Whether the window is: nobody reads then.
    is_closed: Arc<AtomicBool>,
    child: Child,
}

impl Person {
    pub(crate) fn starts(state: &Path, options: &[&str], variables: &[(&str, &str)]) -> Self {
        Self::starts_at(1, state, options, variables)
    }

    /// The same, where the first prompt has another number.
    pub(crate) fn starts_at(first: u64, state: &Path, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut person = Self::begins(state, options, variables);
        person.sees(&format!("In [{first}]"));
        person
    }

    /// The same, and nothing has been looked at yet.
    pub(crate) fn begins(state: &Path, options: &[&str], variables: &[(&str, &str)]) -> Self {
        // Ctrl-C is a signal for whom the terminal controls.
        Self::begins_in(&["--ctty", "--wait"], state, options, variables)
    }

    /// The same, in a session of the system as `setsid` makes it.
    fn begins_in(session: &[&str], state: &Path, options: &[&str], variables: &[(&str, &str)]) -> Self {
        let (person, program) = terminal();
        tcsetwinsize(&person, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let [input, errors] = [program.try_clone().unwrap(), program.try_clone().unwrap()];
        let child = Command::new("setsid")
            .args(session)
            .args([env!("CARGO_BIN_EXE_hib"), "repl"])
            .args(options)
            .env("XDG_STATE_HOME", state)
            .env("HIBERNACULUM_CONFIG", "/dev/null")
            .env("TERM", "xterm-256color")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .current_dir(state)
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(program))
            .stderr(Stdio::from(errors))
            .spawn()
            .unwrap();
        #[expect(clippy::disallowed_methods, reason = "there is no runtime here to be blocked")]
        let (send, shown) = sync_channel(1024);
        let mut reader = person.try_clone().unwrap();
        let is_closed = Arc::new(AtomicBool::new(false));
        let closed = Arc::clone(&is_closed);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            let moment = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
            while !closed.load(Ordering::Relaxed) {
                if poll(&mut [PollFd::new(&reader, PollFlags::IN)], Some(&moment)) == Ok(0) {
                    continue;
                }
                // A terminal whose program has ended refuses to be read.
                let Ok(count) = reader.read(&mut bytes) else { return };
                if send.send(bytes.iter().take(count).copied().collect()).is_err() {
                    return;
                }
            }
        });
        Self { terminal: person, shown, text: String::new(), is_closed, child }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until the terminal shows a text; gives what was shown up to it.
    pub(crate) fn sees(&mut self, wanted: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.text.find(wanted) {
                let rest = self.text.split_off(at + wanted.len());
                return std::mem::replace(&mut self.text, rest);
            }
            match self.shown.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(bytes) => self.hears(&bytes),
                Err(RecvTimeoutError::Timeout) => panic!("{wanted:?} is not shown, but: {:?}", self.text),
                Err(RecvTimeoutError::Disconnected) => panic!("ended before {wanted:?}: {:?}", self.text),
            }
        }
    }

    fn hears(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).into_owned();
        // A line editor asks where the cursor is; a terminal would tell.
        for _ in text.matches("\x1b[6n") {
            self.terminal.write_all(b"\x1b[1;1R").unwrap();
        }
        self.text += &text;
    }

    /// Runs one line, and waits for the prompt with this number.
    pub(crate) fn enters(&mut self, line: &str, prompt: u32) -> String {
        self.types(&format!("{line}\r"));
        self.sees(&format!("In [{prompt}]"))
    }

    pub(crate) fn leaves(mut self) -> Option<i32> {
        self.types(CTRL_D);
        self.ends()
    }

    /// As the program of the window does that is closed, or whose machine is gone: nobody holds the terminal any more.
    fn closes_the_window(mut self) -> Option<i32> {
        self.is_closed.store(true, Ordering::Relaxed);
        // The reader holds it as well, and is gone where it tells no more.
        while self.shown.recv_timeout(PATIENCE).is_ok() {}
        self.terminal = File::open("/dev/null").unwrap();
        self.ends()
    }

    fn ends(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            while let Ok(bytes) = self.shown.recv_timeout(Duration::from_millis(10)) {
                self.hears(&bytes);
            }
        }
        panic!("it does not end, and shows: {:?}", self.text);
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn quit_leaves_without_a_word() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history", "--colour", "never"], &[]);
    person.types("qu\x7fuit()\r");
    person.sees("quit()");
    assert_eq!(person.ends(), Some(0));
    assert!(!person.text.contains("None"), "{:?}", person.text);
}

/// Its window was closed, or the line to it broke. Nothing goes on then, least of all the reading.
#[test]
fn a_terminal_that_is_gone_ends_everything() {
    // Whom the terminal controls is sent SIGHUP. Another one has to look for itself.
    for session in [&["--ctty", "--wait"][..], &["--wait"]] {
        for keys in ["", "import time; print('be' + 'gun'); time.sleep(600)\r"] {
            let state = state();
            let mut person = Person::begins_in(session, state.path(), &["--no-history"], &[]);
            person.sees("In [1]");
            person.enters("import os; open('pid', 'w').write(str(os.getpid()))", 2);
            person.types(keys);
            if !keys.is_empty() {
                person.sees("begun");
            }
            let pid = std::fs::read_to_string(state.path().join("pid")).unwrap();
            assert_eq!(person.closes_the_window(), Some(129), "{session:?}, {keys:?}");
            assert!(!Path::new("/proc").join(&pid).exists(), "the session's process {pid} lives on");
        }
    }
}

pub(crate) fn state() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn values_are_shown_and_ctrl_d_leaves() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("x = 40", 2);
    person.types("x + 2\r");
    assert!(person.sees(" 42\r\n").contains("Out[2]:"));
    person.sees("In [3]");
    assert_eq!(person.leaves(), Some(0));
}

#[test]
fn a_block_ends_with_an_empty_line() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    person.types("def f(n):");
    person.sees("f(n):");
    person.types("\r");
    person.sees("...:");
    person.types("return n * 6");
    person.sees("n * ");
    person.types("\r");
    person.sees("...:");
    person.enters("", 2);
    person.types("f(\r");
    person.types("7)\r");
    person.sees(" 42\r\n");
}

#[test]
fn names_are_completed_from_the_session() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("hibernating_snakes = 41", 2);
    person.types("hibern\t");
    person.sees("hibernating_snakes");
    person.types(" + 1\r");
    person.sees(" 42\r\n");
    person.sees("In [3]");
    // Attributes too, of modules and of objects; no property is asked.
    person.enters("import math; a = 'x'", 4);
    person.types("math.sqr\t(1764)\r");
    person.sees("42.0");
    person.sees("In [5]");
    person.types("a.startsw\t('x')\r");
    person.sees(" True");
    person.sees("In [6]");
    person.types(":inf\t\r");
    person.sees("workdir");
}

/// A session that is at something else, here in the background, is not asked to stop for the sake of a menu.
#[test]
fn tab_costs_no_state_whatever_the_session_is_at() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    let begun = state.path().join("begun");
    let work = format!("lambda: (open({begun:?}, 'w').close(), time.sleep(4))");
    person.enters("import asyncio, time; kept = 41", 2);
    person.enters(&format!("asyncio.get_running_loop().call_later(0.1, {work}); await asyncio.sleep(0)"), 3);
    let deadline = Instant::now() + PATIENCE;
    while !begun.exists() {
        assert!(Instant::now() < deadline, "the work does not begin");
        thread::yield_now();
    }
    person.types("kep\t");
    person.types("t.rea\t\x7f\x7f\x7f\x7f + 1\r");
    person.sees(" 42\r\n");
    person.sees("In [4]");
    assert_eq!(person.leaves(), Some(0));
}

/// A value with richer forms comes as a display, too.
#[test]
fn a_rich_value_is_shown_once() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    let snake = "class Snake:\r    def _repr_html_(self): return '<i>'\r    def __repr__(self): return 'sna' + 'ke'\r";
    person.types(&format!("\x1b[200~{snake}\x1b[201~\r\r"));
    person.sees("In [2]");
    let shown = person.enters("Snake()", 3);
    assert_eq!(shown.matches("snake").count(), 1, "{shown:?}");
    assert!(shown.contains("Out[2]:") && !shown.contains("<also as"), "{shown:?}");
    let shown = person.enters("Snake();", 4);
    assert_eq!(shown.matches("snake").count(), 0, "{shown:?}");
    // What is displayed on purpose is shown as well, and before what comes after it.
    let shown = person.enters("display(Snake()); print('af' + 'ter'); Snake()", 5);
    let places = ["snake\r\n<also as text/html, 3 bytes>", "after", "Out[4]:"].map(|piece| shown.find(piece));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{shown:?}");
    assert_eq!(shown.matches("snake").count(), 2, "{shown:?}");
}

#[test]
fn a_rich_value_is_shown_in_its_own_words() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    let snake = "class Snake:\r    def _repr_mimebundle_(self, **_): return {'text/html': '<i>', 'text/plain': 'a sna' + 'ke'}\r    \
        def __repr__(self): return 'a b' + 'oa'\r";
    person.types(&format!("\x1b[200~{snake}\x1b[201~\r\r"));
    person.sees("In [2]");
    let shown = person.enters("Snake()", 3);
    assert!(shown.contains(" a snake\r\n") && shown.matches("a snake").count() == 1, "{shown:?}");
    assert!(!shown.contains("a boa") && !shown.contains("<also as"), "{shown:?}");
    let shown = person.enters("Snake();", 4);
    assert!(!shown.contains("a snake"), "{shown:?}");
    // The display of something that only has the same text is no value.
    let shown = person.enters("display({'text/plain': '4' + '2', 'text/html': ''}, raw=True); 42", 5);
    assert!(shown.contains("42\r\n<also as text/html, 0 bytes>") && shown.contains("Out[4]:"), "{shown:?}");
}

#[test]
fn a_display_does_not_wait_for_the_end() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    let page = "type('Page', (), {'_repr_html_': lambda s: '', '__repr__': lambda s: 'pa' + 'ge'})()";
    person.types(&format!("display({page}); input('ne' + 'xt? ')\r"));
    person.sees("page");
    person.sees("next? ");
    person.types("x\r");
    person.sees("In [2]");
    person.types(&format!("import time; display({page}); time.sleep(600)\r"));
    person.sees("page");
    person.types(CTRL_C);
    person.sees("KeyboardInterrupt");
}

#[test]
fn what_is_typed_has_its_colour() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    person.types("for");
    person.sees("\x1b[1;34mfor\x1b[0m");
}

#[test]
fn a_backend_that_there_is_not_is_a_matter_of_usage() {
    let ran = hib(["repl", "--backend", "moon"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{ran:?}");
    assert!(ran.stderr.contains("[config.unknown_backend]"), "{ran:?}");
}

#[test]
fn a_semicolon_hides_a_value_and_a_margin_is_taken_off() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    let shown = person.enters("'hid' + 'den';", 2);
    assert!(!shown.contains("hidden"), "{shown:?}");
    person.types("\x1b[200~    x = 20\r    x * 2 + 2\x1b[201~\r\r");
    person.sees(" 42\r\n");
}

#[test]
fn what_a_sandbox_names_its_things_does_not_command_the_terminal() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("globals()['evil\\x1b[2Jname'] = 1; open('evil\\x1b[2Jfile', 'w').close()", 2);
    for (command, name) in [(":vars", "name"), (":files", "file")] {
        person.types(&format!("{command}\r"));
        person.sees(&format!("evil\u{fffd}[2J{name}"));
    }
}

#[test]
fn ctrl_c_interrupts_and_keeps_the_state() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("kept = 40 + 2", 2);
    person.types("\x1b[200~print('so ' + 'it begins')\rwhile True: pass\x1b[201~\r");
    person.sees("so it begins");
    person.types(CTRL_C);
    person.sees("KeyboardInterrupt");
    person.sees("In [3]");
    person.types("kept\r");
    person.sees(" 42\r\n");
    person.sees("In [4]");
    // At the prompt it forgets the line, and nothing else.
    person.types("1 + ");
    person.sees("+");
    person.types(CTRL_C);
    person.sees("In [4]");
    person.enters("kept + 1", 5).contains(" 43\r\n").then_some(()).unwrap();
}

#[test]
fn questions_are_answered_and_passwords_not_shown() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.types("[input(f'the {1}st? '), len(input('second? '))]\r");
    person.sees("the 1st? ");
    person.types("one\n");
    person.sees("second? ");
    person.types("two\n");
    person.sees("['one', 3]");
    person.types("__import__('getpass').getpass(f'{6 * 7} pin: ')[::-1]\r");
    person.sees("42 pin: ");
    person.types("1234\n");
    let shown = person.sees("'4321'");
    assert!(!shown.contains("1234"), "{shown:?}");
}

#[test]
fn ctrl_c_interrupts_a_question_and_lines_typed_ahead_answer_the_next_ones() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.types("input('what ' + 'is it? ')\r");
    person.sees("what is it? ");
    person.types(CTRL_C);
    person.sees("KeyboardInterrupt");
    person.sees("In [2]");
    person.types("[input(n + '? ') for n in 'ab']\r");
    person.sees("a? ");
    person.types("one\rtwo\r");
    person.sees("['one', 'two']");
}

#[test]
fn a_session_that_dies_is_followed_by_a_fresh_one() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("x = 1", 2);
    person.types("import os; os._exit(3)\r");
    person.sees("exited with code 3; its state is lost");
    person.sees("its names are gone");
    person.types("6 * 7\r");
    person.sees(" 42\r\n");
}

#[test]
fn the_history_is_kept_for_its_owner_and_found_again() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("remembered = 6 * 7", 2);
    assert_eq!(person.leaves(), Some(0));
    let file = state.path().join("hib/history");
    assert!(std::fs::read_to_string(&file).unwrap().contains("remembered = 6 * 7"));
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let mut person = Person::starts(state.path(), &[], &[]);
    person.types("\x1b[A");
    person.sees("remembered");
    person.enters("", 2);
    person.types("remembered\r");
    person.sees(" 42\r\n");
    drop(person);
    let other = tempfile::tempdir().unwrap();
    let mut person = Person::starts(other.path(), &["--no-history"], &[]);
    person.enters("secret = 1", 2);
    assert_eq!(person.leaves(), Some(0));
    assert!(!other.path().join("hib/history").exists());
}

#[test]
fn without_colours_there_are_none() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[("NO_COLOR", "1")]);
    person.types("6 * 7\r");
    let shown = person.sees(" 42\r\n");
    assert!(shown.contains("Out[1]: 42"), "{shown:?}");
    person.types("1 / 0\r");
    let shown = person.sees("ZeroDivisionError: division by zero");
    assert!(!shown.contains("\x1b[31m") && !shown.contains("\x1b[36m"), "{shown:?}");
}

#[test]
fn a_long_paste_and_another_window_change_nothing() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    let lines: Vec<_> = (0..500).map(|number| format!("    {number},\r")).collect();
    let lines = lines.concat();
    person.types(&format!("\x1b[200~xs = [\r{lines}]\x1b[201~\r"));
    person.sees("In [2]");
    tcsetwinsize(&person.terminal, Winsize { ws_row: 10, ws_col: 30, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    person.types("sum(xs) + len(xs)\r");
    person.sees("125250");
}

#[test]
fn commands_tell_of_the_session() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("snakes = ['adder', 'asp']", 2);
    person.types(":vars\r");
    person.sees("list(2)");
    person.types(":time\r");
    person.sees("transport");
    person.types(":limits\r");
    let told = person.sees("of its repr").split_whitespace().collect::<Vec<_>>().join(" ");
    for limit in [
        "isolation trusted, network full",
        "memory the whole sandbox not set: this backend has none to set",
        "process_memory each process not set",
        "live checkpoints of the sandbox 64;",
        "time of each input not set: as long as it takes",
        "grace after Ctrl-C or that time 2s,",
        "value of each input 16MiB",
    ] {
        assert!(told.contains(limit), "{limit:?} is not in {told}");
    }
    person.types(":nosuch\r");
    person.sees(":help lists them all");
    person.types(":reset\r");
    person.sees("the names are gone");
    person.types(":vars\r");
    person.sees("no such names");
    person.types(":quit\r");
    assert_eq!(person.ends(), Some(0));
}

#[test]
fn two_interrupted_lines_are_no_wish_to_leave() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    for prompt in [2, 3, 4] {
        person.types("\x1b[200~print('it ' + 'runs')\rwhile True: pass\x1b[201~\r");
        person.sees("it runs");
        person.types(CTRL_C);
        person.sees("KeyboardInterrupt");
        person.sees(&format!("In [{prompt}]"));
    }
    assert_eq!(person.leaves(), Some(0));
}

#[test]
fn a_signal_ends_it_at_the_prompt() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("x = 1", 2);
    // setsid forks where it leads a group already.
    let pid = rustix::process::Pid::from_raw(i32::try_from(person.child.id()).unwrap()).unwrap();
    let children =
        std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", pid.as_raw_nonzero())).unwrap();
    let hib = children
        .split_whitespace()
        .next()
        .map_or(pid, |child| rustix::process::Pid::from_raw(child.parse().unwrap()).unwrap());
    rustix::process::kill_process(hib, rustix::process::Signal::TERM).unwrap();
    assert_eq!(person.ends(), Some(143));
}

#[test]
fn exit_leaves_with_its_code() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.types("import sys; sys.exit(3)\r");
    assert_eq!(person.ends(), Some(3));
}

#[test]
fn code_that_is_piped_in_runs_statement_by_statement() {
    let code = "x = 40\ndef f():\n    return x\n\n    # the end\nf() + 2\n:vars x\n1 / 0\nf() + 3\n";
    let ran = hib(["repl", "--quiet"]).stdin(code).run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("Out[3]: 42\n") && ran.stdout.contains("Out[5]: 43\n"), "{ran:?}");
    assert!(ran.stdout.contains("int"), "{ran:?}");
    assert!(ran.stderr.contains("ZeroDivisionError"), "{ran:?}");
}

#[test]
fn comments_at_the_margin_end_no_block() {
    let code =
        "x = 0\nif x:\n    1\n# otherwise\nelse:\n    y = 6\n\ndef f():\n# note\n    return 7\n\ny * f()\n";
    let ran = hib(["repl", "--quiet"]).stdin(code).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert!(ran.stdout.contains("Out[4]: 42\n"), "{ran:?}");
}

#[test]
fn piped_bytes_that_are_no_text_are_refused() {
    let ran = hib(["repl"]).stdin(b"print('before')\nx = '\xe9'\n").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(65), ""), "none of it runs");
    assert!(ran.stderr.contains("input.not_utf8"), "{ran:?}");
}

#[test]
fn piped_code_that_asks_is_told_that_nobody_answers() {
    let ran = hib(["repl"]).stdin("input('name? ')\n").run();
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stderr.contains("EOFError"), "{ran:?}");
}
