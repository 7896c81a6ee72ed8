//! The names of a session: listed, read, bound, deleted; without running user code, and in turn with its executions.

use std::time::Duration;

use hibernaculum_core::{ByteSize, NamespaceFilter, ReprLimits, Serialisable, Variable, VariableKind};
use serde_json::json;

use crate::prelude::*;

const NAMESPACE: Need = Need::Feature(Feature::Namespace);

cases! { "namespace":
    smoke names_are_listed_with_type_shape_and_preview [NAMESPACE],
    names_are_chosen_by_prefix_and_kind [NAMESPACE],
    a_question_that_no_message_holds_is_refused [NAMESPACE],
    listing_names_runs_no_user_code [NAMESPACE],
    thousands_of_names_are_listed [NAMESPACE],
    an_array_is_told_by_dtype_and_shape [NAMESPACE],
    a_table_is_told_by_its_columns [NAMESPACE],
    a_name_is_read_as_json [NAMESPACE],
    a_name_that_is_not_bound_is_told [NAMESPACE],
    what_json_cannot_say_exactly_is_told [NAMESPACE],
    a_repr_of_a_name_is_bounded [NAMESPACE],
    a_repr_of_a_name_that_never_ends_meets_its_time [NAMESPACE, INTERRUPT],
    limits_of_a_repr_that_make_no_sense_are_refused [NAMESPACE],
    a_name_is_bound_to_what_the_host_gives [NAMESPACE],
    a_value_of_five_megabytes_goes_in_and_out [NAMESPACE],
    what_cannot_be_a_name_is_refused [NAMESPACE],
    what_the_host_binds_is_no_change_of_an_execution [NAMESPACE],
    a_name_is_deleted_once [NAMESPACE],
    clearing_drops_the_names_and_keeps_the_interpreter [NAMESPACE],
    questions_about_names_take_their_turn [NAMESPACE],
    a_question_about_names_that_is_dropped_leaves_the_session [NAMESPACE],
    a_question_about_names_is_no_execution [NAMESPACE],
    a_question_about_names_of_a_closed_session_is_refused [NAMESPACE],
    a_finalizer_that_kills_the_session_is_told_to_who_asked [NAMESPACE],
}

async fn names_are_listed_with_type_shape_and_preview(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("n = 42; rows = [1, 2, 3]; import math\ndef f(a, *b): pass\nclass C: pass").await?;
    let listing = session.namespace().list(NamespaceFilter::default()).await?;
    let told: Vec<_> = listing
        .variables
        .iter()
        .map(|v| (v.name.as_str(), v.type_name.as_str(), v.kind, v.shape.clone(), v.serialisable))
        .collect();
    ensure_eq(
        "names",
        told,
        vec![
            ("n", "int", VariableKind::Data, None, Serialisable::Yes),
            ("rows", "list", VariableKind::Data, Some(vec![3]), Serialisable::Yes),
            ("math", "module", VariableKind::Module, None, Serialisable::Yes),
            ("f", "function", VariableKind::Callable, None, Serialisable::Unknown),
            ("C", "type", VariableKind::Class, None, Serialisable::Unknown),
        ],
    )?;
    let previews: Vec<_> = listing.variables.iter().map(|v| v.preview.as_str()).collect();
    let (plain, origin) = (["42", "[1, 2, 3]", "f(a, *b)", "class C(object)"], "<module math");
    let (modules, others): (Vec<_>, Vec<_>) = previews.into_iter().partition(|preview| preview.starts_with(origin));
    ensure_eq("previews", others, plain.to_vec())?;
    ensure_eq("previews of modules", modules.len(), 1)?;
    ensure("every name has a size", listing.variables.iter().all(|v| v.size > Some(ByteSize::bytes(15))))
}

