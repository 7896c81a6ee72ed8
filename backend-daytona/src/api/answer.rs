//! What the service answers where it does not do what it was asked: every shape, and what it means.
//!
//! | shape | from |
//! |---|---|
//! | `{statusCode, error, message, path, timestamp}`, `message` a text or a list of them | the control plane |
//! | `{statusCode, message, code, …, source}` | the toolbox |
//! | `{error}`, `{errors, files}` | the toolbox's older calls |
//! | a page of HTML, or nothing at all | a proxy before either |

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use serde_json::Value;

/// What a limit of rates makes wait at most, and where it says nothing.
const LONGEST_WAIT: Duration = Duration::from_mins(5);
const USUAL_WAIT: Duration = Duration::from_secs(1);
/// How much of the service's words is kept.
const WORDS: usize = 400;

/// An answer that is no success.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    /// The service's own code, where it has one.
    pub(crate) code: String,
    /// The service's own words; empty where it said nothing.
    pub(crate) said: String,
    /// Who says so.
    pub(crate) speaker: Speaker,
    /// How long it wants to be left alone.
    wait: Option<Duration>,
}

/// Who answered, as far as the answer's shape tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speaker {
    /// The control plane, or the toolbox.
    Service,
    /// One of the toolbox's older calls, perhaps: any program's errors may look like that.
    Handler,
    /// The proxy before the toolbox.
    Proxy,
    /// Somebody in between: a page, nothing, or what the service does not say.
    Stranger,
}

/// What an answer means for whoever asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing was done, and may be in a moment: a change is in progress, no machine is free yet.
    NotYet,
    /// Nothing was done: there are too many requests. After so long there may be more.
    TooMany(Duration),
    /// Nobody knows whether anything was done: a proxy answered, or the service stumbled.
    Unclear,
    /// What was asked for is there already, under that name.
    Taken,
    /// There is no such thing (any more).
    Gone,
    /// The key is not taken, or does not reach so far.
    Denied,
    /// This service does not offer that.
    NotOffered,
    /// It was understood and refused: a quota, a value.
    Refused,
}

impl Refusal {
    pub(crate) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let (code, said) = words(body);
        Self { status, code, said, speaker: speaker(body), wait: wait(headers) }
    }

    pub(crate) fn meaning(&self) -> Meaning {
        match self.status.as_u16() {
            429 => Meaning::TooMany(self.wait.unwrap_or(USUAL_WAIT)),
            408 | 500..=599 if self.status != StatusCode::NOT_IMPLEMENTED => Meaning::Unclear,
            409 if self.says(&["in progress", "state change", "try again"]) => Meaning::NotYet,
            400 if self.says(&["no runner info", "no available runner", "runner is not", "runner not"]) => {
                Meaning::NotYet
            }
            409 => Meaning::Taken,
            404 | 410 => Meaning::Gone,
            401 | 403 if !self.says(&["quota", "limit exceeded", "maximum"]) => Meaning::Denied,
            422 | 501 | 405 => Meaning::NotOffered,
            _ => Meaning::Refused,
        }
    }

    /// The service's words, or that it had none.
    pub(crate) fn words(&self) -> String {
        match (self.said.as_str(), self.code.as_str()) {
            ("", _) => format!("{} and no word more", self.status),
            (said, "") => format!("{said} ({})", self.status.as_u16()),
            (said, code) => format!("{said} ({}, {code})", self.status.as_u16()),
        }
    }

    fn says(&self, parts: &[&str]) -> bool {
        let said = self.said.to_lowercase();
        parts.iter().any(|part| said.contains(part))
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words())
    }
}

impl std::error::Error for Refusal {}

/// Who made this body.
fn speaker(body: &[u8]) -> Speaker {
    let Ok(Value::Object(told)) = serde_json::from_slice::<Value>(body) else { return Speaker::Stranger };
    let source = told.get("source").map(flat).unwrap_or_default();
    if source.to_lowercase().contains("proxy") {
        Speaker::Proxy
    } else if told.contains_key("statusCode") && told.contains_key("message") {
        Speaker::Service
    } else if told.contains_key("error") || told.contains_key("errors") {
        Speaker::Handler
    } else {
        Speaker::Stranger
    }
}

/// Code and message of a body, whichever shape it has.
fn words(body: &[u8]) -> (String, String) {
    let Ok(Value::Object(told)) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        // A proxy's page: the first line that is no markup tells enough.
        let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('<'));
        return (String::new(), shown(line.unwrap_or_default()));
    };
    let text = |name: &str| told.get(name).map(flat).filter(|text| !text.is_empty());
    let said = text("message").or_else(|| text("errors")).or_else(|| text("error")).unwrap_or_default();
    (shown(&text("code").unwrap_or_default()), shown(&said))
}

