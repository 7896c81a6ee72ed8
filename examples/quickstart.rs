//! The main job, in one program: `cargo run --example quickstart`.
//!
//! A session keeps its state, streams its output, tells an exception, asks a question, is interrupted, and still has its state.
//! Lines that begin with `>>>` are Python that this program sends; what is indented is what came back.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Instant;

use anyhow::Context as _;
use hibernaculum::{
    EventKind, ExecutionRequest, ExecutionResult, LocalBackend, Sandbox, SandboxSpec, Session, StdinPolicy,
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // A backend is a kind of place, a sandbox one such place, a session a Python interpreter that lives in it.
    let start = Instant::now();
    let backend = LocalBackend::builder().build()?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    println!("Python {} is ready after {:.0?}.", sandbox.info().await?.python, start.elapsed());

    state_stays(&session).await?;
    output_streams(&session).await?;
    an_exception_is_an_outcome(&session).await?;
    questions_are_answered(&session).await?;
    an_interrupt_keeps_the_state(&session).await?;

    sandbox.close().await?;
    println!("\nThe sandbox is closed; nothing of it is left.");
    Ok(())
}

async fn state_stays(session: &Session) -> anyhow::Result<()> {
    title("State stays between executions");
    run(session, "x = 41").await?;
    let result = run(session, "x + 1").await?;
    anyhow::ensure!(result.json() == Some(&42.into()), "41 + 1 came to {result:?}");
    Ok(())
}

async fn output_streams(session: &Session) -> anyhow::Result<()> {
    title("Output comes while the code runs");
    let code = "import time\nfor step in range(3):\n    print('step', step)\n    time.sleep(0.1)";
    show_code(code);
    let start = Instant::now();
    let mut execution = session.start(code).await?;
    while let Some(event) = execution.next().await {
        if let EventKind::Output { text, .. } = event.kind {
            print!("    after {:3} ms: {text}", start.elapsed().as_millis());
        }
    }
    Ok(())
}

async fn an_exception_is_an_outcome(session: &Session) -> anyhow::Result<()> {
    title("An exception is an outcome, not a fault");
    run(session, "def half(n):\n    return n / 0").await?;
    let result = run(session, "half(x)").await?;
    let error = result.error().context("dividing by zero went well")?;
    let frame = error.frames.last().context("the traceback has no frames")?;
    println!("As data: {} in line {} of `{}`", error.type_name, frame.line, frame.function);
    Ok(())
}

async fn questions_are_answered(session: &Session) -> anyhow::Result<()> {
    title("The code asks, this program answers");
    let code = "name = input('What is your name? ')\nprint('Hello,', name)";
    show_code(code);
    let mut execution = session.start(ExecutionRequest::new(code).stdin(StdinPolicy::Ask)).await?;
    while let Some(event) = execution.next().await {
        match event.kind {
            EventKind::InputRequest { token, prompt, .. } => {
                println!("    {prompt}… answered with `Python`");
                session.answer(&token, "Python").await?;
            }
            EventKind::Output { text, .. } => print!("    {text}"),
            _ => {}
        }
    }
    Ok(())
}

async fn an_interrupt_keeps_the_state(session: &Session) -> anyhow::Result<()> {
    title("An interrupt ends the execution, not the session");
    let code = "print('counting')\nwhile True:\n    x += 1";
    show_code(code);
    let mut execution = session.start(code).await?;
    while let Some(event) = execution.next().await {
        if let EventKind::Output { text, .. } = event.kind {
            print!("    {text}");
            break;
        }
    }
    let start = Instant::now();
    session.interrupt(&execution.id()).await?;
    let result = execution.result().await?;
    println!("{} within {:.0?}; the state is {:?}", result.status(), start.elapsed(), result.state());

    let result = run(session, "x > 41").await?;
    anyhow::ensure!(result.json() == Some(&true.into()), "the state was lost: {result:?}");
    Ok(())
}

/// Runs code to its end, and shows what came of it.
async fn run(session: &Session, code: &str) -> anyhow::Result<ExecutionResult> {
    show_code(code);
    let result = session.execute(code).await?;
    for line in result.stdout.as_str().lines() {
        println!("    {line}");
    }
    if let Some(value) = result.value() {
        println!("    {}", value.repr);
    }
    if let Some(error) = result.error() {
        for line in error.traceback.lines() {
            println!("    {line}");
        }
    }
    Ok(result)
}

fn title(text: &str) {
    println!("\n{text}");
}

fn show_code(code: &str) {
    for (number, line) in code.lines().enumerate() {
        println!("{} {line}", if number == 0 { ">>>" } else { "..." });
    }
}
