//! The harness, held to its own word: what a case may do, and what a run then says.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use hibernaculum_core::{Backend, Sandbox, Session};
use libtest_mimic::Arguments;

use crate::case::cases;
use crate::fake::Fake;
use crate::harness::{Subject, conclude, trials};
use crate::prelude::*;
use crate::stage::{Clock, Stage};
use crate::table::Table;
use crate::verdict::{Verdict, check, check_within};
use crate::watchdog::{Watchdog, end_the_process};
use crate::{Case, Requirements};

mod suite {
    use super::*;

    cases! { "harness":
        smoke a_case_that_holds,
        a_case_that_needs_files [Need::Feature(Feature::Files)],
        a_case_that_needs_a_guard [Need::Feature(Feature::Guard)],
        a_case_that_lacks_a_module,
        a_case_that_fails,
        a_case_that_hangs,
        a_case_that_leaks_a_session,
        a_case_that_leaks_a_sandbox,
        a_case_with_a_broken_stream,
        a_case_that_panics,
        a_case_that_blocks_its_thread,
    }

    /// Whether a thread that is blocked may go on.
    pub(super) static MAY_GO_ON: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

    async fn a_case_that_blocks_its_thread(_: &Context) -> Outcome {
        let (may_go_on, changed) = &MAY_GO_ON;
        let patience = Duration::from_mins(1);
        let waiting =
            changed.wait_timeout_while(may_go_on.lock().unwrap(), patience, |may_go_on| !*may_go_on);
        let is_late = waiting.unwrap().1.timed_out();
        ensure_eq("whether nobody came", is_late, false)?;
        Ok(())
    }

    async fn a_case_that_holds(cx: &Context) -> Outcome {
        cx.session().await?.run("42").await?.expect_value("42")?;
        Ok(())
    }

    async fn a_case_that_needs_files(_: &Context) -> Outcome {
        Err(Failure::new("it must not run"))
    }

    async fn a_case_that_needs_a_guard(_: &Context) -> Outcome {
        Err(Failure::new("it must not run"))
    }

    async fn a_case_that_lacks_a_module(_: &Context) -> Outcome {
        Err(Failure::lacks("numpy", "it is not installed"))
    }

    async fn a_case_that_fails(cx: &Context) -> Outcome {
        cx.session().await?.run("41").await?.expect_value("42")?;
        Ok(())
    }

    async fn a_case_that_hangs(cx: &Context) -> Outcome {
        cx.session().await?.run("hang").await?;
        Ok(())
    }

    async fn a_case_that_leaks_a_session(cx: &Context) -> Outcome {
        let session = cx.session().await?.keep();
        Session::of(cx.backend(), session).run("1").await?;
        Ok(())
    }

    async fn a_case_that_leaks_a_sandbox(cx: &Context) -> Outcome {
        Sandbox::create(cx.backend(), cx.spec()).await?.keep();
        Ok(())
    }

    async fn a_case_with_a_broken_stream(cx: &Context) -> Outcome {
        cx.session().await?.run("holes").await?;
        Ok(())
    }

    async fn a_case_that_panics(_: &Context) -> Outcome {
        panic!("a case may not, but may")
    }
}

fn case(name: &str) -> &'static Case {
    suite::CASES.iter().find(|case| case.name == name).unwrap()
}

fn fake() -> Arc<dyn Backend> {
    Arc::new(Fake::new([]))
}

async fn broken(name: &str, backend: &Arc<dyn Backend>) -> String {
    match check(case(name), backend).await {
        Verdict::Broken(message) => message,
        verdict => panic!("{verdict:?}"),
    }
}

#[tokio::test]
async fn a_promise_that_is_kept_is_told_as_kept() {
    assert_eq!(check(case("a_case_that_holds"), &fake()).await, Verdict::Kept);
}

#[tokio::test]
async fn an_excluded_case_does_not_run_and_says_why() {
    let verdict = check(case("a_case_that_needs_files"), &fake()).await;
    let expected =
        Verdict::NotApplicable { lacks: "files".into(), reason: "not applicable: needs files".into() };
    assert_eq!(verdict, expected);
    let with_files: Arc<dyn Backend> = Arc::new(Fake::new([Feature::Files]));
    assert!(broken("a_case_that_needs_files", &with_files).await.contains("it must not run"));
}

#[tokio::test]
async fn what_lacks_in_the_sandbox_is_told_by_the_case() {
    let Verdict::NotApplicable { lacks, reason } = check(case("a_case_that_lacks_a_module"), &fake()).await
    else {
        panic!("it ran")
    };
    assert_eq!(
        (lacks.as_str(), reason.as_str()),
        ("numpy", "not applicable: needs numpy: it is not installed")
    );
}

