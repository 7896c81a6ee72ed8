//! Images that come from a registry: one of the tests' own, on the loopback.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use hibernaculum_backend_docker::ImageBuild;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::images::discard;
use crate::scene::{engine, refused, within};

crate::tests![
    a_base_is_pulled_by_its_newest_tag_and_every_step_is_told,
    a_registry_that_refuses_is_told_in_its_words,
];

struct Registry {
    /// `127.0.0.1:PORT`; engines ask for no certificate there.
    address: String,
    process: Child,
    lifeline: ChildStdin,
    asked: Lines<BufReader<ChildStdout>>,
}

impl Registry {
    async fn start() -> Self {
        let mut process = Command::new("python3")
            .args(["-I", "-c", include_str!("registry.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lifeline = process.stdin.take().unwrap();
        let mut asked = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = within(asked.next_line()).await.unwrap().expect("it says its port");
        Self { address: format!("127.0.0.1:{port}"), process, lifeline, asked }
    }

    /// Ends it; what it was asked for.
    async fn close(mut self) -> Vec<String> {
        drop(self.lifeline);
        let mut all = Vec::new();
        while let Some(line) = within(self.asked.next_line()).await.unwrap() {
            all.push(line);
        }
        within(self.process.wait()).await.unwrap();
        all
    }
}

/// What comes of building on that base, which has no Python, and what was said meanwhile.
async fn built(base: &str) -> (hibernaculum_core::Error, Vec<String>) {
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let build =
        ImageBuild::new().from(base).on_progress(move |line| heard.lock().unwrap().push(line.to_owned()));
    let error = refused(within(build.run()).await);
    let said = std::mem::take(&mut *said.lock().unwrap());
    (error, said)
}

async fn a_base_is_pulled_by_its_newest_tag_and_every_step_is_told() {
    let registry = Registry::start().await;
    let base = format!("{}/hibernaculum/small", registry.address);
    let (error, said) = built(&base).await;
    // It came, and was looked at.
    assert_eq!(error.code(), "sandbox.image_unfit", "{error}");
    assert!(engine().inspect_image(&format!("{base}:latest")).await.is_ok());
    // The other tag of that name did not come along.
    assert!(engine().inspect_image(&format!("{base}:other")).await.is_err());
    assert!(said.iter().any(|line| line.ends_with("Pull complete")), "{said:?}");
    assert!(said.iter().any(|line| line.contains("(1.0 MB)")), "its size is told: {said:?}");
    let (all, once) = (said.len(), said.iter().collect::<BTreeSet<_>>().len());
    assert_eq!(all, once, "a step is told once: {said:?}");
    discard(&format!("{base}:latest")).await;
    let asked = registry.close().await;
    assert!(!asked.iter().any(|line| line.contains("tags")), "{asked:?}");
}

async fn a_registry_that_refuses_is_told_in_its_words() {
    let registry = Registry::start().await;
    for (name, why) in [("private", "unauthorized"), ("nothing", "not found"), ("small:never", "not found")] {
        let (error, _said) = built(&format!("{}/hibernaculum/{name}", registry.address)).await;
        assert_eq!(error.code(), "sandbox.image_build", "{name}: {error}");
        let told = error.explain().to_string();
        assert!(told.contains("could not be pulled") && told.contains(why), "{name}: {told}");
    }
    registry.close().await;
    // And nobody at all is there.
    let (error, _said) = built("127.0.0.1:9/hibernaculum/small").await;
    assert!(error.explain().to_string().contains("connection refused"), "{}", error.explain());
}
