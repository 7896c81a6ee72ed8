//! Faults of calls: by plan, seeded, as data.

use std::time::Duration;

use hibernaculum_backend_mock::faults::{CallFault, CallFaults, Faulty, InjectedError, When};
use hibernaculum_backend_mock::{Script, ScriptedBackend, when};
use hibernaculum_core::{Retry, Sandbox, SandboxSpec, Session};

struct Scene {
    mock: ScriptedBackend,
    faulty: Faulty,
    sandbox: Sandbox,
    session: Session,
}

async fn scene(script: Script, faults: CallFaults) -> Scene {
    let mock = script.backend().unwrap();
    let wrapped = Faulty::new(mock.backend(), faults).unwrap();
    let sandbox = Sandbox::create(&wrapped.backend(), SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    Scene { mock, faulty: wrapped, sandbox, session }
}

impl Scene {
    async fn end(self) -> Vec<String> {
        self.session.close().await.unwrap();
        self.sandbox.close().await.unwrap();
        self.mock.verify().await;
        self.faulty.struck()
    }
}

fn error(code: &str) -> CallFault {
    CallFault::Error(InjectedError::of(code).unwrap())
}

#[tokio::test(start_paused = true)]
async fn an_injected_error_is_told_and_the_backend_never_hears_of_the_call() {
    let faults = CallFaults::seeded(1).fault("execute", When::First(2), error("session.busy"));
    let scene = scene(Script::in_order([when("1").value(1)]), faults).await;
    for _ in 0..2 {
        let refused = scene.session.execute("1").await.unwrap_err();
        assert_eq!((refused.code(), refused.retry()), ("session.busy", Retry::Safe));
    }
    assert_eq!(scene.session.execute("1").await.unwrap().json(), Some(&1.into()));
    assert_eq!(scene.end().await, ["execute #1: error session.busy", "execute #2: error session.busy"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost_was_a_call_that_was_made() {
    let lost = CallFault::LoseAnswer(InjectedError::of("transport.broken").unwrap());
    let faults = CallFaults::seeded(1).fault("namespace_set", When::Nth(1), lost);
    let scene = scene(Script::default(), faults).await;
    assert_eq!(scene.session.namespace().set("x", 1).await.unwrap_err().code(), "transport.broken");
    assert_eq!(scene.session.namespace().get("x").await.unwrap(), 1);
    assert_eq!(scene.end().await, ["namespace_set #1: answer lost, transport.broken"]);
}

#[tokio::test(start_paused = true)]
async fn delays_and_slow_readers_take_their_time_by_the_clock_of_tokio() {
    let hour = Duration::from_hours(1);
    let faults = CallFaults::seeded(1).fault("execute", When::Nth(1), CallFault::Delay(hour)).fault(
        "execute",
        When::Nth(2),
        CallFault::SlowConsumer(hour),
    );
    let script = Script::in_order([when("a"), when("b").prints("b\n")]);
    let scene = scene(script, faults).await;
    let began = tokio::time::Instant::now();
    scene.session.execute("a").await.unwrap();
    assert_eq!(began.elapsed().as_secs() / 3600, 1);
    let result = scene.session.execute("b").await.unwrap();
    assert_eq!(result.stdout, "b\n");
    // Started, output, finished: an hour each.
    assert_eq!(began.elapsed().as_secs() / 3600, 4);
    scene.end().await;
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_strikes_the_same_calls_and_another_one_others() {
    let struck = async |seed| {
        let faults = CallFaults::seeded(seed).fault("execute", When::Chance(0.3), error("session.busy"));
        let again = CallFaults::from_yaml(&faults.to_yaml()).unwrap();
        assert_eq!(again, faults, "{}", faults.to_yaml());
        let scene = scene(Script::in_order([when("x").any_times()]), again).await;
        for _ in 0..50 {
            let _ = scene.session.execute("x").await;
        }
        scene.end().await
    };
    let (one, same, other) = (struck(7).await, struck(7).await, struck(8).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert!((5..30).contains(&one.len()), "{one:?}");
}

#[tokio::test]
async fn a_fault_that_could_never_strike_is_refused() {
    let mock = Script::default().backend().unwrap();
    for (faults, part) in [
        (CallFaults::seeded(1).fault("exekute", When::Always, error("session.busy")), "`execute`"),
        (CallFaults::seeded(1).fault("execute", When::Nth(0), error("session.busy")), "counts from 1"),
        (CallFaults::seeded(1).fault("execute", When::Chance(1.5), error("session.busy")), "from 0 to 1"),
        (
            CallFaults::seeded(1).fault("list", When::Always, CallFault::SlowConsumer(Duration::ZERO)),
            "events",
        ),
    ] {
        let refused = Faulty::new(mock.backend(), faults).unwrap_err();
        assert_eq!(refused.code(), "config.invalid");
        assert!(refused.explain().why.contains(part), "{refused:?}");
    }
    mock.verify().await;
}
