//! The settings, held to their rules: what the provider works with, or the name of the setting that breaks its rule.

use std::env;
use std::time::Duration;

use hibernaculum_core::error::Source;
use hibernaculum_core::{ConfigError, Error, NetworkPolicy, SandboxError};
use hibernaculum_engine::OwnerKey;
use reqwest::Url;
use reqwest::header::HeaderValue;

use super::DaytonaBackendBuilder;
use crate::api::{Api, Key};
use crate::features::features;
use crate::order::{Origin, Wishes, check_image, minutes};
use crate::service::Service;
use crate::transport::Way;
use crate::trouble::not_started;

/// The service of the people who make it.
const SERVICE: &str = "https://app.daytona.io/api";
/// How long a sandbox may take to start, unless the builder says otherwise: an image that is new to the service has to be fetched.
const START_TIMEOUT: Duration = Duration::from_mins(5);
const START_TIMEOUT_LIMIT: Duration = Duration::from_hours(1);
/// For how long one request is tried again.
const RETRY_BUDGET: Duration = Duration::from_secs(30);
const RETRY_BUDGET_LIMIT: Duration = Duration::from_hours(24);
/// For how long code goes on without a host.
const WINDOW: Duration = Duration::from_mins(5);
const AUTO_STOP: Duration = Duration::from_mins(15);
const AUTO_DELETE: Duration = Duration::from_hours(1);
const TTL: Duration = Duration::from_hours(24);

impl DaytonaBackendBuilder {
    /// The service that is asked, and what is asked of it.
    pub(super) fn service(self) -> Result<Service, Error> {
        let url = self
            .api_url
            .clone()
            .or_else(|| variable("DAYTONA_API_URL"))
            .unwrap_or_else(|| SERVICE.to_owned());
        check_url(&url)?;
        let key = self.api_key.clone().or_else(|| variable("DAYTONA_API_KEY")).unwrap_or_default();
        // What is wrong with a key can be told without telling the key.
        let key = Key::new(&key).ok_or_else(|| {
            invalid(
                "api_key",
                "…",
                "must be given, or stand in DAYTONA_API_KEY: a key of the service, one line of ASCII",
            )
        })?;
        let owner = OwnerKey::of_secret(key.header().as_bytes());
        let start_timeout = self.start_timeout.unwrap_or(START_TIMEOUT);
        if start_timeout.is_zero() || start_timeout > START_TIMEOUT_LIMIT {
            let shown = format!("{start_timeout:?}");
            return Err(invalid("start_timeout", &shown, "must be more than zero and at most an hour").into());
        }
        let window = self.window.unwrap_or(WINDOW);
        if window < Duration::from_secs(1) {
            return Err(invalid("window", &format!("{window:?}"), "must be at least a second").into());
        }
        let origin = self.origin()?;
        let network = self.network.clone().unwrap_or(NetworkPolicy::Loopback);
        let has_sizes = matches!(origin, Origin::Image(_));
        // A default is held to what can be enforced, as any other policy is.
        features(has_sizes, NetworkPolicy::Loopback).require_network(&network)?;
        let features = features(has_sizes, network);
        let wishes = Wishes {
            origin,
            target: self.target.clone().or_else(|| variable("DAYTONA_TARGET")),
            volumes: self.volumes.clone(),
            auto_stop: at_least_a_minute("auto_stop", self.auto_stop, AUTO_STOP)?,
            auto_archive: self.auto_archive.map(minutes),
            auto_delete: minutes(self.auto_delete.unwrap_or(AUTO_DELETE)),
            ttl: at_least_a_minute("ttl", self.ttl, TTL)?,
        };
        let budget = self.retry_budget.unwrap_or(RETRY_BUDGET).min(RETRY_BUDGET_LIMIT);
        let organization = self.organization.as_deref().map(organization).transpose()?;
        let api = Api::new(&url, &key, organization, budget).map_err(|error| SandboxError::Service {
            problem: "no HTTP client can be made".to_owned(),
            said: String::new(),
            source: Some(Source::from(error)),
        })?;
        let python = self.python.unwrap_or_else(|| "python3".to_owned());
        if python.contains('\0') || python.is_empty() {
            return Err(not_started("the name of its Python is empty, or has NUL in it"));
        }
        Ok(Service {
            api,
            wishes,
            way: Way::of(self.transport),
            python,
            start_timeout,
            window,
            features,
            key: owner,
        })
    }