async fn names_are_chosen_by_prefix_and_kind(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import math; df_1 = 1; df_2 = 2; other = 3; __hidden__ = 4\ndef df_f(): pass\n5").await?;
    let names = async |filter| -> Result<Vec<String>, Failure> {
        let listing = session.namespace().list(filter).await?;
        Ok(listing.variables.into_iter().map(|variable| variable.name).collect())
    };
    let data = NamespaceFilter::default().kinds([VariableKind::Data]);
    ensure_eq("data", names(data.clone()).await?, ["df_1", "df_2", "other"].map(String::from).to_vec())?;
    ensure_eq("data by prefix", names(data.prefix("df_")).await?, ["df_1", "df_2"].map(String::from).to_vec())?;
    let all = ["math", "df_1", "df_2", "other", "df_f"].map(String::from).to_vec();
    ensure_eq("all", names(NamespaceFilter::default()).await?, all)
}

/// Whatever of a request is not bounded by a rule of its own is bounded by the frame: told as the caller's, and nothing is hurt.
async fn a_question_that_no_message_holds_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let filter = NamespaceFilter::default().kinds(vec![VariableKind::Data; 3_000_000]);
    let error = session.namespace().list(filter).await.expect_code("config.invalid")?;
    ensure_eq("field", error.explain().details.get("field").cloned(), Some("request".into()))?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn listing_names_runs_no_user_code(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    // What is printed while nothing runs is dropped: so traps are noted where they can be counted.
    let traps = r#"
import sys
sys.sprung = []
def note(what, gives=None): sys.sprung.append(what); return gives
class Meta(type):
    def __getattribute__(self, name): note(name)
    def __eq__(self, other): note("eq")
    def __hash__(self): return note("hash", 1)
class Trap(metaclass=Meta):
    def __getattribute__(self, name): note(name)
    def __repr__(self): return note("repr", "")
    def __len__(self): return note("len", 1)
    def __sizeof__(self): return note("sizeof", 1)
class L(list):
    def __len__(self): return note("len", 1)
    def __iter__(self): return note("iter", iter([]))
trap = Trap(); tricky = L([1]); inside = [Trap(), {1: Trap()}]
sys.sprung.clear()
"#;
    session.run(traps).await?.expect_stdout("")?;
    let listing = session.namespace().list(NamespaceFilter::default()).await?;
    ensure_eq("how many", listing.variables.len(), 8)?;
    let trap = listing.variables.iter().find(|variable| variable.name == "trap");
    ensure_eq("preview", trap.map(|trap| trap.preview.as_str()), Some("<Trap object>"))?;
    session.namespace().get("trap").await.expect_code("session.not_json")?;
    session.run("sys.sprung").await?.expect_value("[]")?;
    session.run("len(tricky), sys.sprung").await?.expect_value("(1, ['len'])")?;
    Ok(())
}

async fn thousands_of_names_are_listed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("globals().update({f'n{i}': [i] * 100 for i in range(12_000)})").await?;
    let listing = session.namespace().list(NamespaceFilter::default()).await?;
    ensure_eq("listed and counted", (listing.variables.len(), listing.more), (10_000, 2_000))?;
    ensure_eq("the last", listing.variables.last().map(|last| last.name.as_str()), Some("n9999"))
}

async fn an_array_is_told_by_dtype_and_shape(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "numpy").await?;
    session.run("import numpy; grid = numpy.arange(6.0).reshape(2, 3); things = numpy.array([object()])").await?;
    let told = data(&session).await?;
    let preview = "float64 array [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]".to_owned();
    let expected = vec![(preview, Some(vec![2, 3])), ("object array".to_owned(), Some(vec![1]))];
    ensure_eq("arrays", told.iter().map(|v| (v.preview.clone(), v.shape.clone())).collect::<Vec<_>>(), expected)?;
    let kept: Vec<_> = told.iter().map(|v| v.serialisable).collect();
    ensure_eq("serialisable", kept, vec![Serialisable::Yes, Serialisable::Unknown])?;
    ensure_eq("size", told.first().and_then(|grid| grid.size), Some(ByteSize::bytes(48)))
}

async fn a_table_is_told_by_its_columns(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "pandas").await?;
    session.run("import pandas; table = pandas.DataFrame({'a': [1, 2], 'b': [.5, 1.]}); column = table['a']").await?;
    let told = data(&session).await?;
    let expected =
        vec![("a int64, b float64".to_owned(), Some(vec![2, 2])), ("int64 series".to_owned(), Some(vec![2]))];
    ensure_eq("tables", told.into_iter().map(|v| (v.preview, v.shape)).collect::<Vec<_>>(), expected)
}

