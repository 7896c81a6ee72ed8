//! The frozen wire (`docs/wire`) against this implementation of it: schema and vectors, which Python's tests read too.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

mod files;

use std::collections::BTreeSet;

use bytes::BytesMut;
use hibernaculum_engine::wire::handshake::{Parts, Side};
use hibernaculum_engine::wire::messages::{
    Adopt, AskStats, Call, Challenge, CheckpointAbort, CheckpointBlob, CheckpointDrop, CheckpointFreeze,
    CheckpointList, CheckpointLoad, CheckpointLoaded, CheckpointReady, CheckpointSave, Close, Credit, Died,
    Event, Execute, FilesBusy, FilesDownload, FilesEnd, FilesEntries, FilesList, FilesMkdir, FilesPack,
    FilesPacked, FilesRemove, FilesRename, FilesStat, FilesUnpack, FilesUpload, ForwardedText, Hello, Input,
    Interrupt, Kill, NamespaceClear, NamespaceDelete, NamespaceGet, NamespaceList, NamespaceRepr,
    NamespaceSet, Notice, RawOutput, Remember, Restored, Shutdown, TransactionCommit, TransactionRollback,
    Watch,
};
use hibernaculum_engine::wire::{
    Frame, FrameCodec, Incoming, Secret, TransferError, Transfers, Violation, WireError, rpc,
};
use serde_json::Value;
use tokio_util::codec::{Decoder, Encoder};

use files::{Invalid, Proofs, Sequence, Stream, schema, unhex, valid, vectors};

/// Reads a message as its type, and writes it again.
type Again = fn(&[u8]) -> Result<Frame, WireError>;

/// Every message of the protocol, by the name of its definition in the schema.
const MESSAGES: &[(&str, Again)] = &[
    ("challenge", notice::<Challenge>),
    ("hello", call::<Hello>),
    ("hello.result", answer::<Hello>),
    ("interrupt", call::<Interrupt>),
    ("interrupt.notice", notice::<Interrupt>),
    ("interrupt.result", answer::<Interrupt>),
    ("kill", call::<Kill>),
    ("kill.result", answer::<Kill>),
    ("close", call::<Close>),
    ("close.result", answer::<Close>),
    ("stats", call::<AskStats>),
    ("stats.result", answer::<AskStats>),
    ("shutdown", call::<Shutdown>),
    ("shutdown.result", answer::<Shutdown>),
    ("watch", notice::<Watch>),
    ("credit", notice::<Credit>),
    ("output", notice::<RawOutput>),
    ("text", notice::<ForwardedText>),
    ("died", notice::<Died>),
    ("execute", call::<Execute>),
    ("execute.result", answer::<Execute>),
    ("namespace.list", call::<NamespaceList>),
    ("namespace.get", call::<NamespaceGet>),
    ("namespace.repr", call::<NamespaceRepr>),
    ("namespace.set", call::<NamespaceSet>),
    ("namespace.delete", call::<NamespaceDelete>),
    ("namespace.clear", call::<NamespaceClear>),
    ("checkpoint.save", call::<CheckpointSave>),
    ("checkpoint.blob", notice::<CheckpointBlob>),
    ("checkpoint.load", call::<CheckpointLoad>),
    ("checkpoint.ready", notice::<CheckpointReady>),
    ("checkpoint.loaded", notice::<CheckpointLoaded>),
    ("checkpoint.abort", notice::<CheckpointAbort>),
    ("checkpoint.freeze", call::<CheckpointFreeze>),
    ("transaction.commit", call::<TransactionCommit>),
    ("transaction.rollback", call::<TransactionRollback>),
    ("restored", notice::<Restored>),
    ("checkpoint.drop", call::<CheckpointDrop>),
    ("checkpoint.drop.result", answer::<CheckpointDrop>),
    ("remember", notice::<Remember>),
    ("adopt", call::<Adopt>),
    ("adopt.result", answer::<Adopt>),
    ("checkpoint.list", call::<CheckpointList>),
    ("checkpoint.list.result", answer::<CheckpointList>),
    ("event", notice::<Event>),
    ("input", call::<Input>),
    ("input.result", answer::<Input>),
    ("files.stat", call::<FilesStat>),
    ("files.stat.result", answer::<FilesStat>),
    ("files.list", call::<FilesList>),
    ("files.list.result", answer::<FilesList>),
    ("files.mkdir", call::<FilesMkdir>),
    ("files.remove", call::<FilesRemove>),
    ("files.rename", call::<FilesRename>),
    ("files.download", call::<FilesDownload>),
    ("files.upload", call::<FilesUpload>),
    ("files.pack", call::<FilesPack>),
    ("files.unpack", call::<FilesUnpack>),
    ("files.unpack.result", answer::<FilesUnpack>),
    ("files.packed", notice::<FilesPacked>),
    ("files.end", notice::<FilesEnd>),
    ("files.entries", notice::<FilesEntries>),
    ("files.busy", notice::<FilesBusy>),
    ("error", failure),
];

