//! `hib repl`: `:undo`, checkpoints, branches and the tree of them; and what comes back after a crash.

use crate::driver::{Ran, hib};
use crate::repl::{Person, state};

#[test]
fn the_last_input_is_undone() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("x = [1]", 2);
    person.enters("x.append(2)", 3);
    person.types(":undo\r");
    person.sees("as it was before the last input");
    person.sees("In [2]");
    person.types("x\r");
    person.sees(" [1]\r\n");
    person.sees("In [3]");
    person.types("del x; import gc\r");
    person.sees("In [4]");
    person.types(":undo 2\r");
    person.sees("before the last 2 inputs");
    person.sees("In [2]");
    person.types("x\r");
    person.sees(" [1]\r\n");
    person.sees("In [3]");
    person.types(":undo 99\r");
    person.sees("nothing that old is kept");
    person.types(":undo x\r");
    person.sees(":undo takes how many");
    person.sees("In [3]");
    assert_eq!(person.leaves(), Some(0));
}

#[test]
fn a_crash_is_undone_by_hand_or_by_a_guard() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--recovery", "guard"], &[]);
    person.enters("x = 41", 2);
    person.types("x = 0; import os; os._exit(3)\r");
    person.sees("exited with code 3; its state is restored, as it was before this code");
    person.sees("In [2]");
    person.types("x + 1\r");
    person.sees(" 42\r\n");
    drop(person);
    let mut person = Person::starts(state.path(), &["--no-history"], &[]);
    person.enters("x = 41", 2);
    person.types("import os; os._exit(3)\r");
    person.sees("its state is lost: a fresh interpreter goes on, its names are gone");
    person.sees("In [1]");
    person.types(":undo\r");
    person.sees("as it was before the last input");
    person.sees("In [2]");
    person.types("x + 1\r");
    person.sees(" 42\r\n");
}

#[test]
fn a_crash_goes_back_to_the_newest_checkpoint() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--recovery", "checkpoint", "--undo", "never"], &[]);
    person.enters("x = 41", 2);
    person.types(":checkpoint good\r");
    person.sees("good is kept");
    person.sees("In [2]");
    person.enters("x = 'later'", 3);
    person.types("import os; os._exit(3)\r");
    person.sees("its state is restored, from the live checkpoint");
    person.sees("In [");
    person.types("x + 1\r");
    person.sees(" 42\r\n");
}

#[test]
fn a_session_that_is_over_leaves_its_checkpoints() {
    let state = state();
    let mut person = Person::starts(state.path(), &["--recovery", "none"], &[]);
    person.enters("x = 41", 2);
    person.types(":checkpoint good\r");
    person.sees("good is kept");
    person.sees("In [2]");
    person.types("import os; os._exit(3)\r");
    person.sees("its state is lost, and the session is over");
    person.sees("In [1]");
    person.types("x + 1\r");
    person.sees("[session.crashed]");
    person.sees("In [1]");
    person.types(":branch good\r");
    person.sees("session 2 goes on from good");
    person.sees("(2) In [2]");
    person.types("x + 1\r");
    person.sees(" 42\r\n");
    person.sees("(2) In [3]");
    assert_eq!(person.leaves(), Some(0));
}

#[test]
fn a_branch_goes_its_own_way_and_names_are_completed_from_it() {
    let state = state();
    let mut person = Person::starts(state.path(), &[], &[]);
    person.enters("x = [1]", 2);
    person.types(":branch\r");
    person.sees("session 2 goes on from c1; `:switch 1` goes back to session 1");
    person.sees("(2) In [2]");
    person.types("hibernating = x.append(2)\r");
    person.sees("(2) In [3]");
    person.types("hibern\t");
    person.sees("hibernating");
    person.types(" is None, x\r");
    person.sees("(True, [1, 2])");
    person.sees("(2) In [4]");
    person.types(":switch 1\r");
    person.sees("session 1, after In [1]");
    person.sees("(1) In [2]");
    person.types("x\r");
    person.sees(" [1]\r\n");
    person.sees("(1) In [3]");
    person.types(":close 2\r");
    person.sees("session 2 has ended");
    // With one session left there is nothing to tell apart.
    let before = person.sees("In [3]");
    assert!(!before.ends_with("(1) "), "{before:?}");
    person.types(":close 1\r");
    person.sees("is the present one");
    person.sees("In [3]");
    assert_eq!(person.leaves(), Some(0));
}