/// A text, or a list of them, as one.
fn flat(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(flat).collect::<Vec<_>>().join("; "),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn shown(text: &str) -> String {
    text.chars().take(WORDS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The longest that any of the limits wants: each throttler has headers of its own.
fn wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok()?;
        Duration::try_from_secs_f64(value).ok()
    };
    let named = |prefix: &'static str| {
        headers.keys().map(HeaderName::as_str).filter(move |name| name.starts_with(prefix))
    };
    let asked = named("retry-after").filter_map(seconds).max();
    // Without a word about when: the exhausted limits say when they begin anew.
    let exhausted = named("x-ratelimit-remaining")
        .filter(|name| seconds(name) == Some(Duration::ZERO))
        .filter_map(|name| seconds(&name.replacen("remaining", "reset", 1)))
        .max();
    asked.or(exhausted).map(|wait| wait.min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderValue;

    use super::*;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal::read(StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn every_shape_gives_the_services_own_words() {
        let cases = [
            (
                r#"{"statusCode":400,"error":"Bad Request","message":"name is taken","path":"/x"}"#,
                "name is taken",
                "",
            ),
            (r#"{"statusCode":400,"message":["a must be b","c must be d"]}"#, "a must be b; c must be d", ""),
            (
                r#"{"statusCode":404,"message":"no file","code":"FILE_NOT_FOUND","source":"D"}"#,
                "no file",
                "FILE_NOT_FOUND",
            ),
            (r#"{"error":"no session"}"#, "no session", ""),
            (r#"{"errors":["one","two"],"files":[]}"#, "one; two", ""),
            ("<html>\n<body>\nBad Gateway\n", "Bad Gateway", ""),
            ("", "", ""),
            ("[1,2", "[1,2", ""),
            (r#"{"message":null,"error":{"deep":1}}"#, r#"{"deep":1}"#, ""),
        ];
        for (body, said, code) in cases {
            let refusal = refusal(400, body);
            assert_eq!((refusal.said.as_str(), refusal.code.as_str()), (said, code), "{body}");
        }
    }

    #[test]
    fn the_shape_tells_who_answered() {
        let cases = [
            (r#"{"statusCode":404,"error":"Not Found","message":"no such","path":"/x"}"#, Speaker::Service),
            (r#"{"statusCode":404,"message":"no such","source":"DAYTONA_DAEMON"}"#, Speaker::Service),
            (r#"{"statusCode":404,"message":"no such","source":"DAYTONA_PROXY"}"#, Speaker::Proxy),
            (r#"{"error":"no session"}"#, Speaker::Handler),
            (r#"{"message":"no Route matched with those values"}"#, Speaker::Stranger),
            ("<html>\n404 page not found", Speaker::Stranger),
            ("", Speaker::Stranger),
        ];
        for (body, expected) in cases {
            assert_eq!(refusal(404, body).speaker, expected, "{body}");
        }
    }

    #[test]
    fn a_status_means_what_the_words_say() {
        let cases = [
            (400, "No runner info found for sandbox", Meaning::NotYet),
            (400, "Total CPU quota exceeded", Meaning::Refused),
            (401, "Unauthorized", Meaning::Denied),
            (403, "Forbidden resource", Meaning::Denied),
            (403, "Total memory limit exceeded", Meaning::Refused),
            (404, "Sandbox not found", Meaning::Gone),
            (409, "Sandbox state change in progress", Meaning::NotYet),
            (409, "Sandbox with name x already exists", Meaning::Taken),
            (422, "Fork is not supported", Meaning::NotOffered),
            (429, "Too many", Meaning::TooMany(USUAL_WAIT)),
            (500, "", Meaning::Unclear),
            (501, "", Meaning::NotOffered),
            (502, "", Meaning::Unclear),
        ];
        for (status, said, meaning) in cases {
            let body = serde_json::json!({ "message": said }).to_string();
            assert_eq!(refusal(status, &body).meaning(), meaning, "{status} {said}");
        }
    }

    #[test]
    fn the_longest_wait_of_all_limits_counts() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            wait(&pairs.collect())
        };
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(
            headers(&[("retry-after-sandbox-create", "7"), ("retry-after-authenticated", "3")]),
            seconds(7)
        );
        let resets = [
            ("x-ratelimit-remaining-a", "0"),
            ("x-ratelimit-reset-a", "9"),
            ("x-ratelimit-remaining-b", "5"),
            ("x-ratelimit-reset-b", "50"),
        ];
        assert_eq!(headers(&resets), seconds(9));
        assert_eq!(headers(&[("retry-after", "86400")]), Some(LONGEST_WAIT));
        assert_eq!(headers(&[("retry-after", "soon")]), None);
        assert_eq!(headers(&[("retry-after", "-1"), ("retry-after-x", "nan")]), None);
    }
}