async fn data(session: &Session) -> Result<Vec<Variable>, Failure> {
    Ok(session.namespace().list(NamespaceFilter::default().kinds([VariableKind::Data])).await?.variables)
}

async fn a_name_is_read_as_json(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = {'a': [1, 2.5, None, 'grün']}; nothing = None").await?;
    ensure_eq("x", session.namespace().get("x").await?, json!({"a": [1, 2.5, null, "grün"]}))?;
    ensure_eq("nothing", session.namespace().get("nothing").await?, json!(null))
}

async fn a_name_that_is_not_bound_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.namespace().get("nowhere").await.expect_code("session.no_such_name")?;
    let limits = ReprLimits::new(ByteSize::kib(1), Duration::from_secs(5));
    session.namespace().repr("nowhere", limits).await.expect_code("session.no_such_name")?;
    session.namespace().get("").await.expect_code("session.no_such_name")?;
    Ok(())
}

async fn what_json_cannot_say_exactly_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let others = "pair = (1, 2); nan = [float('nan')]; lone = '\\ud800'";
    let integers = "high = 2**64; low = -2**63 - 1; huge = [10**400]; most, least = 2**64 - 1, [-2**63]";
    session.run(format!("{others}; {integers}")).await?;
    for name in ["pair", "nan", "lone", "high", "low", "huge"] {
        let error = session.namespace().get(name).await.expect_code("session.not_json")?;
        ensure("the error names the variable", error.explain().what.contains(name))?;
    }
    ensure_eq("the largest integer", session.namespace().get("most").await?, json!(u64::MAX))?;
    ensure_eq("the least one", session.namespace().get("least").await?, json!([i64::MIN]))?;
    Ok(())
}

async fn a_repr_of_a_name_is_bounded(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("long = 'x' * 100_000\nclass Bad:\n    def __repr__(self): raise ValueError('no')\nbad = Bad()").await?;
    let limits = ReprLimits::new(ByteSize::bytes(10), Duration::from_secs(5));
    let value = session.namespace().repr("long", limits).await?;
    ensure_eq("repr", (value.repr.as_str(), value.cut, value.type_name.as_str()), ("'xxxxxxxxx", 99_992, "str"))?;
    let limits = ReprLimits::new(ByteSize::kib(1), Duration::from_secs(5));
    let value = session.namespace().repr("bad", limits).await?;
    ensure_eq("one that raises", value.repr.as_str(), "<Bad object; repr failed: ValueError: no>")
}

async fn a_repr_of_a_name_that_never_ends_meets_its_time(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Slow:\n    def __repr__(self):\n        while True: pass\nslow = Slow()").await?;
    let limits = ReprLimits::new(ByteSize::kib(1), Duration::from_millis(300));
    let error = session.namespace().repr("slow", limits).await.expect_code("session.not_served")?;
    ensure("the error says what was asked", error.explain().what.contains("slow"))?;
    session.run("type(slow).__name__").await?.expect_value("'Slow'")?;
    Ok(())
}

async fn limits_of_a_repr_that_make_no_sense_are_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?;
    for limits in [
        ReprLimits::new(ByteSize::kib(1), Duration::ZERO),
        ReprLimits::new(ByteSize::gib(1), Duration::from_secs(1)),
    ] {
        session.namespace().repr("x", limits).await.expect_code("config.invalid")?;
    }
    Ok(())
}

async fn a_name_is_bound_to_what_the_host_gives(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let value = json!({"rows": [1, 2.5, null, true], "text": "grün\u{0}\u{1F40D}"});
    ensure_eq("bound before", session.namespace().set("given", value.clone()).await?, false)?;
    ensure_eq("read", session.namespace().get("given").await?, value)?;
    session.run("given['rows'][1] * 2").await?.expect_value("5.0")?;
    ensure_eq("bound before", session.namespace().set("given", 7).await?, true)?;
    session.run("given").await?.expect_value("7")?;
    Ok(())
}

