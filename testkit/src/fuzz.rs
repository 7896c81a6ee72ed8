//! Fuzz targets: functions that take any bytes at all and hold the wire to its word.
//!
//! ```text
//!  bytes ──▶ target ──▶ returns: nothing was broken
//!                  └──▶ panics: a defect, with the bytes that show it
//! ```
//!
//! No input may panic in the wire's own code, hang, or take more memory than it is worth; what is read and written again is the same; how a stream was cut
//! into pieces makes no difference. `tests/fuzz` runs them on every `cargo test`, over a corpus and mutations of it; `fuzz/` runs them under cargo-fuzz.

#![expect(clippy::expect_used, reason = "a panic is how a target tells of a defect")]

use std::collections::BTreeMap;
use std::fmt::Debug;

use bytes::BytesMut;
use hibernaculum_engine::wire::messages::{
    Challenge, Closed, ControlCall, ControlNotice, Died, Done, Execute, Executed, ForwardedText, Hello,
    Input, InputAnswer, Interrupted, Killed, LoadNotice, RawOutput, SessionAsk, SessionCall, SessionNotice,
    Stats, SupervisorNotice, Welcome,
};
use hibernaculum_engine::wire::text::TransferRef;
use hibernaculum_engine::wire::{
    Frame, FrameCodec, HostHello, Id, Incoming, Nonce, Pending, Secret, Transfers, WireError, rpc,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::codec::{Decoder as _, Encoder as _};

/// What a target is called, and the target.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 5] = [
    ("frames", frames),
    ("messages", messages),
    ("transfers", transfers),
    ("correlation", correlation),
    ("handshake", handshake),
];

/// How much a buffer may hold beyond what has come: one chunk of a transfer ahead, doubled as buffers grow.
const AHEAD: usize = 4 << 20;

/// The first byte says how the stream is cut; the rest is the stream.
///
/// # Panics
///
/// Where the codec breaks a promise.
pub fn frames(data: &[u8]) {
    let Some((cut, stream)) = data.split_first() else { return };
    let (whole, ended) = decoded([stream].into_iter());
    let (pieces, ended_in_pieces) = decoded(stream.chunks(usize::from(cut % 32) + 1));
    assert_eq!((&whole, &ended), (&pieces, &ended_in_pieces), "a stream is what it is, however it was cut");

    let mut again = BytesMut::new();
    for frame in whole {
        FrameCodec::default().encode(frame, &mut again).expect("what was decoded is within the limit");
    }
    assert!(stream.starts_with(&again), "what is encoded again is what came");
}

fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Option<String>) {
    let (mut codec, mut buffer, mut frames, mut came) =
        (FrameCodec::default(), BytesMut::new(), Vec::new(), 0);
    for piece in pieces {
        came += piece.len();
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error.to_string())),
            }
        }
        assert!(
            buffer.capacity() <= 2 * came + AHEAD,
            "{} set aside for {came} that came",
            buffer.capacity()
        );
    }
    let ended = codec.decode_eof(&mut buffer);
    assert!(!matches!(ended, Ok(Some(_))), "every whole frame had been decoded");
    (frames, ended.err().map(|error| error.to_string()))
}

/// A message of either side.
///
/// # Panics
///
/// Where what is read and written is not read again as the same.
pub fn messages(data: &[u8]) {
    read_at_once(data);
    match rpc::parse(data) {
        Ok(Incoming::Request { method, params, .. }) => {
            let _ = ControlCall::parse(&method, params);
            let _ = SessionCall::parse(&method, params);
            let _ = SessionAsk::parse(&method, params);
            contents(params.get());
        }
        Ok(Incoming::Notification { method, params }) => {
            let _ = ControlNotice::parse(&method, params);
            let _ = SupervisorNotice::parse(&method, params);
            let _ = SessionNotice::parse(&method, params);
            let _ = LoadNotice::parse(&method, params);
            contents(params.get());
        }
        Ok(Incoming::Response { outcome: Ok(result), .. }) => contents(result.get()),
        Ok(Incoming::Response { .. } | Incoming::Complaint { .. }) => {}
        Err(error) => {
            let told = error.to_string();
            assert!(told.len() < 4096, "an error is told in short: {} bytes", told.len());
        }
    }
}

/// What is read in one pass is what is read in two, or nothing is.
fn read_at_once(data: &[u8]) {
    let id = leading_id(data).unwrap_or(1);
    let Some(executed) = rpc::result_of::<Executed>(data, id) else { return };
    let result = match rpc::parse(data) {
        Ok(Incoming::Response { id: Id::Number(answered), outcome: Ok(result) }) if answered == id => {
            Some(result)
        }
        _ => None,
    };
    let result = result.expect("only the answer to this request is read in one pass");
    let again: Executed = rpc::contents("execute", result).expect("what is read in one pass is read in two");
    assert_eq!(executed, again, "one pass and two read the same");
    assert_eq!(rpc::result_of::<Executed>(data, id ^ 1), None, "an answer to another request");
}

