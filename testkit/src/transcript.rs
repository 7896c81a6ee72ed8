//! What a case did, step by step, so that a failure can be read without a debugger.

use std::cell::RefCell;
use std::future::Future;
use std::time::Instant;

tokio::task_local! {
    static STEPS: RefCell<Steps>;
}

/// How many of the last steps are kept.
const KEPT: usize = 12;

#[derive(Debug)]
struct Steps {
    began: Instant,
    lines: Vec<String>,
}

/// Runs `case` and gives, with its output, the transcript so far; also when it is cut off by `within`.
pub(crate) async fn recorded<F: Future>(case: F) -> (F::Output, String) {
    let steps = RefCell::new(Steps { began: Instant::now(), lines: Vec::new() });
    STEPS.scope(steps, async { (case.await, tell()) }).await
}

/// Takes note of a step. Outside of a case's own task nothing is noted.
pub(crate) fn note(step: impl FnOnce() -> String) {
    // Where the task has no transcript, nobody would read the note.
    let _ = STEPS.try_with(|steps| {
        let mut steps = steps.borrow_mut();
        let line = format!("{:7.3} s  {}", steps.began.elapsed().as_secs_f64(), step());
        if steps.lines.len() == KEPT {
            steps.lines.remove(0);
        }
        steps.lines.push(line);
    });
}

fn tell() -> String {
    STEPS.with(|steps| steps.borrow().lines.join("\n"))
}

/// One line of at most 140 characters.
pub(crate) fn shorten(text: &str) -> String {
    const MOST: usize = 140;
    let line: String = text.trim().chars().take(MOST).flat_map(char::escape_debug).collect();
    let is_all = text.trim().chars().nth(MOST).is_none();
    if is_all { line } else { format!("{line}… ({} bytes)", text.len()) }
}
