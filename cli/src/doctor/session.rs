//! The backend that `hib` would use now: a real session that adds one and one, and what its Python can import.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hibernaculum::{Error, ExecutionRequest, Sandbox, SandboxSpec, Session};
use serde::Deserialize;

use super::check::{Check, Group};
use super::mend::remedy;
use crate::exit::Exit;
use crate::place::BackendArgs;

/// How long a session may take to open, and each of its executions.
const LIMIT: Duration = Duration::from_mins(1);
/// Runs in the session.
const PACKAGES: &str = include_str!("packages.py");

/// What became of it.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) checks: Vec<Check>,
    pub(super) exit: Exit,
    /// What is usable now, in a line.
    pub(super) summary: String,
}

impl Tried {
    /// The same, with the remedy that the other checks know.
    pub(super) fn mended_by(mut self, others: &[Check]) -> Self {
        for check in &mut self.checks {
            let error = check.facts.get("error").and_then(serde_json::Value::as_str);
            if let Some(mend) = error.and_then(|error| remedy(error, others)) {
                self.summary = in_vain(&mend);
                check.mend = Some(mend);
            }
        }
        self
    }
}

/// What `packages.py` answers.
#[derive(Debug, Deserialize)]
struct About {
    executable: String,
    implementation: String,
    version: String,
    packages: BTreeMap<String, Package>,
}

/// A package, as far as it could be imported.
#[derive(Debug, Deserialize)]
struct Package {
    version: Option<String>,
    #[serde(default)]
    absent: bool,
    problem: Option<String>,
}

/// What a session that works took, and what it told.
struct Worked {
    opening: Duration,
    answer: Duration,
    about: Option<About>,
}

/// Opens a session, and asks it.
pub(super) async fn check(backend: &BackendArgs) -> Tried {
    let name = backend.name();
    match tokio::time::timeout(3 * LIMIT, attempt(backend)).await {
        Ok(Ok(worked)) => works(name, &worked),
        Ok(Err(Trouble::Product(error))) => refused(name, &error),
        Ok(Err(Trouble::Wrong(said))) => {
            let how = "report it, with the output of `hib doctor --json`";
            broken(name, &format!("it was asked for 1 + 1 and said {said}"), how, Exit::BROKEN)
        }
        Err(_) => {
            let how = "see whether the machine is overloaded, and try again";
            broken(name, "no session answered in time", how, Exit::BROKEN)
        }
    }
}

/// Why there is no session that works.
enum Trouble {
    Product(Error),
    Wrong(String),
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Product(error)
    }
}

async fn attempt(backend: &BackendArgs) -> Result<Worked, Trouble> {
    let begun = Instant::now();
    let backend = backend.create().await?;
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await?;
    let session = sandbox.session().await?;
    let opening = begun.elapsed();
    // The first execution brings the session to life; a person feels the second.
    execute(&session, "1 + 1").await?;
    let begun = Instant::now();
    let said = execute(&session, "1 + 1").await?;
    let answer = begun.elapsed();
    if said.as_deref() != Some("2") {
        return Err(Trouble::Wrong(said.unwrap_or_else(|| "nothing".to_owned())));
    }
    // What a package does to the session is no matter of the session.
    let about = execute(&session, PACKAGES).await.ok().flatten();
    let about = about.and_then(|repr| about_of(&repr));
    session.keep();
    sandbox.close().await?;
    Ok(Worked { opening, answer, about })
}

/// The `repr` of the value, or else of what was raised.
async fn execute(session: &Session, code: &str) -> Result<Option<String>, Error> {
    let result = session.execute(ExecutionRequest::new(code).timeout(LIMIT)).await?;
    let raised = result.error().map(|error| format!("{}: {}", error.type_name, error.message));
    Ok(result
        .json()
        .and_then(|json| json.as_str())
        .map(str::to_owned)
        .or_else(|| result.value().map(|value| value.repr.clone()))
        .or(raised))
}

fn about_of(text: &str) -> Option<About> {
    serde_json::from_str(text).ok()
}

