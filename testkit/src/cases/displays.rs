//! What code displays: the same thing in one or more forms.

use hibernaculum_core::{ByteSize, Display, ExecutionResult, OutputLimits};

use crate::prelude::*;

cases! { "displays":
    a_display_comes_in_all_its_forms,
    displays_keep_their_place_among_the_output,
    a_display_can_be_replaced,
    displays_beyond_their_limit_are_counted,
    a_display_whose_form_raises_is_told_without_it,
    the_value_of_an_expression_is_displayed_where_it_is_rich,
    a_display_says_whether_it_is_the_value,
    figures_of_matplotlib_are_displayed,
    frames_of_pandas_are_displayed,
    figures_of_plotly_are_displayed,
}

fn form<'a>(displays: &'a [Display], index: usize, mime: &str) -> Option<&'a str> {
    displays.get(index).and_then(|display| display.data.get(mime)).map(String::as_str)
}

async fn a_display_comes_in_all_its_forms(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = python(
        "
        class Rich:
            def __repr__(self): return 'plain'
            def _repr_html_(self): return '<b>rich</b>'
            def _repr_png_(self): return b'\\x89PNG'
        display(Rich())
        ",
    );
    let result = session.run(code).await?;
    result.expect_no_value()?.expect_stdout("")?;
    ensure_eq("displays", result.displays.len(), 1)?;
    for (mime, text) in [("text/plain", "plain"), ("text/html", "<b>rich</b>"), ("image/png", "iVBORw==")] {
        ensure_eq(mime, form(&result.displays, 0, mime), Some(text))?;
    }
    Ok(())
}

async fn displays_keep_their_place_among_the_output(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let mut run = session.watch("import os\n_ = os.write(1, b'1\\n')\ndisplay('a')\nprint('2')\ndisplay('b')\nprint('3')").await?;
    run.finish().await?.expect_completed()?;
    let told = run.events().iter().map(|event| match &event.kind {
        EventKind::Output { text, .. } => text.trim().to_owned(),
        EventKind::Display(display) => display.data.get("text/plain").cloned().unwrap_or_default(),
        _ => String::new(),
    });
    let told: Vec<_> = told.filter(|text| !text.is_empty()).collect();
    ensure_eq("the order", told, vec!["1", "'a'", "2", "'b'", "3"])
}

async fn a_display_can_be_replaced(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "display('half', display_id='bar')\ndisplay('other')\ndisplay('whole', display_id='bar', update=True)";
    let result = session.run(code).await?;
    ensure_eq("displays", result.expect_no_value()?.displays.len(), 2)?;
    ensure_eq("the replaced one", form(&result.displays, 0, "text/plain"), Some("'whole'"))?;
    ensure_eq("the other one", form(&result.displays, 1, "text/plain"), Some("'other'"))
}

async fn displays_beyond_their_limit_are_counted(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let limits = OutputLimits { displays: ByteSize::kib(64), ..OutputLimits::default() };
    let code = "for size in (1000, 2_000_000, 1000): display('x' * size)";
    let mut run = session.watch(ExecutionRequest::new(code).output(limits)).await?;
    let result = run.finish().await?;
    ensure_eq("displays kept and left out", (result.displays.len(), result.displays_cut), (2, 1))?;
    let streamed = run.events().iter().filter(|event| matches!(event.kind, EventKind::Display(_)));
    ensure_eq("displays in the stream", streamed.count(), 3)
}

async fn a_display_whose_form_raises_is_told_without_it(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let code = "class Shy:\n    def __repr__(self): return 'plain'\n    def _repr_html_(self): raise ValueError('no')\ndisplay(Shy())";
    let result = session.run(code).await?;
    result.expect_completed()?;
    ensure_eq("plain", form(&result.displays, 0, "text/plain"), Some("plain"))?;
    ensure_eq("html", form(&result.displays, 0, "text/html"), None)
}

