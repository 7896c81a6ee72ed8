//! Where fuzzing begins: the vectors of the wire, and what lies in `fuzz/corpus`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The inputs to begin with.
pub(crate) fn of(target: &str) -> Vec<Vec<u8>> {
    let kept = fs::read_dir(corpus(target)).into_iter().flatten().flatten();
    let kept = kept.filter_map(|entry| fs::read(entry.path()).ok());
    let all: BTreeSet<Vec<u8>> = kept.chain(from_vectors(target)).collect();
    all.into_iter().collect()
}

/// Writes the seeds that come from the vectors to where cargo-fuzz looks for them.
pub(crate) fn update() {
    for (name, _) in hibernaculum_testkit::fuzz::TARGETS {
        fs::create_dir_all(corpus(name)).expect("the corpus can be written");
        for (number, seed) in from_vectors(name).into_iter().enumerate() {
            fs::write(corpus(name).join(format!("vector-{number:03}")), seed)
                .expect("the corpus can be written");
        }
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn corpus(target: &str) -> PathBuf {
    root().join("fuzz/corpus").join(target)
}

fn from_vectors(target: &str) -> Vec<Vec<u8>> {
    let messages = messages();
    match target {
        "messages" => messages,
        "frames" => {
            let framed = |body: &[u8]| {
                let length = u32::try_from(body.len()).expect("vectors are short");
                [&length.to_be_bytes()[..], body].concat()
            };
            let chunk = [&0x8000_000a_u32.to_be_bytes()[..], &7_u64.to_be_bytes(), b"ab"].concat();
            let stream: Vec<u8> =
                messages.iter().take(8).flat_map(|body| framed(body)).chain(chunk).collect();
            let alone = messages.iter().map(|body| [&[3][..], &framed(body)].concat());
            alone.chain([[&[0][..], &stream].concat(), vec![1, 0xff, 0xff, 0xff, 0xff]]).collect()
        }
        "transfers" => vec![
            b"\x01\x01\x02a\x01\x01\x03b\0\x01\0\x01".to_vec(),
            b"\x01\x02\xffx\x01\x03\xffy\0\x02\x01\0".to_vec(),
        ],
        "correlation" => vec![b"\0\0\0\0\x02\x01\x03\x02\x04\x01".to_vec(), (0..64).collect()],
        "handshake" => {
            let of_runner: Vec<_> = messages
                .into_iter()
                .filter(|message| contains(message, b"nonce") || contains(message, b"proof"))
                .collect();
            of_runner
                .iter()
                .flat_map(|first| of_runner.iter().map(move |second| [first, &b"\0"[..], second].concat()))
                .collect()
        }
        other => panic!("{other} has no seeds"),
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// Every message of the vectors, as it travels.
fn messages() -> Vec<Vec<u8>> {
    let files = ["control", "session", "handshake", "transfers", "files", "checkpoint", "invalid"];
    let read = |name: &&str| {
        let path = root().join(format!("docs/wire/vectors/{name}.json"));
        fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut found = Vec::new();
    for file in files.iter().map(read) {
        collect(&serde_json::from_slice(&file).expect("the vectors are JSON"), &mut found);
    }
    found
}

/// Whatever looks like a message, wherever in the file it stands, and what is refused as one.
fn collect(value: &Value, found: &mut Vec<Vec<u8>>) {
    if value.get("jsonrpc").is_some() {
        found.push(spelled(value).into_bytes());
        return;
    }
    if let (Some(text), Some(_)) = (value.get("text").and_then(Value::as_str), value.get("why")) {
        found.push(text.as_bytes().to_vec());
        return;
    }
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => {}
    }
}

/// As runners write a message: its version and its id first.
fn spelled(message: &Value) -> String {
    let Value::Object(members) = message else { return message.to_string() };
    let leading = ["jsonrpc", "id"].iter().filter_map(|name| members.get_key_value(*name));
    let others = members.iter().filter(|(name, _)| !matches!(name.as_str(), "jsonrpc" | "id"));
    let members: Vec<_> = leading.chain(others).map(|(name, value)| format!("{name:?}:{value}")).collect();
    format!("{{{}}}", members.join(","))
}