fn works(backend: &str, worked: &Worked) -> Tried {
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1e5).round() / 100.0;
    let (opening, answer) = (milliseconds(worked.opening), milliseconds(worked.answer));
    let python = worked.about.as_ref().map_or_else(
        || "its Python".to_owned(),
        |about| format!("{} {} at {}", about.implementation, about.version, about.executable),
    );
    let detail =
        format!("`{backend}` with {python}: opened in {opening} ms, `1 + 1` is 2 within {answer} ms");
    let mut session = Check::ok(Group::Session, "session", detail)
        .with("backend", backend)
        .with("opening_ms", opening)
        .with("answer_ms", answer);
    let mut checks = Vec::new();
    if let Some(about) = &worked.about {
        session = session.with("python", about.executable.as_str()).with("version", about.version.as_str());
        checks.extend(about.packages.iter().filter_map(|(name, found)| package(about, name, found)));
    }
    checks.insert(0, session);
    Tried { checks, exit: Exit::OK, summary: format!("Usable now: `hib run` on `{backend}` with {python}.") }
}

fn package(about: &About, name: &str, found: &Package) -> Option<Check> {
    let name = ["numpy", "pandas", "cloudpickle"].into_iter().find(|known| *known == name)?;
    let install = |flags: &str| format!("{} -m pip install {flags}{name}", about.executable);
    Some(match (&found.version, &found.problem) {
        (Some(version), _) => {
            Check::ok(Group::Packages, name, version.as_str()).with("version", version.as_str())
        }
        (None, _) if found.absent => Check::missing(Group::Packages, name, "not installed", install("")),
        (None, problem) => {
            let problem = problem.as_deref().unwrap_or_default().lines().next().unwrap_or_default();
            let detail = format!("installed, and its import fails: {problem}");
            Check::limited(Group::Packages, name, detail, install("--force-reinstall "))
        }
    })
}

fn refused(backend: &str, error: &Error) -> Tried {
    let explanation = error.explain();
    let detail = format!("{} [{}]: {}", explanation.what, explanation.code, explanation.why);
    let mut tried = broken(backend, &detail, &explanation.how, Exit::of_error(error));
    for check in &mut tried.checks {
        *check = check.clone().with("error", explanation.code.as_str());
    }
    tried
}

fn in_vain(how: &str) -> String {
    format!("Nothing is usable now. Mend the session first: {how}")
}

fn broken(backend: &str, detail: &str, how: &str, exit: Exit) -> Tried {
    let check = Check::missing(Group::Session, "session", format!("`{backend}`: {detail}"), how)
        .with("backend", backend);
    Tried { checks: vec![check], exit, summary: in_vain(how) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Status;

    fn worked(packages: &str) -> Tried {
        let about = format!(
            r#"{{"executable": "/p", "implementation": "CPython", "version": "3.12.1", "packages": {packages}}}"#
        );
        let about = Some(about_of(&about).unwrap());
        works(
            "local",
            &Worked { opening: Duration::from_millis(80), answer: Duration::from_micros(312), about },
        )
    }

    #[test]
    fn a_session_that_works_tells_its_python_and_its_times() {
        let tried = worked("{}");
        assert_eq!(tried.exit, Exit::OK);
        assert_eq!(tried.summary, "Usable now: `hib run` on `local` with CPython 3.12.1 at /p.");
        let detail = "`local` with CPython 3.12.1 at /p: opened in 80 ms, `1 + 1` is 2 within 0.31 ms";
        assert_eq!(tried.checks[0].detail, detail);
    }

    #[test]
    fn a_package_is_there_or_absent_or_broken() {
        let tried = worked(
            r#"{"numpy": {"version": "2.1"}, "pandas": {"absent": true, "problem": "No module"},
                "cloudpickle": {"problem": "OSError: libz\nmore"}}"#,
        );
        let told: Vec<_> =
            tried.checks[1..].iter().map(|check| (check.name, check.status, check.mend.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("cloudpickle", Status::Limited, Some("/p -m pip install --force-reinstall cloudpickle")),
                ("numpy", Status::Ok, None),
                ("pandas", Status::Missing, Some("/p -m pip install pandas")),
            ]
        );
    }

    #[test]
    fn a_refusal_keeps_its_code_and_says_how() {
        let error = hibernaculum::SandboxError::NoPython { tried: "`PATH`".to_owned(), source: None };
        let tried = refused("local", &error.into());
        assert_eq!((tried.exit, tried.checks[0].status), (Exit::NO_SESSION, Status::Missing));
        assert_eq!(tried.checks[0].facts["error"], "sandbox.no_python");
        assert!(tried.summary.contains("install CPython 3.8"), "{}", tried.summary);
        let python = Check::ok(Group::Python, "python", "").with("path", "/p").with("version", "3.12.1");
        let mended = tried.mended_by(&[python]);
        assert!(mended.checks[0].mend.as_ref().is_some_and(|mend| mend.contains("/p")), "{mended:?}");
        assert!(mended.summary.contains("/p"), "{}", mended.summary);
    }
}
