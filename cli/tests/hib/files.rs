//! Files that are no plain files.

use std::process::{Command, Stdio};

use crate::driver::hib;

#[test]
fn a_script_may_come_through_a_pipe_with_a_name() {
    let ran = hib([]).command(|command| {
        *command = Command::new("bash");
        command.args(["-c", "\"$0\" run <(echo '40 + 2')", env!("CARGO_BIN_EXE_hib")]).stdin(Stdio::null());
    });
    ran.run().says(0, "42\n");
}

#[test]
fn a_mark_before_the_text_is_no_part_of_it() {
    let scene = tempfile::tempdir().unwrap();
    std::fs::write(scene.path().join("a.py"), "\u{feff}print('é')\r\n").unwrap();
    hib(["run", "a.py"]).directory(scene.path()).run().says(0, "é\n");
}
