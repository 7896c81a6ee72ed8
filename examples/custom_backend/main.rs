//! A backend of your own, in one file: `cargo run --example custom_backend`, or `cargo run --example custom_backend -- ssh host`.
//!
//! [`backend.rs`](backend.rs) is all there is to write: how to start a sandbox's first process, and how to open one more stream to it. The engine
//! makes a backend of that, and the conformance suite holds it to every promise that it makes (`cargo test -p hibernaculum-tests --test
//! custom_backend`). `docs/backends.md` tells the whole story.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod backend;

use std::sync::Arc;

use backend::CommandProvider;
use hibernaculum::engine::Engine;
use hibernaculum::{Backend, Registry, Sandbox, SandboxSpec, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = if words.is_empty() { vec!["sh".to_owned(), "-c".to_owned()] } else { words };

    // Under a name of its own it can be chosen by a configuration, as those that come with the crate.
    let mut registry = Registry::builtin();
    registry.register("command", move |settings| {
        let provider = CommandProvider::new(command.clone(), "python3");
        async move {
            settings.read("command").finish()?;
            Ok(Arc::new(Engine::new(provider)?) as Arc<dyn Backend>)
        }
    });
    let backend = registry.create("command", &Settings::default()).await?;

    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    session.execute("import platform; where = platform.node()").await?;
    let result = session.execute("f'Python {platform.python_version()} on {where}'").await?;
    println!("{}", result.value().map_or("no value", |value| &value.repr));
    sandbox.close().await?;
    Ok(())
}
