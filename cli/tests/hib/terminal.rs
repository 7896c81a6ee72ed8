//! `hib run` at a real (pseudo-)terminal.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::driver::hib;
use crate::leash::Leash;

/// A terminal: what a person holds, and what the program is given.
pub(crate) fn terminal() -> (File, OwnedFd) {
    // No program inherits it that another test starts: it is gone when the person is.
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    (File::from(person), program)
}

/// What the terminal shows, until it ends so.
fn shown_until(terminal: &mut File, end: &str) -> String {
    let mut shown = String::new();
    while !shown.ends_with(end) {
        let mut byte = [0];
        assert_eq!(terminal.read(&mut byte).unwrap(), 1, "it shows: {shown}");
        shown.push(char::from(byte[0]));
    }
    shown
}

#[test]
fn a_password_is_not_shown_and_the_echo_comes_back() {
    let (mut person, program) = terminal();
    let [input, errors] = [program.try_clone().unwrap(), program.try_clone().unwrap()];
    let code =
        "import getpass; pin = getpass.getpass('pin: '); print(pin); name = input('name? '); print(name)";
    let before = tcgetattr(&person).unwrap().local_modes;
    assert!(before.contains(LocalModes::ECHO));
    let mut child = Command::new(env!("CARGO_BIN_EXE_hib"))
        .args(["run", "-c", code])
        .stdin(Stdio::from(input))
        .stderr(Stdio::from(errors))
        .stdout(Stdio::from(program))
        .spawn()
        .unwrap();
    let _leash = Leash::on(&child);
    assert_eq!(shown_until(&mut person, "pin: "), "pin: ");
    assert!(!tcgetattr(&person).unwrap().local_modes.contains(LocalModes::ECHO));
    person.write_all(b"1234\n").unwrap();
    assert_eq!(shown_until(&mut person, "name? "), "\r\n1234\r\nname? ");
    person.write_all(b"you\n").unwrap();
    assert_eq!(shown_until(&mut person, "\nyou\r\n"), "you\r\nyou\r\n");
    assert!(child.wait().unwrap().success());
    assert_eq!(tcgetattr(&person).unwrap().local_modes, before);
}

/// What a terminal as stderr shows of `hib bench`.
fn progress(options: &[&str]) -> String {
    let line = [&["bench", "--what", "print_10m"], options].concat();
    let (table, shown) = progress_of(&line, Path::new("/tmp"));
    assert!(table.contains("noise: ") && !table.contains('\x1b'), "{table}");
    shown
}

/// What `hib` writes to stdout, and what a terminal as stderr shows.
fn progress_of(line: &[&str], data: &Path) -> (String, String) {
    let (mut person, program) = terminal();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hib"));
    command.args(line).env("TERM", "xterm").env("TMPDIR", data).env("HIBERNACULUM_CONFIG", "/dev/null");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::from(program.try_clone().unwrap())).spawn();
    let child = child.unwrap();
    let _leash = Leash::on(&child);
    let ended = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(ended.stdout).unwrap();
    // What was drawn waits in the terminal.
    let mut shown = Vec::new();
    rustix::fs::fcntl_setfl(&person, OFlags::NONBLOCK).unwrap();
    let _ = person.read_to_end(&mut shown);
    let shown = String::from_utf8(shown).unwrap();
    assert!(ended.status.success(), "{stdout}{shown}");
    (stdout, shown)
}

#[test]
fn who_saves_or_restores_sees_that_it_goes_on() {
    let data = tempfile::tempdir().unwrap();
    let save = ["checkpoint", "save", "snakes", "-c", "x = 42"];
    let (_, shown) = progress_of(&save, data.path());
    assert!(shown.contains("saving snakes ("), "{shown:?}");
    let restore = ["checkpoint", "restore", "snakes", "-c", "x"];
    let (stdout, shown) = progress_of(&restore, data.path());
    assert_eq!(stdout, "42\n");
    assert!(shown.contains("restoring the saved state ("), "{shown:?}");
    let (stdout, shown) = progress_of(&[&["--quiet"][..], &restore].concat(), data.path());
    assert_eq!((stdout.as_str(), shown.as_str()), ("42\n", ""));
}

#[test]
fn who_waits_sees_how_far_it_is_unless_it_shall_be_quiet() {
    let shown = progress(&[]);
    assert!(shown.contains("0/1 print_10m"), "{shown:?}");
    assert!(!shown.contains("\x1b[3"), "colours: {shown:?}");
    assert_eq!(progress(&["--quiet"]), "");
}

#[test]
fn a_password_that_is_never_given_leaves_the_echo_on() {
    let (person, program) = terminal();
    let ran = hib(["run", "--timeout", "500ms", "-c", "import getpass; getpass.getpass('pin: ')"])
        .command(|command| _ = command.stdin(Stdio::from(program)))
        .run();
    assert_eq!(ran.code, Some(124));
    assert!(tcgetattr(&person).unwrap().local_modes.contains(LocalModes::ECHO));
}