#[tokio::test]
async fn a_failure_shows_what_was_expected_what_came_and_the_steps() {
    let message = broken("a_case_that_fails", &fake()).await;
    for part in ["expected: the value 42", "came: completed", "value 41", "harness_tests.rs:", "run: 41"] {
        assert!(message.contains(part), "{part:?} is missing in:\n{message}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_case_that_hangs_is_cut_at_its_deadline_and_leaves_nothing() {
    let backend = fake();
    let verdict = check_within(case("a_case_that_hangs"), &backend, Duration::from_secs(1)).await;
    let Verdict::Broken(message) = verdict else { panic!("{verdict:?}") };
    assert!(message.contains("not done after 1s"), "{message}");
    assert!(message.contains("run: hang"), "{message}");
    assert!(backend.list().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_leaked_session_is_reported() {
    let message = broken("a_case_that_leaks_a_session", &fake()).await;
    assert!(message.contains("every session that was dropped is closed"), "{message}");
    let leaking: Arc<dyn Backend> = Arc::new(Fake::new([]).leaking());
    let message = broken("a_case_that_holds", &leaking).await;
    assert!(message.contains("every session that was dropped is closed"), "{message}");
}

#[tokio::test(start_paused = true)]
async fn a_leaked_sandbox_is_reported_to_the_case_that_left_it() {
    let backend = fake();
    let message = broken("a_case_that_leaks_a_sandbox", &backend).await;
    assert!(message.contains("every sandbox that was dropped has ended"), "{message}");
    assert_eq!(check(case("a_case_that_holds"), &backend).await, Verdict::Kept);
}

#[tokio::test]
async fn a_stream_with_holes_breaks_any_case() {
    let message = broken("a_case_with_a_broken_stream", &fake()).await;
    assert!(message.contains("after seq 1 came 3"), "{message}");
}

/// Runs some of the suite as a test binary would; gives passed, failed and ignored.
fn tally(
    names: &[&str],
    subject: Subject,
    requirements: &str,
    arguments: &[&str],
) -> (u64, u64, u64, String) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let suite: Vec<&'static Case> = names.iter().map(|name| case(name)).collect();
    let log = tempfile::NamedTempFile::new().unwrap();
    let logfile = ["--logfile", log.path().to_str().unwrap()];
    let arguments = Arguments::from_iter([&["suite"], arguments, &logfile].concat());
    let (table, requirements) = (Arc::new(Table::default()), Requirements::parse(requirements));
    // Who is overdue fails the test by itself.
    let watchdog = Arc::new(Watchdog::start(Duration::from_mins(2), end_the_process));
    let both = (&table, &watchdog);
    let trials = trials(&arguments, &suite, vec![subject], &requirements, runtime.handle(), both);
    let closing = conclude(&arguments, trials, &table);
    let told = closing.conclusion;
    let text = std::fs::read_to_string(log.path()).unwrap()
        + &closing.table.unwrap_or_default()
        + &closing.complaints.join("\n");
    (told.num_passed, told.num_failed, told.num_ignored, text)
}

#[test]
fn a_run_tells_passed_failed_and_not_applicable_apart() {
    let names = ["a_case_that_holds", "a_case_that_fails", "a_case_that_needs_files", "a_case_that_panics"];
    let (passed, failed, ignored, text) = tally(&names, Subject::new("mine", fake()), "", &[]);
    assert_eq!((passed, failed, ignored), (1, 2, 1), "{text}");
    assert!(text.contains("mine::a_case_that_holds"), "{text}");
    assert!(text.contains("ignored (not applicable: needs files)"), "{text}");
    assert!(text.contains("files (1)"), "the closing table: {text}");
}

#[test]
fn what_is_demanded_fails_where_it_lacks() {
    let names = ["a_case_that_needs_files", "a_case_that_lacks_a_module"];
    let (_, failed, ignored, text) = tally(&names, Subject::new("mine", fake()), "files, docker", &[]);
    assert_eq!((failed, ignored), (1, 1), "{text}");
    assert!(text.contains("HIBERNACULUM_REQUIRE demands `files`"), "{text}");
    let (_, failed, ignored, _) = tally(&names, Subject::new("mine", fake()), "numpy", &[]);
    assert_eq!((failed, ignored), (1, 1));
}

#[test]
fn a_subject_that_lacks_more_than_it_may_fails_and_the_cases_are_named() {
    let names = ["a_case_that_holds", "a_case_that_needs_files", "a_case_that_lacks_a_module"];
    let subject = |bound| Subject::new("mine", fake()).lacking_at_most(bound);
    let (passed, failed, ignored, text) = tally(&names, subject(2), "", &[]);
    assert_eq!((passed, failed, ignored), (1, 0, 2), "{text}");
    let (passed, failed, ignored, text) = tally(&names, subject(1), "", &[]);
    assert_eq!((passed, failed, ignored), (1, 1, 2), "{text}");
    let told = "mine: at most 1 cases may be not applicable, and 2 are: a_case_that_lacks_a_module, a_case_that_needs_files";
    assert!(text.ends_with(told), "{text}");
}

#[test]
fn a_bounded_subject_may_lack_nothing_that_is_about_state() {
    let names = ["a_case_that_needs_files", "a_case_that_needs_a_guard"];
    let (_, failed, ignored, _) = tally(&names, Subject::new("mine", fake()), "", &[]);
    assert_eq!((failed, ignored), (0, 2), "the control: without a bound it may");
    let (_, failed, ignored, text) = tally(&names, Subject::new("mine", fake()).lacking_at_most(5), "", &[]);
    assert_eq!((failed, ignored), (1, 2), "{text}");
    assert!(
        text.ends_with("mine: no case about state may be not applicable: a_case_that_needs_a_guard"),
        "{text}"
    );
}

#[test]
fn a_missing_backend_is_told_with_its_reason_and_fails_where_it_is_demanded() {
    let names = ["a_case_that_holds"];
    let missing = || Subject::missing("docker", "no engine answers");
    let (passed, failed, ignored, text) = tally(&names, missing(), "", &[]);
    assert_eq!((passed, failed, ignored), (0, 0, 1), "{text}");
    assert!(text.contains("ignored (not applicable: no engine answers)"), "{text}");
    let (_, failed, _, text) = tally(&names, missing(), "docker", &[]);
    assert_eq!(failed, 1, "{text}");
}

#[test]
fn a_case_that_blocks_its_thread_is_named_and_ended() {
    let (tell, told) = tokio::sync::oneshot::channel();
    let watchdog = Arc::new(Watchdog::start(Duration::from_millis(300), |report| {
        // In the place of the process' end.
        let _ = tell.send(report.to_owned());
        *suite::MAY_GO_ON.0.lock().unwrap() = true;
        suite::MAY_GO_ON.1.notify_all();
    }));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let arguments = Arguments::from_iter(["suite", "--quiet"]);
    let (table, requirements) = (Arc::new(Table::default()), Requirements::parse(""));
    let (suite, subject) = ([case("a_case_that_blocks_its_thread")], Subject::new("mine", fake()));
    let both = (&table, &watchdog);
    let trials = trials(&arguments, &suite, vec![subject], &requirements, runtime.handle(), both);
    let closing = conclude(&arguments, trials, &table);
    assert_eq!(closing.conclusion.num_passed, 1, "it went on when somebody came");
    let report = told.blocking_recv().unwrap();
    assert!(report.contains("  mine::a_case_that_blocks_its_thread, for "), "{report}");
}

#[test]
fn what_comes_afterwards_is_told_what_became_of_the_case_and_has_its_own_say() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let notes = Arc::clone(&told);
    let subject = Subject::per_case("mine", Clock::Paused, move |case| {
        let notes = Arc::clone(&notes);
        Ok(Stage::new(fake(), async move |verdict| {
            notes.lock().unwrap().push((case.name, verdict));
            if case.name == "a_case_that_needs_files" { Ok(()) } else { Err("a complaint".to_owned()) }
        }))
    });
    let names = ["a_case_that_holds", "a_case_that_fails", "a_case_that_needs_files"];
    let (passed, failed, ignored, text) = tally(&names, subject, "", &["--test-threads", "1"]);
    assert_eq!((passed, failed, ignored), (0, 2, 1), "{text}");
    assert_eq!(text.matches("a complaint").count(), 2, "{text}");
    let told: Vec<_> = told.lock().unwrap().clone();
    assert!(
        matches!(
            told.as_slice(),
            [
                ("a_case_that_holds", Verdict::Kept),
                ("a_case_that_fails", Verdict::Broken(_)),
                ("a_case_that_needs_files", Verdict::NotApplicable { .. })
            ]
        ),
        "{told:?}"
    );
}

#[test]
fn filters_and_lists_work_as_nextest_needs_them() {
    let names = ["a_case_that_holds", "a_case_that_fails", "a_case_that_needs_files"];
    let subject = || Subject::new("mine", fake());
    let (passed, failed, ignored, _) = tally(&names, subject(), "", &["--exact", "mine::a_case_that_holds"]);
    assert_eq!((passed, failed, ignored), (1, 0, 0));
    let (.., text) = tally(&names, subject(), "", &["--list", "--format", "terse"]);
    assert!(text.contains("mine::a_case_that_fails: test"), "{text}");
    assert!(text.lines().all(|line| line.ends_with(": test")), "nextest reads every line: {text}");
    let (.., text) = tally(&names, subject(), "", &["--list", "--format", "terse", "--ignored"]);
    assert!(text.contains("mine::a_case_that_needs_files: test"), "{text}");
    assert!(!text.contains("a_case_that_holds"), "{text}");
}
