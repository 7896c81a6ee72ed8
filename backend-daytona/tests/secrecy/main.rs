//! The account's key is shown nowhere: not in what is logged at the finest level, not in `Debug`, not in an error. A test program of its own, for what is
//! logged is caught in all of a process: by the backend, by the libraries that it uses, and by the stand-in, which has the key too.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hibernaculum_backend_daytona::{DaytonaBackend, DaytonaBackendBuilder, Transport};
use hibernaculum_core::{Error, Sandbox, SandboxSpec, Session};
use hibernaculum_testkit::daytona::{Cut, ErrorShape, Fault, Faults, On, StandIn, StandInConfig, When};

/// How long anything may take on a machine that is busy with everything else.
const PATIENCE: Duration = Duration::from_mins(1);

fn builder(service: &StandIn) -> DaytonaBackendBuilder {
    let python = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    DaytonaBackend::builder().api_url(service.api_url()).api_key(service.api_key()).python(python)
}

async fn within<T>(work: impl IntoFuture<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work.into_future()).await.expect("it takes too long")
}

/// What was logged, as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a key may stand in a text: itself, as bytes that `Debug` shows, in hexadecimal digits, in base64 alone and behind what is before it in the header.
fn disguises(key: &str) -> Vec<String> {
    let numbers: Vec<_> = key.bytes().map(|byte| byte.to_string()).collect();
    let base64 = STANDARD.encode(key);
    vec![
        key.to_owned(),
        numbers.join(", "),
        hex::encode(key),
        // The last group depends on what follows.
        base64.get(..base64.len() - 4).unwrap_or_default().to_owned(),
        STANDARD.encode(format!("Bearer {key}")),
    ]
}

fn is_in(key: &str, text: &str) -> bool {
    disguises(key).iter().any(|disguise| text.contains(disguise.as_str()))
}

fn shown(error: &Error) -> String {
    use std::error::Error as _;
    let mut texts = vec![format!("{error} {error:?} {error:#?} {:?} {}", error.explain(), error.explain())];
    let mut source = error.source();
    while let Some(beneath) = source {
        texts.push(format!("{beneath} {beneath:?}"));
        source = beneath.source();
    }
    texts.join(" ")
}

/// All that a program does with sandboxes, and much of what goes wrong meanwhile. Gives what was shown to it.
async fn a_whole_life(service: &StandIn, transport: Transport) -> String {
    let settings = || builder(service).transport(transport).organization("org-7");
    let mut seen = vec![format!("{:?}", settings())];
    let provider = settings().provider().unwrap();
    within(provider.check()).await.unwrap();
    seen.push(format!("{provider:?} {provider:#?}"));
    let backend = settings().build().unwrap();
    // A start that meets every kind of answer, and is tried again.
    let failing = [
        (Fault::BadGateway, On::Api),
        (Fault::NoRunnerInfo, On::Toolbox),
        (Fault::NoAnswer { after: Duration::ZERO }, On::Toolbox),
        (Fault::TruncatedBody { after: 3 }, On::Toolbox),
        (Fault::BadGateway, On::Proxy),
    ];
    service.set_faults(
        failing.into_iter().fold(Faults::none(), |faults, (fault, on)| faults.with(fault, on, When::next(1))),
    );
    let sandbox = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap();
    service.set_faults(Faults::none());
    let session = within(sandbox.session()).await.unwrap();
    within(session.execute("print('here'); 6 * 7")).await.unwrap();
    within(sandbox.files().write("a.txt", "a")).await.unwrap();
    // A network that breaks, and a sandbox that is stopped.
    service.cut(Cut::Reset);
    tokio::time::sleep(Duration::from_millis(300)).await;
    service.restore();
    within(session.execute("1")).await.unwrap();
    let id = service.sandboxes().remove(0).0;
    let running = within(session.start("import time; time.sleep(50)")).await.unwrap();
    assert!(service.stop_sandbox(&id));
    seen.push(format!("{:?}", within(running).await.unwrap()));
    within(session.execute("1")).await.unwrap();
    // Handed on, and closed.
    let session = session.keep();
    within(sandbox.release()).await.unwrap();
    let next = settings().build().unwrap();
    let sandbox = within(async {
        loop {
            if let Some(sandbox) = Sandbox::adopt(&next).await.unwrap().pop() {
                return sandbox;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    let session = Session::of(&next, session);
    within(session.execute("1")).await.unwrap();
    seen.push(format!("{sandbox:?} {session:?}"));
    session.keep();
    within(sandbox.close()).await.unwrap();
    seen.join(" ")
}

/// Every way in which an order may be refused. Gives the errors, as people and programs are shown them.
async fn every_refusal(service: &StandIn) -> String {
    let refusals = [
        (400, ErrorShape::Api),
        (401, ErrorShape::Daemon),
        (403, ErrorShape::Proxy),
        (404, ErrorShape::Bare),
        (422, ErrorShape::Uploads),
        (501, ErrorShape::Empty),
    ];
    let mut seen = String::new();
    let backend = builder(service).retry_budget(Duration::ZERO).build().unwrap();
    for (status, shape) in refusals {
        for part in [On::Operation("POST /sandbox".to_owned()), On::Toolbox] {
            service.set_faults(Faults::none().with(Fault::Refused { status, shape }, part, When::always()));
            let error = within(Sandbox::create(&backend, SandboxSpec::default())).await.unwrap_err();
            seen.push_str(&shown(&error));
        }
    }
    service.set_faults(Faults::none());
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_is_shown_nowhere() {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .init();
    let service = StandIn::start(StandInConfig::default()).await.unwrap();
    let key = service.api_key().to_owned();
    let mut seen = String::new();
    for transport in [Transport::Auto, Transport::Preview] {
        seen.push_str(&a_whole_life(&service, transport).await);
    }
    seen.push_str(&every_refusal(&service).await);
    let stranger = builder(&service).api_key("dtn_s3cret").build().unwrap();
    let wrong = within(Sandbox::create(&stranger, SandboxSpec::default())).await.unwrap_err();
    seen.push_str(&shown(&wrong));

    // The trap works: the backend's finest words are in it, those of its HTTP client too, and a key that is logged is found in every disguise.
    let text = log.text();
    for expected in [" TRACE hibernaculum_backend_daytona", " DEBUG hibernaculum_backend_daytona", "reqwest"]
    {
        assert!(text.contains(expected), "nothing of `{expected}` was caught");
    }
    for (place, text) in [("a log", &text), ("an error or `Debug`", &seen)] {
        assert!(!is_in(&key, text) && !is_in("dtn_s3cret", text), "the key stands in {place}");
    }
    for disguise in disguises(&key) {
        tracing::trace!(disguise, "a key that is told");
        assert!(log.text().contains(&disguise), "{disguise}");
        assert!(is_in(&key, &disguise), "{disguise}");
    }
    service.close().await;
}
