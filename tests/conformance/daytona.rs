//! The Daytona backend, held to the suite through a stand-in for the service, which is never called the service itself; and through a real one where
//! `DAYTONA_API_KEY` says whose: `DAYTONA_API_KEY=… HIBERNACULUM_SMOKE=1 cargo test --workspace --test conformance -- daytona-live`.
//!
//! ```text
//!  daytona-stand-in           the port proxy
//!  daytona-stand-in-preview   the preview URL                                    ┐ the whole of it with HIBERNACULUM_LONG=1, the smoke subset
//!  daytona-stand-in-faults    the port proxy; what goes wrong is fixed by a seed ┘ with HIBERNACULUM_SMOKE=1
//! ```
//!
//! CI runs the smoke subset of the last two (`.ci/daytona.sh`), `just long` all of them. Through a bad day a case waits for the most part, so that more of them run
//! at a time than there are processors: `cargo test … -- daytona-stand-in-faults --test-threads 4`.
//!
//! Whatever was asked and answered on the way is held to the published specifications.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hibernaculum::{Registry, Settings};
use hibernaculum_testkit::Subject;
use hibernaculum_testkit::daytona::{Fault, Faults, Manner, On, StandIn, StandInConfig, When};

use super::{asked_for, offers_all};

/// They live as long as the trials.
static STAND_INS: Mutex<Vec<StandIn>> = Mutex::new(Vec::new());
const SEED: u64 = 8;

/// # Panics
///
/// Where a stand-in cannot be made.
pub(super) async fn subjects(registry: &Registry) -> Vec<Subject> {
    let ways = [
        ("daytona-stand-in", "proxy", Faults::none(), Manner::default()),
        ("daytona-stand-in-preview", "preview", Faults::none(), Manner::default()),
        ("daytona-stand-in-faults", "proxy", faults(), fragments()),
    ];
    let mut subjects = vec![live(registry).await];
    for (name, transport, faults, manner) in ways {
        let is_wanted =
            name == "daytona-stand-in" || asked_for("HIBERNACULUM_LONG") || asked_for("HIBERNACULUM_SMOKE");
        subjects.push(if is_wanted {
            match subject(
                registry,
                name,
                transport,
                StandInConfig { faults, manner, ..StandInConfig::default() },
            )
            .await
            {
                Ok(subject) => subject,
                // All that it needs is here: to go on without it would be to promise what nobody has seen.
                Err(reason) => panic!("{name}: {reason}"),
            }
        } else {
            Subject::missing(name, "HIBERNACULUM_LONG=1 asks for it")
        });
    }
    subjects
}

/// A real service, as the environment names it.
async fn live(registry: &Registry) -> Subject {
    const NAME: &str = "daytona-live";
    if std::env::var_os("DAYTONA_API_KEY").is_none() {
        return Subject::missing(NAME, "DAYTONA_API_KEY is not set: no real service is asked");
    }
    let settings = Settings::default().with("checkpoint_store", "memory:");
    match registry.create("daytona", &settings).await {
        Ok(backend) => Subject::new(NAME, backend),
        Err(error) => Subject::missing(NAME, error.explain().to_string()),
    }
}

async fn subject(
    registry: &Registry,
    name: &str,
    transport: &str,
    config: StandInConfig,
) -> Result<Subject, String> {
    let stand_in = StandIn::start(config).await.map_err(|error| format!("no stand-in: {error}"))?;
    let settings = Settings::default()
        .with("api_url", stand_in.api_url())
        .with("api_key", stand_in.api_key())
        .with("transport", transport)
        .with("network", "full")
        .with("checkpoint_store", "memory:");
    let settings = match std::env::var("HIBERNACULUM_PYTHON") {
        Ok(python) => settings.with("python", python),
        Err(_) => settings,
    };
    STAND_INS.lock().unwrap_or_else(PoisonError::into_inner).push(stand_in);
    let backend = registry.create("daytona", &settings).await.map_err(|error| error.explain().to_string())?;
    offers_all("daytona", backend.features());
    Ok(Subject::new(name, backend))
}

/// What a service does on a bad day: each of it is met by what it means, and no case may notice.
fn faults() -> Faults {
    let chance = |per_mille| When::Chance { per_mille };
    let throttled =
        Fault::Throttled { throttler: "authenticated".to_owned(), retry_after: Duration::from_secs(1) };
    let create = || On::Operation("POST /sandbox".to_owned());
    Faults::seeded(SEED)
        .with(Fault::StaleCreate, create(), chance(300))
        .with(Fault::NoAnswer { after: Duration::from_millis(200) }, create(), chance(100))
        .with(Fault::AnswerLost, create(), chance(100))
        .with(Fault::StaleRead, On::Api, chance(50))
        .with(Fault::FlappingList, On::Api, chance(300))
        .with(Fault::Conflict, On::Api, chance(30))
        .with(throttled, On::Api, chance(20))
        .with(Fault::BadGateway, On::Api, chance(50))
        .with(Fault::BadGateway, On::Toolbox, chance(50))
        .with(Fault::AnswerLost, On::Toolbox, chance(30))
        .with(Fault::NoRunnerInfo, On::Toolbox, chance(30))
        .with(Fault::TruncatedBody { after: 5 }, On::Toolbox, chance(20))
        .with(Fault::SlowBody { piece: 7, pause: Duration::from_millis(5) }, On::Toolbox, chance(30))
        .with(Fault::BadGateway, On::Proxy, chance(50))
        .with(Fault::NoRunnerInfo, On::Proxy, chance(30))
        .with(Fault::Close { code: 1006, after: 3000 }, On::Proxy, chance(120))
        .with(Fault::Close { code: 1008, after: 20_000 }, On::Proxy, chance(60))
        .with(Fault::Close { code: 1009, after: 70_000 }, On::Proxy, chance(60))
}

/// A proxy that ends the WebSocket itself, and puts bytes together otherwise than they came.
fn fragments() -> Manner {
    Manner { piece: Some(1500), delay: Duration::ZERO, frame: Some(4096) }
}

/// Whether nothing was asked or answered that the published specifications do not allow. Tells what was.
pub(super) fn keeps_to_the_specs() -> bool {
    let stand_ins = std::mem::take(&mut *STAND_INS.lock().unwrap_or_else(PoisonError::into_inner));
    let violations: Vec<_> = stand_ins.iter().flat_map(StandIn::violations).collect();
    for violation in &violations {
        #[expect(clippy::print_stderr, reason = "a test binary speaks to people")]
        {
            eprintln!("against the published specifications: {violation:?}");
        }
    }
    violations.is_empty()
}
