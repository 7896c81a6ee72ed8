//! What code displays: the same thing in one or more forms.

use hibernaculum_core::{ByteSize, Display, OutputLimits};

use crate::prelude::*;

cases! { "displays":
    a_display_comes_in_all_its_forms,
    displays_keep_their_place_among_the_output,
    a_display_can_be_replaced,
    displays_beyond_their_limit_are_counted,
    a_display_whose_form_raises_is_told_without_it,
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
