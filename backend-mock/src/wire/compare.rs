//! Holds one recording against another of the same run: what was asked, what came of it, what was printed.
//!
//! ```text
//!  entries ──▶ Transcript: one text for each request, with all that belongs to it, whichever way and in however many pieces it came
//!          ──▶ a set of texts ──▶ what only one of both has
//! ```
//!
//! No two runs are the same to the byte: they differ in times, in how far a loop came, in numbers of processes. So texts are compared whole, but with
//! every run of three digits and more taken out, a fraction's included (`3.14159` is `3.#`, `42.5` stays), and as a set: a question that was asked once
//! more is no difference, another answer to it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::entry::{Entry, Said, What, WireCassette};
use super::plain::{plain, shown};

/// Why a process ended that ended with its host's interest.
const END: &str = "the connection ended";
/// Members of messages that are figures, positions, or numbers of the wire's own.
const FIGURES: [&str; 22] = [
    "at",
    "raw",
    "text_pos",
    "pos",
    "bytes",
    "timings",
    "cpu_us",
    "memory_bytes",
    "memory_delta",
    "count",
    "execution",
    "id",
    "jsonrpc",
    "pid",
    "ended",
    "size",
    "transfer",
    "modified_ms",
    "uptime_ms",
    "fds",
    "session",
    "target",
];

impl WireCassette {
    /// What another recording of the same run has otherwise: a text for each thing that only one of both has, `-` this one, `+` the other. Times, numbers
    /// of processes, how output was cut into pieces and how often the same was asked are no differences.
    ///
    /// ```
    /// use hibernaculum_backend_mock::wire::WireCassette;
    ///
    /// # fn example(kept: &WireCassette, anew: &WireCassette) {
    /// assert_eq!(kept.differences(anew), Vec::<String>::new());
    /// # }
    /// ```
    pub fn differences(&self, anew: &Self) -> Vec<String> {
        let (kept, anew) = (transcripts(&self.entries), transcripts(&anew.entries));
        let only_kept = kept.difference(&anew).map(|text| format!("- {}", shown(text)));
        let only_anew = anew.difference(&kept).map(|text| format!("+ {}", shown(text)));
        only_kept.chain(only_anew).collect()
    }
}

/// All that belongs to one request.
#[derive(Debug, Default)]
struct Transcript {
    asked: String,
    /// Questions, displays, blobs, in order.
    events: Vec<String>,
    /// By stream: text by its position.
    printed: BTreeMap<String, BTreeMap<u64, Vec<u8>>>,
    answered: String,
}

/// What one sandbox's process of a session, or a connection for files, is called: session and generation.
type Whose = (u32, String, u32);

#[derive(Debug, Default)]
struct Reader {
    /// By process and number of the execution.
    transcripts: BTreeMap<(Whose, u64), Transcript>,
    /// By connection: whose it is.
    whose: BTreeMap<(u32, u32), Whose>,
    generations: BTreeMap<(u32, String), u32>,
    /// By connection and id of a request: its execution.
    requests: BTreeMap<(u32, u32, String), u64>,
    others: BTreeSet<String>,
    transfers: BTreeMap<(u32, u32, u64), Vec<u8>>,
}

fn transcripts(entries: &[Entry]) -> BTreeSet<String> {
    let mut reader = Reader::default();
    for entry in entries {
        reader.read(entry);
    }
    let mut texts = reader.others;
    // The death of a process that nobody had asked anything is told or not: who opened it may have heard of its end before.
    let asked: BTreeSet<&Whose> = reader
        .transcripts
        .iter()
        .filter(|(_, all)| !all.asked.is_empty())
        .map(|((whose, _), _)| whose)
        .collect();
    let of_some_use = reader.transcripts.iter().filter(|((whose, _), _)| asked.contains(whose));
    texts.extend(of_some_use.map(|(_, transcript)| transcript.text()));
    texts
}

impl Reader {
    fn read(&mut self, entry: &Entry) {
        let (sandbox, connection) = (entry.sandbox, entry.connection);
        match &entry.what {
            What::Start(start) => {
                let told = start.fails.as_ref().map_or("started", |fails| fails.code.as_str());
                self.others.insert(format!("sandbox: {told}"));
            }
            What::Hello(greeting) => {
                let name =
                    if greeting.role.is_empty() { greeting.session.clone() } else { greeting.role.clone() };
                let generation = self.generations.entry((sandbox, name.clone())).or_default();
                *generation += 1;
                self.whose.insert((sandbox, connection), (sandbox, name, *generation));
            }
            What::Welcome(welcome) => {
                if let Some(restored) = &welcome.restored {
                    self.others.insert(format!("restored: {:?}", restored.from));
                }
            }
            What::Refused(error) => drop(self.others.insert(format!("refused: {}", error.explain().code))),
            What::ToRunner(said) | What::ToHost(said) => {
                let is_asked = matches!(entry.what, What::ToRunner(_));
                match said {
                    Said::Chunk { transfer, data } => {
                        self.transfers
                            .entry((sandbox, connection, *transfer))
                            .or_default()
                            .extend_from_slice(data);
                    }
                    Said::Noise(_) => drop(self.others.insert("noise".to_owned())),
                    Said::Message(message) => {
                        let params = said.contents().and_then(Value::as_object).cloned().unwrap_or_default();
                        self.message(sandbox, connection, is_asked, said.method(), message, &params);
                    }
                }
            }
            What::End => {}
        }
    }