async fn a_value_of_five_megabytes_goes_in_and_out(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let text = "0123456789".repeat(500_000);
    session.namespace().set("text", text.clone()).await?;
    session.run("len(text)").await?.expect_value("5000000")?;
    let read = session.namespace().get("text").await?;
    ensure("the text is the same", read.as_str() == Some(&text))
}

async fn what_cannot_be_a_name_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let long = "x".repeat(100_000);
    for name in ["", "1x", "a b", "class", "__builtins__", "__name__", "Out", "_", "a\0b", "a;b", &long] {
        session.namespace().set(name, 1).await.expect_code("config.invalid")?;
    }
    session.namespace().delete("__builtins__").await.expect_code("config.invalid")?;
    session.run("len([1, 2])").await?.expect_value("2")?;
    Ok(())
}

async fn what_the_host_binds_is_no_change_of_an_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("old = 1").await?;
    session.namespace().set("given", 1).await?;
    session.namespace().delete("old").await?;
    let result = session.run("mine = given").await?;
    let changes = &result.outcome.changes;
    let added: Vec<_> = changes.added.iter().map(|change| change.name.as_str()).collect();
    ensure_eq("added", added, vec!["mine"])?;
    ensure_eq("removed", &changes.removed, &Vec::<String>::new())
}

async fn a_name_is_deleted_once(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?;
    ensure_eq("first", session.namespace().delete("x").await?, true)?;
    ensure_eq("second", session.namespace().delete("x").await?, false)?;
    session.run("x").await?.expect_exception("NameError")?;
    Ok(())
}

async fn clearing_drops_the_names_and_keeps_the_interpreter(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import sys; sys.kept = 5; x = 1\ndef f(): pass").await?;
    session.run("'a value'").await?.expect_value("'a value'")?;
    session.namespace().clear().await?;
    ensure_eq("names", session.namespace().list(NamespaceFilter::default()).await?.variables.len(), 0)?;
    session.run("_, dict(Out)").await?.expect_value("('', {})")?;
    session.run("x").await?.expect_exception("NameError")?;
    session.run("import sys; sys.kept").await?.expect_value("5")?;
    Ok(())
}

async fn questions_about_names_take_their_turn(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let first = session.start("import time; time.sleep(0.3); x = 'first'").await?;
    let value = session.namespace().get("x").await?;
    ensure_eq("what the execution before it bound", value, json!("first"))?;
    first.await?;
    Ok(())
}

async fn a_question_about_names_that_is_dropped_leaves_the_session(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?;
    let running = session.start("import time; time.sleep(0.5); x = 2").await?;
    let asked = tokio::time::timeout(Duration::from_millis(50), session.namespace().delete("x")).await;
    ensure("the question had to wait", asked.is_err())?;
    running.await?;
    session.run("x").await?.expect_value("2")?;
    Ok(())
}

async fn a_question_about_names_is_no_execution(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("x = 1").await?;
    let before = session.info().await?.executions;
    session.namespace().get("x").await?;
    session.namespace().list(NamespaceFilter::default()).await?;
    ensure_eq("executions", session.info().await?.executions, before)?;
    ensure_eq("execution count", session.run("x").await?.outcome.count, 2)
}

async fn a_question_about_names_of_a_closed_session_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let (backend, id) = (cx.backend().clone(), session.id());
    session.close().await?;
    backend.namespace_list(&id, NamespaceFilter::default()).await.expect_code("session.closed")?;
    backend.namespace_clear(&id).await.expect_code("session.closed")?;
    backend.namespace_get(&SessionId::new(), "x").await.expect_code("session.unknown")?;
    Ok(())
}

async fn a_finalizer_that_kills_the_session_is_told_to_who_asked(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("import os\nclass Last:\n    def __del__(self): os._exit(3)\nlast = Last()").await?;
    session.namespace().delete("last").await.expect_code("session.not_served")?;
    let result = session.run("1 + 1").await?;
    ensure("the next execution is warned", result.outcome.warnings.iter().any(|w| w.contains("lost")))
}
