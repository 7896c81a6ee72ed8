//! Whose a container is: labels by which any later program tells what was left behind from what is in use.
//!
//! | label | holds |
//! |---|---|
//! | `hibernaculum.sandbox` | the sandbox's id |
//! | `hibernaculum.owner` | the user of the program that made it, by number |
//! | `hibernaculum.host` | that program: boot, pid namespace, pid, and when it started |
//! | `hibernaculum.created` | when it was made |
//! | `hibernaculum.ttl` | after how many seconds it is left over where nobody can tell whether that program lives |
//! | `hibernaculum.linger` | for how many seconds it outlives its host, where it does |
//! | `hibernaculum.wall_time` | for how many seconds it may live at all, where that is bounded |
//! | `hibernaculum.workdir` | where code runs |
//! | `hibernaculum.labels` | the labels of the sandbox's spec, as JSON |

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

use hibernaculum_core::{HostLoss, SandboxId, SandboxSpec};
use jiff::Timestamp;

pub(crate) const SANDBOX: &str = "hibernaculum.sandbox";
pub(crate) const OWNER: &str = "hibernaculum.owner";
pub(crate) const HOST: &str = "hibernaculum.host";
pub(crate) const CREATED: &str = "hibernaculum.created";
pub(crate) const TTL: &str = "hibernaculum.ttl";
pub(crate) const LINGER: &str = "hibernaculum.linger";
pub(crate) const WALL_TIME: &str = "hibernaculum.wall_time";
pub(crate) const WORKDIR: &str = "hibernaculum.workdir";
pub(crate) const LABELS: &str = "hibernaculum.labels";

/// A process of some machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Host {
    boot: String,
    namespace: String,
    pid: u32,
    started: u64,
}

/// Whether the program that made a container is there still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Alive,
    Dead,
    /// It is of another machine, or cannot be seen from here.
    Unknown,
}

impl Host {
    /// This process.
    pub(crate) fn this() -> Self {
        let (boot, namespace) = here();
        let pid = std::process::id();
        Self { boot, namespace, pid, started: started(pid).unwrap_or_default() }
    }

    fn label(&self) -> String {
        format!("{} {} {} {}", self.boot, self.namespace, self.pid, self.started)
    }

    fn parse(label: &str) -> Option<Self> {
        let mut words = label.split(' ');
        let (boot, namespace) = (words.next()?.to_owned(), words.next()?.to_owned());
        Some(Self { boot, namespace, pid: words.next()?.parse().ok()?, started: words.next()?.parse().ok()? })
    }

    fn life(&self) -> Life {
        let (boot, namespace) = here();
        // Of a machine that started anew nothing lives. But another machine's boot looks the same from here.
        if self.boot != boot || self.namespace != namespace {
            return Life::Unknown;
        }
        if started(self.pid) == Some(self.started) { Life::Alive } else { Life::Dead }
    }
}

/// This boot of this machine, and the namespace in which pids are counted here.
fn here() -> (String, String) {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
    let namespace = fs::read_link("/proc/self/ns/pid")
        .map(|link| link.to_string_lossy().into_owned())
        .unwrap_or_default();
    (boot, namespace)
}

/// When a process started, in the kernel's ticks since boot: a pid alone may have been given again.
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    // A zombie is dead, whatever its parent thinks of it.
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The labels of a new container.
pub(crate) fn labels(
    sandbox: Option<SandboxId>,
    ttl: Duration,
    of_spec: &BTreeMap<String, String>,
) -> HashMap<String, String> {
    let mut labels = HashMap::from([
        (OWNER.to_owned(), user()),
        (HOST.to_owned(), Host::this().label()),
        (CREATED.to_owned(), Timestamp::now().to_string()),
        (TTL.to_owned(), ttl.as_secs().to_string()),
    ]);
    if let Some(sandbox) = sandbox {
        labels.insert(SANDBOX.to_owned(), sandbox.to_string());
    }
    if !of_spec.is_empty() {
        labels.insert(LABELS.to_owned(), serde_json::to_string(of_spec).unwrap_or_default());
    }
    labels
}

/// The user of this process, by number.
pub(crate) fn user() -> String {
    rustix::process::getuid().as_raw().to_string()
}

/// The labels of one that outlives its host, besides.
pub(crate) fn lingering(labels: &mut HashMap<String, String>, spec: &SandboxSpec, workdir: &str) {
    if let Some(HostLoss::Linger(time)) = spec.on_host_loss {
        labels.insert(LINGER.to_owned(), time.as_secs_f64().to_string());
        labels.insert(WORKDIR.to_owned(), workdir.to_owned());
        if let Some(time) = spec.limits.wall_time {
            labels.insert(WALL_TIME.to_owned(), time.as_secs_f64().to_string());
        }
    }
}

/// Why a container with these labels is left over; nothing where it is not, or is none of ours. One that outlives its host and runs is not: it ends by itself
/// when its time is over, or has another host.
pub(crate) fn left_over(
    labels: &HashMap<String, String>,
    is_running: bool,
    now: Timestamp,
) -> Option<String> {
    let host = Host::parse(labels.get(HOST)?)?;
    if is_running && labels.contains_key(LINGER) {
        return None;
    }
    match host.life() {
        Life::Alive => None,
        Life::Dead => Some(format!("its host, process {}, has ended", host.pid)),
        Life::Unknown => {
            let created: Timestamp = labels.get(CREATED)?.parse().ok()?;
            let age = u64::try_from(now.as_second() - created.as_second()).unwrap_or_default();
            let ttl: u64 = labels.get(TTL)?.parse().ok()?;
            (age > ttl).then(|| format!("it is {age} s old, and its host cannot be seen from here"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(host: &Host, age: i64, ttl: u64) -> HashMap<String, String> {
        let mut labels = labels(None, Duration::from_secs(ttl), &BTreeMap::new());
        labels.insert(HOST.to_owned(), host.label());
        let created = Timestamp::from_second(Timestamp::now().as_second() - age).unwrap();
        labels.insert(CREATED.to_owned(), created.to_string());
        labels
    }

    #[test]
    fn only_what_nobody_has_is_left_over() {
        let (me, now) = (Host::this(), Timestamp::now());
        let left_over = |labels: &HashMap<_, _>| left_over(labels, true, now);
        assert_eq!(left_over(&made(&me, 1_000_000, 1)), None, "its host lives, however old it is");
        let dead = Host { started: 1, ..me.clone() };
        assert!(left_over(&made(&dead, 0, 1000)).unwrap().contains("has ended"));
        let far = Host { boot: "another".to_owned(), ..me };
        assert_eq!(left_over(&made(&far, 10, 1000)), None);
        assert!(left_over(&made(&far, 1001, 1000)).unwrap().contains("cannot be seen"));
    }

    #[test]
    fn what_outlives_its_host_is_left_over_only_where_it_does_not_run() {
        let dead = Host { started: 1, ..Host::this() };
        let mut labels = made(&dead, 0, 1000);
        let spec =
            SandboxSpec::builder().on_host_loss(HostLoss::Linger(Duration::from_mins(1))).build().unwrap();
        lingering(&mut labels, &spec, "/work");
        assert_eq!(left_over(&labels, true, Timestamp::now()), None);
        assert!(left_over(&labels, false, Timestamp::now()).unwrap().contains("has ended"));
    }

    #[test]
    fn containers_of_others_are_none_of_ours() {
        assert_eq!(left_over(&HashMap::new(), true, Timestamp::now()), None);
        let odd = HashMap::from([(HOST.to_owned(), "x".to_owned())]);
        assert_eq!(left_over(&odd, true, Timestamp::now()), None);
    }
}
