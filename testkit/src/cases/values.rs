//! The value of a trailing expression.

use std::time::Duration;

use hibernaculum_core::{ByteSize, OutputLimits};
use serde_json::json;

use crate::prelude::*;

cases! { "values":
    smoke a_trailing_expression_is_the_value,
    only_the_last_expression_is_the_value,
    a_statement_and_none_have_no_value,
    what_has_an_exact_json_form_has_it,
    what_has_no_exact_json_form_has_none,
    long_texts_have_the_json_of_what_they_hold,
    an_integer_of_400_digits_is_told_exactly,
    underscores_and_out_hold_the_last_values,
    history_can_be_left_alone,
    a_repr_that_raises_is_told,
    a_repr_that_never_ends_meets_the_deadline [INTERRUPT],
    lone_surrogates_in_a_value_are_escaped,
    a_value_beyond_its_limit_is_cut_and_counted,
    a_value_that_is_nested_too_deeply_is_told,
}

async fn a_trailing_expression_is_the_value(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("x = 6\nx * 7").await?;
    let value = result.expect_value("42")?.value();
    ensure_eq("type", value.map(|value| value.type_name.as_str()), Some("int"))?;
    ensure_eq("json", result.json(), Some(&json!(42)))?;
    result.expect_stdout("")?.expect_stderr("")?;
    Ok(())
}

async fn only_the_last_expression_is_the_value(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("1\n2\n3").await?.expect_value("3")?.expect_stdout("")?;
    session.run("1; 2").await?.expect_value("2")?;
    session.run("5\nx = 6").await?.expect_no_value()?;
    Ok(())
}

async fn a_statement_and_none_have_no_value(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for code in ["x = 1", "None", "import os", "def f(): return 1", "print('hi')", "for i in [1]: i"] {
        session.run(code).await?.expect_no_value()?;
    }
    Ok(())
}

async fn what_has_an_exact_json_form_has_it(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let forms = [
        ("True", json!(true)),
        ("-7", json!(-7)),
        ("-2**63", json!(i64::MIN)),
        ("2**63", json!(1_u64 << 63)),
        ("[2**64 - 1, True]", json!([u64::MAX, true])),
        ("2.5", json!(2.5)),
        ("'grün\\n'", json!("grün\n")),
        ("[1, [2, None]]", json!([1, [2, null]])),
        ("{'a': {'b': []}}", json!({"a": {"b": []}})),
    ];
    for (code, form) in forms {
        ensure_eq(code, session.run(code).await?.json(), Some(&form))?;
    }
    Ok(())
}

async fn what_has_no_exact_json_form_has_none(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let integers = ["2**64", "-2**63 - 1", "10**30", "[10**400]", "{'a': [True, 0.5, 2**64]}"];
    let others = ["float('nan')", "[float('inf')]", "{1: 2}", "{1, 2}", "object()", "b'x'", "1j", "[print]"];
    for code in integers.into_iter().chain(others) {
        let result = session.run(code).await?;
        result.expect_completed()?;
        ensure_eq(&format!("whether {code} has a value"), result.value().is_some(), true)?;
        ensure_eq(code, result.json(), None)?;
    }
    session.run("a = []; a.append(a); a").await?.expect_value("[[...]]")?;
    Ok(())
}

async fn long_texts_have_the_json_of_what_they_hold(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    // Where neither Python nor JSON escapes anything, a long text may travel once for both; here is what could be mistaken for that.
    for piece in ["x", "grün \u{1F40D}", "a\n\t\r", "\\", "\\x41", "'", "\"", "'\"", "\u{7f}", "\u{1}", "\u{200b}", "\u{2028}", "\\u0041"] {
        session.namespace().set("piece", piece).await?;
        let result = session.run("piece * 6000").await?;
        ensure(piece, result.json() == Some(&json!(piece.repeat(6000))))?;
        let repr = session.run("len(repr(piece * 6000))").await?;
        ensure_eq(piece, result.value().map(|value| json!(value.repr.chars().count())).as_ref(), repr.json())?;
    }
    session.run("'a\\ud800' * 6000").await?.expect_completed()?;
    Ok(())
}