async fn the_value_of_an_expression_is_displayed_where_it_is_rich(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let result = session.run("class Rich:\n    def _repr_html_(self): return '<b>rich</b>'\nRich()").await?;
    ensure_eq("html", form(&result.displays, 0, "text/html"), Some("<b>rich</b>"))?;
    let result = session.run("object()").await?;
    ensure_eq("displays of a plain object", result.displays.len(), 0)
}

async fn a_display_says_whether_it_is_the_value(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    let told = |result: &ExecutionResult| -> Vec<(String, bool)> {
        let text = |display: &Display| display.data.get("text/plain").cloned().unwrap_or_default();
        result.displays.iter().map(|display| (text(display), display.result)).collect()
    };
    let snake = "class Snake:\n    def __repr__(self): return 'Snake()'\n    \
        def _repr_mimebundle_(self, **_): return {'text/plain': 'a snake', 'text/html': '<i>a snake</i>'}\n";
    let both = session.run(&format!("{snake}display(Snake())\nSnake()")).await?;
    let expected = [("a snake".to_owned(), false), ("a snake".to_owned(), true)];
    ensure_eq("of a display and the value", told(both.expect_value("Snake()")?).as_slice(), &expected)?;
    let on_purpose = session.run("display(Snake())").await?;
    ensure_eq("of a display", told(on_purpose.expect_no_value()?).as_slice(), &expected[..1])?;
    let worm = "class Worm:\n    def __repr__(self): return 'Worm()'\n    \
        def _repr_mimebundle_(self, **_): return {'text/plain': 'a worm'}\nWorm()";
    let plain = session.run(worm).await?;
    ensure_eq(
        "of a value that is text only",
        told(plain.expect_value("Worm()")?).as_slice(),
        &[("a worm".to_owned(), true)],
    )
}

async fn figures_of_matplotlib_are_displayed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "matplotlib").await?;
    let png = |result: &ExecutionResult| {
        let images = result.displays.iter().filter_map(|display| display.data.get("image/png"));
        images.filter(|image| image.starts_with("iVBORw0KGgo")).count()
    };
    let left_open = session.run("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nNone").await?;
    ensure_eq("figures left open", png(left_open.expect_completed()?), 1)?;
    let shown = session.run("plt.plot([1]); plt.show(); plt.plot([2]); plt.show()\nplt.get_fignums()").await?;
    ensure_eq("figures shown", png(shown.expect_value("[]")?), 2)?;
    let failed = session.run("plt.plot([1])\n1 / 0").await?;
    failed.expect_exception("ZeroDivisionError")?;
    ensure_eq("figures of code that failed", png(&failed), 1)?;
    let value = session.run("figure = plt.figure()\nfigure").await?;
    ensure_eq("figures that are the value, too", png(value.expect_completed()?), 1)?;
    let marks: Vec<_> = value.displays.iter().map(|display| display.result).collect();
    ensure_eq("which of them is the value", marks.as_slice(), [true])
}

async fn frames_of_pandas_are_displayed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "pandas").await?;
    let result = session.run("import pandas\npandas.DataFrame({'depth': [42]})").await?;
    let html = form(&result.displays, 0, "text/html").unwrap_or_default();
    ensure(html, html.contains("<table") && html.contains("<th>depth</th>"))
}

async fn figures_of_plotly_are_displayed(cx: &Context) -> Outcome {
    let session = cx.session().await?;
    cx.needs_module(&session, "plotly").await?;
    let code = "import plotly.graph_objects as go\nfigure = go.Figure(go.Scatter(x=[1], y=[42]))\nfigure.show()\nfigure";
    let result = session.run(code).await?;
    ensure_eq("displays", result.expect_completed()?.displays.len(), 2)?;
    for index in [0, 1] {
        let json = form(&result.displays, index, "application/vnd.plotly.v1+json").unwrap_or_default();
        ensure(json, json.contains("\"scatter\""))?;
        ensure("it has HTML", form(&result.displays, index, "text/html").is_some())?;
    }
    Ok(())
}
