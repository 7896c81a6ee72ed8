//! The backends that this crate was built with, and what can be set of each.

use super::Registry;

/// Adds every backend whose feature is on.
#[cfg_attr(
    not(any(feature = "daytona", feature = "docker", feature = "local")),
    expect(unused_variables, reason = "without a backend nothing is added")
)]
pub(super) fn register(registry: &mut Registry) {
    #[cfg(feature = "daytona")]
    registry.register("daytona", daytona::make);
    #[cfg(feature = "docker")]
    registry.register("docker", docker::make);
    #[cfg(feature = "local")]
    registry.register("local", local::make);
}

/// Of every backend: `checkpoint_store` (`memory:`, a path, `s3://bucket/prefix`), and what it keeps: `checkpoints_keep` (how many of each session),
/// `checkpoints_keep_named` (how many of each name), `checkpoints_max_age` (seconds, or a text such as `7d`), `checkpoints_max_bytes` (`20GiB`).
#[cfg(all(feature = "checkpoints", any(feature = "daytona", feature = "docker", feature = "local")))]
mod checkpoints {
    use std::sync::Arc;

    use hibernaculum_checkpoint_store::Store;
    use hibernaculum_core::{CheckpointStore, Error, Retention};

    use crate::SettingsReader;

    /// The store that was named, and what is to be kept in it.
    pub(super) fn read(
        settings: &mut SettingsReader,
    ) -> Result<(Option<Arc<dyn CheckpointStore>>, Retention), Error> {
        let store = match settings.text("checkpoint_store")? {
            Some(name) => Some(Arc::new(Store::named(&name)?) as Arc<dyn CheckpointStore>),
            None => None,
        };
        let mut retention = Retention::default();
        retention.keep_last = settings.json("checkpoints_keep", "must be a number of checkpoints")?;
        retention.keep_named = settings.json("checkpoints_keep_named", "must be a number of checkpoints")?;
        retention.max_age = settings.duration("checkpoints_max_age")?;
        retention.max_bytes = settings.size("checkpoints_max_bytes")?;
        Ok((store, retention))
    }
}

/// `local`: `python` (a path, or a name along `PATH`), `state_dir` (a path), `start_timeout` (seconds, or a text such as `2m`), `env_pass` (names);
/// with the feature `checkpoints` those of [`checkpoints`].
#[cfg(feature = "local")]
mod local {
    use std::sync::Arc;

    use hibernaculum_backend_local::LocalBackend;
    use hibernaculum_core::{Backend, Error};

    use crate::Settings;

    pub(super) async fn make(settings: Settings) -> Result<Arc<dyn Backend>, Error> {
        let mut settings = settings.read("local");
        let mut builder = LocalBackend::builder();
        if let Some(python) = settings.text("python")? {
            builder = builder.python(python);
        }
        if let Some(directory) = settings.text("state_dir")? {
            builder = builder.state_dir(directory);
        }
        if let Some(limit) = settings.duration("start_timeout")? {
            builder = builder.start_timeout(limit);
        }
        if let Some(names) = settings.texts("env_pass")? {
            builder = builder.env_pass(names);
        }
        #[cfg(feature = "checkpoints")]
        {
            let (store, retention) = super::checkpoints::read(&mut settings)?;
            if let Some(store) = store {
                builder = builder.checkpoint_store(store);
            }
            builder = builder.retention(retention);
        }
        settings.finish()?;
        builder.build()
    }
}

/// `docker`: `host` (`unix://PATH`, `tcp://HOST:PORT`), `image`, `transport` (`auto`, `socket`, `exec`), `state_dir` (a path), `start_timeout` and `ttl` (seconds,
/// or a text such as `2m`), `cpuset` (processors: `0-3,7`); what loosens a container: `writable_root`, `new_privileges` (true or false), `capabilities` (names),
/// `seccomp` (`strict`, `engine`, `unconfined`, or the path of a profile), `user` (`UID:GID`); with the feature `checkpoints` those of [`checkpoints`].
#[cfg(feature = "docker")]
mod docker {
    use std::sync::Arc;

    use hibernaculum_backend_docker::{DockerBackend, Hardening, Seccomp};
    use hibernaculum_core::{Backend, ConfigError, Error};

    use crate::{Settings, SettingsReader};

    pub(super) async fn make(settings: Settings) -> Result<Arc<dyn Backend>, Error> {
        let mut settings = settings.read("docker");
        let mut builder = DockerBackend::builder();
        if let Some(host) = settings.text("host")? {
            builder = builder.host(host);
        }
        if let Some(image) = settings.text("image")? {
            builder = builder.image(image);
        }
        if let Some(transport) = settings.text("transport")? {
            builder = builder.transport(transport.parse()?);
        }
        if let Some(directory) = settings.text("state_dir")? {
            builder = builder.state_dir(directory);
        }
        if let Some(limit) = settings.duration("start_timeout")? {
            builder = builder.start_timeout(limit);
        }
        if let Some(ttl) = settings.duration("ttl")? {
            builder = builder.ttl(ttl);
        }
        if let Some(list) = settings.text("cpuset")? {
            builder = builder.cpuset(list);
        }
        builder = builder.hardening(hardening(&mut settings)?);
        #[cfg(feature = "checkpoints")]
        {
            let (store, retention) = super::checkpoints::read(&mut settings)?;
            if let Some(store) = store {
                builder = builder.checkpoint_store(store);
            }
            builder = builder.retention(retention);
        }
        settings.finish()?;
        builder.build().await
    }

