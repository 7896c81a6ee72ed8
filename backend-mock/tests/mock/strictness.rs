//! Stricter than production: what the script does not say fails the test, and the message shows what came near.

use std::time::Duration;

use hibernaculum_backend_mock::{Matcher, Script, ScriptedBackend, when};
use hibernaculum_core::{Sandbox, SandboxSpec, Status};

use crate::scene::scene;

#[tokio::test(start_paused = true)]
async fn code_that_no_rule_is_for_fails_and_the_nearest_rule_is_shown() {
    let scene = scene(Script::in_order([
        when("import numpy as np"),
        when("data = np.arange(10)\ndata.sum()").value(45),
    ]))
    .await;
    scene.session.execute("import numpy as np").await.unwrap();
    let result = scene.session.execute("data = np.arange(12)\ndata.sum()").await.unwrap();
    assert_eq!(result.status(), Status::Failed);
    assert_eq!(result.error().unwrap().type_name, "UnexpectedExecution");
    assert!(result.error().unwrap().message.contains("+ data = np.arange(12)"));

    let complaints = scene.complaints().await;
    assert_eq!(complaints.len(), 2, "{complaints:#?}");
    for part in [
        "the script has no rule for this code:\n    data = np.arange(12)\n    data.sum()",
        "the next rule in order is #2",
        "the nearest is rule #2 (once; met 0 times):",
        "    - data = np.arange(10)\n    + data = np.arange(12)\n      data.sum()",
    ] {
        assert!(complaints[0].contains(part), "{part:?} is not in:\n{}", complaints[0]);
    }
    assert!(complaints[1].starts_with("rule #2"), "{}", complaints[1]);
    assert!(complaints[1].ends_with("was to be met once, and was met 0 times"), "{}", complaints[1]);
}

#[tokio::test(start_paused = true)]
async fn rules_in_order_are_not_met_out_of_it() {
    let rules = || [when("first").value(1), when("second").value(2)];
    let strict = scene(Script::in_order(rules())).await;
    assert_eq!(strict.session.execute("second").await.unwrap().status(), Status::Failed);
    assert_eq!(strict.session.execute("first").await.unwrap().json(), Some(&1.into()));
    let complaints = strict.complaints().await;
    assert!(complaints[0].contains("the next rule in order is #1: \"first\""), "{}", complaints[0]);
    assert_eq!(complaints.len(), 2);

    let lenient = scene(Script::any_order(rules())).await;
    assert_eq!(lenient.session.execute("second").await.unwrap().json(), Some(&2.into()));
    assert_eq!(lenient.session.execute("first").await.unwrap().json(), Some(&1.into()));
    assert_eq!(lenient.complaints().await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_rule_is_met_as_often_as_it_says_and_no_more() {
    let scene = scene(Script::in_order([
        when("tick").times(2),
        when(Matcher::regex("^import ").unwrap()).any_times(),
        when("maybe").optional(),
        when("end"),
    ]))
    .await;
    for code in ["tick", "tick", "import os", "import sys", "end"] {
        assert!(scene.session.execute(code).await.unwrap().is_completed(), "{code}");
    }
    assert_eq!(scene.session.execute("tick").await.unwrap().status(), Status::Failed);
    let complaints = scene.complaints().await;
    assert_eq!(complaints.len(), 1, "{complaints:#?}");
    assert!(complaints[0].contains("rule #1 (2 times; met 2 times)"), "{}", complaints[0]);
}

#[tokio::test(start_paused = true)]
async fn each_session_may_play_the_script_from_its_beginning() {
    let scene = scene(Script::in_order([when("once").value(1)]).each_session()).await;
    let other = scene.sandbox.session().await.unwrap();
    assert!(scene.session.execute("once").await.unwrap().is_completed());
    assert!(other.execute("once").await.unwrap().is_completed());
    assert_eq!(other.execute("once").await.unwrap().status(), Status::Failed);
    let third = scene.sandbox.session().await.unwrap();
    let id = third.id().to_string();
    drop((other, third));
    let complaints = scene.complaints().await;
    assert_eq!(complaints.len(), 2, "{complaints:#?}");
    assert!(complaints[1].contains(&id), "the session that did not play is named: {}", complaints[1]);
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_is_never_closed_is_told_with_its_sessions() {
    let mock = Script::default().backend().unwrap();
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let (sandbox, session) = (sandbox.keep().to_string(), session.keep().to_string());
    let told = tokio::spawn(mock.verify()).await.unwrap_err().into_panic();
    let told = told.downcast_ref::<String>().unwrap();
    assert!(told.contains(&format!("{sandbox} was never closed, nor its sessions {session}")), "{told}");
}

#[tokio::test(start_paused = true)]
async fn handles_that_were_dropped_have_closed_what_they_had() {
    let mock = Script::default().backend().unwrap();
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await.unwrap();
    drop(sandbox.session().await.unwrap());
    drop(sandbox);
    mock.verify().await;
}

#[tokio::test]
async fn a_script_that_nobody_verifies_fails_the_test() {
    let dropped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        drop(Script::in_order([when("never")]).backend().unwrap());
    }));
    let told = *dropped.unwrap_err().downcast::<String>().unwrap();
    assert!(told.contains("was dropped unverified"), "{told}");
    assert!(told.contains("rule #1, \"never\", was to be met once"), "{told}");
}

