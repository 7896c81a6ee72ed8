//! Files and directories between this machine and a sandbox: the facade's `HostPaths`, on the local backend.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use hibernaculum::{ByteSize, HostPaths as _, LocalBackend, Sandbox, SandboxSpec};
use tempfile::TempDir;

async fn sandbox() -> Sandbox {
    let backend = LocalBackend::builder().build().unwrap();
    Sandbox::create(&backend, SandboxSpec::default()).await.unwrap()
}

/// What is below a directory: paths and contents.
fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                found.insert(name + "/", Vec::new());
                left.push(path);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// A directory with all that a directory may have.
fn sample() -> TempDir {
    let scene = tempfile::tempdir().unwrap();
    fs::create_dir_all(scene.path().join("a/b/empty")).unwrap();
    fs::write(scene.path().join("a/b/large"), vec![7; 3_000_000]).unwrap();
    fs::write(scene.path().join("a/nothing"), "").unwrap();
    fs::write(scene.path().join("grün \u{1F40D}"), "snake").unwrap();
    scene
}

#[tokio::test]
async fn a_directory_goes_in_and_comes_out_whole() {
    let (sandbox, from, to) = (sandbox().await, sample(), tempfile::tempdir().unwrap());
    let mut told = Vec::new();
    let sent = sandbox
        .files()
        .upload_path(from.path(), "in")
        .on_progress(|progress| told.push((progress.path.clone(), progress.bytes.as_u64())))
        .await
        .unwrap();
    assert_eq!((sent.files, sent.directories, sent.bytes.as_u64()), (3, 4, 3_000_005));
    assert!(told.iter().filter(|(path, _)| path == "in/a/b/large").count() >= 3, "{told:?}");
    assert!(told.windows(2).all(|pair| pair[0].1 <= pair[1].1), "{told:?}");

    let fetched = sandbox.files().download_path("in", to.path().join("new/out")).await.unwrap();
    assert_eq!(
        (fetched.files, fetched.directories, fetched.bytes),
        (sent.files, sent.directories, sent.bytes)
    );
    assert_eq!(contents(&to.path().join("new/out")), contents(from.path()));

    // Again over what is there, and a single file.
    sandbox.files().upload_path(from.path(), "in").await.unwrap();
    sandbox.files().download_path("in", to.path().join("new/out")).await.unwrap();
    assert_eq!(contents(&to.path().join("new/out")), contents(from.path()));
    sandbox.files().download_path("in/a/b/large", to.path().join("one")).await.unwrap();
    assert_eq!(fs::metadata(to.path().join("one")).unwrap().len(), 3_000_000);
    sandbox.close().await.unwrap();
}

#[tokio::test]
async fn links_and_odd_things_are_skipped_and_told_on_both_sides() {
    let (sandbox, from, to) = (sandbox().await, sample(), tempfile::tempdir().unwrap());
    symlink("/etc", from.path().join("link")).unwrap();
    let sent = sandbox.files().upload_path(from.path(), ".").await.unwrap();
    assert_eq!(sent.skipped.iter().map(|skipped| skipped.reason).collect::<Vec<_>>(), ["a symbolic link"]);

    let session = sandbox.session().await.unwrap();
    let code = "import os; os.symlink('/etc', 'a/link'); os.mkfifo('a/fifo'); open(b'a/\\xff', 'w').close()";
    session.execute(code).await.unwrap();
    let fetched = sandbox.files().download_path("a", to.path()).await.unwrap();
    let mut skipped: Vec<_> = fetched.skipped.iter().map(|skipped| skipped.path.as_str()).collect();
    skipped.sort_unstable();
    assert_eq!(skipped, ["a/\\udcff", "a/fifo", "a/link"]);
    assert_eq!(contents(to.path()).len(), 4, "a/b/empty/, a/b/large, a/nothing and a/b/");
    sandbox.close().await.unwrap();
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_is_written() {
    let (sandbox, to) = (sandbox().await, tempfile::tempdir().unwrap());
    let session = sandbox.session().await.unwrap();
    session.execute("open('small', 'w').write('x'); open('zbomb', 'w').truncate(1 << 40)").await.unwrap();
    let fetching = sandbox.files().download_path(".", to.path()).at_most(ByteSize::mib(1));
    assert_eq!(fetching.await.unwrap_err().code(), "files.no_room");
    assert_eq!(contents(to.path()).into_keys().collect::<Vec<_>>(), ["small"]);
    sandbox.close().await.unwrap();
}

#[tokio::test]
async fn a_transfer_that_is_given_up_leaves_no_half_file() {
    let (sandbox, to) = (sandbox().await, tempfile::tempdir().unwrap());
    let session = sandbox.session().await.unwrap();
    session.execute("open('huge', 'w').truncate(1 << 36)").await.unwrap();
    let fetching = sandbox.files().download_path("huge", to.path().join("huge")).into_future();
    assert!(tokio::time::timeout(Duration::from_millis(200), fetching).await.is_err(), "64 GiB take longer");
    assert_eq!(contents(to.path()).len(), 0);
    sandbox.close().await.unwrap();
}

#[tokio::test]
async fn a_path_of_this_machine_that_cannot_be_used_is_told() {
    let (sandbox, scene) = (sandbox().await, sample());
    let missing = sandbox.files().upload_path(scene.path().join("nowhere"), "x").await.unwrap_err();
    assert_eq!(missing.code(), "files.host");
    assert!(missing.explain().what.contains("nowhere"), "{missing}");
    let odd = sandbox.files().upload_path("/dev/null", "x").await.unwrap_err();
    assert_eq!(odd.code(), "files.host");

    sandbox.files().upload_path(scene.path(), "in").await.unwrap();
    for (from, to) in [("in", "a/nothing"), ("in/a/nothing", "a"), ("in/a", "grün \u{1F40D}/below")] {
        let error = sandbox.files().download_path(from, scene.path().join(to)).await.unwrap_err();
        assert_eq!(error.code(), "files.host", "{from} to {to}: {error}");
    }
    let gone = sandbox.files().download_path("in/nowhere", scene.path().join("x")).await.unwrap_err();
    assert_eq!(gone.code(), "files.not_found");
    sandbox.close().await.unwrap();
}
