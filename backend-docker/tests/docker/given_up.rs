//! What the engine asks of this provider and its places is given up at each of its awaits, at once and after a while: nothing is left at Docker, and
//! what is there goes on.

use std::time::Duration;

use hibernaculum_backend_docker::{DockerPlace, DockerProvider, Transport};
use hibernaculum_core::{SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, OwnerKey, Place as _, Provider as _, Role};
use hibernaculum_testkit::polls::at_every_poll;
use tokio::io::AsyncReadExt as _;

use crate::scene::{builder, containers, fresh, marked, until, until_gone, within};

crate::tests![
    a_start_may_be_given_up_at_any_point,
    a_connection_may_be_given_up_at_any_point,
    an_end_may_be_given_up_at_any_point,
];

/// How long a call is held that nobody polls: as long as a container takes to start.
const HELD: Duration = Duration::from_millis(300);

async fn provider(transport: Transport) -> DockerProvider {
    builder().transport(transport).provider().await.unwrap()
}

fn boot() -> Boot {
    let sandbox = SandboxId::new();
    Boot::new(sandbox, OwnerKey::of_secret(b"of a test").secret(sandbox))
}

async fn place(provider: &DockerProvider, spec: &SandboxSpec) -> DockerPlace {
    within(provider.start(spec, &boot())).await.unwrap()
}

async fn a_start_may_be_given_up_at_any_point() {
    for transport in [Transport::Socket, Transport::Exec] {
        let (spec, label) = marked(&fresh("start"));
        let provider = provider(transport).await;
        at_every_poll(HELD, async |at| {
            at.on_waits(provider.start(&spec, &boot())).await.map(Result::unwrap).is_some()
        })
        .await;
        until_gone(&label).await;
    }
}

/// The supervisor greets whoever comes.
async fn greets(place: &DockerPlace) {
    let mut stream = within(place.connect(Role::Control)).await.unwrap();
    within(stream.read_exact(&mut [0; 4])).await.unwrap();
}

async fn a_connection_may_be_given_up_at_any_point() {
    let (spec, label) = marked(&fresh("connection"));
    // Over the socket it is one step.
    let provider = provider(Transport::Exec).await;
    let place = place(&provider, &spec).await;
    at_every_poll(HELD, async |at| {
        let made = at.on_waits(place.connect(Role::Control)).await;
        let is_done = made.map(Result::unwrap).is_some();
        greets(&place).await;
        is_done
    })
    .await;
    assert_eq!(containers(&label).await.len(), 1);
    within(place.stop()).await;
    until_gone(&label).await;
}

async fn an_end_may_be_given_up_at_any_point() {
    let (spec, label) = marked(&fresh("end"));
    let provider = provider(Transport::Socket).await;
    let gone = || async {
        let left = containers(&label).await;
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    };
    for kills in [false, true] {
        at_every_poll(Duration::from_millis(50), async |at| {
            let place = place(&provider, &spec).await;
            let end = async { if kills { place.kill().await } else { place.stop().await } };
            let is_done = at.on_waits(end).await.is_some();
            // It ends whether or not anybody waits for it, and while the place is still held. (Who was never polled has asked for nothing.)
            let held = (at.polls > 0).then_some(place);
            until(&format!("it ends: {at:?}"), gone).await;
            drop(held);
            is_done
        })
        .await;
    }
}
