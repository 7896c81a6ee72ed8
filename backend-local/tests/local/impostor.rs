//! Somebody else at the sandbox's socket: user code may put a listener of its own there, and lie to whoever opens a session. What it says is told
//! by its code, the sandbox is not given up, and without the impostor everything is as before.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{Backend, Error, Sandbox, Session};
use hibernaculum_engine::{Engine, EngineConfig};

use crate::scene::{Scene, run, value, within};

/// How long an opened connection may take to say who it is.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Takes the place of the supervisor's socket, and greets everybody by `greet(peer)`. `challenge` is what the supervisor says first.
const TAKES_THE_PLACE: &str = r#"
import json, os, socket, threading

path = os.path.join(os.path.dirname(os.environ["HIBERNACULUM_PACKAGES"]), "s")
peers = []


def receive(peer):
    with peer.makefile("rb") as file:
        return json.loads(file.read(int.from_bytes(file.read(4), "big")))


def send(peer, message):
    body = json.dumps(message).encode()
    peer.sendall(len(body).to_bytes(4, "big") + body)


def take_the_place(greet):
    os.rename(path, path + ".moved")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)

    def serve():
        while True:
            peers.append(listener.accept()[0])
            greet(peers[-1])

    threading.Thread(target=serve, daemon=True).start()


def give_it_back():
    os.rename(path + ".moved", path)


with socket.socket(socket.AF_UNIX) as asking:
    asking.connect(path)
    challenge = receive(asking)
"#;

/// A sandbox in which somebody greets by `greet`, and what comes of opening a connection for files there. A session is not opened either.
async fn greeted_by(greet: &str) -> Error {
    let scene = Scene::new();
    let engine = EngineConfig::new().unwrap().handshake_timeout(HANDSHAKE);
    let backend: Arc<dyn Backend> =
        Arc::new(Engine::with_config(scene.builder().provider().unwrap(), engine).unwrap());
    let sandbox = scene.sandbox(&backend).await;
    let first = sandbox.session().await.unwrap();
    run(&first, TAKES_THE_PLACE).await;
    run(&first, greet).await;
    run(&first, "take_the_place(greet)").await;

    let (listed, opened) = within(async { tokio::join!(sandbox.files().list("."), sandbox.session()) }).await;
    let error = listed.expect_err("an impostor was believed");
    let unopened = opened.map(drop).expect_err("an impostor was believed");
    assert_eq!(unopened.code(), "session.start", "{}", unopened.explain());
    goes_on(&sandbox, &first).await;
    within(sandbox.close()).await.unwrap();
    scene.until_deserted().await;
    error
}

/// The sessions that are there were not hurt, and new ones open once the supervisor can be reached again.
async fn goes_on(sandbox: &Sandbox, first: &Session) {
    assert_eq!(value(first, "20 + 22").await, 42);
    run(first, "give_it_back()").await;
    within(sandbox.files().list(".")).await.expect("the control: it was the impostor");
    let second = within(sandbox.session()).await.expect("the control: it was the impostor");
    assert_eq!(value(&second, "1 + 1").await, 2);
}

#[tokio::test]
async fn an_impostor_that_hangs_up_is_a_broken_connection() {
    let error = greeted_by("def greet(peer): peer.close()").await;
    assert_eq!(error.code(), "transport.broken", "{}", error.explain());
}

#[tokio::test]
async fn an_impostor_that_says_nothing_is_given_up() {
    let error = greeted_by("def greet(peer): pass").await;
    assert_eq!(error.code(), "transport.timeout", "{}", error.explain());
}

#[tokio::test]
async fn an_impostor_that_speaks_something_else_breaks_the_protocol() {
    for greet in [
        r#"def greet(peer): peer.sendall(b"HTTP/1.1 200 OK\r\n\r\n")"#,
        r#"def greet(peer): send(peer, {"jsonrpc": "2.0", "method": "event", "params": {}})"#,
    ] {
        let error = greeted_by(greet).await;
        assert_eq!(error.code(), "transport.protocol", "{}", error.explain());
    }
}

#[tokio::test]
async fn an_impostor_of_another_version_is_refused() {
    let greet = "def greet(peer):\n    challenge['params']['protocol'] += 1\n    send(peer, challenge)";
    let error = greeted_by(greet).await;
    assert_eq!(error.code(), "transport.version", "{}", error.explain());
}

/// It repeats what the supervisor says, answers the hello, and lacks nothing but the secret.
#[tokio::test]
async fn an_impostor_without_the_secret_is_refused() {
    let greet = r#"
def greet(peer):
    send(peer, challenge)
    hello = receive(peer)
    welcome = {"protocol": 1, "digest": challenge["params"]["digest"], "pid": os.getpid(), "proof": "0" * 64}
    send(peer, {"jsonrpc": "2.0", "id": hello["id"], "result": welcome})
"#;
    let error = greeted_by(greet).await;
    assert_eq!(error.code(), "transport.secret", "{}", error.explain());
}
