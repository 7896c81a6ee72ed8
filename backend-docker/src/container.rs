//! What the engine is told of a container: everything that closes it off stands here, on one page.
//!
//! ```text
//!  /                     read-only, the image
//!  /hibernaculum         tmpfs: work/ is where code runs, packages/ where `%pip` installs
//!  /tmp, /dev/shm        tmpfs
//!  /run/hibernaculum     the supervisor's socket: a directory of the host's, or a tmpfs
//!  /opt/hibernaculum     the runner, read-only
//! ```

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, Mount, MountTmpfsOptions, MountType,
    MountVolumeOptions, ResourcesUlimits,
};
use hibernaculum_core::{NetworkPolicy, SandboxId, SandboxSpec};

use crate::hardening::{Hardening, Seccomp, User};
use crate::owner;
use crate::prepare::RunnerVolume;
use crate::room::Room;
use crate::seccomp;

/// Where the runner is.
pub(crate) const RUNNER: &str = "/opt/hibernaculum";
/// Where the supervisor's socket is made.
pub(crate) const RUN: &str = "/run/hibernaculum";
/// The supervisor's socket.
pub(crate) const SOCKET: &str = "/run/hibernaculum/s";
/// What it is called in its directory.
pub(crate) const SOCKET_NAME: &str = "s";
/// Where code runs, unless the spec says otherwise.
pub(crate) const WORK: &str = "/hibernaculum/work";
const HOME: &str = "/hibernaculum";
const PACKAGES: &str = "/hibernaculum/packages";

/// Makes what stage 0 finds there, and becomes it. The file system for all of it is private to the sandbox's user.
const BEFORE: &str =
    "import os\nos.mkdir('/hibernaculum/work', 0o700)\nos.mkdir('/hibernaculum/packages', 0o700)\n";

/// One container, as far as it is not the same for all.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) sandbox: SandboxId,
    pub(crate) spec: &'a SandboxSpec,
    /// The image's id: a name could come to mean another one.
    pub(crate) image: &'a str,
    /// Directories that the image wants to be volumes.
    pub(crate) volumes: &'a [String],
    pub(crate) hardening: &'a Hardening,
    pub(crate) user: User,
    pub(crate) network: &'a NetworkPolicy,
    pub(crate) cpus: u32,
    /// On which of the engine's processors it runs; unset: on all.
    pub(crate) cpuset: Option<&'a str>,
    /// The volume with the runner.
    pub(crate) runner: &'a RunnerVolume,
    /// A directory of the host's for the socket.
    pub(crate) socket_room: Option<&'a Path>,
    pub(crate) ttl: Duration,
}