    fn hardening(settings: &mut SettingsReader) -> Result<Hardening, ConfigError> {
        Ok(Hardening {
            writable_root: settings.flag("writable_root")?.unwrap_or_default(),
            new_privileges: settings.flag("new_privileges")?.unwrap_or_default(),
            capabilities: settings.texts("capabilities")?.unwrap_or_default(),
            seccomp: settings.text("seccomp")?.map_or(Ok(Seccomp::Strict), |name| seccomp(&name))?,
            user: settings.text("user")?,
        })
    }

    fn seccomp(name: &str) -> Result<Seccomp, ConfigError> {
        Ok(match name {
            "strict" => Seccomp::Strict,
            "engine" => Seccomp::Engine,
            "unconfined" => Seccomp::Unconfined,
            path => {
                Seccomp::Profile(std::fs::read_to_string(path).map_err(|error| ConfigError::Invalid {
                    field: "docker.seccomp".to_owned(),
                    value: path.chars().take(80).flat_map(char::escape_debug).collect(),
                    rule: format!(
                        "must be `strict`, `engine`, `unconfined`, or a profile that can be read ({error})"
                    ),
                })?)
            }
        })
    }
}

/// `daytona`: `api_url`, `api_key`, `organization`, `target`, `snapshot`, `image`, `python` (texts; unset: the environment, see the builder), `transport` (`auto`,
/// `proxy`, `preview`), `network` (`loopback`, `full`), `volumes` (objects of `volumeId`, `mountPath`, `subpath`), and times (seconds, or a text such as `2m`):
/// `auto_stop`, `auto_archive`, `auto_delete`, `ttl`, `window`, `start_timeout`, `retry_budget`; with the feature `checkpoints` those of [`checkpoints`].
#[cfg(feature = "daytona")]
mod daytona {
    use std::sync::Arc;

    use hibernaculum_backend_daytona::{DaytonaBackend, DaytonaBackendBuilder, Volume};
    use hibernaculum_core::{Backend, ConfigError, Error, NetworkPolicy};

    use crate::{Settings, SettingsReader};

    pub(super) async fn make(settings: Settings) -> Result<Arc<dyn Backend>, Error> {
        let mut settings = settings.read("daytona");
        let mut builder = times(texts(DaytonaBackend::builder(), &mut settings)?, &mut settings)?;
        if let Some(transport) = settings.text("transport")? {
            builder = builder.transport(transport.parse()?);
        }
        if let Some(name) = settings.text("network")? {
            builder = builder.network(network(&name)?);
        }
        let rule = "must be a list of `{\"volumeId\": …, \"mountPath\": …}`";
        if let Some(volumes) = settings.json::<Vec<Volume>>("volumes", rule)? {
            builder = builder.volumes(volumes);
        }
        #[cfg(feature = "checkpoints")]
        {
            let (store, retention) = super::checkpoints::read(&mut settings)?;
            if let Some(store) = store {
                builder = builder.checkpoint_store(store);
            }
            builder = builder.retention(retention);
        }
        settings.finish()?;
        builder.build()
    }

    fn texts(
        mut builder: DaytonaBackendBuilder,
        settings: &mut SettingsReader,
    ) -> Result<DaytonaBackendBuilder, ConfigError> {
        type Set = fn(DaytonaBackendBuilder, String) -> DaytonaBackendBuilder;
        let known: [(&'static str, Set); 7] = [
            ("api_url", |builder, text| builder.api_url(text)),
            ("api_key", |builder, text| builder.api_key(text)),
            ("organization", |builder, text| builder.organization(text)),
            ("target", |builder, text| builder.target(text)),
            ("snapshot", |builder, text| builder.snapshot(text)),
            ("image", |builder, text| builder.image(text)),
            ("python", |builder, text| builder.python(text)),
        ];
        for (name, set) in known {
            if let Some(text) = settings.text(name)? {
                builder = set(builder, text);
            }
        }
        Ok(builder)
    }

    fn times(
        mut builder: DaytonaBackendBuilder,
        settings: &mut SettingsReader,
    ) -> Result<DaytonaBackendBuilder, ConfigError> {
        type Set = fn(DaytonaBackendBuilder, std::time::Duration) -> DaytonaBackendBuilder;
        let known: [(&'static str, Set); 7] = [
            ("auto_stop", DaytonaBackendBuilder::auto_stop),
            ("auto_archive", DaytonaBackendBuilder::auto_archive),
            ("auto_delete", DaytonaBackendBuilder::auto_delete),
            ("ttl", DaytonaBackendBuilder::ttl),
            ("window", DaytonaBackendBuilder::window),
            ("start_timeout", DaytonaBackendBuilder::start_timeout),
            ("retry_budget", DaytonaBackendBuilder::retry_budget),
        ];
        for (name, set) in known {
            if let Some(time) = settings.duration(name)? {
                builder = set(builder, time);
            }
        }
        Ok(builder)
    }

    fn network(name: &str) -> Result<NetworkPolicy, ConfigError> {
        match name {
            "loopback" => Ok(NetworkPolicy::Loopback),
            "full" => Ok(NetworkPolicy::Full),
            other => Err(ConfigError::Invalid {
                field: "daytona.network".to_owned(),
                value: other.chars().take(80).flat_map(char::escape_debug).collect(),
                rule: "must be `loopback` or `full`; an allow-list is for each sandbox's spec".to_owned(),
            }),
        }
    }
}
