//! Whose a sandbox is: labels by which a later program finds it at the service.
//!
//! | label | holds |
//! |---|---|
//! | `hibernaculum.sandbox` | the sandbox's id |
//! | `hibernaculum.created` | when it was asked for |
//! | `hibernaculum.lingers` | `yes`, where it may outlive its host |
//! | `hibernaculum.linger` | for how many seconds it does |
//! | `hibernaculum.wall_time` | for how many seconds it may live at all, where that is bounded |
//! | any other | of the sandbox's spec |
//!
//! The index of labels is stale at times. Whoever finds a sandbox by them asks for it by its id, and reads them again.

use std::collections::BTreeMap;
use std::time::Duration;

use hibernaculum_core::{ConfigError, HostLoss, SandboxId, SandboxSpec};
use jiff::Timestamp;

const SANDBOX: &str = "hibernaculum.sandbox";
const CREATED: &str = "hibernaculum.created";
const LINGERS: &str = "hibernaculum.lingers";
const LINGER: &str = "hibernaculum.linger";
const WALL_TIME: &str = "hibernaculum.wall_time";
const OURS: [&str; 5] = [SANDBOX, CREATED, LINGERS, LINGER, WALL_TIME];

/// The labels of a new sandbox.
pub(crate) fn of(sandbox: SandboxId, spec: &SandboxSpec) -> Result<BTreeMap<String, String>, ConfigError> {
    let of_spec = &spec.labels;
    if let Some(name) = of_spec.keys().find(|name| OURS.contains(&name.as_str())) {
        return Err(ConfigError::Invalid {
            field: "labels".to_owned(),
            value: name.chars().take(80).flat_map(char::escape_debug).collect(),
            rule: format!("must not be named as this backend's own are: {}", OURS.join(", ")),
        });
    }
    let mut labels = of_spec.clone();
    labels.extend(search(sandbox));
    labels.insert(CREATED.to_owned(), Timestamp::now().to_string());
    if let Some(HostLoss::Linger(time)) = spec.on_host_loss {
        labels.extend(of_lingering());
        labels.insert(LINGER.to_owned(), time.as_secs_f64().to_string());
        if let Some(time) = spec.limits.wall_time {
            labels.insert(WALL_TIME.to_owned(), time.as_secs_f64().to_string());
        }
    }
    Ok(labels)
}

/// The labels by which that sandbox, and no other, is found.
pub(crate) fn search(sandbox: SandboxId) -> BTreeMap<String, String> {
    BTreeMap::from([(SANDBOX.to_owned(), sandbox.to_string())])
}

/// The label of all that may outlive their host.
pub(crate) fn of_lingering() -> BTreeMap<String, String> {
    BTreeMap::from([(LINGERS.to_owned(), "yes".to_owned())])
}

/// How long it outlives its host, and how much longer it may live at all.
pub(crate) fn times(labels: &BTreeMap<String, String>) -> (Option<Duration>, Option<Duration>) {
    let seconds = |name| Duration::try_from_secs_f64(labels.get(name)?.parse().ok()?).ok();
    let created: Option<Timestamp> = labels.get(CREATED).and_then(|created| created.parse().ok());
    let lived = created.and_then(|created| Timestamp::now().duration_since(created).try_into().ok());
    (seconds(LINGER), seconds(WALL_TIME).map(|whole| whole.saturating_sub(lived.unwrap_or_default())))
}

/// Whose labels these are; nothing where they are none of ours.
pub(crate) fn sandbox(labels: &BTreeMap<String, String>) -> Option<SandboxId> {
    labels.get(SANDBOX)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sandbox_is_found_by_its_labels_and_a_name_of_ours_is_refused() {
        let id = SandboxId::new();
        let spec = |name: &str| SandboxSpec::builder().label(name, "den").build().unwrap();
        let labels = of(id, &spec("team")).unwrap();
        assert_eq!(sandbox(&labels), Some(id));
        assert_eq!(labels["team"], "den");
        assert_eq!(sandbox(&BTreeMap::from([(SANDBOX.to_owned(), "x".to_owned())])), None);
        assert!(of(id, &spec(CREATED)).is_err() && of(id, &spec(LINGERS)).is_err());
        assert!(!labels.contains_key(LINGERS));
    }

    #[test]
    fn times_are_counted_from_the_beginning() {
        let mut spec =
            SandboxSpec::builder().on_host_loss(HostLoss::Linger(Duration::from_mins(5))).build().unwrap();
        spec.limits.wall_time = Some(Duration::from_mins(1));
        let mut labels = of(SandboxId::new(), &spec).unwrap();
        let (linger, left) = times(&labels);
        assert_eq!(linger, Some(Duration::from_mins(5)));
        assert!(left.is_some_and(|left| left <= Duration::from_mins(1) && left > Duration::from_secs(50)));
        labels.insert(CREATED.to_owned(), "2020-01-01T00:00:00Z".to_owned());
        assert_eq!(times(&labels).1, Some(Duration::ZERO));
        assert_eq!(times(&BTreeMap::new()), (None, None));
    }
}
