//! `input()` in `hib run`, without a terminal.

use crate::driver::hib;

#[test]
fn input_takes_the_lines_of_stdin_one_by_one() {
    let code = "a = input('first? ')\nb = input()\na, b";
    hib(["run", "-c", code]).stdin("one\r\n\u{e9} two\nthree\n").run().says(0, "first? ('one', 'é two')\n");
}

#[test]
fn cells_go_on_where_the_last_one_stopped_reading() {
    hib(["run", "-c", "input()", "-c", "input()"]).stdin("1\n2").run().says(0, "'1'\n'2'\n");
}

#[test]
fn the_end_of_stdin_is_an_eof_error() {
    let ran = hib(["run", "-c", "input()", "-c", "input()"]).stdin("only\n").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), "'only'\n"));
    assert!(ran.stderr.contains("\nEOFError"), "{}", ran.stderr);
}

#[test]
fn all_of_stdin_can_be_read_at_once() {
    let code = "import sys; sys.stdin.readline(), sys.stdin.read()";
    hib(["run", "-c", code]).stdin("a\nb\nc\n").run().says(0, "('a\\n', 'b\\nc\\n')\n");
}

#[test]
fn where_the_code_came_from_stdin_nobody_answers() {
    let ran = hib(["run", "-"]).stdin("input('name? ')\nmore").run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(1), ""));
    assert!(ran.stderr.contains("\nEOFError: "), "{}", ran.stderr);
}

#[test]
fn a_password_is_asked_for_on_stderr() {
    let ran = hib(["run", "-c", "import getpass; getpass.getpass('pin: ')"]).stdin("1234\n").run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "'1234'\n", "pin: "));
}

#[test]
fn a_question_that_nobody_answers_ends_at_the_deadline() {
    // Its stdin stays open and silent.
    let ran = hib(["run", "--timeout", "1s", "--keep-going", "-c", "input()", "-c", "'next'"])
        .command(|command| _ = command.stdin(std::process::Stdio::piped()))
        .run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(124), "'next'\n"));
}
