//! Time is tokio's: under a paused clock nothing waits.

use std::time::{Duration, Instant};

use hibernaculum_backend_mock::{Script, when};
use hibernaculum_core::{EventKind, ExecutionRequest, StateAfter, Status, StdinPolicy};

use crate::scene::scene;

#[tokio::test(start_paused = true)]
async fn a_timeout_of_thirty_seconds_takes_no_time() {
    let began = Instant::now();
    let scene =
        scene(Script::in_order([when("while True: pass").prints("so far").hangs(), when("2").value(2)]))
            .await;
    let result = scene.session.execute("while True: pass").await.unwrap();
    assert_eq!((result.status(), result.state()), (Status::TimedOut, &StateAfter::Kept));
    assert_eq!(result.stdout, "so far");
    let total = result.outcome.timings.total;
    assert!((Duration::from_secs(30)..Duration::from_secs(31)).contains(&total), "{total:?}");
    assert_eq!(scene.session.execute("2").await.unwrap().json(), Some(&2.into()));
    assert_eq!(scene.complaints().await, Vec::<String>::new());
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn output_comes_when_the_script_says() {
    let day = Duration::from_hours(24);
    let rule =
        when("train()").prints("epoch 1\n").waits(day).prints("epoch 2\n").waits(day).prints("epoch 3\n");
    let scene = scene(Script::in_order([rule])).await;
    let request = ExecutionRequest::new("train()").timeout(hibernaculum_core::Timeout::Unlimited);
    let mut execution = scene.session.start(request).await.unwrap();
    let began = tokio::time::Instant::now();
    let mut came = Vec::new();
    while let Some(event) = execution.next().await {
        if let EventKind::Output { text, .. } = event.kind {
            came.push((text, began.elapsed().as_secs() / 3600));
        }
    }
    let expected = [("epoch 1\n", 0), ("epoch 2\n", 24), ("epoch 3\n", 48)];
    assert_eq!(came, expected.map(|(text, hours)| (text.to_owned(), hours)));
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_its_answer_and_binds_nothing_by_itself() {
    let rule = when("int(input('how many? '))").asks("how many? ").computes(|scene| {
        hibernaculum_backend_mock::Ending::Value(scene.answers()[0].parse::<i64>().unwrap().into())
    });
    let scene = scene(Script::in_order([rule])).await;
    let request = ExecutionRequest::new("int(input('how many? '))").stdin(StdinPolicy::Ask);
    let mut execution = scene.session.start(request).await.unwrap();
    let token = loop {
        if let EventKind::InputRequest { token, prompt, .. } = execution.next().await.unwrap().kind {
            assert_eq!(prompt, "how many? ");
            break token;
        }
    };
    scene.session.answer(&token, "42").await.unwrap();
    assert_eq!(execution.await.unwrap().json(), Some(&42.into()));
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}
