//! A backend by its name: `HIBERNACULUM_BACKEND=local cargo run --example choose_backend`.
//!
//! A program whose configuration says where code runs need not know which backends there are. The settings may come from the configuration, too:
//! `HIBERNACULUM_SETTINGS='{"python": "python3.12"}'`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::env;

use hibernaculum::{Feature, Registry, Sandbox, SandboxSpec, Settings};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let name = env::var("HIBERNACULUM_BACKEND").unwrap_or_else(|_| "local".to_owned());
    let settings: Settings = env::var("HIBERNACULUM_SETTINGS").unwrap_or_default().parse()?;

    // The backends that this program was built with. `register` would add one of its own, from whatever crate.
    let registry = Registry::builtin();
    println!("Built with: {}", registry.names().collect::<Vec<_>>().join(", "));

    // A name that nobody knows is an error that tells those that are known.
    let backend = match registry.create(&name, &settings).await {
        Ok(backend) => backend,
        Err(error) => anyhow::bail!("{}", error.explain()),
    };
    let features = backend.features();
    println!("`{name}` can do: {}", list(features.features.iter().map(Feature::to_string)));
    println!("`{name}` can limit: {}", list(features.limits.iter().map(|limit| limit.name().to_owned())));

    // From here on everything is the same, whichever it is.
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    let result = session.execute("import platform; platform.python_version()").await?;
    println!("Python there is {}", result.value().map_or("unknown", |value| &value.repr));
    sandbox.close().await?;
    Ok(())
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(", ")
}
