//! `hib run -c`.

use crate::driver::hib;

#[test]
fn snippets_share_one_session_and_the_value_is_printed() {
    hib(["run", "-c", "x = 41", "-c", "x + 1"]).run().says(0, "42\n");
}

#[test]
fn a_value_is_printed_as_a_repl_prints_it() {
    hib(["run", "-c", "'text'", "-c", "None", "-c", "_ * 2", "-c", "x = 1"])
        .run()
        .says(0, "'text'\n'texttext'\n");
}

#[test]
fn a_rich_value_is_printed_once() {
    let code =
        "class Snake:\n    def _repr_html_(self): return '<i>'\n    def __repr__(self): return 'snake'\n";
    let printed = |last: &str| hib(["run", "-c", &format!("{code}{last}")]).run();
    printed("Snake()").says(0, "snake\n");
    printed("display(Snake()); Snake()").says(0, "snake\nsnake\n");
    printed("display('snake'); Snake()").says(0, "'snake'\nsnake\n");
}

/// As in `IPython`: its own text stands for its repr.
#[test]
fn a_value_that_has_words_of_its_own_is_printed_in_them_once() {
    let printed = |forms: &str, last: &str| {
        let code = format!(
            "class Snake:\n    def _repr_mimebundle_(self, **_): return {forms}\n    def __repr__(self): return 'Snake()'\n"
        );
        hib(["run", "-c", &format!("{code}{last}")]).run()
    };
    let both = "{'text/html': '<i>', 'text/plain': 'a snake'}";
    printed(both, "Snake()").says(0, "a snake\n");
    printed(both, "display(Snake()); Snake()").says(0, "a snake\na snake\n");
    printed("{'text/plain': 'a snake'}", "Snake()").says(0, "a snake\n");
    printed("{'text/html': '<i>', 'text/plain': None}", "Snake()").says(0, "Snake()\n");
    // What only looks like the value is none.
    printed(both, "display({'text/plain': '7', 'text/html': '<b>7'}, raw=True); 7").says(0, "7\n7\n");
}

#[test]
fn code_that_begins_with_a_hyphen_is_code() {
    hib(["run", "-c", "-1"]).run().says(0, "-1\n");
}

#[test]
fn output_goes_where_the_code_sends_it() {
    let ran = hib(["run", "-c", "import sys; print('out'); print('err', file=sys.stderr)"]).run();
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (Some(0), "out\n", "err\n"));
}

#[test]
fn output_of_a_child_comes_in_its_place() {
    let code = "import os; print('before'); os.system('echo child'); print('after')";
    hib(["run", "-c", code]).run().says(0, "before\nchild\nafter\n");
}

#[test]
fn output_is_never_cut() {
    let ran = hib(["run", "-c", "print('x' * 10_000_000)"]).run();
    assert_eq!((ran.code, ran.stdout.len(), ran.stderr.as_str()), (Some(0), 10_000_001, ""));
    assert!(ran.stdout.trim_end().bytes().all(|byte| byte == b'x'));
}

#[test]
fn output_comes_while_the_code_runs() {
    // Were it kept until the end, the answer would never come.
    let code = "print('ready', flush=True); name = input(); print('hello', name)";
    let running = hib(["run", "-c", code]).stdin("you\n").start().until("ready\n");
    running.end().says(0, "ready\nhello you\n");
}

#[test]
fn arguments_reach_the_code() {
    let ran = hib(["run", "-c", "import sys; sys.argv", "a", "--", "--b", "é\"'\n"]).run();
    ran.says(0, "['-c', 'a', '--b', 'é\"\\'\\n']\n");
}

#[test]
fn modules_can_be_preloaded() {
    let code = "import sys; [name in sys.modules for name in ('colorsys', 'sndhdr_not', 'wave')]";
    hib(["run", "--preload", "colorsys,wave", "-c", code]).run().says(0, "[True, False, True]\n");
}

#[test]
fn the_environment_is_what_was_asked_for() {
    let code = "import os; [os.environ.get(name) for name in ('GIVEN', 'PASSED', 'SECRET')]";
    let ran = hib(["run", "--env", "GIVEN=a=b", "--env", "PASSED", "-c", code]);
    ran.env("PASSED", "on").env("SECRET", "s3cret").run().says(0, "['a=b', 'on', None]\n");
}

#[test]
fn code_runs_in_this_directory_unless_another_is_named() {
    let here = tempfile::tempdir().unwrap();
    let here = here.path().canonicalize().unwrap();
    let code = "import os; os.getcwd()";
    let shown = format!("'{}'\n", here.display());
    hib(["run", "-c", code]).directory(&here).run().says(0, &shown);
    hib(["run", "--workdir", here.to_str().unwrap(), "-c", code]).run().says(0, &shown);
}

#[test]
fn nothing_to_run_is_said_and_no_failure() {
    let ran = hib(["run", "-c", " \n"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        ran.stderr.lines().next(),
        Some("hib: there is nothing to run in the code of -c [input.empty]")
    );
}
