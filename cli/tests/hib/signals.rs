//! Ctrl-C and other signals.

use std::time::Instant;

use rustix::process::Signal;

use crate::driver::hib;
use crate::leash::{LIMIT, write_program};

const SLEEP: &str = "x = 41\nprint('asleep', flush=True)\nimport time; time.sleep(100)";

#[test]
fn an_interrupt_ends_the_cell_and_the_run() {
    let running = hib(["run", "-c", SLEEP, "-c", "'not reached'"]).start().until("asleep\n");
    let ran = running.signal(Signal::INT).end();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), "asleep\n"));
    assert!(ran.stderr.ends_with("\nKeyboardInterrupt\n"), "{}", ran.stderr);
}

#[test]
fn after_an_interrupt_the_state_is_still_there() {
    let running = hib(["run", "--keep-going", "-c", SLEEP, "-c", "x + 1"]).start().until("asleep\n");
    let ran = running.signal(Signal::INT).end();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), "asleep\n42\n"));
}

#[test]
fn code_that_handles_the_interrupt_goes_on() {
    let code = format!(
        "try:\n    {}\nexcept KeyboardInterrupt:\n    print('handled')\nx",
        SLEEP.replace('\n', "\n    ")
    );
    let ran = hib(["run", "-c", &code]).start().until("asleep\n").signal(Signal::INT).end();
    ran.says(0, "asleep\nhandled\n41\n");
}

#[test]
fn two_interrupts_end_everything() {
    let stubborn = "\
import time
while True:
    try:
        print('asleep', flush=True); time.sleep(100)
    except KeyboardInterrupt:
        print('no', flush=True)
";
    let running =
        hib(["run", "--keep-going", "-c", stubborn, "-c", "'not reached'"]).start().until("asleep\n");
    let ran = running.signal(Signal::INT).until("no\nasleep\n").signal(Signal::INT).end();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(130), ""));
    assert!(!ran.stdout.contains("not reached"));
}

#[test]
fn a_request_to_end_is_heeded_and_leaves_nothing() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129)] {
        let show = "import os; print(os.getpid(), 'asleep', flush=True)\nimport time; time.sleep(100)";
        let running = hib(["run", "-c", show]).start().until("asleep\n");
        let ran = running.signal(signal).end();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(code), ""));
        let pid = ran.stdout.split(' ').next().unwrap();
        assert!(!std::path::Path::new("/proc").join(pid).exists(), "the session's process {pid} lives on");
    }
}

#[test]
fn a_reader_that_does_not_read_does_not_stop_the_end() {
    let running = hib(["run", "-c", "while True: print('x' * 1000)"]).start().until("x\n").hold();
    let ran = running.signal(Signal::TERM).end();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(143), ""));
}

#[test]
fn an_interrupt_while_the_session_opens_is_heeded_too() {
    let scene = tempfile::tempdir().unwrap();
    // A Python that never gets ready, and says that it was started.
    let python = scene.path().join("python3");
    let started = scene.path().join("started");
    write_program(&python, &format!("#!/bin/sh\n: >'{0}'\nexec sleep 100\n", started.display()));
    let running = hib(["run", "--python", python.to_str().unwrap(), "-c", "1"]).start();
    let deadline = Instant::now() + LIMIT;
    while !started.exists() {
        assert!(Instant::now() < deadline, "it is never started");
        std::thread::yield_now();
    }
    let ran = running.signal(Signal::INT).end();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(130), "", ""));
}