    fn message(
        &mut self,
        sandbox: u32,
        connection: u32,
        is_asked: bool,
        method: Option<&str>,
        message: &Value,
        params: &Map<String, Value>,
    ) {
        let Some(whose) = self.whose.get(&(sandbox, connection)).cloned() else { return };
        let id = message.get("id").map(Value::to_string).unwrap_or_default();
        if whose.1 == "control" {
            return self.control(sandbox, connection, method, params);
        }
        // Requests for files have no number but their id.
        let own = |id: &str| id.parse().unwrap_or_default();
        match (method, is_asked) {
            (Some(method), true) => {
                let execution = number(params, "execution").unwrap_or_else(|| own(&id));
                self.requests.insert((sandbox, connection, id), execution);
                self.of(whose, execution).asked = format!("{method} {}", told(params));
            }
            (Some("event"), false) if params.get("event").and_then(Value::as_str) == Some("output") => {
                self.printed(whose, params, "text");
            }
            // That a slow removal goes on; the host's answer to a question.
            (Some("files.busy"), false) | (None, true) => {}
            (Some(method), false) => {
                let execution = number(params, "execution").unwrap_or_default();
                self.of(whose, execution).events.push(format!("{method} {}", told(params)));
            }
            (None, false) => {
                let execution = self
                    .requests
                    .get(&(sandbox, connection, id.clone()))
                    .copied()
                    .unwrap_or_else(|| own(&id));
                let is_refused = message.get("error").is_some();
                let answered = format!("{}{}", if is_refused { "refused " } else { "" }, told(params));
                self.of(whose, execution).answered = answered;
            }
        }
    }

    /// What is said on control belongs to a session's process, or to nobody's request.
    fn control(&mut self, sandbox: u32, connection: u32, method: Option<&str>, params: &Map<String, Value>) {
        let session = params.get("session").and_then(Value::as_str).unwrap_or_default().to_owned();
        let generation = self.generations.get(&(sandbox, session.clone())).copied().unwrap_or_default();
        let whose = (sandbox, session, generation);
        match method {
            Some("text") => self.printed(whose, params, "text"),
            Some("output") => {
                let transfer = number(params, "transfer").unwrap_or_default();
                let data = self.transfers.remove(&(sandbox, connection, transfer)).unwrap_or_default();
                let stream =
                    format!("raw {}", params.get("stream").and_then(Value::as_str).unwrap_or_default());
                let (execution, pos) = (number(params, "execution"), number(params, "pos"));
                let pieces = self.of(whose, execution.unwrap_or_default()).printed.entry(stream).or_default();
                pieces.insert(pos.unwrap_or_default(), data);
            }
            // That it ends with its connection is told or not, as it comes.
            Some("died") if is_an_end(params) => {}
            Some("died") => {
                let execution = number(params, "execution").unwrap_or_default();
                self.of(whose, execution).answered = format!("died {}", told(params));
            }
            Some("kill") => drop(self.others.insert(format!("kill {}", told(params)))),
            _ => {}
        }
    }

    fn printed(&mut self, whose: Whose, params: &Map<String, Value>, road: &str) {
        let text = params.get("text").and_then(Value::as_str).unwrap_or_default();
        let stream = format!("{road} {}", params.get("stream").and_then(Value::as_str).unwrap_or_default());
        let (execution, pos) = (number(params, "execution"), number(params, "pos"));
        let pieces = self.of(whose, execution.unwrap_or_default()).printed.entry(stream).or_default();
        let piece = pieces.entry(pos.unwrap_or_default()).or_default();
        // The same may come by two roads, in pieces of different length.
        if piece.len() < text.len() {
            *piece = text.as_bytes().to_vec();
        }
    }

    fn of(&mut self, whose: Whose, execution: u64) -> &mut Transcript {
        self.transcripts.entry((whose, execution)).or_default()
    }
}

impl Transcript {
    fn text(&self) -> String {
        let mut text = plain(&self.asked).into_owned();
        for event in &self.events {
            // Writing to a String cannot fail, here and below.
            let _ = write!(text, "\n    event {}", plain(event));
        }
        // How far code came before it was interrupted is up to the moment.
        let printed = self.printed.iter().filter(|_| !self.answered.contains("\"interrupted\""));
        for (stream, pieces) in printed {
            let (mut all, mut end) = (Vec::new(), 0);
            for (pos, piece) in pieces {
                let known = usize::try_from(end - (*pos).min(end)).unwrap_or_default();
                all.extend_from_slice(piece.get(known..).unwrap_or_default());
                end = end.max(pos + piece.len() as u64);
            }
            let _ = write!(text, "\n    {stream} {}", plain(&String::from_utf8_lossy(&all)));
        }
        let _ = write!(text, "\n    {}", plain(&self.answered));
        text
    }
}

fn number(params: &Map<String, Value>, key: &str) -> Option<u64> {
    params.get(key).and_then(Value::as_u64)
}

fn is_an_end(died: &Map<String, Value>) -> bool {
    let cause = died.get("cause");
    let of_cause = |key| cause.and_then(|cause| cause.get(key));
    of_cause("by") == Some(&END.into()) || of_cause("exit") == Some(&0.into())
}

/// Parameters without their figures, and without where an interrupt came upon the code.
fn told(params: &Map<String, Value>) -> String {
    let mut params = params.clone();
    if params.get("status").and_then(Value::as_str) == Some("interrupted") {
        params.retain(|key, _| key == "status");
    }
    let mut value = Value::Object(params);
    without_figures(&mut value);
    value.to_string()
}

fn without_figures(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| !FIGURES.contains(&key.as_str()));
            fields.values_mut().for_each(without_figures);
        }
        Value::Array(items) => items.iter_mut().for_each(without_figures),
        _ => {}
    }
}
