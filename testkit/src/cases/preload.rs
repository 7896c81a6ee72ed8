//! Modules that are imported before the first session.

use crate::prelude::*;

cases! { "preload":
    a_preloaded_module_is_there_from_the_start [PRELOAD],
    a_preload_that_fails_names_the_module [PRELOAD],
    a_preload_that_prints_disturbs_nobody [PRELOAD],
    a_preloaded_module_is_not_bound_to_a_name [PRELOAD],
}

async fn a_preloaded_module_is_there_from_the_start(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.preload = ["decimal", "xml.dom.minidom"].map(str::to_owned).to_vec();
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    let look = "import sys; 'decimal' in sys.modules, 'xml.dom.minidom' in sys.modules";
    session.run(look).await?.expect_value("(True, True)")?;
    let plain = cx.session().await?;
    plain.run(look).await?.expect_value("(False, False)")?;
    Ok(())
}

async fn a_preload_that_fails_names_the_module(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.preload = ["json", "no_such_module_anywhere"].map(str::to_owned).to_vec();
    let error = Sandbox::create(cx.backend(), spec).await.map(drop).expect_code("sandbox.preload")?;
    let told = error.explain().what;
    ensure_eq(&format!("whether {told:?} names it"), told.contains("no_such_module_anywhere"), true)?;
    ensure_eq(&format!("whether {told:?} names the exception"), told.contains("ModuleNotFoundError"), true)
}

async fn a_preload_that_prints_disturbs_nobody(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    // The Zen of Python is printed by its import.
    spec.preload = vec!["this".to_owned()];
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    let result = session.run("import this\nprint('own')").await?;
    result.expect_completed()?.expect_stdout("own\n")?;
    ensure_eq("background", result.background.as_str(), "")
}

async fn a_preloaded_module_is_not_bound_to_a_name(cx: &Context) -> Outcome {
    let mut spec = cx.spec();
    spec.preload = vec!["decimal".to_owned()];
    let sandbox = cx.new_sandbox(spec).await?;
    let session = sandbox.session().await?;
    session.run("decimal").await?.expect_exception("NameError")?;
    Ok(())
}