fn call<C: Call>(json: &[u8]) -> Result<Frame, WireError> {
    let Incoming::Request { id, method, params } = rpc::parse(json)? else { panic!("not a request") };
    assert_eq!(method, C::METHOD);
    rpc::request(id, &rpc::contents::<C>(&method, params)?)
}

fn notice<N: Notice>(json: &[u8]) -> Result<Frame, WireError> {
    let Incoming::Notification { method, params } = rpc::parse(json)? else { panic!("not a notification") };
    assert_eq!(method, N::METHOD);
    rpc::notification(&rpc::contents::<N>(&method, params)?)
}

fn answer<C: Call>(json: &[u8]) -> Result<Frame, WireError> {
    let Incoming::Response { id, outcome: Ok(raw) } = rpc::parse(json)? else { panic!("not a result") };
    rpc::response(&id, &rpc::contents::<C::Answer>(C::METHOD, raw)?)
}

fn failure(json: &[u8]) -> Result<Frame, WireError> {
    match rpc::parse(json)? {
        Incoming::Response { id, outcome: Err(error) } => rpc::failure(Some(&id), &error),
        Incoming::Complaint { error } => rpc::failure(None, &error),
        other => panic!("not an error: {other:?}"),
    }
}

fn again_of(definition: &str) -> Again {
    let known = MESSAGES.iter().find(|(name, _)| *name == definition);
    known.unwrap_or_else(|| panic!("the schema has no {definition}")).1
}

/// A validator for one definition, or for the whole schema: any message.
fn validator(definition: Option<&str>) -> jsonschema::Validator {
    let mut schema = schema();
    if let Some(definition) = definition {
        schema.as_object_mut().unwrap().remove("anyOf");
        schema["$ref"] = Value::String(format!("#/$defs/{definition}"));
    }
    jsonschema::draft202012::new(&schema).unwrap()
}

fn json_of(frame: Frame) -> Value {
    let Frame::Message(json) = frame else { panic!("a chunk is no message") };
    serde_json::from_slice(&json).unwrap()
}

#[test]
fn every_valid_message_fits_its_definition() {
    for vector in valid() {
        let (definition, whole) = (validator(Some(&vector.def)), validator(None));
        for message in [Some(&vector.message), vector.again.as_ref()].into_iter().flatten() {
            let errors: Vec<_> = definition.iter_errors(message).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{} ({}): {errors:?}", vector.name, vector.def);
            assert!(whole.is_valid(message), "{}: the schema's list leaves it out", vector.name);
        }
    }
}

#[test]
fn every_valid_message_is_read_and_written_again_as_it_was() {
    for vector in valid() {
        let json = serde_json::to_vec(&vector.message).unwrap();
        let again = again_of(&vector.def)(&json).unwrap_or_else(|error| panic!("{}: {error:?}", vector.name));
        assert_eq!(json_of(again), vector.again.unwrap_or(vector.message), "{}", vector.name);
    }
}

#[test]
fn every_invalid_message_is_found_out_where_the_vector_says() {
    for Invalid { name, def, text, error } in vectors("invalid.json") {
        let read = def.as_deref().map_or_else(
            || rpc::parse(text.as_bytes()).map(drop),
            |def| again_of(def)(text.as_bytes()).map(drop),
        );
        let found = match read {
            Ok(()) => "schema",
            Err(WireError::Violation(Violation::Contents { source, .. })) => {
                if source.to_string().contains("duplicate field")
                    || source.to_string().contains("comes twice")
                {
                    "duplicate"
                } else {
                    "contents"
                }
            }
            Err(WireError::Violation(
                Violation::Malformed(_) | Violation::Envelope(_) | Violation::Batch | Violation::NotUtf8(_),
            )) => "envelope",
            Err(other) => panic!("{name}: {other:?}"),
        };
        assert_eq!(found, error, "{name}");
        if let (Some(def), Ok(value)) = (&def, serde_json::from_str::<Value>(&text)) {
            assert_eq!(
                validator(Some(def)).is_valid(&value),
                error == "duplicate",
                "{name}: the schema's view"
            );
        }
    }
}

