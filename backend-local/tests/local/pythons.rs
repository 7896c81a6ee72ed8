//! Which Python is taken, and how one that is of no use explains itself.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use hibernaculum_core::{Sandbox, SandboxSpec};

use crate::scene::{Scene, refused, run, value, within};

#[tokio::test]
async fn a_missing_python_explains_itself() {
    let scene = Scene::new();
    let missing = scene.path().join("no/python");
    let backend = scene.builder().python(&missing).build().unwrap();
    let error = refused(&backend, SandboxSpec::default()).await;
    assert_eq!(error.code(), "sandbox.no_python");
    let told = error.explain();
    assert!(told.why.contains(missing.to_str().unwrap()), "{told}");
    assert!(told.why.contains("the `python` setting"), "{told}");
    assert!(told.how.contains("HIBERNACULUM_PYTHON"), "{told}");
}

#[tokio::test]
async fn a_python_that_is_not_executable_explains_itself() {
    let scene = Scene::new();
    let file = scene.path().join("python");
    fs::write(&file, "").unwrap();
    let error = refused(&scene.builder().python(&file).build().unwrap(), SandboxSpec::default()).await;
    assert_eq!(error.code(), "sandbox.no_python");
    assert!(error.explain().why.contains("it is not executable"), "{}", error.explain());
}

#[tokio::test]
async fn a_python_that_is_too_old_explains_itself() {
    let scene = Scene::new();
    let old = scene.script("printf 'hibernaculum-python\\ncpython\\n3.7.17\\n/opt/old/python\\n'");
    let error = refused(&scene.builder().python(old).build().unwrap(), SandboxSpec::default()).await;
    assert_eq!(error.code(), "sandbox.python_too_old");
    assert_eq!(error.to_string(), "/opt/old/python is CPython 3.7.17");
}

#[tokio::test]
async fn a_python_that_dies_at_start_is_told_with_its_stderr() {
    let scene = Scene::new();
    let dying = scene.fake_python("echo 'cannot load libpython3.11.so' >&2; exit 127");
    let backend = scene.builder().python(dying).build().unwrap();
    let error = refused(&backend, scene.spec().build().unwrap()).await;
    assert_eq!(error.code(), "sandbox.start");
    let what = error.to_string();
    assert!(what.contains("cannot load libpython3.11.so") && what.contains("exit status: 127"), "{what}");
    scene.until_deserted().await;
}

#[tokio::test]
async fn a_python_that_never_gets_ready_is_given_up() {
    let scene = Scene::new();
    let hanging =
        scene.fake_python("echo 'still thinking' >&2; setsid sleep 600 & setsid env -i sleep 600 & wait");
    let limit = Duration::from_millis(400);
    let backend = scene.builder().python(hanging).start_timeout(limit).build().unwrap();
    let started = Instant::now();
    let error = refused(&backend, scene.spec().build().unwrap()).await;
    assert!(started.elapsed() >= limit);
    assert_eq!(error.code(), "sandbox.start_timeout");
    let told = error.explain();
    assert_eq!(told.details["after_ms"], 400);
    assert!(told.why.contains("still thinking"), "{told}");
    assert_eq!(scene.processes(), [], "everything had ended when the error was given");
    drop(backend);
    scene.until_tidy().await;
}

#[tokio::test]
async fn a_python_that_lacks_a_module_is_told_with_its_name() {
    let scene = Scene::new();
    let python = std::env::var("HIBERNACULUM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    // The program that it is given follows two options; before it, one module is made unavailable.
    let lacking = scene.fake_python(&format!(
        "exec {python} \"$1\" \"$2\" \"import sys; sys.modules['selectors'] = sys.modules['select'] = None\n$3\""
    ));
    let backend = scene.builder().python(lacking).build().unwrap();
    let error = refused(&backend, scene.spec().build().unwrap()).await;
    assert_eq!(error.code(), "sandbox.start");
    assert!(error.explain().to_string().contains("select"), "{}", error.explain());
    scene.until_deserted().await;
}

#[tokio::test]
async fn noise_at_start_does_not_disturb() {
    let scene = Scene::new();
    let backend = scene.backend();
    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    let real = value(&session, "import sys; sys.executable").await;
    within(sandbox.close()).await.unwrap();

    let venv = scene.path().join("venv");
    let made = Command::new(real.as_str().unwrap()).args(["-m", "venv", "--without-pip"]).arg(&venv).status();
    assert!(made.unwrap().success());
    let packages =
        fs::read_dir(venv.join("lib")).unwrap().next().unwrap().unwrap().path().join("site-packages");
    let noise = "import os, sys\nprint('hibernaculum?'); sys.stdout.write('no newline'); sys.stdout.flush()\n\
                 os.write(2, b'x' * 200000)\nprint('done', file=sys.stderr)\n";
    fs::write(packages.join("sitecustomize.py"), noise).unwrap();
    fs::write(packages.join("of_the_venv.py"), "HERE = True\n").unwrap();

    let backend = scene.builder().python(venv.join("bin/python")).build().unwrap();
    let sandbox = within(Sandbox::create(&backend, scene.spec().build().unwrap())).await.unwrap();
    let session = sandbox.session().await.unwrap();
    let result = run(&session, "import of_the_venv; of_the_venv.HERE").await;
    assert_eq!(result.json(), Some(&true.into()), "the environment's packages are there");
    assert_eq!(result.stdout.text, "");
    within(sandbox.close()).await.unwrap();
}
