//! Images that are built: from a base that is there, without a network.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::{Arc, Mutex};

use bollard::models::ContainerConfig;
use bollard::query_parameters::{RemoveImageOptionsBuilder, TagImageOptionsBuilder};
use futures_util::FutureExt as _;
use hibernaculum_backend_docker::{DockerBackend, ImageBuild, reap};
use hibernaculum_core::{Sandbox, SandboxSpec};
use tokio::process::Command;

use crate::host::{told_with_image, visitor};
use crate::images::{altered, discard};
use crate::scene::{engine, image, refused, value};

crate::tests![
    an_image_is_built_once_for_the_same_content,
    the_image_that_was_built_last_is_what_is_taken_where_none_is_named,
    a_requirement_that_cannot_be_had_is_told_in_pips_words,
    a_base_that_is_not_there_is_told,
];

/// What is built last is what is taken. Whoever had built one before has it again afterwards, whatever becomes of the test; there is one such test at a time.
async fn keeping_the_latest(test: impl Future<Output = ()>) {
    let _alone = ALONE.lock().await;
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
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

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

    let backend = DockerBackend::builder().image(&first.name).build().await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let session = sandbox.session().await.unwrap();
    assert_eq!(value(&session, "import numpy\nint(numpy.ones(42).sum())").await, "42");
    sandbox.close().await.unwrap();
    discard(&first.name).await;
}

async fn the_image_that_was_built_last_is_what_is_taken_where_none_is_named() {
    Box::pin(keeping_the_latest(remembered())).await;
}

async fn remembered() {
    // Without requirements an image is its base, so these differ in that.
    let bases = [
        altered("touch /one", ContainerConfig::default()).await,
        altered("touch /two", ContainerConfig::default()).await,
    ];
    let mut built = Vec::new();
    for base in &bases {
        let image = ImageBuild::new().from(base).pull(false).run().await.unwrap();
        assert!(!image.was_there && named(LATEST).await == Some(image.id.clone()), "{image:?}");
        let (told, taken) = took(&[]).await;
        assert!(told.starts_with("2 ") && taken.as_deref() == Some(LATEST), "{told} {taken:?}");
        built.push((base, image));
    }
    // One that was there is the last one, too.
    let (base, first) = &built[0];
    let again = ImageBuild::new().from(*base).pull(false).run().await.unwrap();
    assert!(again.was_there && again.id == first.id, "{again:?}");
    assert_eq!(named(LATEST).await.as_ref(), Some(&first.id));
    // Whoever names one means that one.
    assert_eq!(took(&[("HIBERNACULUM_IMAGE", bases[1].as_str())]).await.1.as_ref(), Some(&bases[1]));

    let only = RemoveImageOptionsBuilder::default().noprune(true).build();
    engine().remove_image(LATEST, Some(only), None).await.unwrap();
    let (told, image) = took(&[]).await;
    assert!(told.starts_with("sandbox.no_image: ") && told.contains("hib image build"), "{told}");
    assert_eq!(image, None);
    for (base, image) in built {
        discard(&image.name).await;
        discard(base).await;
    }
    // What was prepared for them goes with them.
    reap(None, false).await.unwrap();
}

/// What the engine calls so.
async fn named(image: &str) -> Option<String> {
    engine().inspect_image(image).await.ok().and_then(|image| image.id)
}

/// What comes of a program that names no image, but for these variables; and the image that it took.
async fn took(variables: &[(&str, &str)]) -> (String, Option<String>) {
    let state = tempfile::tempdir().unwrap();
    let visitor = visitor("auto", state.path(), |program| {
        let mut command = Command::new(program);
        command.env_remove("HIBERNACULUM_IMAGE").envs(variables.iter().copied());
        command
    });
    told_with_image(visitor).await
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
