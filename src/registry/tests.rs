//! The registry's promises. That a backend that it makes runs code is for the tests that have a Python.

use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hibernaculum_core::SandboxError;

use super::*;

/// A factory that tells the settings it was given by an error, since a backend takes a Python.
#[expect(clippy::needless_pass_by_value, reason = "what a factory takes")]
fn telling(settings: Settings) -> impl Future<Output = Result<Arc<dyn Backend>, Error>> + Send {
    let problem = serde_json::to_string(&settings).unwrap();
    ready(Err(SandboxError::Start { problem, source: None }.into()))
}

fn failure(made: Result<Arc<dyn Backend>, Error>) -> Error {
    made.err().expect("this factory makes none")
}

#[tokio::test]
async fn an_unknown_backend_names_the_known_ones() {
    let mut registry = Registry::empty();
    registry.register("one", telling).register("two", telling);
    let error = failure(registry.create("thr\u{1b}ee", &Settings::default()).await);
    assert_eq!(error.code(), "config.unknown_backend");
    let told = error.explain();
    assert_eq!(told.what, r"there is no backend named `thr\u{1b}ee`");
    assert_eq!(told.why, "this program was built with: one, two");
}

#[tokio::test]
async fn a_registry_without_backends_says_so() {
    let error = failure(Registry::empty().create("local", &Settings::default()).await);
    assert_eq!(error.explain().why, "this program was built with: no backend");
}

#[tokio::test]
async fn a_factory_is_called_each_time_with_the_settings() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);
    let mut registry = Registry::empty();
    registry.register("mine", |settings| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        telling(settings)
    });
    for call in 1..=2 {
        let error = failure(registry.create("mine", &Settings::default().with("url", "unix:/x")).await);
        assert_eq!(error.to_string(), r#"the sandbox did not start: {"url":"unix:/x"}"#);
        assert_eq!(CALLS.load(Ordering::Relaxed), call);
    }
}

#[test]
fn a_later_factory_takes_the_name() {
    let mut registry = Registry::empty();
    registry.register("mine", telling).register("mine", telling);
    assert_eq!(registry.names().collect::<Vec<_>>(), ["mine"]);
    assert_eq!(format!("{registry:?}"), r#"{"mine"}"#);
}

#[test]
fn the_builtin_names_are_those_of_the_features() {
    let offered = [
        ("daytona", cfg!(feature = "daytona")),
        ("docker", cfg!(feature = "docker")),
        ("local", cfg!(feature = "local")),
    ];
    let expected: Vec<_> =
        offered.into_iter().filter_map(|(name, is_built)| is_built.then_some(name)).collect();
    assert_eq!(Registry::builtin().names().collect::<Vec<_>>(), expected);
}

#[test]
fn settings_are_read_by_their_types() {
    let json = r#"{"a": "text", "b": ["x", "y"], "c": true, "d": 1.5, "e": "1m 30s", "f": null, "g": [80, 443],
        "h": "1w 2d", "i": "16MiB", "j": 4096}"#;
    let mut settings = json.parse::<Settings>().unwrap().read("mine");
    assert_eq!(settings.text("a").unwrap(), Some("text".to_owned()));
    assert_eq!(settings.texts("b").unwrap(), Some(vec!["x".to_owned(), "y".to_owned()]));
    assert_eq!(settings.flag("c").unwrap(), Some(true));
    assert_eq!(settings.duration("d").unwrap(), Some(Duration::from_millis(1500)));
    assert_eq!(settings.duration("e").unwrap(), Some(Duration::from_secs(90)));
    assert_eq!(settings.text("f").unwrap(), None);
    assert_eq!(settings.json("g", "must be a list of ports").unwrap(), Some(vec![80_u16, 443]));
    assert_eq!(settings.duration("h").unwrap(), Some(Duration::from_hours(9 * 24)));
    assert_eq!(settings.size("i").unwrap().map(hibernaculum_core::ByteSize::as_u64), Some(16 << 20));
    assert_eq!(settings.size("j").unwrap().map(hibernaculum_core::ByteSize::as_u64), Some(4096));
    assert_eq!(settings.text("absent").unwrap(), None);
    settings.finish().unwrap();
}

