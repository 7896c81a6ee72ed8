//! Makes a recording fit to be kept: the same run gives the same file, as far as that can be.
//!
//! Whatever is put in the place of something else has its length, because positions count bytes: an id becomes another id, a process another number.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Value, json};

use super::entry::{Entry, Said, What};
use crate::ids::{Numbers, each_text};

/// Times are told in steps of this many milliseconds, and figures of memory roughly, above a mebibyte: what is less, nobody would compare.
const STEP_MS: u64 = 100;
/// A file that was changed within that time was changed by the run: an hour.
const RECENT_MS: u64 = 3_600_000;
const NOTICEABLE_BYTES: u64 = 1 << 20;

/// The directory of one host below the local backend's state directory, which has its process in its name.
static HOST: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"/h\d+-\d+/").ok());

/// Tidies the entries of one recording.
pub(super) fn tidied(entries: Vec<Entry>) -> Vec<Entry> {
    let mut entries = merged(entries);
    let (mut numbers, mut processes) = (Numbers::default(), Processes::default());
    let hosts = hosts(&entries);
    // By sandbox: when it had started.
    let mut began: HashMap<u32, u64> = HashMap::new();
    for entry in &mut entries {
        let began = *began.entry(entry.sandbox).or_insert(entry.ms);
        entry.ms = entry.ms.saturating_sub(began) / STEP_MS * STEP_MS;
        match &mut entry.what {
            What::Start(start) => {
                for text in [&mut start.sandbox, &mut start.workdir] {
                    numbered(text, &mut numbers);
                    for (host, stands) in &hosts {
                        *text = text.replace(host, stands);
                    }
                }
                start.pid = processes.of(start.pid);
            }
            What::Hello(greeting) => {
                numbered(&mut greeting.session, &mut numbers);
                if let Some(branch) = &mut greeting.options.branch {
                    numbered(branch, &mut numbers);
                }
            }
            What::Welcome(welcome) => welcome.pid = processes.of(welcome.pid),
            What::ToRunner(Said::Message(message)) => {
                numbers.all(message);
                homeless(message, &hosts);
            }
            What::ToHost(said) => {
                if let Some(contents) = said.contents_mut() {
                    still(contents, &mut processes, 0);
                }
                if let Said::Message(message) = said {
                    numbers.all(message);
                    homeless(message, &hosts);
                }
            }
            What::ToRunner(_) | What::Refused(_) | What::End => {}
        }
    }
    entries
}

/// Directories with a process in their names, and what stands for them: of the same length.
fn hosts(entries: &[Entry]) -> Vec<(String, String)> {
    let mut hosts = Vec::new();
    for entry in entries {
        if let (What::Start(start), Some(regex)) = (&entry.what, HOST.as_ref())
            && let Some(found) = regex.find(&start.workdir)
        {
            let zero = |character: char| if character.is_ascii_digit() { '0' } else { character };
            hosts.push((found.as_str().to_owned(), found.as_str().chars().map(zero).collect()));
        }
    }
    hosts.dedup();
    hosts
}

fn homeless(message: &mut Value, hosts: &[(String, String)]) {
    each_text(message, &mut |text| {
        for (host, stands) in hosts {
            if text.contains(host) {
                *text = text.replace(host, stands);
            }
        }
    });
}

fn numbered(text: &mut String, numbers: &mut Numbers) {
    let mut value = Value::String(std::mem::take(text));
    numbers.all(&mut value);
    value.as_str().unwrap_or_default().clone_into(text);
}

/// Processes by number, from 101, in the order in which they are met.
#[derive(Debug, Default)]
struct Processes(HashMap<u32, u32>);

impl Processes {
    fn of(&mut self, pid: u32) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or_default() + 101;
        *self.0.entry(pid).or_insert(next)
    }
}

