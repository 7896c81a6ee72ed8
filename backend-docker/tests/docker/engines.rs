//! An engine that cannot be used explains itself.

use std::os::unix::fs::PermissionsExt as _;

use hibernaculum_core::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixListener;

use crate::scene::{builder, refused};

crate::tests![
    an_engine_that_is_not_there_explains_itself,
    an_engine_that_has_ended_is_told_from_one_that_never_was,
    an_engine_that_refuses_is_told,
    an_engine_that_is_too_old_is_told_with_its_version,
    what_is_no_engine_is_told,
    the_engine_of_this_machine_will_do,
];

/// What is said of an engine that answers every request so.
async fn engine(answer: String) -> Error {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("d.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let serving = tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    let error = refused(builder().host(format!("unix://{}", path.display())).build().await.map(drop));
    serving.abort();
    error
}

async fn an_engine_that_is_not_there_explains_itself() {
    let error = refused(builder().host("unix:///nonexistent/docker.sock").build().await.map(drop));
    assert_eq!(error.code(), "sandbox.engine");
    let told = error.explain();
    assert!(told.what.contains("/nonexistent/docker.sock"), "{told}");
    assert!(told.how.contains("hib doctor") && told.how.contains("DOCKER_HOST"), "{told}");
}

async fn an_engine_that_has_ended_is_told_from_one_that_never_was() {
    let scene = tempfile::tempdir().unwrap();
    let path = scene.path().join("d.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let error = refused(builder().host(format!("unix://{}", path.display())).build().await.map(drop));
    assert!(error.to_string().contains("nobody listens"), "{error}");
    assert!(error.explain().how.contains("systemctl start docker"), "{}", error.explain());
}

/// An answer as an engine gives it.
fn http(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

async fn an_engine_that_refuses_is_told() {
    let error = engine(http("403 Forbidden", r#"{"message": "not you"}"#)).await;
    assert_eq!(error.code(), "sandbox.engine");
    let told = error.explain();
    assert!(told.what.contains("not you") && told.how.contains("ask whoever runs"), "{told}");
}

async fn an_engine_that_is_too_old_is_told_with_its_version() {
    // What it is asked besides it answers with the same.
    let error = engine(http("200 OK", r#"{"Version": "1.13.1", "ApiVersion": "1.26"}"#)).await;
    assert_eq!(error.code(), "sandbox.engine");
    let told = error.explain();
    assert!(
        told.what.contains("1.13.1") && told.why.contains("1.26") && told.how.contains("20.10"),
        "{told}"
    );
}

async fn what_is_no_engine_is_told() {
    for answer in ["SSH-2.0-OpenSSH\r\n".to_owned(), http("200 OK", "[]"), String::new()] {
        let error = engine(answer.clone()).await;
        assert_eq!(error.code(), "sandbox.engine", "{answer:?}");
        assert!(error.to_string().contains("does not answer as an engine does"), "{error}");
    }
}

async fn the_engine_of_this_machine_will_do() {
    let provider = builder().provider().await.unwrap();
    assert!(
        format!("{provider:?}").contains("docker.sock") || std::env::var_os("DOCKER_HOST").is_some(),
        "{provider:?}"
    );
}