/// The number behind the first `"id":`, whether or not the message can be read.
fn leading_id(data: &[u8]) -> Option<u64> {
    let digits = data.strip_prefix(br#"{"jsonrpc":"2.0","id":"#)?.trim_ascii_start();
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(digits.get(..end)?).ok()?.parse().ok()
}

fn contents(json: &str) {
    same_again::<Execute>(json);
    same_again::<Executed>(json);
    same_again::<Input>(json);
    same_again::<InputAnswer>(json);
    same_again::<RawOutput>(json);
    same_again::<ForwardedText>(json);
    same_again::<Died>(json);
    same_again::<Stats>(json);
    same_again::<Interrupted>(json);
    same_again::<Killed>(json);
    same_again::<Closed>(json);
    same_again::<Done>(json);
    same_again::<Hello>(json);
    same_again::<Challenge>(json);
    same_again::<Welcome>(json);
}

fn same_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(json: &str) {
    let Ok(value) = serde_json::from_str::<T>(json) else { return };
    let written = serde_json::to_string(&value).expect("what was read can be written");
    let again: T = serde_json::from_str(&written).expect("what was written can be read");
    assert_eq!(again, value, "{written}");
}

/// Operations on the transfers of a connection, four bytes each, beside a model: `[what, transfer, length, byte]`.
///
/// # Panics
///
/// Where the model says otherwise.
pub fn transfers(data: &[u8]) {
    const LIMIT: usize = 4096;
    let (mut transfers, mut model) = (Transfers::new(LIMIT), BTreeMap::<u64, Vec<u8>>::new());
    for operation in data.chunks_exact(4) {
        let [what, transfer, length, byte] = *operation else { continue };
        let (transfer, length) = (u64::from(transfer % 8), usize::from(length) * 16);
        if what % 4 != 0 {
            match transfers.chunk(transfer, &vec![byte; length]) {
                Ok(()) => model.entry(transfer).or_default().extend(std::iter::repeat_n(byte, length)),
                // After a violation the connection is closed.
                Err(_) => return,
            }
            assert!(transfers.held() <= LIMIT, "{} held", transfers.held());
        } else {
            let claimed = if byte % 4 == 0 { length } else { model.get(&transfer).map_or(0, Vec::len) };
            let taken = transfers.take(TransferRef { transfer, bytes: claimed as u64 });
            match (taken, model.remove(&transfer)) {
                (Ok(taken), Some(sent)) => assert_eq!(taken, sent, "what was sent is what is taken"),
                (Ok(taken), None) => assert!(taken.is_empty(), "{} bytes out of nothing", taken.len()),
                (Err(_), sent) => {
                    assert!(sent.is_none_or(|sent| sent.len() != claimed), "a true claim was refused");
                    return;
                }
            }
        }
        assert_eq!(transfers.held(), model.values().map(Vec::len).sum::<usize>());
    }
}

/// Requests and answers, two bytes each, beside a model: `[what, id]`.
///
/// # Panics
///
/// Where an answer reaches somebody else than the one who asked.
pub fn correlation(data: &[u8]) {
    let (mut pending, mut model, mut serial) = (Pending::new(), BTreeMap::new(), 0_u32);
    for operation in data.chunks_exact(2) {
        let [what, id] = *operation else { continue };
        match what % 5 {
            0 | 1 => {
                serial += 1;
                let id = pending.insert(serial);
                assert!(model.insert(id, serial).is_none(), "an id was used twice");
            }
            2 => {
                let asked = model.remove(&u64::from(id));
                assert_eq!(pending.take(&Id::Number(id.into())).ok(), asked, "who asked is who is answered");
            }
            3 => assert_eq!(pending.give_up(id.into()), model.remove(&u64::from(id))),
            _ => assert!(pending.take(&Id::Text(id.to_string())).is_err(), "ids of ours are numbers"),
        }
        assert_eq!((pending.len(), pending.is_empty()), (model.len(), model.is_empty()));
    }
    let left: BTreeMap<_, _> = pending.drain().collect();
    assert_eq!(left, model, "nobody is forgotten");
}

/// The two messages that a runner says in the handshake, split at the first NUL. Nobody gets in without the secret.
///
/// # Panics
///
/// Where somebody does.
pub fn handshake(data: &[u8]) {
    let mut messages = data.splitn(2, |&byte| byte == 0);
    let (Some(first), Some(second)) = (messages.next(), messages.next()) else { return };
    let Some(challenge) = read::<Challenge>(first) else { return };
    let secret = Secret::from_bytes([7; 32]);
    let hello = HostHello::control(1, challenge.digest.clone(), Nonce::from_bytes([9; 16]));
    let Ok((_, expected)) = hello.answer(&secret, &challenge) else { return };
    if let Some(welcome) = read::<Welcome>(second) {
        assert!(expected.verify(&secret, &welcome).is_err(), "a proof without the secret: {welcome:?}");
    }
}

fn read<T: DeserializeOwned>(message: &[u8]) -> Option<T> {
    let raw = match rpc::parse(message).ok()? {
        Incoming::Notification { params, .. } => params,
        Incoming::Response { outcome: Ok(result), .. } => result,
        _ => return None,
    };
    let read: Result<T, WireError> = rpc::contents("handshake", raw);
    read.ok()
}
