//! Faults below the engine: it keeps its promises, whatever comes over the wire.

use std::sync::Arc;
use std::time::Duration;

use hibernaculum_backend_mock::faults::{
    At, CrashBy, Damage, Direction, FaultyProvider, InjectedError, PlaceFault, PlaceFaults, Road,
    StreamFault, When,
};
use hibernaculum_backend_mock::{Account, Matcher, Script, ScriptedProvider, when};
use hibernaculum_core::{
    Backend, CrashCause, Error, ExecutionResult, Sandbox, SandboxSpec, StateAfter, Status,
};
use hibernaculum_engine::Engine;

/// A backend over faulty places whose script answers anything with its own text.
fn faulty(faults: PlaceFaults) -> (Arc<dyn Backend>, Engine<FaultyProvider<ScriptedProvider>>) {
    let echo = when(Matcher::any()).prints("out\n").value("done").any_times();
    let hangs = when("hang()").hangs().any_times();
    let provider = ScriptedProvider::new(Script::any_order([hangs, echo]));
    Account::of(&provider).waive();
    let engine = Engine::new(FaultyProvider::new(provider, faults).unwrap()).unwrap();
    (Arc::new(engine.clone()), engine)
}

/// A sandbox, a session, three executions.
async fn run(backend: &Arc<dyn Backend>) -> Result<Vec<ExecutionResult>, Error> {
    let sandbox = Sandbox::create(backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    let mut results = Vec::new();
    for code in ["one", "two", "three"] {
        results.push(session.execute(code).await?);
    }
    session.close().await?;
    sandbox.close().await?;
    Ok(results)
}

fn are_whole(results: &[ExecutionResult]) -> bool {
    results.len() == 3
        && results.iter().all(|result| {
            result.is_completed() && result.stdout == "out\n" && result.json() == Some(&"done".into())
        })
}

fn session(direction: Direction, at: At, does: Damage) -> StreamFault {
    let mut fault = StreamFault::new(direction, at, does);
    fault.road = Road::Session;
    fault
}

#[tokio::test(start_paused = true)]
async fn fragments_and_latency_change_nothing() {
    for direction in [Direction::ToHost, Direction::ToRunner] {
        let faults = PlaceFaults::seeded(1)
            .stream(StreamFault::new(direction, At::Always, Damage::Fragment(3)))
            .stream(StreamFault::new(direction, At::Always, Damage::Delay(Duration::from_millis(40))));
        let (backend, _) = faulty(faults);
        let results = run(&backend).await.unwrap();
        assert!(are_whole(&results), "{results:?}");
        assert!(results[2].outcome.timings.transport >= Duration::from_millis(40));
    }
}

#[tokio::test(start_paused = true)]
async fn output_that_comes_twice_or_late_is_told_once_and_in_order() {
    // To the host: challenge, welcome, and then output and answer of each execution.
    for does in [Damage::Duplicate, Damage::Reorder] {
        let (backend, engine) =
            faulty(PlaceFaults::seeded(1).stream(session(Direction::ToHost, At::Frame(5), does)));
        let outcome = run(&backend).await;
        assert_eq!(engine.provider().struck().len(), 1);
        match (does, outcome) {
            (Damage::Duplicate, Ok(results)) => assert!(are_whole(&results), "{results:?}"),
            // The answer came before the output that it counts: that is waited for, and told.
            (_, Ok(results)) => assert_eq!(results[1].json(), Some(&"done".into()), "{results:?}"),
            (_, Err(error)) => panic!("{does:?}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_at_any_byte_is_an_error_or_a_crash_and_never_a_hang() {
    let (backend, _) = faulty(PlaceFaults::seeded(1));
    assert!(are_whole(&run(&backend).await.unwrap()), "the control: without faults it works");
    let (mut cut, mut hurt) = (0, 0);
    for byte in (0..1500).step_by(37) {
        for (road, direction) in [
            (Road::Session, Direction::ToHost),
            (Road::Session, Direction::ToRunner),
            (Road::Control, Direction::ToHost),
        ] {
            let mut fault = StreamFault::new(direction, At::Byte(byte), Damage::Disconnect);
            (fault.road, fault.connection) = (road, When::Nth(1));
            let faults = PlaceFaults::seeded(1).stream(fault);
            let plan = faults.to_yaml();
            let (backend, engine) = faulty(faults);
            let ended = tokio::time::timeout(Duration::from_mins(5), run(&backend)).await;
            let ended = ended.unwrap_or_else(|_| panic!("it hangs:\n{plan}"));
            let was_cut = !engine.provider().struck().is_empty();
            cut += usize::from(was_cut);
            hurt += usize::from(!ended.as_ref().is_ok_and(|results| are_whole(results)));
            match ended {
                Ok(results) if !was_cut => assert!(are_whole(&results), "{plan}{results:?}"),
                Ok(results) => {
                    let told = results.iter().all(|result| {
                        result.is_completed()
                            || (result.status() == Status::Crashed && result.state() == &StateAfter::Lost)
                    });
                    assert!(told, "{plan}{results:?}");
                }
                Err(error) => assert!(was_cut, "{plan}{error}"),
            }
        }
    }
    // What comes when all is said hurts nobody; nearly everything else does.
    assert!(cut >= 60 && hurt * 2 > cut, "{hurt} of {cut} that were cut came to harm");
}

#[tokio::test(start_paused = true)]
async fn garbled_dropped_and_truncated_frames_end_in_an_outcome_or_an_error() {
    for does in [Damage::Garble, Damage::Drop, Damage::Truncate, Damage::Reorder, Damage::Duplicate] {
        let (mut struck, mut hurt) = (0, 0);
        for seed in 0..60 {
            for direction in [Direction::ToHost, Direction::ToRunner] {
                let faults =
                    PlaceFaults::seeded(seed).stream(StreamFault::new(direction, At::Chance(0.1), does));
                let plan = faults.to_yaml();
                let (backend, engine) = faulty(faults);
                let ended = tokio::time::timeout(Duration::from_mins(10), run(&backend)).await;
                let ended = ended.unwrap_or_else(|_| panic!("it hangs:\n{plan}"));
                let is_whole = ended.as_ref().is_ok_and(|results| are_whole(results));
                if engine.provider().struck().is_empty() {
                    assert!(is_whole, "{plan}{ended:?}");
                } else {
                    struck += 1;
                    hurt += usize::from(!is_whole);
                }
            }
        }
        assert!(struck >= 60, "{does:?} has struck {struck} runs");
        // Twice is no harm; the rest mostly is.
        assert!(does == Damage::Duplicate || hurt * 2 > struck, "{does:?}: {hurt} of {struck} came to harm");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_start_is_told_and_the_next_one_works() {
    let error = InjectedError::of("sandbox.start").unwrap().with("problem", "no room");
    let faults = PlaceFaults::seeded(1)
        .fault(PlaceFault::RefuseStart { when: When::Nth(1), error })
        .fault(PlaceFault::SlowStart { when: When::Nth(2), by: Duration::from_secs(20) });
    let (backend, engine) = faulty(faults);
    let refused = run(&backend).await.unwrap_err();
    assert_eq!(refused.code(), "sandbox.start");
    assert!(refused.to_string().contains("no room"), "{refused}");
    let began = tokio::time::Instant::now();
    assert!(are_whole(&run(&backend).await.unwrap()));
    assert!(began.elapsed() >= Duration::from_secs(20));
    assert_eq!(engine.provider().struck(), ["start #1 refused: sandbox.start", "start #2 slow by 20s"]);
}

#[tokio::test(start_paused = true)]
async fn every_fault_counts_every_start_connection_and_execution() {
    let error = |code: &str| InjectedError::of(code).unwrap();
    let refuse = |nth| PlaceFault::RefuseStart { when: When::Nth(nth), error: error("sandbox.start") };
    let close = |nth| PlaceFault::RefuseConnection {
        road: Road::Session,
        when: When::Nth(nth),
        error: error("transport.broken"),
    };
    let crash = |nth| PlaceFault::Crash { at: When::Nth(nth), by: CrashBy::Exit(3) };
    let faults = [refuse(1), refuse(2), close(1), close(2), crash(1), crash(2)];
    let (backend, engine) = faulty(faults.into_iter().fold(PlaceFaults::seeded(1), PlaceFaults::fault));
    for _ in 0..2 {
        assert_eq!(run(&backend).await.unwrap_err().code(), "sandbox.start");
    }
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(sandbox.session().await.unwrap_err().code(), "session.start");
    }
    let session = sandbox.session().await.unwrap();
    for status in [Status::Crashed, Status::Crashed, Status::Completed] {
        assert_eq!(session.execute("one").await.unwrap().status(), status);
    }
    sandbox.close().await.unwrap();
    let struck = [
        "start #1 refused: sandbox.start",
        "start #2 refused: sandbox.start",
        "connection #1 refused: transport.broken",
        "connection #2 refused: transport.broken",
        "execution #1: Exit(3)",
        "execution #2: Exit(3)",
    ];
    assert_eq!(engine.provider().struck(), struck);
}

#[tokio::test(start_paused = true)]
async fn faults_of_the_road_for_files_leave_sessions_alone() {
    for (does, whole) in [(Damage::Disconnect, false), (Damage::Fragment(1), true)] {
        for direction in [Direction::ToHost, Direction::ToRunner] {
            // The second frame of the runner is its welcome, and that of the host its first request.
            let mut fault = StreamFault::new(direction, At::From(2), does);
            fault.road = Road::Files;
            let (backend, _) = faulty(PlaceFaults::seeded(1).stream(fault));
            let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
            let written = sandbox.files().write("x", "a file").await;
            assert_eq!(written.is_ok(), whole, "{does:?} {direction:?}: {written:?}");
            let session = sandbox.session().await.unwrap();
            assert!(session.execute("one").await.unwrap().is_completed());
            sandbox.close().await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_seed_that_fails_fails_again_with_its_plan_and_another_elsewhere() {
    let suffered = async |seed| {
        let faults =
            PlaceFaults::seeded(seed).stream(session(Direction::ToHost, At::Chance(0.3), Damage::Drop));
        let again = PlaceFaults::from_yaml(&faults.to_yaml()).unwrap();
        assert_eq!(again, faults, "{}", faults.to_yaml());
        let (backend, engine) = faulty(again);
        let ended = run(&backend).await.map_err(|error| error.code().to_owned());
        let ended = ended.map(|results| results.iter().map(ExecutionResult::status).collect::<Vec<_>>());
        (engine.provider().struck(), ended)
    };
    let mut all = Vec::new();
    for seed in 0..10 {
        let (one, same) = (suffered(seed).await, suffered(seed).await);
        assert_eq!(one, same, "seed {seed}");
        all.push(one);
    }
    assert!(all.iter().any(|(struck, ended)| !struck.is_empty() && ended.is_err()), "{all:?}");
    assert!(all.iter().any(|one| one != &all[0]), "{all:?}");
}

#[tokio::test(start_paused = true)]
async fn a_process_dies_at_the_execution_that_the_plan_names_of_what_it_says() {
    for (by, cause) in [
        (CrashBy::Signal(11), CrashCause::Signal { signal: 11, name: "SIGSEGV".to_owned() }),
        (CrashBy::Exit(3), CrashCause::Exit { code: 3 }),
        (CrashBy::OutOfMemory, CrashCause::OutOfMemory),
    ] {
        let (backend, _) = faulty(PlaceFaults::seeded(1).fault(PlaceFault::Crash { at: When::Nth(2), by }));
        let results = run(&backend).await.unwrap();
        let statuses: Vec<_> = results.iter().map(ExecutionResult::status).collect();
        assert_eq!(statuses, [Status::Completed, Status::Crashed, Status::Completed], "{by:?}");
        assert_eq!(results[1].outcome.crash, Some(cause));
        assert_eq!(results[1].state(), &StateAfter::Lost);
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_that_is_stuck_ends_with_a_kill() {
    for (when, status, state) in [
        (When::Nth(2), Status::TimedOut, StateAfter::Kept),
        (When::Always, Status::TimedOut, StateAfter::Lost),
    ] {
        let (backend, _) = faulty(PlaceFaults::seeded(1).fault(PlaceFault::StuckInterrupt(when)));
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        let session = sandbox.session().await.unwrap();
        let result = session.execute("hang()").await.unwrap();
        assert_eq!((result.status(), result.state()), (status, &state));
        sandbox.close().await.unwrap();
    }
}