/// What `verify` fails the test with.
async fn told(mock: ScriptedBackend) -> String {
    let panic = tokio::spawn(mock.verify()).await.unwrap_err().into_panic();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_it_is_verified_counts_too() {
    let mock = Script::any_order([when("late").value(1)]).backend().unwrap();
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let left_behind = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(session.execute("late").await.unwrap().is_completed());
        assert_eq!(session.execute("later").await.unwrap().status(), Status::Failed);
        session.close().await.unwrap();
        sandbox.close().await.unwrap();
    });
    let told = told(mock).await;
    left_behind.await.unwrap();
    assert!(told.contains("no rule for this code:\n    later"), "{told}");
    assert!(!told.contains("was to be met"), "it was met meanwhile: {told}");
}

#[tokio::test(start_paused = true)]
async fn a_closed_sandbox_has_closed_its_sessions() {
    let mock = Script::default().backend().unwrap();
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await.unwrap();
    sandbox.session().await.unwrap().keep();
    sandbox.close().await.unwrap();
    mock.verify().await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_panics_is_named_with_what_it_said() {
    let mock = Script::any_order([
        when(Matcher::predicate("short code", |code| {
            assert!(code != "strange", "no such code");
            code.len() < 4
        }))
        .any_times(),
        when("compute").computes(|scene| panic!("nobody knows {}", scene.code())),
    ])
    .backend()
    .unwrap();
    let sandbox = Sandbox::create(&mock.backend(), SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    for (code, message) in [("strange", "no such code"), ("compute", "nobody knows compute")] {
        let result = session.execute(code).await.unwrap();
        assert_eq!(result.error().unwrap().type_name, "UnexpectedExecution");
        assert!(result.error().unwrap().message.contains(message), "{result:?}");
    }
    assert!(session.execute("x").await.unwrap().is_completed(), "the session is as good as before");
    sandbox.close().await.unwrap();
    let told = told(mock).await;
    assert!(
        told.contains("the rule for short code has a function that panicked (its predicate): "),
        "{told}"
    );
    assert!(
        told.contains("the rule for \"compute\" has a function that panicked (what it computes): "),
        "{told}"
    );
    assert!(told.contains("nobody knows compute"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn rules_without_a_text_are_shown_too_and_those_that_are_used_up_named() {
    let scene = scene(Script::any_order([
        when(Matcher::regex("^import ").unwrap()),
        when(Matcher::predicate("long code", |code| code.len() > 100)).any_times(),
    ]))
    .await;
    for (code, parts) in [
        ("import os", None),
        ("import sys", Some("rule #1 (once; met 1 times) is for this code, and may be met no more")),
        ("x", Some("its rules are for\n    #1 code that matches /^import /\n    #2 long code")),
    ] {
        let result = scene.session.execute(code).await.unwrap();
        assert_eq!(result.is_completed(), parts.is_none());
        let message = result.error().map(|error| error.message.clone()).unwrap_or_default();
        assert!(message.contains(parts.unwrap_or_default()), "{message}");
    }
    assert_eq!(scene.complaints().await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_rule_whose_turn_it_is_not_is_named() {
    let scene = scene(Script::in_order([when("one").optional(), when("two"), when("three")])).await;
    for (code, part) in [
        ("three", "#3 (once; met 0 times) is for this code, and its turn has not come"),
        ("two", ""),
        ("one", "its turn is over"),
    ] {
        let result = scene.session.execute(code).await.unwrap();
        let message = result.error().map(|error| error.message.clone()).unwrap_or_default();
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(scene.complaints().await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn none_is_no_value_however_it_is_said() {
    let scene = scene(Script::in_order([
        when("x = None").binds("x", ()),
        when("x").value_of("x"),
        when("None").value(()),
        when("f()")
            .computes(|scene| hibernaculum_backend_mock::Ending::Value(scene.value_of("x").unwrap().clone())),
    ]))
    .await;
    for code in ["x = None", "x", "None", "f()"] {
        let result = scene.session.execute(code).await.unwrap();
        assert!(result.is_completed() && result.value().is_none(), "{code}: {result:?}");
    }
    assert_eq!(scene.complaints().await, Vec::<String>::new());
}
