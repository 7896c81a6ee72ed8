//! How code ends, what is said of it, and the exit code.

use std::process::{Command, Stdio};

use crate::driver::hib;

#[test]
fn an_exception_is_told_as_python_tells_it() {
    let ran = hib(["run", "-c", "1 / 0", "-c", "'not reached'"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        ran.traceback(),
        "Traceback (most recent call last):\n  File \"<cell 1>\", line 1, in <module>\n    1 / 0\n\
         ZeroDivisionError: division by zero\n"
    );
}

#[test]
fn sys_exit_ends_the_run_with_its_code() {
    hib(["run", "-c", "import sys; sys.exit(3)", "-c", "1"]).run().says(3, "");
    hib(["run", "-c", "import sys; sys.exit()", "-c", "1"]).run().says(0, "");
    hib(["run", "--keep-going", "-c", "import sys; sys.exit(3)", "-c", "1"]).run().says(3, "");
    hib(["run", "-c", "import sys; sys.exit(-1)"]).run().says(255, "");
}

#[test]
fn sys_exit_says_its_message_on_stderr() {
    let ran = hib(["run", "-c", "import sys; sys.exit('no data')"]).run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(1), "", "no data\n"));
}

#[test]
fn a_failure_before_sys_exit_is_the_one_that_counts() {
    let ran = hib(["run", "--keep-going", "-c", "1 / 0", "-c", "import sys; sys.exit(0)", "-c", "1"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
}

#[test]
fn a_timeout_ends_the_cell_and_keeps_the_state() {
    let endless = "x = 1\nwhile True: pass";
    let ran = hib(["run", "--timeout", "1s", "-c", endless, "-c", "'not reached'"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(124), ""));
    assert!(
        ran.stderr.ends_with("KeyboardInterrupt\nhib: timed out; the session's state is kept\n"),
        "{}",
        ran.stderr
    );
    let ran = hib(["run", "--timeout", "1s", "--keep-going", "-c", endless, "-c", "x"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(124), "1\n"));
}

#[test]
fn a_timeout_is_for_each_cell() {
    let cell = "import time; time.sleep(0.8)";
    hib(["run", "--timeout", "2s", "-c", cell, "-c", cell, "-c", cell, "-c", "'done'"])
        .run()
        .says(0, "'done'\n");
}

#[test]
fn a_thread_that_never_ends_is_bounded_by_the_timeout_too() {
    let code = "import threading; threading.Thread(target=threading.Event().wait).start()";
    let ran = hib(["run", "--timeout", "1s", "-c", code]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(124), ""));
    assert!(ran.stderr.contains("<farewell>"), "{}", ran.stderr);
}

#[test]
fn a_segmentation_fault_is_told_with_its_cause() {
    let ran = hib(["run", "-c", "x = 1; import os; os.kill(os.getpid(), 11)", "-c", "x"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(139), ""));
    assert_eq!(ran.stderr, "hib: the session crashed, killed by SIGSEGV (signal 11); its state is lost\n");
}

#[test]
fn after_a_crash_a_fresh_session_goes_on_if_it_shall() {
    let crash = "x = 1; import os; os.kill(os.getpid(), 6)";
    let ran = hib(["run", "--keep-going", "-c", crash, "-c", "'x' in globals()"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(134), "False\n"));
}

#[test]
fn leaving_by_the_back_door_is_no_success() {
    let ran = hib(["run", "-c", "print('seen'); import os; os._exit(0)"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(134), "seen\n"));
    assert_eq!(ran.stderr, "hib: the session crashed, the process exited with code 0; its state is lost\n");
}

#[test]
fn a_reader_that_is_gone_ends_it_quietly() {
    let running = hib(["run", "-c", "while True: print('x')"]).start().until("x\nx\n").stop_reading();
    let ran = running.end();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(141), ""));
}

#[test]
fn output_that_cannot_be_written_is_told() {
    // The driver reads stdout; so a shell puts the device that is always full in its place.
    let shell = hib([]).command(|command| {
        *command = Command::new("sh");
        let line = "exec \"$0\" run -c 'print(1)' >/dev/full";
        command.args(["-c", line, env!("CARGO_BIN_EXE_hib")]).stdin(Stdio::null());
    });
    let ran = shell.run();
    assert_eq!(ran.code, Some(74));
    assert_eq!(ran.stderr.lines().next(), Some("hib: stdout cannot be written [output.refused]"));
}

#[test]
fn what_comes_back_after_a_crash_is_what_recovery_says() {
    let crash = "x = 2; import os; os._exit(3)";
    let run = |recovery: &str| {
        hib(["run", "--keep-going", "--recovery", recovery, "-c", "x = 1", "-c", crash, "-c", "x"]).run()
    };
    let ran = run("guard");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(134), "1\n"));
    assert_eq!(
        ran.stderr,
        "hib: the session crashed, the process exited with code 3; its state is restored, as it was before this code\n"
    );
    let ran = run("fresh");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(134), ""));
    assert!(ran.stderr.contains("its state is lost\n") && ran.stderr.contains("NameError"), "{ran:?}");
    let ran = run("none");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(70), ""));
    assert!(
        ran.stderr.contains("its state is lost\n") && ran.stderr.contains("[session.crashed]"),
        "{ran:?}"
    );
    let ran = run("luck");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("guard, fresh, checkpoint, none"), "{ran:?}");
}

#[test]
fn a_hard_kill_at_the_deadline_costs_one_cell_under_a_guard() {
    // Nothing of Python's own ends it: the signal is blocked, and the loop is in C.
    let stuck =
        "x = 2\nimport signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\nsum(iter(int, 1))";
    let ran =
        hib(["run", "--keep-going", "--recovery", "guard", "--timeout", "1s", "-c", "x = 1", "-c", stuck])
            .command(|command| _ = command.args(["-c", "x"]))
            .run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(124), "1\n"), "{ran:?}");
    assert!(ran.stderr.contains("timed out, killed by the host"), "{ran:?}");
    assert!(ran.stderr.contains("the session's state is restored, as it was before this code"), "{ran:?}");
}
