//! Holds the mock backend to the conformance suite, apart from the backends that run Python: `cargo test --workspace --test mock -- scripted`.
//!
//! *Scripted*: cases whose behaviour is the engine's own, each with a script of what Python would do, under a paused clock. It needs no
//! Python, and proves with it that the mock needs none.
//!
//! *Replayed*: all other cases, too, each with a cassette of what a real runner said, played to a real engine. `tests/cassettes` records them, and compares.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a script that is wrong fails its case")]
#![expect(clippy::match_same_arms, reason = "cases stand in the order of the suite")]

mod floor;
mod scripts;
mod volatile;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use hibernaculum::checkpoint_store::Store;
use hibernaculum::engine::{Engine, EngineConfig};
use hibernaculum::mock::wire::{WireCassette, WirePlayer};
use hibernaculum::mock::{Account, ScriptedBackend, ScriptedProvider};
use hibernaculum_testkit::{Case, Clock, Stage, Subject, cases};

use crate::floor::Floor;
use crate::volatile::{UNSTEADY, VOLATILE};

fn main() -> ExitCode {
    let gaps = gaps();
    if !gaps.is_empty() {
        return failed(&format!("cassettes and cases differ (see tests/cassettes):\n{}", gaps.join("\n")));
    }
    let told = hibernaculum_testkit::main(async || vec![scripted(), replayed()]);
    match [&SCRIPTED, &REPLAYED].into_iter().find_map(Floor::lacks) {
        Some(lacks) => failed(&lacks),
        None => told,
    }
}

fn failed(why: &str) -> ExitCode {
    #[expect(clippy::print_stderr, reason = "a test binary speaks to people")]
    {
        eprintln!("{why}");
    }
    ExitCode::FAILURE
}

/// How many volatile and unsteady cases there may be, of both together.
const MOST: usize = 10;
/// Where they are, seen from this package.
const CASSETTES: &str = "mock/cassettes";

/// A little less than are kept today.
static SCRIPTED: Floor = Floor::of("mock-scripted", 170);
/// The same.
static REPLAYED: Floor = Floor::of("mock-replayed", 450);

/// Cases without a cassette that need one, cassettes without a case, and lists of exceptions that have grown too long.
fn gaps() -> Vec<String> {
    let names = |cases: &mut dyn Iterator<Item = &'static Case>| -> BTreeSet<String> {
        cases.map(|case| case.name.to_owned()).collect()
    };
    let all = names(&mut cases::all());
    let recorded = names(&mut cases::all().filter(|case| volatile::reason(case).is_none()));
    let files = std::fs::read_dir(CASSETTES).into_iter().flatten().flatten();
    let cassettes: BTreeSet<String> =
        files.map(|file| file.file_name().to_string_lossy().trim_end_matches(".wire").to_owned()).collect();
    let mut gaps: Vec<String> =
        recorded.difference(&cassettes).map(|case| format!("no cassette: {case}")).collect();
    gaps.extend(cassettes.difference(&recorded).map(|cassette| format!("no case: {cassette}")));
    for (what, list) in [("volatile", VOLATILE), ("unsteady", UNSTEADY)] {
        let unknown = list.iter().filter(|(name, _)| !all.contains(*name));
        gaps.extend(unknown.map(|(case, _)| format!("{what}, and no case: {case}")));
    }
    let exceptions = VOLATILE.len() + UNSTEADY.len();
    if exceptions > MOST {
        gaps.push(format!(
            "{exceptions} cases are volatile or unsteady, and at most {MOST} may be, of both together"
        ));
    }
    let twice = UNSTEADY.iter().filter(|(name, _)| VOLATILE.iter().any(|(same, _)| same == name));
    gaps.extend(twice.map(|(case, _)| format!("volatile, and unsteady as well: {case}")));
    gaps
}

fn scripted() -> Subject {
    Subject::per_case(SCRIPTED.name, Clock::Paused, |case| {
        SCRIPTED.seen();
        let Some(script) = scripts::of(case.name) else {
            return Err("its behaviour is Python's own, and no script stands in for that".to_owned());
        };
        let provider = ScriptedProvider::new(script);
        let account = Account::of(&provider);
        account.waive();
        let backend = ScriptedBackend::over(provider).map_err(|error| error.to_string())?;
        Ok(Stage::new(backend.backend(), async move |verdict| {
            SCRIPTED.became(&verdict);
            let complaints = account.complaints().await;
            backend.waive();
            if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
        }))
    })
}

fn replayed() -> Subject {
    Subject::per_case(REPLAYED.name, Clock::Paused, |case| {
        REPLAYED.seen();
        if let Some(reason) = volatile::reason(case) {
            return Err(reason);
        }
        let file = Path::new(CASSETTES).join(format!("{}.wire", case.name));
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let player = WirePlayer::new(WireCassette::read(&text).map_err(|error| error.explain().to_string())?);
        let account = player.account();
        let config = EngineConfig::new().map_err(|error| error.to_string())?;
        let config = config.checkpoint_store(Arc::new(Store::memory()));
        let engine = Engine::with_config(player, config).map_err(|error| error.to_string())?;
        Ok(Stage::new(Arc::new(engine), async move |verdict| {
            REPLAYED.became(&verdict);
            let complaints = account.complaints();
            if complaints.is_empty() { Ok(()) } else { Err(complaints.join("\n")) }
        }))
    })
    .recorded()
}
