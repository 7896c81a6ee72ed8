//! What the tests share: an engine, backends of their own, and an eye on containers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::query_parameters::ListContainersOptionsBuilder;
use hibernaculum_backend_docker::{DockerBackend, DockerBackendBuilder};
use hibernaculum_core::{Backend, Error, ExecutionResult, Sandbox, SandboxSpec, Session};

/// How long anything may take on a machine that is busy with everything else.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Why these tests cannot run here.
pub(crate) async fn what_is_missing() -> Option<String> {
    DockerBackend::builder().provider().await.err().map(|error| error.explain().to_string())
}

pub(crate) fn is_required() -> bool {
    let required = std::env::var("HIBERNACULUM_REQUIRE").unwrap_or_default();
    required.split([',', ' ']).any(|name| name == "docker")
}

/// The image that tests run in.
pub(crate) fn image() -> String {
    std::env::var("HIBERNACULUM_IMAGE").expect("HIBERNACULUM_IMAGE names the image that tests run in")
}

pub(crate) fn engine() -> Docker {
    Docker::connect_with_defaults().unwrap()
}

pub(crate) fn builder() -> DockerBackendBuilder {
    DockerBackend::builder()
}

pub(crate) async fn backend() -> Arc<dyn Backend> {
    builder().build().await.unwrap()
}

pub(crate) async fn sandbox(spec: SandboxSpec) -> Sandbox {
    Sandbox::create(&backend().await, spec).await.unwrap()
}

/// A session in a sandbox of its own, which must be kept.
pub(crate) async fn session() -> (Sandbox, Session) {
    let sandbox = sandbox(SandboxSpec::default()).await;
    let session = sandbox.session().await.unwrap();
    (sandbox, session)
}

/// What a container is called.
pub(crate) fn container(sandbox: &Sandbox) -> String {
    format!("hibernaculum-{}", sandbox.id())
}

pub(crate) async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work.into_future()).await.expect("it takes too long")
}

pub(crate) async fn run(session: &Session, code: &str) -> ExecutionResult {
    within(session.execute(code)).await.unwrap()
}

/// The value of an expression at the end of some code.
#[track_caller]
pub(crate) fn shown(result: &ExecutionResult) -> String {
    match (result.value(), result.error()) {
        (Some(value), _) => value.repr.clone(),
        (None, Some(error)) => panic!("{}", error.traceback),
        (None, None) => panic!("no value: {:?} {}", result.status(), result.stderr.as_str()),
    }
}

pub(crate) async fn value(session: &Session, code: &str) -> String {
    shown(&run(session, code).await)
}

pub(crate) fn refused<T>(result: Result<T, Error>) -> Error {
    result.err().expect("it is refused")
}

/// Waits until something is so that comes about by itself.
pub(crate) async fn until<F: Future<Output = Result<(), String>>>(what: &str, mut ask: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Err(answer) = ask().await else { return };
        assert!(Instant::now() < deadline, "{what}: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The containers that have this label, whatever state they are in.
pub(crate) async fn containers(label: &str) -> Vec<String> {
    let filters = HashMap::from([("label".to_owned(), vec![label.to_owned()])]);
    let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
    let listed = engine().list_containers(Some(options)).await.unwrap();
    listed.into_iter().filter_map(|container| container.names?.into_iter().next()).collect()
}

/// The label by which the containers of specs with this mark are found.
pub(crate) fn marked(mark: &str) -> (SandboxSpec, String) {
    let spec = SandboxSpec::builder().label("mark", mark).build().unwrap();
    (spec, format!("hibernaculum.labels={{\"mark\":\"{mark}\"}}"))
}

/// A mark that no other test has.
pub(crate) fn fresh(name: &str) -> String {
    format!("{name}-{}", hibernaculum_core::SandboxId::new())
}

/// Waits until no container has this label.
pub(crate) async fn until_gone(label: &str) {
    until("no container is left", || async {
        let left = containers(label).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    })
    .await;
}
