//! Backends by name, as a program's configuration gives them.

use hibernaculum::{Registry, Settings, backend};

use crate::loosening::skipped;

#[tokio::test]
async fn an_unknown_backend_names_the_known_ones() {
    let Err(error) = backend("lokal").await.map(drop) else { panic!("there is a backend `lokal`") };
    let told = error.explain();
    assert_eq!(told.code, "config.unknown_backend");
    assert!(told.what.contains("`lokal`"), "{told}");
    for name in Registry::builtin().names() {
        assert!(told.why.contains(name), "{told}");
    }
}

#[tokio::test]
async fn every_backend_of_this_build_says_that_it_is_the_one_that_was_asked_for() {
    let registry = Registry::builtin();
    assert!(registry.names().count() > 0, "this build has no backend to test");
    for name in registry.names() {
        // A remote service wants a key before anything else, and is not asked here.
        let settings = match name {
            "daytona" => Settings::default().with("api_key", "of nobody"),
            _ => Settings::default(),
        };
        match registry.create(name, &settings).await {
            Ok(backend) => assert_eq!(backend.features().backend, name),
            Err(error) if name == "docker" => skipped(&error),
            Err(error) => panic!("{name}: {error}"),
        }
    }
}
