//! Questions of the code, and their answers.

use std::time::Duration;

use hibernaculum_core::InputToken;

use crate::prelude::*;

cases! { "stdin":
    smoke input_asks_and_gets_its_answer [INPUT],
    getpass_asks_without_showing [INPUT],
    lines_are_read_until_the_end_of_input [INPUT],
    an_answer_may_be_long_and_of_any_characters [INPUT],
    questions_are_answered_one_by_one [INPUT],
    what_was_printed_comes_before_the_question [INPUT],
    smoke input_does_not_eat_the_next_command [INPUT],
    an_answer_that_nobody_waits_for_is_refused [INPUT],
    an_answer_counts_once [INPUT],
    an_answer_that_is_too_long_is_refused_and_the_question_stands [INPUT],
    a_question_can_be_interrupted [INPUT, INTERRUPT],
    a_question_meets_its_deadline [INPUT, INTERRUPT],
    denied_input_raises_an_eof_error_that_says_why,
}

async fn input_asks_and_gets_its_answer(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("name = input('Your name? ')\nf'Hello {name}'")).await?;
    let question = run.until_question().await?;
    ensure_eq("prompt", question.prompt.as_str(), "Your name? ")?;
    ensure_eq("password", question.password, false)?;
    session.answer(&question.token, "Ada").await?;
    run.finish().await?.expect_value("'Hello Ada'")?;
    Ok(())
}

async fn getpass_asks_without_showing(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("import getpass; getpass.getpass('Secret: ')")).await?;
    let question = run.until_question().await?;
    ensure_eq("prompt", question.prompt.as_str(), "Secret: ")?;
    ensure_eq("password", question.password, true)?;
    session.answer(&question.token, "hush").await?;
    run.finish().await?.expect_value("'hush'")?.expect_stdout("")?;
    Ok(())
}

async fn lines_are_read_until_the_end_of_input(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("import sys\nfirst = sys.stdin.readline()\nfirst, list(sys.stdin)")).await?;
    for line in ["one", "two", "three"] {
        let question = run.until_question().await?;
        session.answer(&question.token, line).await?;
    }
    let question = run.until_question().await?;
    session.answer(&question.token, InputReply::Eof).await?;
    run.finish().await?.expect_value("('one\\n', ['two\\n', 'three\\n'])")?;

    let mut run = session.watch(asking("input()")).await?;
    let question = run.until_question().await?;
    session.answer(&question.token, InputReply::Eof).await?;
    run.finish().await?.expect_exception("EOFError")?;
    Ok(())
}

async fn an_answer_may_be_long_and_of_any_characters(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("a = input()\nb = input()\nlen(a), a[-1], b")).await?;
    let first = run.until_question().await?;
    session.answer(&first.token, format!("{}€", "a".repeat(2_000_000))).await?;
    let second = run.until_question().await?;
    session.answer(&second.token, "ü\t😀 'quoted' \\n").await?;
    run.finish().await?.expect_value("(2000001, '€', \"ü\\t😀 'quoted' \\\\n\")")?;
    Ok(())
}

async fn an_answer_that_is_too_long_is_refused_and_the_question_stands(cx: &Context) -> Outcome {
    const LIMIT: usize = 64 << 20;
    let session = cx.session().await?;
    let mut run = session.watch(asking("len(input())")).await?;
    let question = run.until_question().await?;
    let error = session.answer(&question.token, "x".repeat(LIMIT + 1)).await.expect_code("config.invalid")?;
    ensure_eq("field", error.explain().details.get("field").cloned(), Some("reply".into()))?;
    session.answer(&question.token, "x".repeat(LIMIT)).await?;
    run.finish().await?.expect_value("67108864")?;
    Ok(())
}

async fn questions_are_answered_one_by_one(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("[input(f'{i}? ') for i in range(3)]")).await?;
    let mut tokens: Vec<InputToken> = Vec::new();
    for i in 0..3 {
        let question = run.until_question().await?;
        ensure_eq("prompt", question.prompt, format!("{i}? "))?;
        ensure_eq("whether the token is a new one", tokens.contains(&question.token), false)?;
        session.answer(&question.token, format!("answer {i}")).await?;
        tokens.push(question.token);
    }
    run.finish().await?.expect_value("['answer 0', 'answer 1', 'answer 2']")?;
    Ok(())
}

async fn what_was_printed_comes_before_the_question(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("import os\nprint('text', flush=True)\nos.write(1, b'raw\\n')\ninput()")).await?;
    let question = run.until_question().await?;
    ensure_eq("output when the question came", run.output().as_str(), "text\nraw\n")?;
    session.answer(&question.token, "").await?;
    run.finish().await?.expect_value("''")?;
    Ok(())
}

async fn input_does_not_eat_the_next_command(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut first = session.watch(asking("input('? ')")).await?;
    let question = first.until_question().await?;
    let mut second = session.watch("'the next command'").await?;
    session.answer(&question.token, "the answer").await?;
    first.finish().await?.expect_value("'the answer'")?;
    second.finish().await?.expect_value("'the next command'")?;
    Ok(())
}

async fn an_answer_that_nobody_waits_for_is_refused(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let refused = session.answer(&InputToken::new("made-up"), "x").await;
    refused.expect_code("execution.no_such_input")?;

    let mut run = session.watch(asking("input()")).await?;
    let question = run.until_question().await?;
    session.answer(&InputToken::new("made-up"), "x").await.expect_code("execution.no_such_input")?;
    session.answer(&question.token, "real").await?;
    run.finish().await?.expect_value("'real'")?;
    session.answer(&question.token, "late").await.expect_code("execution.no_such_input")?;
    Ok(())
}

async fn an_answer_counts_once(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("input(), input()")).await?;
    let first = run.until_question().await?;
    session.answer(&first.token, "one").await?;
    session.answer(&first.token, "one again").await.expect_code("execution.no_such_input")?;
    let second = run.until_question().await?;
    session.answer(&second.token, "two").await?;
    run.finish().await?.expect_value("('one', 'two')")?;
    Ok(())
}

async fn a_question_can_be_interrupted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("x = 1\ninput('? ')")).await?;
    let question = run.until_question().await?;
    ensure_eq("whether it ran", session.interrupt(&run.id()).await?, true)?;
    run.finish().await?.expect_end(Status::Interrupted, &StateAfter::Kept)?;
    session.answer(&question.token, "late").await.expect_code("execution.no_such_input")?;
    session.run("x").await?.expect_value("1")?;
    Ok(())
}

async fn a_question_meets_its_deadline(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch(asking("input('? ')").timeout(Duration::from_millis(500))).await?;
    let question = run.until_question().await?;
    run.finish().await?.expect_end(Status::TimedOut, &StateAfter::Kept)?;
    session.answer(&question.token, "late").await.expect_code("execution.no_such_input")?;
    session.run(asking("'next'")).await?.expect_value("'next'")?;
    Ok(())
}

async fn denied_input_raises_an_eof_error_that_says_why(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    for code in ["input('? ')", "import getpass; getpass.getpass()", "import sys; sys.stdin.readline()"] {
        let result = session.run(code).await?;
        let error = result.expect_exception("EOFError")?;
        ensure_eq(&format!("whether the message {:?} of {code} says why", error.message), error.message.len() > 20, true)?;
    }
    Ok(())
}