#[test]
fn settings_of_the_wrong_type_are_refused_by_name() {
    let settings = r#"{"a": 7, "b": ["x", 7], "c": 1, "d": -1, "e": "soon", "f": {}}"#;
    let mut settings = settings.parse::<Settings>().unwrap().read("mine");
    let refusals = [
        settings.text("a").unwrap_err(),
        settings.texts("b").unwrap_err(),
        settings.flag("c").unwrap_err(),
        settings.duration("d").unwrap_err(),
        settings.duration("e").unwrap_err(),
        settings.duration("f").unwrap_err(),
    ];
    let shown = refusals.map(|error| error.to_string());
    assert_eq!(
        shown,
        [
            "`mine.a` cannot be `7`",
            r#"`mine.b` cannot be `[\"x\",7]`"#,
            "`mine.c` cannot be `1`",
            "`mine.d` cannot be `-1`",
            r#"`mine.e` cannot be `\"soon\"`"#,
            "`mine.f` cannot be `{}`",
        ]
    );
}

#[test]
fn an_unknown_setting_is_refused_and_the_known_ones_told() {
    let mut settings = Settings::default().with("pyhton", "python3").read("mine");
    assert_eq!(settings.text("python").unwrap(), None);
    assert_eq!(settings.text("home").unwrap(), None);
    let error = settings.finish().unwrap_err();
    assert_eq!(
        error.explain().why,
        "mine.pyhton is no setting of this backend, whose settings are: home, python"
    );
}

#[test]
fn settings_that_are_no_object_are_refused() {
    for text in ["[]", "7", "{", "python3"] {
        assert_eq!(text.parse::<Settings>().unwrap_err().code(), "config.invalid", "{text}");
    }
    assert_eq!(" ".parse::<Settings>().unwrap(), Settings::default());
}

#[cfg(feature = "checkpoints")]
#[tokio::test]
async fn every_backend_is_told_what_its_store_keeps() {
    for backend in Registry::builtin().names().map(str::to_owned).collect::<Vec<_>>() {
        let all = Settings::default().with("checkpoint_store", "memory:").with("checkpoints_keep", 3);
        let all = all.with("checkpoints_keep_named", 1).with("checkpoints_max_age", "7d");
        for (name, value, is_fine) in [
            ("checkpoints_max_bytes", serde_json::json!("20GiB"), true),
            ("checkpoints_max_bytes", 4096.into(), true),
            ("checkpoints_max_bytes", "much".into(), false),
            ("checkpoints_keep", (-1).into(), false),
            ("checkpoints_keep_named", "all".into(), false),
            ("checkpoints_max_age", "for ever".into(), false),
        ] {
            let made = Registry::builtin().create(&backend, &all.clone().with(name, value.clone())).await;
            // What else a backend needs, an engine or a key, is not the matter here.
            let refused = made.err().map(|error| error.to_string()).unwrap_or_default();
            let is_named = refused.contains(&format!("`{backend}.{name}` cannot be"));
            assert_eq!(is_named, !is_fine, "{backend}, {name}: {value}: {refused}");
            assert!(!refused.contains("checkpoint") || is_named, "{backend}: {refused}");
        }
    }
}

#[cfg(feature = "local")]
mod local {
    use super::*;

    #[tokio::test]
    async fn the_settings_reach_the_backend_which_judges_them() {
        for (settings, what) in [
            (Settings::default().with("python", 3), "`local.python` cannot be `3`"),
            (Settings::default().with("state_dir", "relative"), "`state_dir` cannot be `relative`"),
            (Settings::default().with("start_timeout", 0), "`start_timeout` cannot be `0ns`"),
            (Settings::default().with("env_pass", ["A=B"]), "`env_pass` cannot be `A=B`"),
            (Settings::default().with("cpus", 2), "`local.cpus` cannot be `2`"),
        ] {
            let error = failure(Registry::builtin().create("local", &settings).await);
            assert_eq!((error.code(), error.to_string().as_str()), ("config.invalid", what));
        }
    }
}

#[test]
fn what_is_secret_by_its_name_is_not_shown() {
    let settings = Settings::default().with("api_key", "s3cret").with("url", "unix:/x");
    assert_eq!(format!("{settings:?}"), r#"{"api_key": String("…"), "url": String("unix:/x")}"#);
    let reader = settings.read("mine");
    assert!(!format!("{reader:?}").contains("s3cret"));
}
