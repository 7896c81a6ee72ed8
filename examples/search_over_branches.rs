//! Search over branches: `cargo run --example search_over_branches`.
//!
//! A beam search whose states are live interpreters. Each state of the beam is a session; a live checkpoint of it is branched once for every move,
//! the moves run side by side, and the best branches are the next beam. Nothing is serialised: the state holds a generator and a lambda, which no
//! pickle takes.
//!
//! The puzzle: from 1, with `+ 3`, `* 2` and `- 1`, to 50 in seven moves.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Instant;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use hibernaculum::{CheckpointKind, CheckpointRequest, LocalBackend, Sandbox, SandboxSpec, Session};

const MOVES: [&str; 3] = ["n + 3", "n * 2", "n - 1"];
const DEPTH: usize = 7;
const BEAM: usize = 4;
const SETUP: &str = "\
def steps():
    number = 0
    while True:
        number += 1
        yield number

step = steps()
distance = lambda n: abs(50 - n)
n, path = 1, []
";

/// A state: the session that is in it, and what it is worth.
struct State {
    session: Session,
    distance: u64,
    number: i64,
    path: String,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let backend = LocalBackend::builder().build()?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    session.execute(SETUP).await?;
    let mut beam = vec![State { session, distance: 49, number: 1, path: String::new() }];
    let (start, mut branches) = (Instant::now(), 0);

    for depth in 1..=DEPTH {
        let grown: Vec<Vec<State>> = try_join_all(beam.iter().map(|state| grow(&state.session))).await?;
        let mut grown: Vec<State> = grown.into_iter().flatten().collect();
        branches += grown.len();
        grown.sort_by_key(|state| (state.distance, state.number));
        // Two ways to the same number are one state. What falls off the beam is closed, as a session is whose handle is dropped.
        grown.dedup_by_key(|state| state.number);
        grown.truncate(BEAM);
        let best = grown.first().context("nothing grew")?;
        println!("after move {depth}: {} away, by {}", best.distance, best.path);
        beam = grown;
    }

    println!("{branches} branches in {:.1?}", start.elapsed());
    let best = beam.first().context("the beam is empty")?;
    let told = best.session.execute("next(step)").await?;
    // Each branch had a generator of its own, which went on from where its parent's stood.
    anyhow::ensure!(told.json() == Some(&(DEPTH + 1).into()), "the generator is at {told:?}");
    anyhow::ensure!(best.distance == 0, "it found nothing better than {}", best.path);
    sandbox.close().await?;
    Ok(())
}

/// Every move from a state, each in a branch of its own.
async fn grow(session: &Session) -> anyhow::Result<Vec<State>> {
    let here = session.checkpoint(CheckpointRequest::new(CheckpointKind::Live)).await?;
    let tries = MOVES.map(|code| async move {
        let branch = session.branch(&here.id).await?;
        let cell = format!(
            "n = {code}; path.append('{code} = %d' % n); next(step)\n[distance(n), n, ', '.join(path)]"
        );
        let result = branch.execute(cell).await?;
        let told = result.json().context("a move told nothing")?;
        let (distance, number, path) = serde_json::from_value(told.clone())?;
        anyhow::Ok(State { session: branch, distance, number, path })
    });
    let grown = try_join_all(tries).await?;
    // The branches live on without it; its memory does not have to.
    session.backend().delete_checkpoint(&here.id).await?;
    Ok(grown)
}
