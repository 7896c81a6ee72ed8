//! Which bytes are a message, and of which kind.

use proptest::prelude::*;

use super::*;

fn refused(json: &str) -> Violation {
    match parse(json.as_bytes()) {
        Err(WireError::Violation(violation)) => violation,
        other => panic!("{json}: {other:?}"),
    }
}

fn nested(depth: usize) -> String {
    let inner = depth - 1; // the message itself is the first level
    format!(r#"{{"jsonrpc":"2.0","method":"m","later":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
}

#[test]
fn each_kind_is_told_by_its_members() {
    let request = parse(br#"{"jsonrpc":"2.0","id":"a","method":"input","params":{"x":[1, 2]}}"#).unwrap();
    let Incoming::Request { id, method, params } = request else { panic!("{request:?}") };
    assert_eq!((id, &*method, params.get()), (Id::Text("a".into()), "input", r#"{"x":[1, 2]}"#));

    let notification = parse(br#"{"jsonrpc":"2.0","method":"event"}"#).unwrap();
    let Incoming::Notification { method, params } = notification else { panic!("{notification:?}") };
    assert_eq!((&*method, params.get()), ("event", "{}"));

    let response = parse(br#"{"jsonrpc":"2.0","id":3,"result":null}"#).unwrap();
    let Incoming::Response { id, outcome: Ok(result) } = response else { panic!("{response:?}") };
    assert_eq!((id, result.get()), (Id::Number(3), "null"));
}

#[test]
fn an_error_keeps_its_four_parts_and_survives_data_of_another_shape() {
    let full = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"no such session",
        "data":{"code":"session.unknown","what":"no such session","why":"it was closed","how":"open one"}}}"#;
    let Incoming::Response { outcome: Err(error), .. } = parse(full).unwrap() else { panic!() };
    assert_eq!(error.explain().code, "session.unknown");
    assert_eq!(error.explain().how, "open one");

    let strange = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"m","data":[7]}}"#;
    let Incoming::Response { outcome: Err(error), .. } = parse(strange).unwrap() else { panic!() };
    assert_eq!((error.code, error.data.is_none(), error.explain().what.as_str()), (-1, true, "m"));
}

#[test]
fn an_error_without_an_id_is_a_complaint() {
    for id in ["", r#""id":null,"#] {
        let json = format!(r#"{{"jsonrpc":"2.0",{id}"error":{{"code":-32700,"message":"what?"}}}}"#);
        let Incoming::Complaint { error } = parse(json.as_bytes()).unwrap() else { panic!() };
        assert_eq!(error.code, RpcError::PARSE);
    }
}

#[test]
fn names_with_escapes_are_read_and_names_without_are_borrowed() {
    let plain = br#"{"jsonrpc":"2.0","method":"event"}"#;
    let Incoming::Notification { method: Cow::Borrowed("event"), .. } = parse(plain).unwrap() else {
        panic!()
    };
    let escaped = br#"{"jsonrpc":"2.0","method":"ev\u0065nt"}"#;
    let Incoming::Notification { method, .. } = parse(escaped).unwrap() else { panic!() };
    assert_eq!(method, "event");
}

#[test]
fn what_is_neither_kind_is_refused() {
    for json in [
        r#"{"id":1,"method":"m"}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0"}"#,
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"jsonrpc":"2.0","result":1}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":1,"error":{"code":1,"message":""}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","result":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#,
    ] {
        assert!(matches!(refused(json), Violation::Envelope(_)), "{json}");
    }
}

#[test]
fn what_is_no_json_or_has_a_key_twice_or_an_odd_id_is_refused() {
    for json in [
        "",
        "{",
        "nul",
        r#"{"jsonrpc":"2.0","method":"m"} x"#,
        r#"{"jsonrpc":"2.0","method":"m","method":"n"}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":1,"method":"m"}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":1,"result":2}"#,
        r#"{"jsonrpc":"2.0","id":-1,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":18446744073709551616,"result":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":NaN}"#,
        "{\"jsonrpc\":\"2.0\",\"method\":\"\\ud800\"}",
    ] {
        assert!(matches!(refused(json), Violation::Malformed(_)), "{json}");
    }
    assert!(matches!(
        parse(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}"),
        Err(WireError::Violation(Violation::NotUtf8(_)))
    ));
    assert!(matches!(refused(" [] "), Violation::Batch));
}

#[test]
fn unknown_members_are_ignored_whatever_they_hold() {
    let json = br#"{"jsonrpc":"2.0","id":1,"result":{},"later":[{"a":1e999,"a":"twice"},null]}"#;
    assert!(matches!(parse(json), Ok(Incoming::Response { .. })));
}

#[test]
fn the_depth_limit_holds_where_nobody_reads() {
    assert!(parse(nested(MAX_DEPTH).as_bytes()).is_ok());
    assert!(matches!(refused(&nested(MAX_DEPTH + 1)), Violation::TooDeep { limit: MAX_DEPTH }));
    assert!(matches!(refused(&nested(1_000_000)), Violation::TooDeep { .. }));
}

#[test]
fn brackets_in_strings_are_not_depth_and_many_in_a_row_are_not_either() {
    let in_string =
        format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"code":"\"\\{}"}}}}"#, "[{".repeat(500));
    assert!(parse(in_string.as_bytes()).is_ok());
    let flat = format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"a":[{}[]]}}}}"#, "[],".repeat(500));
    assert!(parse(flat.as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_message_with_a_few_bytes_changed_makes_the_parser_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut json = br#"{"jsonrpc":"2.0","id":12,"method":"input","params":{"a":[1,{"b":"\u00e4"}]},"error":null}"#.to_vec();
        for (at, byte) in changes {
            let at = at.index(json.len());
            json[at] = byte;
        }
        let _ = parse(&json);
    }

    #[test]
    fn a_response_gives_back_exactly_the_result_that_was_sent(id in any::<u64>(), text in ".*", number in any::<i64>()) {
        let result = serde_json::json!({ "text": text, "number": number, "list": [null, true] });
        let crate::wire::Frame::Message(json) = super::super::response(&Id::Number(id), &result).unwrap() else { panic!() };
        let Incoming::Response { id: Id::Number(got), outcome: Ok(raw) } = parse(&json).unwrap() else { panic!() };
        prop_assert_eq!(got, id);
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(raw.get()).unwrap(), result);
    }
}

#[test]
fn a_plain_answer_is_read_in_one_pass_and_nothing_else_is() {
    let read = |message: &str| result_of::<Vec<u64>>(message.as_bytes(), 7);
    assert_eq!(read(r#"{"jsonrpc":"2.0","id":7,"result":[1,2]}"#), Some(vec![1, 2]));
    for other in [
        r#"{"jsonrpc":"2.0","id":8,"result":[1,2]}"#,
        r#"{"jsonrpc":"2.0","id":"7","result":[1,2]}"#,
        r#"{"jsonrpc":"2.0","id":null,"result":[1,2]}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":"text"}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[1,2],"later":1}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[1,2],"error":{"code":1,"message":"both"}}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[1,2],"result":[3]}"#,
        r#"{"jsonrpc":"2.0","id":7,"jsonrpc":"2.0","result":[1,2]}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":[1,2]}x"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"no"}}"#,
        r#"{"id":7,"jsonrpc":"2.0","result":[1,2]}"#,
        "",
    ] {
        assert_eq!(read(other), None, "{other}");
    }
    assert_eq!(result_of::<String>(b"{\"jsonrpc\":\"2.0\",\"id\":7,\"result\":\"\xff\"}", 7), None);
}