    fn origin(&self) -> Result<Origin, ConfigError> {
        match (&self.snapshot, &self.image) {
            (Some(name), Some(_)) => Err(invalid(
                "snapshot",
                name,
                "must not be set together with `image`: a sandbox is made of one of them",
            )),
            (_, Some(image)) => check_image(image).map(|()| Origin::Image(image.clone())),
            (name, None) => Ok(Origin::Snapshot(name.clone())),
        }
    }
}

/// The guards against leaks are always set: zero would be none.
fn at_least_a_minute(field: &str, given: Option<Duration>, usual: Duration) -> Result<u64, ConfigError> {
    match minutes(given.unwrap_or(usual)) {
        0 => Err(invalid(
            field,
            "0",
            "must be at least a minute: without it a sandbox whose host died would stay for ever",
        )),
        minutes => Ok(minutes),
    }
}

/// As it stands in a header.
fn organization(id: &str) -> Result<HeaderValue, ConfigError> {
    let shown = || id.chars().take(80).flat_map(char::escape_debug).collect::<String>();
    HeaderValue::from_str(id).map_err(|_| invalid("organization", &shown(), "must be one line of ASCII"))
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// Refuses what is no address of an API.
fn check_url(url: &str) -> Result<(), ConfigError> {
    let rule = "must be an `http` or `https` address without a user, a query or a fragment";
    let shown: String = url.chars().take(80).flat_map(char::escape_debug).collect();
    let parsed = Url::parse(url).map_err(|_| invalid("api_url", &shown, rule))?;
    let has_user = !parsed.username().is_empty() || parsed.password().is_some();
    if has_user {
        return Err(invalid("api_url", "…", rule)); // a password would be shown
    }
    let is_plain = parsed.query().is_none() && parsed.fragment().is_none();
    if is_plain && matches!(parsed.scheme(), "http" | "https") {
        Ok(())
    } else {
        Err(invalid("api_url", &shown, rule))
    }
}

fn invalid(field: &str, value: &str, rule: &str) -> ConfigError {
    ConfigError::Invalid { field: field.to_owned(), value: value.to_owned(), rule: rule.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DaytonaBackend, Transport};

    fn refused(builder: DaytonaBackendBuilder) -> String {
        let Err(Error::Config(ConfigError::Invalid { field, value, .. })) =
            builder.api_key("dtn_s3cret").provider()
        else {
            panic!("it was accepted")
        };
        assert!(!value.contains("s3cret"));
        field
    }

    #[test]
    fn a_setting_that_breaks_its_rule_is_refused_by_name() {
        let builder = DaytonaBackend::builder;
        assert_eq!(refused(builder().api_url("ftp://x")), "api_url");
        assert_eq!(refused(builder().api_url("http://me:s3cret@x/api")), "api_url");
        assert_eq!(refused(builder().image("a").snapshot("b")), "snapshot");
        assert_eq!(refused(builder().image("a b")), "image");
        assert_eq!(refused(builder().organization("a\nb")), "organization");
        assert_eq!(refused(builder().auto_stop(Duration::ZERO)), "auto_stop");
        assert_eq!(refused(builder().ttl(Duration::ZERO)), "ttl");
        assert_eq!(refused(builder().window(Duration::ZERO)), "window");
        assert_eq!(refused(builder().start_timeout(Duration::ZERO)), "start_timeout");
        let none = builder().api_key("s3\u{7f}cret").provider().unwrap_err();
        assert!(!format!("{none} {none:?}").contains("s3"), "a key that cannot be used is not shown either");
        assert!(builder().api_key("k").network(NetworkPolicy::None).provider().is_err());
    }

    #[tokio::test]
    async fn a_budget_without_end_is_a_long_one() {
        let builder = DaytonaBackend::builder().api_url("http://127.0.0.1:1/api").api_key("k");
        let provider = builder.retry_budget(Duration::MAX).provider().unwrap();
        let asking = tokio::time::timeout(Duration::from_millis(300), provider.service.api.sandbox("a"));
        assert!(asking.await.is_err(), "it is tried again and again");
    }

    #[test]
    fn nothing_shows_the_key() {
        let builder = DaytonaBackend::builder().api_key("dtn_s3cret");
        assert!(!format!("{builder:?}").contains("s3cret"));
        let provider = builder.provider().unwrap();
        assert!(!format!("{provider:?}").contains("s3cret"));
        assert_eq!(provider.transport(), Transport::Auto);
    }
}
