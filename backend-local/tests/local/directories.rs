//! What lies on disk: where, for how long, and what becomes of what was tampered with.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use hibernaculum_core::Sandbox;

use crate::scene::{Scene, refused, run, value, within};

#[tokio::test]
async fn a_directory_of_its_own_goes_with_the_sandbox_whatever_code_left_in_it() {
    let scene = Scene::new();
    let outside = scene.path().join("precious");
    fs::write(&outside, "x").unwrap();
    let backend = scene.backend();
    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    let code = format!(
        "import os\n\
         os.makedirs('a/b/c'); open('a/b/c/file', 'w').close(); os.chmod('a/b/c', 0); os.chmod('a', 0)\n\
         os.symlink({outside:?}, 'link'); os.symlink('/', 'root'); os.mkfifo('fifo')\n\
         here = os.getcwd()\n\
         for level in range(3000): os.mkdir('d'); os.chdir('d')\n\
         os.chdir(here)\n\
         here"
    );
    let workdir = PathBuf::from(value(&session, &code).await.as_str().unwrap());
    assert!(workdir.is_dir());
    within(sandbox.close()).await.unwrap();
    drop(session);
    assert!(!workdir.parent().unwrap().exists());
    assert_eq!(fs::read_to_string(&outside).unwrap(), "x");
    drop(backend);
    scene.until_tidy().await;
}

#[tokio::test]
async fn a_directory_that_the_spec_names_is_used_and_kept() {
    let scene = Scene::new();
    let backend = scene.backend();
    let named = scene.path().join("project");
    let spec = scene.spec().workdir(named.to_str().unwrap()).build().unwrap();
    let error = refused(&backend, spec.clone()).await;
    assert_eq!(error.code(), "config.invalid");
    assert!(error.to_string().contains("`workdir`"), "{error}");

    fs::create_dir(&named).unwrap();
    let sandbox = within(Sandbox::create(&backend, spec)).await.unwrap();
    let session = sandbox.session().await.unwrap();
    run(&session, "open('made', 'w').close()").await;
    within(sandbox.close()).await.unwrap();
    assert!(named.join("made").exists());
}

#[tokio::test]
async fn a_runner_that_was_tampered_with_is_repaired() {
    let scene = Scene::new();
    let backend = scene.backend();
    let sandbox = scene.sandbox(&backend).await;
    within(sandbox.close()).await.unwrap();
    let is_runner = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("runner-");
    let runner =
        fs::read_dir(scene.state()).unwrap().map(|entry| entry.unwrap().path()).find(is_runner).unwrap();
    let boot = runner.join("hibernaculum_runner/boot.py");
    let before = fs::read(&boot).unwrap();
    fs::write(&boot, "raise SystemExit('tampered with')\n").unwrap();
    fs::write(runner.join("json.py"), "raise SystemExit('planted')\n").unwrap();

    let sandbox = scene.sandbox(&backend).await;
    let session = sandbox.session().await.unwrap();
    assert_eq!(value(&session, "20 + 22").await, 42);
    within(sandbox.close()).await.unwrap();
    assert_eq!(fs::read(&boot).unwrap(), before);
    assert!(!runner.join("json.py").exists());
}

#[tokio::test]
async fn bytecode_that_was_broken_costs_one_start_at_most() {
    let scene = Scene::new();
    let backend = scene.backend();
    within(scene.sandbox(&backend).await.close()).await.unwrap();
    let mut broken = 0;
    let mut directories = vec![scene.state()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                directories.push(entry.path());
            } else if entry.path().extension().is_some_and(|extension| extension == "pyc") {
                let mut bytes = fs::read(entry.path()).unwrap();
                bytes.truncate(20);
                fs::write(entry.path(), bytes).unwrap();
                broken += 1;
            }
        }
    }
    assert!(broken > 0, "the control: there is bytecode, kept from the first start");
    let first = within(Sandbox::create(&backend, scene.spec().build().unwrap())).await;
    if let Err(error) = first {
        assert_eq!(error.code(), "sandbox.start");
    }
    scene.sandbox(&backend).await;
}

#[tokio::test]
async fn the_state_directory_is_private_and_its_path_is_held_to_its_rule() {
    let scene = Scene::new();
    let backend = scene.backend();
    assert_eq!(fs::metadata(scene.state()).unwrap().mode() & 0o777, 0o700);
    drop(backend);
    let longest = scene.path().join("x".repeat(83 - scene.mark().len() - 1));
    let long = scene.path().join("x".repeat(84 - scene.mark().len() - 1));
    let error = scene.builder().state_dir(&long).build().map(drop).unwrap_err();
    assert_eq!(error.code(), "config.invalid");
    assert!(error.explain().why.contains("at most 83 bytes"), "{}", error.explain());
    let backend = scene.builder().state_dir(longest).build().unwrap();
    within(scene.sandbox(&backend).await.close()).await.unwrap();
}