/// What is said, piped in.
fn says(lines: &str, options: &[&str]) -> Ran {
    hib(["repl", "--quiet"]).command(|command| _ = command.args(options)).stdin(lines).run()
}

#[test]
fn the_tree_tells_what_came_of_what_and_where_one_is() {
    let lines = "x = 1\n:checkpoint root\nx = 2\n:checkpoint left\n:branch root\nx\n:checkpoint right\n:tree\n:delete root\n:tree\n:restore left\nx\n:sessions\n";
    let ran = says(lines, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let tree = "(the beginning)\n\
                └─ root  session 1, after In [1]\n   \
                   ├─ left  session 1, after In [2]\n   \
                   │  └─ session 1\n   \
                   └─ right  session 2, after In [2]\n      \
                      └─ session 2  ← here\n";
    assert!(ran.stdout.contains(tree), "{}", ran.stdout);
    let without = "(the beginning)\n\
                   ├─ left  session 1, after In [2]\n\
                   │  └─ session 1\n\
                   └─ right  session 2, after In [2]\n   \
                      └─ session 2  ← here\n";
    assert!(ran.stdout.contains(without), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("all is as it was at left, after In [2] of session 1\nOut[3]: 2\n"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("2        2   left           ← here\n")
            || ran.stdout.contains("2        3   left"),
        "{}",
        ran.stdout
    );
}

#[test]
fn what_makes_no_sense_is_told_and_costs_nothing() {
    let lines = "x = 1\n:restore\n:checkpoint a\n:restore\n:restore b\n:checkpoint a\n:checkpoint a b\n:branch b\n:delete b\n:switch\n:switch 7\n:switch x\n:close 7\nx\n";
    let ran = says(lines, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    for told in [
        "no checkpoint is kept yet",
        "which checkpoint? There are a\n",
        "there is no checkpoint b; there are a\n",
        "there is a checkpoint a already",
        "a checkpoint's name is one word",
        "which session? There are 1\n",
        "there is no session 7; there are 1\n",
        "there is no session x; there are 1\n",
        "Out[2]: 1\n",
    ] {
        assert!(ran.stdout.contains(told), "{told}: {}", ran.stdout);
    }
}

#[test]
fn what_a_copy_would_hold_open_is_no_way_back_unless_it_is_asked_for() {
    // A pipe that a sleeping copy of the session holds would never be seen to close.
    let lines = "import subprocess\ncat = subprocess.Popen(['cat'], stdin=subprocess.PIPE)\nx = 1\ncat.stdin.close(); cat.wait(30)\n";
    let ran = says(&format!("{lines}:undo 2\n"), &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert!(
        ran.stdout.starts_with("Out[4]: 0\nthere is no way back to before the last 2 inputs: "),
        "{ran:?}"
    );
    assert!(ran.stdout.contains("--undo always"), "{ran:?}");
    let open = "import tempfile; f = tempfile.TemporaryFile()\nx = 1\nx = 2\n:undo\nx\n";
    assert!(says(open, &[]).stdout.contains("there is no way back to before the last input: "));
    assert!(says(open, &["--undo", "always"]).stdout.contains("Out[3]: 1\n"));
    assert!(says("x = 1\n:undo\n", &["--undo", "never"]).stdout.contains("--undo never was asked for"));
    let thread = "import threading; e = threading.Event(); threading.Thread(target=e.wait, name='busy').start()\n1\n:undo\ne.set()\n";
    let told = says(thread, &[]).stdout;
    assert!(told.contains("there is no way back") && told.contains("busy"), "{told}");
}

#[test]
fn sixteen_inputs_can_be_undone_and_no_more_are_kept() {
    let steps = (0..40).map(|n| format!("x = {n}\n")).collect::<Vec<_>>().concat();
    let ran = says(&format!("{steps}:undo 17\n:undo 16\nx\n:undo\n"), &[]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(
        ran.stdout,
        "there is no way back to before the last 17 inputs: nothing that old is kept\n\
         all is as it was before the last 16 inputs\nOut[25]: 23\nall is as it was before the last input\n"
    );
}
