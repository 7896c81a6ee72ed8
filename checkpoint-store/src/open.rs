//! Makes stores.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hibernaculum_core::{CheckpointError, ConfigError, Error, Retention, Source};
use jiff::Timestamp;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;

use crate::collect::{Collection, Expired};
use crate::store::Store;

/// How long a blob that nothing needs is kept, unless told otherwise.
const GRACE: Duration = Duration::from_hours(1);

impl Store {
    pub(crate) fn over(objects: Arc<dyn ObjectStore>, place: String) -> Self {
        Self { objects, place, directory: None, grace: GRACE, clock: Arc::new(Timestamp::now) }
    }

    /// A store that ends with this program.
    ///
    /// ```
    /// let store = hibernaculum_checkpoint_store::Store::memory();
    /// ```
    pub fn memory() -> Self {
        Self::over(Arc::new(InMemory::new()), "memory".to_owned())
    }

    /// A store in a directory of this machine, made (readable by its owner only) where it is not there yet. What was saved is on the disk, directory entries
    /// included, when the save has ended (fsync). Several programs may share it.
    ///
    /// ```
    /// # let scene = tempfile::tempdir().unwrap();
    /// # let path = scene.path().join("checkpoints");
    /// let store = hibernaculum_checkpoint_store::Store::directory(&path)?;
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CheckpointError::Store`] where it cannot be made or is no directory.
    pub fn directory(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let place = path.display().to_string();
        let failed = |problem: String, source: Source| {
            let doing = format!("opening the checkpoint store `{place}`");
            Error::from(CheckpointError::Store { doing, problem, source: Some(source) })
        };
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|error| failed(error.to_string(), error.into()))?;
        let files = LocalFileSystem::new_with_prefix(path);
        let files = files.map_err(|error| failed(error.to_string(), Source::new(error)))?;
        let store = Self::over(Arc::new(files.with_fsync(true)), place);
        Ok(Self { directory: Some(path.to_owned()), ..store })
    }

    /// A store by its name in a configuration: `memory:`, a path (also as `file:///path`), or, with the feature `s3`, `s3://bucket/prefix`, whose credentials,
    /// region and endpoint come from the environment as Amazon's own tools read it (`AWS_ACCESS_KEY_ID`, `AWS_REGION`, `AWS_ENDPOINT_URL` …).
    ///
    /// ```
    /// let store = hibernaculum_checkpoint_store::Store::named("memory:")?;
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for what names no store, and as [`Store::directory`].
    pub fn named(name: &str) -> Result<Self, Error> {
        let invalid = |rule: &str| {
            let value = name.chars().take(80).flat_map(char::escape_debug).collect();
            Error::from(ConfigError::Invalid {
                field: "checkpoint_store".to_owned(),
                value,
                rule: rule.to_owned(),
            })
        };
        if name == "memory:" {
            return Ok(Self::memory());
        }
        if let Some(rest) = name.strip_prefix("s3://") {
            return Self::of_s3_name(rest, invalid);
        }
        let path = name.strip_prefix("file://").unwrap_or(name);
        if !path.starts_with('/') || path.contains('\0') {
            return Err(invalid("must be `memory:`, an absolute path, `file:///…`, or `s3://bucket/prefix`"));
        }
        Self::directory(path)
    }

    /// What a collection with this retention would delete now: nothing is changed.
    ///
    /// ```
    /// # async fn example() -> Result<(), hibernaculum_core::Error> {
    /// use hibernaculum_core::Retention;
    ///
    /// let store = hibernaculum_checkpoint_store::Store::named("/var/lib/dens/checkpoints")?;
    /// for checkpoint in store.expired(&Retention::default().keep_last(3)).await?.checkpoints {
    ///     println!("{} of {}", checkpoint.id, checkpoint.created);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`hibernaculum_core::CheckpointStore::collect`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is changed.
    pub async fn expired(&self, retention: &Retention) -> Result<Expired, Error> {
        Collection::new(self).expired(retention).await
    }

    #[cfg(feature = "s3")]
    fn of_s3_name(rest: &str, invalid: impl Fn(&str) -> Error) -> Result<Self, Error> {
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Err(invalid("must name a bucket: `s3://bucket/prefix`"));
        }
        Self::s3(&crate::S3::new(bucket).prefix(prefix))
    }

    #[cfg(not(feature = "s3"))]
    fn of_s3_name(_: &str, invalid: impl Fn(&str) -> Error) -> Result<Self, Error> {
        Err(invalid("must be `memory:` or an absolute path: this program was built without the feature `s3`"))
    }
}
