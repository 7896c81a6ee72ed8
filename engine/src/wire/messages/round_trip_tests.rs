//! Whatever a message carries: what is written is read as the same.

use std::fmt::Debug;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::Value as Anything;

use super::*;
use crate::wire::text::{Text, TransferRef};
use crate::wire::{Frame, Id, Incoming, rpc};

fn same_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) -> TestCaseResult {
    let written = serde_json::to_string(value).map_err(|error| TestCaseError::fail(error.to_string()))?;
    let again = serde_json::from_str::<T>(&written);
    let again = again.map_err(|error| TestCaseError::fail(format!("{written}: {error}")))?;
    prop_assert_eq!(&again, value, "{}", written);
    Ok(())
}

fn text() -> impl Strategy<Value = Text> {
    let beside = |(transfer, bytes)| Text::Transfer(TransferRef { transfer, bytes });
    prop_oneof![3 => any::<String>().prop_map(Text::Inline), 1 => any::<(u64, u64)>().prop_map(beside)]
}

/// One of the words of a list, or another.
fn word<T: for<'a> From<&'a str> + Debug>(known: &'static [&'static str]) -> impl Strategy<Value = T> {
    let known = proptest::sample::select(known).prop_map(str::to_owned);
    prop_oneof![3 => known, 1 => any::<String>()].prop_map(|word| T::from(&*word))
}

fn stream() -> impl Strategy<Value = Stream> {
    prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)]
}

/// JSON, `null` only inside: a member that is `null` is one that is not there.
fn json() -> impl Strategy<Value = Anything> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Anything::from),
        any::<i64>().prop_map(Anything::from),
        any::<u64>().prop_map(Anything::from),
        any::<String>().prop_map(Anything::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let inner = prop_oneof![4 => inner, 1 => Just(Anything::Null)].boxed();
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Anything::from),
            btree_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Anything::Object(members.into_iter().collect())),
        ]
    })
}

prop_compose! {
    fn execute()(
        execution: u64,
        id: String,
        code in text(),
        stdin in option::of(word(&["ask", "deny"])),
        filename: Option<String>,
        first_line: Option<u32>,
        argv: Option<Vec<String>>,
        (store_history, value_bytes, guard) in any::<(Option<bool>, Option<u64>, bool)>(),
        transaction in option::of(any::<(String, String)>().prop_map(|(policy, scope)| Transaction { policy, scope })),
        memo in option::of(json()),
    ) -> Execute {
        Execute { execution, id, code, stdin, filename, first_line, argv, store_history, value_bytes, transaction, guard, memo }
    }
}

prop_compose! {
    fn value()(
        repr in text(),
        json in option::of(prop_oneof![any::<bool>().prop_map(Json::Repr), text().prop_map(Json::Text)]),
        type_name: String,
        cut: u64,
    ) -> Value {
        Value { repr, json, type_name, cut }
    }
}

prop_compose! {
    fn frame()(file: String, line: Option<u32>, function: String, source: Option<String>) -> TraceFrame {
        TraceFrame { file, line, function, source }
    }
}

prop_compose! {
    fn error()(
        type_name: String,
        module: String,
        message in text(),
        traceback in text(),
        frames in vec(frame(), 0..3),
        exit_code: Option<i64>,
    ) -> PythonError {
        PythonError { type_name, module, message, traceback, frames, exit_code }
    }
}

fn changes() -> impl Strategy<Value = Changes> {
    let change = any::<(String, String, Option<u64>)>().prop_map(|(name, type_name, size)| Change {
        name,
        type_name,
        size,
    });
    (vec(change.clone(), 0..3), vec(change, 0..3), vec(any::<String>(), 0..3), any::<u64>())
        .prop_map(|(added, modified, removed, more)| Changes { added, modified, removed, more })
}

prop_compose! {
    fn executed()(
        (execution, count, cpu_us, memory_bytes, memory_delta) in any::<(u64, u64, u64, u64, i64)>(),
        (raw, text_pos, at) in any::<([u64; 2], u64, u64)>(),
        status in word(&["completed", "failed", "interrupted"]),
        value in option::of(value()),
        error in option::of(error()),
        changes in changes(),
        warnings: Vec<String>,
        transaction in option::of(word(&["committed", "rolled_back", "pending"])),
        (compile_us, run_us, capture_us) in any::<(u64, u64, u64)>(),
    ) -> Executed {
        let timings = Timings { compile_us, run_us, capture_us };
        Executed { execution, status, count, value, error, changes, warnings, transaction, timings, cpu_us, memory_bytes, memory_delta, raw, text_pos, at }
    }
}

prop_compose! {
    fn printed()(
        (execution, pos, bytes, raw, at) in any::<(u64, u64, u64, [u64; 2], u64)>(),
        stream in stream(),
        text in text(),
    ) -> Printed {
        Printed { execution, stream, pos, bytes, raw, at, text }
    }
}

prop_compose! {
    fn display()(
        (execution, at, raw, text_pos) in any::<(u64, u64, [u64; 2], u64)>(),
        data in btree_map(any::<String>(), text(), 0..3),
        metadata in btree_map(any::<String>(), json(), 0..3),
        display_id: Option<String>,
        (update, result) in any::<(bool, bool)>(),
    ) -> Display {
        Display { execution, at, data, metadata: metadata.into_iter().collect(), display_id, update, result, raw, text_pos }
    }
}

fn cause() -> impl Strategy<Value = Cause> {
    prop_oneof![
        any::<(i32, String, Option<String>)>().prop_map(|(signal, name, by)| Cause::Signal {
            signal,
            name,
            by
        }),
        any::<(i32, Option<String>)>().prop_map(|(exit, by)| Cause::Exit { exit, by }),
    ]
}