async fn an_integer_of_400_digits_is_told_exactly(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let digits = format!("1{}", "0".repeat(400));
    let result = session.run("10 ** 400").await?;
    result.expect_value(&digits)?;
    let exact = result.json().is_none_or(|json| json.as_number().is_some_and(|number| number.to_string() == digits));
    ensure_eq("whether its JSON form is exact or missing", exact, true)
}

async fn underscores_and_out_hold_the_last_values(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for code in ["10", "20", "x = 'no value'", "30"] {
        session.run(code).await?.expect_completed()?;
    }
    session.run("_, __, ___").await?.expect_value("(30, 20, 10)")?;
    session.run("Out[1] + Out[4]").await?.expect_value("40")?;
    Ok(())
}

async fn history_can_be_left_alone(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let first = session.run("10").await?.outcome.count;
    let silent = session.run(ExecutionRequest::new("20").store_history(false)).await?;
    silent.expect_value("20")?;
    session.run("_").await?.expect_value("10")?;
    let third = session.run("30").await?.outcome.count;
    ensure_eq("executions that were counted", third - first, 2)
}

async fn a_repr_that_raises_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let class = "class Shy:\n    def __repr__(self): raise ValueError('no')\nshy = Shy()";
    session.run(class).await?.expect_completed()?;
    let result = session.run("shy").await?;
    let repr = result.expect_completed()?.value().map(|value| value.repr.clone()).unwrap_or_default();
    let told = repr.starts_with('<') && repr.ends_with('>') && repr.contains("ValueError");
    ensure_eq(&format!("whether {repr:?} says in angle brackets what was raised"), told, true)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn a_repr_that_never_ends_meets_the_deadline(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Endless:\n    def __repr__(self):\n        while True: pass").await?.expect_completed()?;
    let result = session.run(within(Duration::from_millis(500), "Endless()")).await?;
    result.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}

async fn lone_surrogates_in_a_value_are_escaped(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    session.run("class Odd:\n    def __repr__(self): return 'a\\udc80b'\nodd = Odd()").await?.expect_completed()?;
    session.run("odd").await?.expect_value("a\\udc80b")?;
    session.run("'\\udc80'").await?.expect_value("'\\udc80'")?;
    Ok(())
}

async fn a_value_beyond_its_limit_is_cut_and_counted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let limits = OutputLimits { value: ByteSize::kib(1), ..OutputLimits::default() };
    let result = session.run(ExecutionRequest::new("'x' * 10_000").output(limits)).await?;
    let Some(value) = result.expect_completed()?.value() else { return Err(Failure::new("there is no value")) };
    ensure_eq("bytes kept and cut", value.repr.len() as u64 + value.cut, 10_002)?;
    ensure_eq("whether 1 KiB is kept", value.repr.len(), 1024)?;
    ensure_eq("its JSON form", value.json.as_ref(), None)?;
    session.run("len(_)").await?.expect_value("10000")?;
    let wide = session.run(ExecutionRequest::new("'ü' * 10_000").output(limits)).await?;
    let Some(value) = wide.expect_completed()?.value() else { return Err(Failure::new("there is no value")) };
    ensure_eq("bytes kept and cut of two-byte characters", value.repr.len() as u64 + value.cut, 20_002)?;
    ensure_eq("whether the limit counts bytes", value.repr.len() <= 1024, true)?;
    Ok(())
}

async fn a_value_that_is_nested_too_deeply_is_told(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("x = []\nfor _ in range(100_000): x = [x]\nx").await?;
    result.expect_completed()?;
    ensure_eq("whether something is told of it", result.value().is_some_and(|value| !value.repr.is_empty()), true)?;
    ensure_eq("its JSON form", result.json(), None)?;
    session.run("1").await?.expect_value("1")?;
    Ok(())
}