impl Plan<'_> {
    pub(crate) fn name(&self) -> String {
        format!("hibernaculum-{}", self.sandbox)
    }

    pub(crate) fn body(&self) -> ContainerCreateBody {
        let room = Room::of(&self.spec.limits, self.cpus);
        let stage0 = format!("{BEFORE}{}", hibernaculum_engine::STAGE0);
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            hostname: Some("sandbox".to_owned()),
            user: Some(self.user.to_string()),
            env: Some(self.environment()),
            entrypoint: Some(words(["python3", "-I", "-c", &stage0])),
            cmd: Some(Vec::new()),
            working_dir: Some("/".to_owned()),
            // What the image would have run now and then is not ours to pay for.
            healthcheck: Some(HealthConfig { test: Some(words(["NONE"])), ..HealthConfig::default() }),
            labels: Some(self.labels()),
            host_config: Some(self.host_config(&room)),
            ..attached()
        }
    }

    fn labels(&self) -> HashMap<String, String> {
        let mut labels = owner::labels(Some(self.sandbox), self.ttl, &self.spec.labels);
        owner::lingering(&mut labels, self.spec, self.workdir());
        labels
    }

    /// Where code runs.
    pub(crate) fn workdir(&self) -> &str {
        self.spec.workdir.as_deref().unwrap_or(WORK)
    }

    fn host_config(&self, room: &Room) -> HostConfig {
        HostConfig {
            readonly_rootfs: Some(!self.hardening.writable_root),
            cap_add: Some(self.hardening.capabilities.clone()),
            security_opt: Some(self.security()),
            network_mode: Some(
                if *self.network == NetworkPolicy::Full { "bridge" } else { "none" }.to_owned(),
            ),
            memory: Some(signed(room.memory)),
            memory_swap: Some(signed(room.memory)),
            nano_cpus: room.nano_cpus.map(signed),
            cpuset_cpus: self.cpuset.map(str::to_owned),
            pids_limit: Some(signed(room.processes)),
            ulimits: Some(vec![
                ulimit("nofile", room.open_files),
                ulimit("fsize", room.file_size),
                ulimit("core", 0),
            ]),
            shm_size: Some(signed(room.shm)),
            tmpfs: Some(self.tmpfs(room)),
            mounts: Some(self.mounts()),
            ..closed()
        }
    }

    fn security(&self) -> Vec<String> {
        let mut options = Vec::new();
        if !self.hardening.new_privileges {
            options.push("no-new-privileges:true".to_owned());
        }
        match &self.hardening.seccomp {
            Seccomp::Strict => options.push(format!("seccomp={}", seccomp::profile(self.network))),
            Seccomp::Profile(profile) => options.push(format!("seccomp={profile}")),
            Seccomp::Unconfined => options.push("seccomp=unconfined".to_owned()),
            Seccomp::Engine => {}
        }
        options
    }

    fn tmpfs(&self, room: &Room) -> HashMap<String, String> {
        let User { uid, gid } = self.user;
        let sized = |bytes: u64, rest: &str| {
            format!(
                "rw,nosuid,nodev,size={bytes},nr_inodes={},uid={uid},gid={gid},{rest}",
                Room::inodes(bytes)
            )
        };
        let mut places = HashMap::from([
            // Extension modules that `%pip` installs are programs, too.
            (HOME.to_owned(), sized(room.work, "exec,mode=0700")),
            ("/tmp".to_owned(), sized(room.tmp, "exec,mode=1777")),
        ]);
        if self.socket_room.is_none() {
            places.insert(RUN.to_owned(), sized(64 * 1024, "noexec,mode=0700"));
        }
        places
    }

    fn mounts(&self) -> Vec<Mount> {
        let runner = volume(Some(self.runner.name.clone()), RUNNER, true, self.runner.labels.clone());
        let mut mounts = vec![runner];
        if let Some(room) = self.socket_room {
            mounts.push(Mount {
                typ: Some(MountType::BIND),
                source: Some(room.to_string_lossy().into_owned()),
                target: Some(RUN.to_owned()),
                read_only: Some(false),
                ..Mount::default()
            });
        }
        let taken: Vec<_> = mounts.iter().filter_map(|mount| mount.target.clone()).collect();
        let below = |place: &String| {
            [HOME, "/tmp", RUN].contains(&place.as_str()).then(|| volume(None, place, false, self.labels()))
        };
        mounts.extend(covered(self.volumes, &taken, below));
        mounts
    }

    fn environment(&self) -> Vec<String> {
        // A user without a name has no home, and what a program keeps there is no part of the work.
        let mut environment = BTreeMap::from([("HOME", "/tmp"), ("USER", "sandbox")]);
        environment.extend(self.spec.env.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // Each once: of two of a name, one program takes the first and another the last.
        let sandbox = self.sandbox.to_string();
        environment.insert("HIBERNACULUM_SANDBOX", &sandbox);
        environment.insert("HIBERNACULUM_OWN_PACKAGES", PACKAGES);
        environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }
}

