//! Messages: requests as they come, answers and events as they go.

use hibernaculum::{Error, Explanation};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::numbers;

/// A request that can be served.
#[derive(Debug)]
pub(super) struct Request {
    /// `None`: nobody waits for an answer.
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) params: Value,
}

/// Why a request was not served: JSON-RPC's number, and what, why and how.
#[derive(Debug)]
pub(super) struct Refusal {
    number: i64,
    told: Box<Explanation>,
}

impl Refusal {
    pub(super) fn new(number: i64, what: impl Into<String>, why: impl Into<String>, how: &str) -> Self {
        let code = match number {
            -32700 => "stdio.parse",
            -32601 => "stdio.method",
            -32602 => "stdio.params",
            -32600 => "stdio.request",
            _ => "stdio.busy",
        };
        Self { number, told: Box::new(Explanation::new(code, what, why, how)) }
    }

    pub(super) fn params(method: &str, error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let (path, problem) = (error.path().to_string(), error.inner());
        // Of what is missing, or is no object, there is no path.
        let why = if path == "." { problem.to_string() } else { format!("`{path}`: {problem}") };
        Self::new(
            -32602,
            format!("the parameters of `{method}` are not understood"),
            why,
            "see docs/stdio.md",
        )
    }

    pub(super) fn method(method: &str) -> Self {
        let why = "the name is wrong, or this is an earlier version";
        Self::new(-32601, format!("there is no method `{method}`"), why, "see docs/stdio.md for the methods")
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self { number: -32000, told: Box::new(error.explain()) }
    }
}

/// Reads a line.
pub(super) fn read(line: &[u8]) -> Result<Request, Answer> {
    const HOW: &str =
        "send one JSON object a line: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":…,\"params\":{…}}";
    let refuse = |id: Value, number, what: &str, why: String| {
        Err(answer(id, Err(Refusal::new(number, what, why, HOW))))
    };
    let message: Value = match serde_json::from_slice(line) {
        Ok(message) => message,
        Err(error) => {
            // The longest integers cannot be read at all, and with them no `id`.
            let beyond = numbers::beyond_64_bits(line).filter(|_| error.to_string().contains("out of range"));
            return match beyond {
                Some(number) => Err(answer(Value::Null, Err(beyond_64_bits(&number)))),
                None => refuse(Value::Null, -32700, "a line is no JSON", error.to_string()),
            };
        }
    };
    let Value::Object(mut message) = message else {
        let why = "it is no object; several requests at once are sent as several lines".to_owned();
        return refuse(Value::Null, -32600, "a line is no request", why);
    };
    let id = match message.remove("id") {
        None => None,
        Some(id @ (Value::Number(_) | Value::String(_))) => Some(id),
        Some(_) => {
            let why = "its `id` is neither a number nor a string".to_owned();
            return refuse(Value::Null, -32600, "a line is no request", why);
        }
    };
    let told = id.clone().unwrap_or_default();
    if message.get("jsonrpc") != Some(&"2.0".into()) {
        return refuse(told, -32600, "a line is no request", "its `jsonrpc` is not \"2.0\"".to_owned());
    }
    let Some(Value::String(method)) = message.remove("method") else {
        return refuse(
            told,
            -32600,
            "a line is no request",
            "its `method` is missing, or no string".to_owned(),
        );
    };
    let params = message.remove("params").unwrap_or_else(|| json!({}));
    if !params.is_object() {
        return refuse(told, -32602, "the parameters are not understood", "they are no object".to_owned());
    }
    if let Some(number) = numbers::beyond_64_bits(line) {
        return Err(answer(told, Err(beyond_64_bits(&number))));
    }
    Ok(Request { id, method, params })
}

fn beyond_64_bits(number: &str) -> Refusal {
    let shown: String = number.chars().take(80).collect();
    let why = format!("64 bits do not hold {shown}, which would arrive as another number");
    let how = "send it as a string, and have code make an `int` of it";
    Refusal::new(-32602, "the parameters are not understood", why, how)
}

/// The answer to a request.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    jsonrpc: &'static str,
    id: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Value>,
}

pub(super) fn answer(id: Value, outcome: Result<Box<RawValue>, Refusal>) -> Answer {
    let (result, error) = match outcome {
        Ok(result) => (Some(result), None),
        Err(Refusal { number, told }) => {
            (None, Some(json!({ "code": number, "message": told.what, "data": told })))
        }
    };
    Answer { jsonrpc: "2.0", id, result, error }
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub(super) struct Notice<'a, T> {
    jsonrpc: &'static str,
    method: &'a str,
    params: T,
}

pub(super) fn notice<T: Serialize>(method: &str, params: T) -> Notice<'_, T> {
    Notice { jsonrpc: "2.0", method, params }
}

/// The refusal of a line that comes while too much is under way.
pub(super) fn busy(line: &[u8], limit: usize) -> Option<Answer> {
    match read(line) {
        Ok(Request { id, .. }) => id.map(|id| {
            let why = format!("{limit} requests are being served, or those that are hold too many bytes");
            let how = "wait for answers, and read them, before you ask for more";
            answer(id, Err(Refusal::new(-32000, "there is too much under way", why, how)))
        }),
        Err(refusal) => Some(refusal),
    }
}

/// The refusal of a line that nobody read.
pub(super) fn too_long(longest: u64) -> Answer {
    let why = format!("a line may have {longest} bytes");
    let how = "move large data through files (`files.upload` with a path of the host)";
    answer(Value::Null, Err(Refusal::new(-32600, "a line is too long", why, how)))
}