#[test]
fn schema_types_and_vectors_know_the_same_messages() {
    let schema = schema();
    let names = |list: Vec<&str>| list.into_iter().map(str::to_owned).collect::<BTreeSet<String>>();
    let definitions = schema["$defs"].as_object().unwrap().keys();
    let defined: BTreeSet<String> = definitions.filter(|name| !name.starts_with('-')).cloned().collect();
    let listed = schema["anyOf"].as_array().unwrap().iter();
    let listed = listed.map(|entry| entry["$ref"].as_str().unwrap().trim_start_matches("#/$defs/")).collect();
    assert_eq!(names(listed), defined, "the schema's own list");
    assert_eq!(names(MESSAGES.iter().map(|(name, _)| *name).collect()), defined, "the types");

    let valid = valid();
    assert_eq!(names(valid.iter().map(|vector| vector.def.as_str()).collect()), defined, "valid vectors");
    let invalid: BTreeSet<String> =
        vectors::<Invalid>("invalid.json").into_iter().filter_map(|vector| vector.def).collect();
    // Without params of their own, nothing in them can be wrong.
    let harmless = names(vec!["stats", "shutdown", "adopt", "checkpoint.list", "files.pack", "files.unpack"]);
    assert_eq!(&invalid | &harmless, defined, "invalid vectors");

    let mut seen = BTreeSet::new();
    for vector in &valid {
        assert!(matches!(vector.from.as_str(), "host" | "runner"), "{}", vector.name);
        assert!(seen.insert(&vector.name), "two vectors are named {:?}", vector.name);
    }
}

#[test]
fn every_byte_stream_gives_its_frames_and_its_error() {
    for vector in vectors::<Stream>("frames.json") {
        let bytes = unhex(&vector.hex);
        let (mut codec, mut stream, mut frames) = (FrameCodec::default(), BytesMut::from(&bytes[..]), vec![]);
        let error = loop {
            match codec.decode_eof(&mut stream) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break None,
                Err(error) => break Some(error),
            }
        };
        let error = error.map(|error| match error {
            WireError::Torn { .. } => "torn".to_owned(),
            WireError::Violation(Violation::FrameTooLong { .. }) => "frame_too_long".to_owned(),
            WireError::Violation(Violation::ChunkTooShort { .. }) => "chunk_too_short".to_owned(),
            other => panic!("{}: {other:?}", vector.name),
        });
        assert_eq!(error, vector.error, "{}", vector.name);

        let expected: Vec<Frame> = vector.frames.into_iter().map(Frame::from).collect();
        assert_eq!(frames, expected, "{}", vector.name);
        let mut written = BytesMut::new();
        for frame in expected {
            FrameCodec::default().encode(frame, &mut written).unwrap();
        }
        assert!(bytes.starts_with(&written), "{}: written again", vector.name);
        assert!(error.is_some() || bytes.len() == written.len(), "{}: all of it", vector.name);
    }
}

#[test]
fn every_sequence_of_transfers_gives_its_texts_and_errors() {
    for Sequence { name, steps } in vectors("transfers.json") {
        let mut transfers = Transfers::default();
        for step in steps {
            let done = match (step.chunk, step.text) {
                (Some(chunk), None) => transfers.chunk(chunk, &unhex(&step.data.unwrap())),
                (None, Some(mut text)) => transfers.resolve(&mut text).map(|()| {
                    assert_eq!(text.as_str(), step.is.as_deref(), "{name}");
                }),
                _ => panic!("{name}: a step is a chunk or a text"),
            };
            let error = done.err().map(|error| match error {
                WireError::Violation(Violation::Transfer(error)) => match error {
                    TransferError::Unknown { .. } => "unknown",
                    TransferError::Used { .. } => "used",
                    TransferError::Length { .. } => "length",
                    TransferError::Empty { .. } => "empty",
                    TransferError::NotUtf8 { .. } => "not_utf8",
                    other => panic!("{name}: {other:?}"),
                },
                other => panic!("{name}: {other:?}"),
            });
            assert_eq!(error, step.error.as_deref(), "{name}");
        }
    }
}

#[test]
fn proofs_are_what_python_computes() {
    for vector in vectors::<Proofs>("proofs.json") {
        let secret = Secret::from_hex(&vector.secret).unwrap();
        let (challenge, hello) =
            (vector.challenge_nonce.parse().unwrap(), vector.hello_nonce.parse().unwrap());
        let parts = Parts {
            role: &vector.role,
            session: vector.session.as_deref(),
            challenge_nonce: &challenge,
            hello_nonce: &hello,
        };
        for (side, proof) in [(Side::Host, &vector.host), (Side::Runner, &vector.runner)] {
            assert_eq!(&parts.prove(&secret, side), proof, "{}: {side:?}", vector.name);
            assert!(parts.verify(&secret, side, proof).is_ok(), "{}: {side:?}", vector.name);
        }
        assert!(parts.verify(&secret, Side::Host, &vector.runner).is_err(), "{}", vector.name);
    }
}
