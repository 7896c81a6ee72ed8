//! Images that are built: from a base that is there, without a network.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex};

use bollard::query_parameters::TagImageOptionsBuilder;
use futures_util::FutureExt as _;
use hibernaculum_backend_docker::{DockerBackend, ImageBuild};
use hibernaculum_core::{Sandbox, SandboxSpec};

use crate::images::discard;
use crate::scene::{engine, image, refused, value};

crate::tests![
    an_image_is_built_once_for_the_same_content,
    a_requirement_that_cannot_be_had_is_told_in_pips_words,
    a_base_that_is_not_there_is_told,
];

/// What is built last is what is taken. Whoever had built one before has it again afterwards, whatever becomes of the test.
async fn keeping_the_latest(test: impl Future<Output = ()>) {
    let before = engine().inspect_image(LATEST).await.ok().and_then(|image| image.id);
    let ended = AssertUnwindSafe(test).catch_unwind().await;
    if let Some(id) = before {
        let options = TagImageOptionsBuilder::default().repo("hibernaculum").tag("latest").build();
        engine().tag_image(&id, Some(options)).await.unwrap();
    } else if engine().inspect_image(LATEST).await.is_ok() {
        discard(LATEST).await;
    }
    if let Err(panic) = ended {
        resume_unwind(panic);
    }
}

const LATEST: &str = "hibernaculum:latest";

async fn an_image_is_built_once_for_the_same_content() {
    Box::pin(keeping_the_latest(built_once())).await;
}

async fn built_once() {
    // Satisfied by what Debian's packages brought; new, so that the first one is the first.
    let unique = std::process::id();
    let requirements = format!("# ours\nnumpy != 0.0.{unique}\n\npip\n");
    let said = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let build = ImageBuild::new().from(image()).pull(false).requirements(&requirements);
    let first =
        build.on_progress(move |line| heard.lock().unwrap().push(line.to_owned())).run().await.unwrap();
    assert!(!first.was_there && first.name.starts_with("hibernaculum:"), "{first:?}");
    assert!(said.lock().unwrap().iter().any(|line| line.contains("numpy")), "{said:?}");

    let laid_out_differently = requirements.replace("# ours\n", "   ");
    let again =
        ImageBuild::new().from(image()).pull(false).requirements(laid_out_differently).run().await.unwrap();
    assert!(again.was_there && again.id == first.id, "{again:?}");

    // The last one that was built is what a backend takes of which nobody names one.
    let latest = engine().inspect_image(LATEST).await.unwrap();
    assert_eq!(latest.id.as_deref(), Some(first.id.as_str()));
    let backend = DockerBackend::builder().image(&first.name).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    assert_eq!(value(&session, "import numpy\nint(numpy.ones(42).sum())").await, "42");
    sandbox.close().await.unwrap();
    discard(&first.name).await;
}

async fn a_requirement_that_cannot_be_had_is_told_in_pips_words() {
    let build =
        ImageBuild::new().from(image()).pull(false).requirements("/nonexistent/thing-1.0-py3-none-any.whl");
    let error = refused(build.run().await);
    assert_eq!(error.code(), "sandbox.image_build");
    assert!(error.to_string().contains("thing-1.0-py3-none-any.whl"), "{error}");
}

async fn a_base_that_is_not_there_is_told() {
    let error = refused(ImageBuild::new().from("hibernaculum-nothing:never").pull(false).run().await);
    assert_eq!(error.code(), "sandbox.image_build");
    assert!(error.to_string().contains("was told not to pull it"), "{error}");
    assert!(error.explain().how.contains("`docker pull hibernaculum-nothing:never`"), "{}", error.explain());
}