/// Takes out the time, numbers processes, rounds figures. Only what the protocol says is looked at, not what user code does: that is text.
fn still(contents: &mut Value, processes: &mut Processes, depth: usize) {
    let Value::Object(fields) = contents else { return };
    for (key, field) in fields.iter_mut() {
        match (key.as_str(), field) {
            ("at", field) if depth == 0 => *field = json!(0),
            ("modified_ms", field) => {
                let now = jiff::Timestamp::now().as_millisecond();
                // What code set to another time is no matter of now.
                if field.as_i64().is_some_and(|modified| modified.abs_diff(now) < RECENT_MS) {
                    *field = json!(0);
                }
            }
            ("pid", field) => {
                let pid = field.as_u64().and_then(|pid| u32::try_from(pid).ok());
                *field = json!(processes.of(pid.unwrap_or_default()));
            }
            (key, field) if key.ends_with("_us") => {
                let step = STEP_MS * 1000;
                let time = field.as_u64().unwrap_or_default();
                // What took time takes some.
                *field = json!((time / step * step).max(time.min(1)));
            }
            ("memory_bytes" | "memory_delta" | "uptime_ms" | "fds", field) => {
                *field = json!(rounded(field));
            }
            ("files", Value::Array(files)) => {
                for file in files {
                    still(file, processes, depth + 1);
                }
            }
            ("timings" | "sessions" | "checkpoints", field) => still(field, processes, depth + 1),
            (_, field) if depth > 0 => still(field, processes, depth + 1),
            _ => {}
        }
    }
}

/// Puts the time of now where the recording had its own.
pub(super) fn with_time(contents: &mut Value, now_ms: u64) {
    let Value::Object(fields) = contents else { return };
    for (key, field) in fields.iter_mut() {
        match (key.as_str(), field) {
            ("modified_ms", field) if *field != json!(0) => {}
            ("at" | "modified_ms", field) => *field = json!(now_ms),
            ("files", Value::Array(files)) => files.iter_mut().for_each(|file| with_time(file, now_ms)),
            _ => {}
        }
    }
}

/// A figure, with its sign, to the next eighth of the power of two below it; 0 for what nobody notices.
fn rounded(figure: &Value) -> i64 {
    let figure = figure.as_i64().unwrap_or_default();
    if figure.unsigned_abs() < NOTICEABLE_BYTES {
        return 0;
    }
    let step = 1_i64 << figure.unsigned_abs().ilog2().saturating_sub(3).min(58);
    figure.signum() * (figure.abs() / step + 1) * step
}

/// Puts pieces together that came one after the other, with nothing said by the host in between.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in entries {
        let last = merged.iter_mut().rev().take_while(|last| {
            !matches!(last.what, What::ToRunner(_)) || matches!(entry.what, What::ToRunner(_))
        });
        let last = last
            .into_iter()
            .find(|last| (last.sandbox, last.connection) == (entry.sandbox, entry.connection));
        if !last.is_some_and(|last| last.takes(&entry)) {
            merged.push(entry);
        }
    }
    merged
}

impl Entry {
    /// Takes what comes next, if it only goes on with the same.
    fn takes(&mut self, next: &Self) -> bool {
        if next.ms.saturating_sub(self.ms) >= STEP_MS {
            return false;
        }
        match (&mut self.what, &next.what) {
            (What::ToHost(last), What::ToHost(next)) | (What::ToRunner(last), What::ToRunner(next)) => {
                last.takes(next)
            }
            _ => false,
        }
    }
}

impl Said {
    fn takes(&mut self, next: &Self) -> bool {
        match (&mut *self, next) {
            (Self::Chunk { transfer, data }, Self::Chunk { transfer: same, data: more })
                if transfer == same =>
            {
                data.extend_from_slice(more);
                true
            }
            (Self::Message(last), Self::Message(next)) => take_text(last, next).is_some(),
            _ => false,
        }
    }
}

/// Appends the text of an output event to the one before, where nothing lies between them. `None`: it is something else.
fn take_text(last: &mut Value, next: &Value) -> Option<()> {
    let next = next.get("params").filter(|_| next.get("method") == last.get("method"))?;
    let last = last.get_mut("params")?;
    let is_output = matches!(next.get("event").and_then(Value::as_str), Some("output"));
    let is_same = ["event", "execution", "stream", "raw"].iter().all(|key| last.get(*key) == next.get(*key));
    let number = |value: &Value, key| value.get(key).and_then(Value::as_u64);
    let (bytes, more) = (number(last, "bytes")?, number(next, "bytes")?);
    let goes_on = number(last, "pos")? + bytes == number(next, "pos")?;
    // No piece is longer than a session's buffer: what came through it comes so again.
    if !(is_output && is_same && goes_on) || bytes + more > 64 << 10 {
        return None;
    }
    let text = next.get("text")?.as_str()?;
    let Value::String(all) = last.get_mut("text")? else { return None };
    all.push_str(text);
    *last.get_mut("bytes")? = json!(bytes + more);
    Some(())
}
