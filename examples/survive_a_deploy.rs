//! A session that survives a deploy: `cargo run --example survive_a_deploy --features checkpoints`.
//!
//! One host puts its sessions to sleep in a checkpoint store before it ends. The next one, another program perhaps, or another version of this
//! one, wakes them: same id, same names, same count of executions.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use hibernaculum::checkpoint_store::Store;
use hibernaculum::{CheckpointId, CheckpointRequest, LocalBackend, Sandbox, SandboxSpec};

const SET_UP: &str = "visits = {'ada': 3}\ndef greet(name):\n    visits[name] = visits.get(name, 0) + 1\n    return f'{name}, visit {visits[name]}'";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let place = std::env::temp_dir().join(format!("hibernaculum-deploy-{}", std::process::id()));
    let asleep = first_host(&place).await?;
    let answer = second_host(&place, &asleep).await?;
    println!("the second host: {answer}");
    anyhow::ensure!(answer == "'ada, visit 5'", "the state did not survive");
    std::fs::remove_dir_all(&place).context("removing the store")?;
    Ok(())
}

/// Works, and puts its session to sleep before it ends.
async fn first_host(place: &Path) -> anyhow::Result<CheckpointId> {
    let backend = LocalBackend::builder().checkpoint_store(Arc::new(Store::directory(place)?)).build()?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    session.execute(SET_UP).await?;
    let result = session.execute("greet('ada')").await?;
    println!("the first host: {}", result.value().context("a greeting")?.repr);

    let checkpoint = session.hibernate(CheckpointRequest::portable().name("before the deploy")).await?;
    for variable in backend.manifest(&checkpoint.id).await?.variables {
        println!("  saved: {} ({})", variable.name, variable.type_name);
    }
    sandbox.close().await?;
    Ok(checkpoint.id)
}

/// Knows nothing but the store and an id.
async fn second_host(place: &Path, checkpoint: &CheckpointId) -> anyhow::Result<String> {
    let backend = LocalBackend::builder().checkpoint_store(Arc::new(Store::directory(place)?)).build()?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.wake(checkpoint).await?;
    let result = session.execute("greet('ada')").await?;
    let answer = result.value().context("a greeting")?.repr.clone();
    sandbox.close().await?;
    Ok(answer)
}
