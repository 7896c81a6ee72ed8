//! The network between here and the sandbox breaks: sessions do not notice.

use std::time::{Duration, Instant};

use hibernaculum_core::{EventKind, ExecutionRequest, Status};
use hibernaculum_testkit::daytona::{Cut, Fault, Faults, Manner, On, StandInConfig, When};

use crate::scene::{Scene, within};

const COUNT: &str = "import time\nfor i in range(400):\n    print(i)\n    time.sleep(0.005)";

fn counted() -> Vec<String> {
    (0..400).map(|i| i.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_goes_on_over_every_kind_of_cut_and_nothing_is_lost_or_doubled() {
    let scene = Scene::new().await;
    let (sandbox, session) = scene.session().await;
    let request = ExecutionRequest::new(COUNT).timeout(Duration::from_mins(1));
    let mut running = session.start(request).await.unwrap();
    let (mut printed, mut cuts, mut waits) = (String::new(), 0_u32, Vec::new());
    let mut status = None;
    while let Some(event) = within(running.next()).await {
        match event.kind {
            EventKind::Output { text, .. } => printed.push_str(&text),
            EventKind::Finished(outcome) => status = Some(outcome.status),
            EventKind::Started => {}
            other => panic!("{other:?}"),
        }
        if status.is_some() || printed.lines().count() < 60 * (cuts as usize + 1) || cuts == 4 {
            continue;
        }
        scene.service.cut(if cuts % 2 == 0 { Cut::Reset } else { Cut::Silent });
        // What had come before is taken first: then nothing comes until the network is back.
        let until = tokio::time::Instant::now() + Duration::from_millis(100 + 100 * u64::from(cuts));
        while let Ok(Some(event)) = tokio::time::timeout_at(until, running.next()).await {
            let EventKind::Output { text, .. } = event.kind else { panic!("{event:?}") };
            printed.push_str(&text);
        }
        scene.service.restore();
        let back = Instant::now();
        let event = within(running.next()).await.unwrap();
        waits.push(back.elapsed());
        let EventKind::Output { text, .. } = event.kind else { panic!("{event:?}") };
        printed.push_str(&text);
        cuts += 1;
    }
    assert_eq!((status, cuts), (Some(Status::Completed), 4));
    assert_eq!(printed.lines().collect::<Vec<_>>(), counted());
    eprintln!("after the network returned the output went on within {waits:?}");
    assert!(waits.iter().all(|wait| *wait <= Duration::from_millis(300)), "{waits:?}");
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_closes_for_any_reason_and_puts_bytes_together_otherwise_is_not_noticed() {
    let mut faults = Faults::seeded(3);
    for (code, after) in [(1006, 2_000), (1008, 9_000), (1009, 40_000), (1001, 3_000), (1012, 100)] {
        faults = faults.with(Fault::Close { code, after }, On::Proxy, When::Chance { per_mille: 150 });
    }
    let manner = Manner { piece: Some(700), delay: Duration::ZERO, frame: Some(900) };
    let config = StandInConfig { faults, manner, ..StandInConfig::default() };
    let scene = Scene::of(config, |builder| builder).await;
    let (sandbox, session) = scene.session().await;
    let text: String = (0..60_000).map(|i| char::from(b'a' + u8::try_from(i % 25).unwrap())).collect();
    for round in 0..8 {
        let code = format!("given = '{text}'\nprint(given + str({round}), end='')\nlen(given)");
        let result = within(session.execute(code)).await.unwrap();
        assert_eq!(result.stdout.as_str(), format!("{text}{round}"));
        assert_eq!(result.value().unwrap().repr, "60000");
    }
    within(sandbox.close()).await.unwrap();
    scene.close().await;
}
