//! A session that survives a deploy: `cargo run --example survive_a_deploy --features checkpoints`.
//!
//! One host puts its sessions to sleep in a checkpoint store before it ends. The next one, another program perhaps, or another version of this
//! one, wakes them: same id, same names, same count of executions. Here both are runs of this program, one after the other.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::Context as _;
use hibernaculum::checkpoint_store::Store;
use hibernaculum::{Backend, CheckpointRequest, LocalBackend, Sandbox, SandboxSpec};

const SET_UP: &str = "visits = {'ada': 3}\ndef greet(name):\n    visits[name] = visits.get(name, 0) + 1\n    return f'{name}, visit {visits[name]}'";
const NAME: &str = "before the deploy";

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => deploy(),
        ["first", place] => first_host(Path::new(place)),
        ["second", place] => second_host(Path::new(place)),
        _ => anyhow::bail!("it takes no words"),
    }
}

/// Two programs that have nothing in common but the store.
fn deploy() -> anyhow::Result<()> {
    let place = std::env::temp_dir().join(format!("hibernaculum-deploy-{}", std::process::id()));
    for host in ["first", "second"] {
        let ended = Command::new(std::env::current_exe()?).arg(host).arg(&place).status()?;
        anyhow::ensure!(ended.success(), "the {host} host failed");
    }
    std::fs::remove_dir_all(&place).context("removing the store")
}

fn backend(place: &Path) -> anyhow::Result<Arc<dyn Backend>> {
    Ok(LocalBackend::builder().checkpoint_store(Arc::new(Store::directory(place)?)).build()?)
}

/// Works, and puts its session to sleep before it ends.
#[tokio::main]
async fn first_host(place: &Path) -> anyhow::Result<()> {
    let backend = backend(place)?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    session.execute(SET_UP).await?;
    let result = session.execute("greet('ada')").await?;
    println!("the first host: {}", result.value().context("a greeting")?.repr);

    let checkpoint = session.hibernate(CheckpointRequest::portable().name(NAME)).await?;
    for variable in backend.manifest(&checkpoint.id).await?.variables {
        println!("  saved: {} ({})", variable.name, variable.type_name);
    }
    sandbox.close().await?;
    Ok(())
}

/// Wakes what sleeps in the store.
#[tokio::main]
async fn second_host(place: &Path) -> anyhow::Result<()> {
    let backend = backend(place)?;
    let stored = backend.stored_checkpoints().await?;
    let asleep = stored.iter().rfind(|info| info.name.as_deref() == Some(NAME)).context("what was saved")?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.wake(&asleep.id).await?;
    let result = session.execute("greet('ada')").await?;
    let answer = &result.value().context("a greeting")?.repr;
    println!("the second host: {answer}");
    anyhow::ensure!(answer == "'ada, visit 5'", "the state did not survive");
    sandbox.close().await?;
    Ok(())
}
