//! Stores that speak the S3 protocol.

use std::fmt;
use std::sync::Arc;

use hibernaculum_core::{ConfigError, Error};
use object_store::ObjectStore;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path;
use object_store::prefix::PrefixStore;

use crate::store::Store;

/// Where an S3 store is. What is not set comes from the environment, as Amazon's own tools read it.
///
/// ```
/// use hibernaculum_checkpoint_store::{S3, Store};
///
/// let place = S3::new("dens").prefix("team-a").region("eu-central-1").credentials("AKIA…", "secret");
/// assert!(!format!("{place:?}").contains("secret"));
/// let store = Store::s3(&place)?;
///
/// let own = S3::new("dens").endpoint("https://minio.example:9000").region("home").credentials("id", "secret");
/// let store = Store::s3(&own)?;
/// # Ok::<(), hibernaculum_core::Error>(())
/// ```
#[derive(Clone)]
pub struct S3 {
    bucket: String,
    prefix: String,
    region: Option<String>,
    endpoint: Option<String>,
    credentials: Option<(String, String)>,
}

impl S3 {
    /// A bucket, with nothing below which things lie, and the rest as the environment has it.
    pub fn new(bucket: impl Into<String>) -> Self {
        let (bucket, prefix) = (bucket.into(), String::new());
        Self { bucket, prefix, region: None, endpoint: None, credentials: None }
    }

    /// Below which everything lies: `team-a`, `team-a/dens`. Unset: the bucket itself.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// The region: `eu-central-1`. Unset: `AWS_REGION`.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Where the service is, if it is not Amazon's: `https://minio.example:9000`. `http://` sends contents in the clear. Unset: `AWS_ENDPOINT_URL`, else
    /// Amazon's.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// An access key's id, and its secret, which is shown nowhere. Unset: `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`.
    #[must_use]
    pub fn credentials(mut self, id: impl Into<String>, secret: impl Into<String>) -> Self {
        self.credentials = Some((id.into(), secret.into()));
        self
    }
}

impl Store {
    /// A store in a bucket.
    ///
    /// ```
    /// use hibernaculum_checkpoint_store::{S3, Store};
    ///
    /// let store = Store::s3(&S3::new("dens").region("eu-central-1").credentials("AKIA…", "secret"))?;
    /// # Ok::<(), hibernaculum_core::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ConfigError::Invalid`] for a place that cannot be. Whether the bucket is there is found out by the first call.
    pub fn s3(place: &S3) -> Result<Self, Error> {
        let mut builder = AmazonS3Builder::from_env().with_bucket_name(&place.bucket);
        if let Some(region) = &place.region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &place.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some((id, secret)) = &place.credentials {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret);
        }
        let invalid = |rule: String| ConfigError::Invalid {
            field: "checkpoint_store".to_owned(),
            value: format!("s3://{}/{}", place.bucket, place.prefix),
            rule,
        };
        let bucket = builder.build().map_err(|error| invalid(format!("must be a place: {error}")))?;
        let prefix =
            Path::parse(&place.prefix).map_err(|error| invalid(format!("must have a prefix: {error}")))?;
        let name = format!("s3://{}/{}", place.bucket, place.prefix);
        let objects: Arc<dyn ObjectStore> =
            if prefix.is_root() { Arc::new(bucket) } else { Arc::new(PrefixStore::new(bucket, prefix)) };
        Ok(Self::over(objects, name.trim_end_matches('/').to_owned()))
    }
}

impl fmt::Debug for S3 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}
