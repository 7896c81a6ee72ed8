//! The tunnel's two halves, held together: the real runner, the real engine, and a network that is cut between them.

mod cutter;
mod place;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use hibernaculum_core::{Backend, Event, EventKind, ExecutionRequest, Sandbox, SandboxSpec, Session};
use hibernaculum_engine::wire::Secret;
use hibernaculum_engine::{Engine, Fate};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

use self::cutter::Cutter;
use self::place::{Near, free_port, road};
use super::hello::Ask;
use super::{Knock, TunnelStream};

struct Scene {
    sandbox: Sandbox,
    session: Session,
    cutter: Arc<Cutter>,
}

async fn scene(patience: Duration) -> Scene {
    let cutter = Arc::new(Mutex::new(None));
    let backend: Arc<dyn Backend> =
        Arc::new(Engine::new(Near { cutter: Arc::clone(&cutter), patience }).unwrap());
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let cutter = cutter.lock().await.clone().unwrap();
    Scene { sandbox, session, cutter }
}

/// What an execution prints, as it comes.
async fn outputs(
    session: &Session,
    code: &str,
) -> impl futures_util::Stream<Item = Result<String, Event>> + use<> {
    let request = ExecutionRequest::new(code).timeout(Duration::from_mins(1));
    session.start(request).await.unwrap().filter_map(|event| async move {
        match event.kind {
            EventKind::Output { text, .. } => Some(Ok(text)),
            EventKind::Started => None,
            _ => Some(Err(event)),
        }
    })
}

fn is_completed(event: &Event) -> bool {
    matches!(&event.kind, EventKind::Finished(outcome) if outcome.status == hibernaculum_core::Status::Completed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_goes_on_while_the_network_is_cut_and_nothing_is_lost_or_doubled() {
    let scene = scene(Duration::from_secs(30)).await;
    let code = "import time\nfor i in range(400):\n    print(i)\n    time.sleep(0.005)";
    let mut outputs = Box::pin(outputs(&scene.session, code).await);
    let (mut printed, mut cuts, mut waits) = (String::new(), 0, Vec::new());
    while let Some(next) = outputs.next().await {
        match next {
            Ok(text) => printed.push_str(&text),
            Err(event) => assert!(is_completed(&event), "{event:?}"),
        }
        if printed.lines().count() > 40 * (cuts + 1) && cuts < 5 {
            scene.cutter.cut();
            // What had come before the cut is taken first: then nothing comes until it is mended.
            let until = tokio::time::Instant::now() + Duration::from_millis(50 + 60 * cuts as u64);
            while let Ok(Some(Ok(text))) = tokio::time::timeout_at(until, outputs.next()).await {
                printed.push_str(&text);
            }
            scene.cutter.mend();
            let mended = Instant::now();
            let Some(Ok(text)) = outputs.next().await else { panic!("the output ended at a cut") };
            printed.push_str(&text);
            waits.push(mended.elapsed());
            cuts += 1;
        }
    }
    let expected: Vec<String> = (0..400).map(|i| i.to_string()).collect();
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected);
    assert_eq!(cuts, 5);
    let longest = waits.iter().max().unwrap();
    assert!(*longest <= Duration::from_millis(300), "reconnecting and replaying took {waits:?}");
    eprintln!("after the network returned the output went on within {waits:?}");
    let result = scene.session.execute("i").await.unwrap();
    assert_eq!(result.value().unwrap().repr, "399", "the session is the same");
    scene.sandbox.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn megabytes_go_both_ways_however_often_the_network_is_cut() {
    let scene = scene(Duration::from_secs(30)).await;
    let cutter = Arc::clone(&scene.cutter);
    let cutting = tokio::spawn(async move {
        for round in 0_u64.. {
            tokio::time::sleep(Duration::from_millis(30 + 7 * (round % 5))).await;
            cutter.cut();
            cutter.mend();
        }
    });
    let text: String = (0..400_000).map(|i| char::from(b'a' + u8::try_from(i % 23).unwrap())).collect();
    for round in 0..5 {
        let code = format!("given = '{text}'\nprint((given + str({round})) * 5, end='')\nlen(given)");
        let mut outputs = Box::pin(outputs(&scene.session, &code).await);
        let mut printed = String::new();
        while let Some(next) = outputs.next().await {
            match next {
                Ok(text) => printed.push_str(&text),
                Err(event) => assert!(is_completed(&event), "{event:?}"),
            }
        }
        assert!(printed == format!("{text}{round}").repeat(5), "{} bytes came", printed.len());
    }
    cutting.abort();
    scene.sandbox.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_does_not_come_back_ends_the_sandbox() {
    let scene = scene(Duration::from_millis(400)).await;
    let running = scene.session.start("import time; time.sleep(30)").await.unwrap();
    scene.cutter.cut();
    let begun = Instant::now();
    let error = running.await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert_eq!(error.code(), "sandbox.lost", "{error}");
    drop(scene.session);
    scene.sandbox.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn code_that_nobody_reads_waits_at_the_window() {
    let scene = scene(Duration::from_secs(30)).await;
    let code = "import os\ntotal = 0\nfor _ in range(640):\n    total += os.write(1, b'x' * 65536)";
    let mut unread = Box::pin(outputs(&scene.session, code).await);
    let first = unread.next().await;
    assert!(matches!(first, Some(Ok(_))), "{first:?}");
    // Another session's stream is not held up by it.
    let other = scene.sandbox.session().await.unwrap();
    assert_eq!(other.execute("6 * 7").await.unwrap().value().unwrap().repr, "42");
    let mut bytes = first.unwrap().unwrap().len();
    while let Some(Ok(text)) = unread.next().await {
        bytes += text.len();
    }
    assert_eq!(bytes, 640 * 65536);
    scene.sandbox.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_tunnel_of_this_sandbox_is_not_spoken_to() {
    // Something that listens, and answers HTTP.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let answering = tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = near.read(&mut request).await;
            let _ = near.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
        }
    });
    let secret = Secret::from_bytes([1; 32]);
    let problem = road(port, &secret, Duration::ZERO).reach(Ask::WhoIsThere, Duration::ZERO, 0).await;
    assert!(problem.as_ref().err().is_some_and(|problem| problem.contains("502")), "{problem:?}");
    answering.abort();
    let closed = road(free_port(), &secret, Duration::ZERO).reach(Ask::WhoIsThere, Duration::ZERO, 0).await;
    assert!(closed.is_err());
    let wrong = Knock::Stranger("it does not know the sandbox's secret".to_owned());
    assert!(wrong.to_string().contains("something else is there"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_road_that_ends_ends_its_streams_with_the_reason() {
    let scene = scene(Duration::from_secs(30)).await;
    let road = Arc::new(road(scene.cutter.port, &Secret::from_bytes([9; 32]), Duration::from_millis(100)));
    let strange = TunnelStream::begin(Arc::clone(&road)).await.err().unwrap();
    assert!(strange.contains("refused"), "the tunnel lets nobody in who does not know its secret: {strange}");
    road.end(Fate::Unknown);
    road.end(Fate::Stopped("the service stopped it".to_owned()));
    road.end(Fate::Gone("a later reason".to_owned()));
    assert_eq!(TunnelStream::begin(road).await.err().unwrap(), "the service stopped it");
    scene.sandbox.close().await.unwrap();
}
