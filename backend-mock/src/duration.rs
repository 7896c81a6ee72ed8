//! Times in YAML, as people write them: `250ms`, `5s`, `1h 30m`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    let time = jiff::SignedDuration::try_from(*time).unwrap_or(jiff::SignedDuration::MAX);
    serializer.collect_str(&format_args!("{time:#}"))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text)
        .ok_or_else(|| serde::de::Error::custom(format!("{text:?} is no time: write `250ms`, `5s`, `1h`")))
}

/// `None`: it is no time, or a negative one.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    text.parse::<jiff::SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok())
}
