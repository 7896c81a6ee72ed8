//! An agent loop, tested with a script: no Python, no waiting, and nothing that the script does not say.
//! `cargo test -p hibernaculum-tests --test agent_with_script`

mod agent;

use hibernaculum::mock::{Exception, Script, when};

#[tokio::test(start_paused = true)]
async fn the_agent_tells_the_model_what_went_wrong() -> Result<(), hibernaculum::Error> {
    let mock = Script::in_order([
        when("total = 7\ntotal / 0")
            .binds("total", 7)
            .raises(Exception::new("ZeroDivisionError", "division by zero")),
        when("total / 2").value(3.5),
    ])
    .backend()?;
    assert_eq!(agent::solve(&mock.backend(), agent::model).await?.as_deref(), Some("3.5"));
    // Both rules were met, in this order, and the sandbox is closed: else this panics, and shows what came near.
    mock.verify().await;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_agent_gives_up_after_five_attempts_that_hang() -> Result<(), hibernaculum::Error> {
    let mock = Script::in_order([when("while True: pass").hangs().times(5)]).backend()?;
    // Five deadlines of 30 s, in no time: the clock is tokio's, and paused.
    assert_eq!(agent::solve(&mock.backend(), |_| "while True: pass".to_owned()).await?, None);
    mock.verify().await;
    Ok(())
}
