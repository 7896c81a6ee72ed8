//! Holds every backend of this build to the conformance suite: `cargo test --workspace --test conformance -- a_timeout`.
//!
//! `HIBERNACULUM_PYTHON` chooses the Python of the local backend, `HIBERNACULUM_IMAGE` the image of the Docker backend, `HIBERNACULUM_SMOKE=1` the smoke
//! subset, and `HIBERNACULUM_REQUIRE` names what must not be missing. Containers whose streams are execs take four minutes more and differ in nothing but
//! how bytes come: they are held to all of it with `HIBERNACULUM_LONG=1`, as `.ci/docker.sh` does.

mod daytona;

use std::process::ExitCode;
use std::sync::Arc;

use hibernaculum::{Feature, Features, Registry, Settings};
use hibernaculum_testkit::Subject;

fn main() -> ExitCode {
    let code = hibernaculum_testkit::main(subjects);
    if daytona::keeps_to_the_specs() { code } else { ExitCode::FAILURE }
}

async fn subjects() -> Vec<Subject> {
    let registry = Registry::builtin();
    let mut subjects = Vec::new();
    for name in registry.names() {
        if name == "daytona" {
            subjects.extend(daytona::subjects(&registry).await);
            continue;
        }
        // One subject for each way in which a backend goes about it: all of them keep every promise.
        let ways: &[(&str, &str)] = match name {
            "docker" => &[("docker-socket", "socket"), ("docker-exec", "exec")],
            _ => &[(name, "")],
        };
        for &(shown, transport) in ways {
            if transport == "exec" && !asked_for("HIBERNACULUM_LONG") && !asked_for("HIBERNACULUM_SMOKE") {
                subjects.push(Subject::missing(shown, "HIBERNACULUM_LONG=1 asks for it"));
                continue;
            }
            let settings = match transport {
                "" => Settings::default(),
                // Where portable checkpoints are kept is for whoever makes the backend to say.
                transport => Settings::default()
                    .with("transport", transport)
                    .with("checkpoint_store", "memory:")
                    // Neither adopts what the other lets go of.
                    .with("state_dir", state_dir(transport)),
            };
            match registry.create(name, &settings).await {
                Ok(backend) => {
                    if ["local", "docker"].contains(&name) {
                        offers_all(name, backend.features());
                    }
                    if name == "local" {
                        // A sandbox's first sessions are forked off its supervisor, later ones cloned from a zygote.
                        let cloned = Subject::new(format!("{name}-cloned"), Arc::clone(&backend));
                        subjects.push(cloned.with_env("HIBERNACULUM_ZYGOTE", "first"));
                    }
                    let subject = Subject::new(shown, backend);
                    subjects.push(if name == "docker" {
                        subject.lacking_at_most(CONTAINERS_LACK)
                    } else {
                        subject
                    });
                }
                Err(error) => {
                    // What keeps one way from being tried keeps the others.
                    subjects.push(Subject::missing(name, error.explain().to_string()));
                    break;
                }
            }
        }
    }
    subjects
}

/// How many cases containers may be unfit for.
const CONTAINERS_LACK: usize = 5;

/// What runs the runner on Linux, and has a store, has all of these: a case about one of them may not be called inapplicable.
const RUNNERS: [Feature; 13] = [
    Feature::Interrupt,
    Feature::Input,
    Feature::Attach,
    Feature::Namespace,
    Feature::Preload,
    Feature::BindingTransactions,
    Feature::MemoryTransactions,
    Feature::Guard,
    Feature::LiveCheckpoints,
    Feature::Branches,
    Feature::Files,
    Feature::PortableCheckpoints,
    Feature::SandboxSnapshots,
];

/// # Panics
///
/// Where a backend no longer offers what it did.
fn offers_all(backend: &str, features: &Features) {
    let lacks: Vec<_> = RUNNERS.into_iter().filter(|feature| !features.supports(*feature)).collect();
    assert!(lacks.is_empty(), "the backend {backend} no longer offers {lacks:?}");
}

fn state_dir(transport: &str) -> String {
    std::env::temp_dir().join(format!("hibernaculum-suite-{transport}")).display().to_string()
}

fn asked_for(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| value == "1")
}
