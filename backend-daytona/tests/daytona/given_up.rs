//! What the engine asks of this provider and its places is given up wherever it waits, at once and after a while: nothing is left at the service, and what
//! is there goes on.

use std::time::Duration;

use hibernaculum_backend_daytona::{DaytonaPlace, DaytonaProvider};
use hibernaculum_core::{SandboxId, SandboxSpec};
use hibernaculum_engine::{Boot, EngineConfig, OwnerKey, Place as _, Provider as _, Role};
use hibernaculum_testkit::daytona::{StandIn, StandInConfig};
use hibernaculum_testkit::polls::at_every_poll;
use tokio::io::AsyncReadExt as _;

use crate::scene::{builder, within};

/// How long a call is held that nobody polls: as long as what it asked for takes.
const HELD: Duration = Duration::from_millis(100);

/// What the provider's hosts share.
fn key() -> OwnerKey {
    OwnerKey::of_secret(b"of a test")
}

fn boot() -> Boot {
    let sandbox = SandboxId::new();
    Boot::new(sandbox, key().secret(sandbox))
}

async fn scene() -> (StandIn, DaytonaProvider) {
    let service = StandIn::start(StandInConfig::default()).await.unwrap();
    let provider = builder(&service).engine(EngineConfig::with_key(key())).provider().unwrap();
    (service, provider)
}

async fn place(provider: &DaytonaProvider) -> DaytonaPlace {
    within(provider.start(&SandboxSpec::default(), &boot())).await.unwrap()
}

/// Soon the service has none but those that it destroyed.
async fn until_gone(service: &StandIn) {
    within(async {
        while service.sandboxes().iter().any(|(_, state)| state != "destroyed") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

async fn end(service: StandIn, provider: DaytonaProvider) {
    until_gone(&service).await;
    let violations = service.violations();
    assert!(violations.is_empty(), "{violations:#?}");
    drop(provider);
    service.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_may_be_given_up_wherever_it_waits() {
    let (service, provider) = scene().await;
    at_every_poll(HELD, async |at| {
        let spec = SandboxSpec::default();
        at.on_waits(provider.start(&spec, &boot())).await.map(Result::unwrap).is_some()
    })
    .await;
    end(service, provider).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_may_be_given_up_wherever_it_waits() {
    let (service, provider) = scene().await;
    let place = place(&provider).await;
    at_every_poll(HELD, async |at| {
        let made = at.on_waits(place.connect(Role::Control)).await;
        let is_done = made.map(Result::unwrap).is_some();
        // The supervisor greets whoever comes.
        let mut stream = within(place.connect(Role::Control)).await.unwrap();
        within(stream.read_exact(&mut [0; 4])).await.unwrap();
        is_done
    })
    .await;
    within(place.stop()).await;
    end(service, provider).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_may_be_given_up_wherever_it_waits() {
    let (service, provider) = scene().await;
    for kills in [false, true] {
        at_every_poll(HELD, async |at| {
            let place = place(&provider).await;
            let end = async { if kills { place.kill().await } else { place.stop().await } };
            let is_done = at.on_waits(end).await.is_some();
            // It ends whether or not anybody waits for it, and while the place is still held. (Who was never polled has asked for nothing.)
            let held = (at.polls > 0).then_some(place);
            until_gone(&service).await;
            drop(held);
            is_done
        })
        .await;
    }
    end(service, provider).await;
}