/// A volume at that place. Where the engine has none of that name it makes one, which then has these labels: nothing that it makes for us is nobody's.
pub(crate) fn volume(
    name: Option<String>,
    target: &str,
    read_only: bool,
    labels: HashMap<String, String>,
) -> Mount {
    Mount {
        typ: Some(MountType::VOLUME),
        source: name,
        target: Some(target.to_owned()),
        read_only: Some(read_only),
        volume_options: Some(MountVolumeOptions { labels: Some(labels), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}

/// Something empty in the place of each volume that an image declares, but where that is taken: a volume would be on the engine's disk, bounded by nothing.
/// As mounts, for the engine makes a volume even for a place that its list of tmpfs covers. Where that list has to have the place, `below` gives what lies there unseen.
pub(crate) fn covered(
    volumes: &[String],
    taken: &[String],
    below: impl Fn(&String) -> Option<Mount>,
) -> Vec<Mount> {
    let cover = |place: String| Mount {
        typ: Some(MountType::TMPFS),
        target: Some(place),
        read_only: Some(true),
        tmpfs_options: Some(MountTmpfsOptions { size_bytes: Some(4096), ..MountTmpfsOptions::default() }),
        ..Mount::default()
    };
    let free = declared(volumes).filter(|place| !taken.contains(place));
    free.map(|place| below(&place).unwrap_or_else(|| cover(place))).collect()
}

/// The places of volumes that an image declares, each once: `/data/` is `/data`.
pub(crate) fn declared(volumes: &[String]) -> impl Iterator<Item = String> {
    let places = volumes.iter().map(|volume| {
        let parts: Vec<_> = volume.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        format!("/{}", parts.join("/"))
    });
    places.collect::<std::collections::BTreeSet<_>>().into_iter()
}

/// A container whose stdin is one connection of ours: its end is the end of the container.
pub(crate) fn attached() -> ContainerCreateBody {
    ContainerCreateBody {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        stdin_once: Some(true),
        tty: Some(false),
        ..ContainerCreateBody::default()
    }
}

/// What holds for every container that we start.
pub(crate) fn closed() -> HostConfig {
    HostConfig {
        // Removed by the engine when it ends, whether or not we live.
        auto_remove: Some(true),
        init: Some(true),
        cap_drop: Some(words(["ALL"])),
        privileged: Some(false),
        ipc_mode: Some("private".to_owned()),
        // What the runner says on its stdout and stderr is read as it comes; nobody looks for it on a disk.
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        ..HostConfig::default()
    }
}

pub(crate) fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

fn ulimit(name: &str, limit: u64) -> ResourcesUlimits {
    ResourcesUlimits { name: Some(name.to_owned()), soft: Some(signed(limit)), hard: Some(signed(limit)) }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host_config(spec: &SandboxSpec, hardening: &Hardening, network: &NetworkPolicy) -> HostConfig {
        with_volumes(&["/data"], spec, hardening, network)
    }

    fn of_an_image_with(volumes: &[&str]) -> HostConfig {
        with_volumes(volumes, &SandboxSpec::default(), &Hardening::default(), &NetworkPolicy::Full)
    }

    fn with_volumes(
        volumes: &[&str],
        spec: &SandboxSpec,
        hardening: &Hardening,
        network: &NetworkPolicy,
    ) -> HostConfig {
        let plan = Plan {
            sandbox: SandboxId::new(),
            spec,
            image: "sha256:0",
            volumes: &volumes.iter().map(|place| (*place).to_owned()).collect::<Vec<_>>(),
            hardening,
            user: User { uid: 7, gid: 8 },
            network,
            cpus: 2,
            cpuset: None,
            runner: &RunnerVolume {
                name: "runner".to_owned(),
                labels: HashMap::from([("is".to_owned(), "ours".to_owned())]),
            },
            socket_room: Some(Path::new("/state/1")),
            ttl: Duration::from_mins(1),
        };
        plan.body().host_config.unwrap()
    }

    #[test]
    fn the_default_is_closed_and_each_field_loosens_one_thing() {
        let spec = SandboxSpec::default();
        let strict = host_config(&spec, &Hardening::default(), &NetworkPolicy::Loopback);
        assert_eq!(strict.readonly_rootfs, Some(true));
        assert_eq!(strict.cap_drop, Some(vec!["ALL".to_owned()]));
        assert_eq!(strict.memory, strict.memory_swap);
        assert_eq!(strict.network_mode.as_deref(), Some("none"));
        let loose = Hardening { writable_root: true, ..Hardening::default() };
        let loose = host_config(&spec, &loose, &NetworkPolicy::Loopback);
        assert_eq!(HostConfig { readonly_rootfs: Some(true), ..loose }, strict);
    }

    #[test]
    fn the_engines_socket_is_never_mounted() {
        let config = host_config(&SandboxSpec::default(), &Hardening::default(), &NetworkPolicy::Full);
        let sources: Vec<_> = config.mounts.unwrap().into_iter().filter_map(|mount| mount.source).collect();
        assert_eq!(sources, ["runner", "/state/1"]);
        assert!(config.binds.is_none() && config.devices.is_none());
    }

    #[test]
    fn a_volume_of_the_image_is_covered_once_and_none_is_made_for_it() {
        let config = of_an_image_with(&["/data", "/data/", "/tmp/"]);
        let mounts = config.mounts.unwrap();
        let covers: Vec<_> = mounts.iter().filter(|mount| mount.typ == Some(MountType::TMPFS)).collect();
        let targets: Vec<_> = covers.iter().filter_map(|mount| mount.target.as_deref()).collect();
        assert_eq!((targets, covers[0].read_only), (vec!["/data"], Some(true)), "`/tmp` has its own");
        assert!(!config.tmpfs.unwrap().contains_key("/data"));
    }

    #[test]
    fn a_volume_that_the_engine_would_make_has_our_labels() {
        let config = of_an_image_with(&["/data", "/data/", "/tmp/"]);
        let volumes = config.mounts.unwrap().into_iter().filter(|mount| mount.typ == Some(MountType::VOLUME));
        let labels: HashMap<_, _> = volumes
            .map(|mount| (mount.target.unwrap(), mount.volume_options.unwrap().labels.unwrap()))
            .collect();
        assert_eq!(labels.len(), 2);
        assert_eq!(labels[RUNNER]["is"], "ours");
        assert!(labels["/tmp"].contains_key(owner::HOST), "{labels:?}");
    }
}
