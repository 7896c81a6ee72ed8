//! `hib` with sandboxes of a remote service: a stand-in for one, on loopback.

use hibernaculum_testkit::daytona::{StandIn, StandInConfig};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::driver::{Ran, hib};

struct Scene {
    service: StandIn,
    runtime: Runtime,
}

impl Scene {
    fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let service = runtime.block_on(StandIn::start(StandInConfig::default())).unwrap();
        Self { service, runtime }
    }

    fn hib(&self, key: &str, words: &[&str]) -> Ran {
        let url = self.service.api_url();
        hib([])
            .command(|command| {
                command.args(words).env("DAYTONA_API_URL", url).env("DAYTONA_API_KEY", key);
            })
            .run()
    }

    /// Nothing may be left, and nothing may have been asked that the published specifications do not allow.
    fn close(self) {
        let left: Vec<_> =
            self.service.sandboxes().into_iter().filter(|(_, state)| state != "destroyed").collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(self.service.violations().is_empty(), "{:#?}", self.service.violations());
        self.runtime.block_on(self.service.close());
    }
}

#[test]
fn code_runs_at_the_service_over_either_transport() {
    let scene = Scene::new();
    for transport in ["proxy", "preview"] {
        let words =
            ["run", "--backend", "daytona", "--transport", transport, "-c", "x = 6 * 7", "-c", "print(x)"];
        let ran = scene.hib(scene.service.api_key(), &words);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(0), "42\n"), "{ran:?}");
    }
    scene.close();
}

#[test]
fn a_key_that_is_not_taken_is_told_and_not_shown() {
    let scene = Scene::new();
    let ran = scene.hib("dtn_s3cret", &["run", "--backend", "daytona", "-c", "1"]);
    assert!(ran.code != Some(0) && ran.stderr.contains("DAYTONA_API_KEY"), "{ran:?}");
    assert!(!ran.stderr.contains("s3cret"), "{ran:?}");
    scene.close();
}

#[test]
fn doctor_tells_of_the_service() {
    let scene = Scene::new();
    for (key, status) in [(scene.service.api_key(), "ok"), ("dtn_s3cret", "missing")] {
        let ran = scene.hib(key, &["doctor", "--backend", "daytona", "--json"]);
        let report: Value = serde_json::from_str(&ran.stdout).unwrap();
        let checks = report["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["name"] == "daytona").unwrap();
        assert_eq!(check["status"], status, "{check}");
        assert!(!ran.stdout.contains("s3cret"));
    }
    scene.close();
}