prop_compose! {
    fn options()(
        stdin in option::of(word(&["ask", "deny"])),
        argv: Option<Vec<String>>,
        branch: Option<String>,
        (replace, adopt) in any::<(bool, bool)>(),
    ) -> SessionOptions {
        SessionOptions { stdin, argv, branch, replace, adopt }
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let given = any::<(String, u64, Option<String>, Option<u64>)>();
    (given, option::of(json())).prop_map(|((method, execution, id, target), memo)| Asked {
        method,
        execution,
        id,
        memo,
        target,
    })
}

prop_compose! {
    fn adopted()(
        (number, answered, text, raw) in any::<(u64, bool, u64, [u64; 2])>(),
        request in option::of(asked()),
        pending in option::of(asked()),
    ) -> Adopted {
        Adopted { number, request, answered, pending, text, raw }
    }
}

prop_compose! {
    fn welcome()(
        (protocol, digest, python, implementation, pid) in any::<(u32, String, String, String, u32)>(),
        restored in option::of((word(&["guard", "live"]), any::<u64>()).prop_map(|(from, ended)| GoesOn { from, ended })),
        adopted in option::of(adopted()),
        (features, proof) in any::<(Vec<String>, String)>(),
    ) -> Welcome {
        Welcome { protocol, digest, python, implementation, pid, restored, adopted, features, proof }
    }
}

fn stats() -> impl Strategy<Value = Stats> {
    let session = any::<(u32, u64, u64, u64)>().prop_map(|(pid, memory_bytes, processes, execution)| {
        SessionStats { pid, memory_bytes, processes, execution }
    });
    (any::<(u32, u64, u64, u64, u64, u64)>(), btree_map(any::<String>(), session, 0..3)).prop_map(
        |((pid, fds, memory_bytes, uptime_ms, zombies, errors), sessions)| Stats {
            pid,
            fds,
            memory_bytes,
            uptime_ms,
            sessions,
            zombies,
            errors,
        },
    )
}

proptest! {
    #[test]
    fn what_is_asked_is_read_as_it_was_written(
        execute in execute(),
        (execution, at, raw, text_pos, password) in any::<(u64, u64, [u64; 2], u64, bool)>(),
        prompt in text(),
        answer in prop_oneof![text().prop_map(InputAnswer::Text), Just(InputAnswer::Eof)],
        (session, reason, pid) in any::<(String, String, Option<u32>)>(),
    ) {
        same_again(&execute)?;
        same_again(&Input { execution, prompt, password, at, raw, text_pos })?;
        same_again(&answer)?;
        same_again(&Interrupt { session: session.clone(), execution, pid })?;
        same_again(&Watch { session: session.clone(), execution })?;
        same_again(&Credit { session: session.clone(), bytes: at })?;
        same_again(&Close { session: session.clone() })?;
        same_again(&Kill { session, reason, pid, execution: Some(execution) })?;
    }

    #[test]
    fn what_a_session_says_is_read_as_it_was_written(
        executed in executed(),
        printed in printed(),
        display in display(),
    ) {
        same_again(&executed)?;
        same_again(&printed)?;
        same_again(&display)?;
        same_again(&Event::Output(printed))?;
        same_again(&Event::Display(display))?;
    }

    #[test]
    fn what_a_supervisor_says_is_read_as_it_was_written(
        (session, execution, pid) in any::<(String, u64, u32)>(),
        (pos, bytes, raw, text_pos, at, transfer) in any::<(u64, u64, [u64; 2], u64, u64, u64)>(),
        stream in stream(),
        text in text(),
        cause in cause(),
        state in word(&["lost", "guarded"]),
        stats in stats(),
        flag: bool,
    ) {
        same_again(&RawOutput { session: session.clone(), execution, stream, pos, bytes, text_pos, at, transfer })?;
        same_again(&ForwardedText { session: session.clone(), execution, stream, pos, bytes, raw, at, text })?;
        same_again(&Restored { session: session.clone(), pid, ended: bytes })?;
        same_again(&Died { session, execution, cause, state, raw, text_pos, pid })?;
        same_again(&stats)?;
        same_again(&Interrupted { delivered: flag })?;
        same_again(&Killed { delivered: flag })?;
        same_again(&Closed { closed: flag })?;
    }

    #[test]
    fn a_handshake_is_read_as_it_was_written(
        (protocol, digest, nonce, proof) in any::<(u32, String, String, String)>(),
        role in word(&["control", "session", "files"]),
        session: Option<String>,
        options in option::of(options()),
        welcome in welcome(),
    ) {
        same_again(&Challenge { protocol, digest: digest.clone(), nonce: nonce.clone() })?;
        same_again(&Hello { protocol, digest, role, session, nonce, proof, options })?;
        same_again(&welcome)?;
    }

    #[test]
    fn an_answer_is_the_same_read_in_one_pass_or_in_two(executed in executed(), id: u64, other: u64) {
        let Ok(Frame::Message(response)) = rpc::response(&Id::Number(id), &executed) else { panic!("no message") };
        let Ok(Incoming::Response { outcome: Ok(result), .. }) = rpc::parse(&response) else { panic!("no answer") };
        let read: Executed = rpc::contents("execute", result).unwrap();
        prop_assert_eq!(&read, &executed);
        let at_once: Option<Executed> = rpc::result_of(&response, id);
        // Text with many brackets is left to the two passes.
        prop_assert!(at_once.is_none_or(|at_once| at_once == executed));
        prop_assert!(id == other || rpc::result_of::<Executed>(&response, other).is_none());
    }
}
