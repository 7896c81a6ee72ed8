//! `hib stdio`: what is called less often.

use serde_json::{Value, json};

use crate::stdio::Client;

#[test]
fn files_are_looked_at_renamed_and_removed() {
    let mut client = Client::start();
    let (sandbox, _) = client.session();
    let at = |path: &str| json!({ "sandbox": sandbox, "path": path });
    client.call("files.mkdir", &at("d/e"));
    client.call("files.write", &json!({ "sandbox": sandbox, "path": "d/e/a.txt", "text": "hello" }));
    let stat = client.call("files.stat", &at("d/e/a.txt"));
    assert_eq!((&stat["kind"], &stat["size"]), (&json!("file"), &json!(5)), "{stat}");
    assert_eq!(client.call("files.stat", &at("d"))["kind"], "directory");
    client.call("files.rename", &json!({ "sandbox": sandbox, "path": "d/e/a.txt", "to": "b.txt" }));
    assert_eq!(client.refused("files.stat", &at("d/e/a.txt")).1, "files.not_found");
    assert_eq!(client.call("files.read", &at("b.txt"))["base64"], "aGVsbG8=");
    client.call("files.remove", &at("d"));
    assert_eq!(client.refused("files.stat", &at("d")).1, "files.not_found");
    let missing = json!({ "sandbox": sandbox, "path": "b.txt", "into": "c.txt" });
    assert_eq!(client.refused("files.rename", &missing), (-32602, "stdio.params".to_owned()));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn names_are_deleted_and_cleared() {
    let mut client = Client::start();
    let (_, session) = client.session();
    client.call("execute", &json!({ "session": session, "code": "a, b, c = 1, 2, 3" }));
    let delete = json!({ "session": session, "name": "a" });
    assert_eq!(client.call("namespace.delete", &delete), json!({ "was_bound": true }));
    assert_eq!(client.call("namespace.delete", &delete), json!({ "was_bound": false }));
    let names = |client: &mut Client| -> Vec<Value> {
        let listed = client.call("namespace.list", &json!({ "session": session }));
        listed["variables"].as_array().unwrap().iter().map(|variable| variable["name"].clone()).collect()
    };
    assert_eq!(names(&mut client), ["b", "c"]);
    client.call("namespace.clear", &json!({ "session": session }));
    assert!(names(&mut client).is_empty());
}

#[test]
fn a_closed_session_says_so_and_the_sandbox_goes_on() {
    let mut client = Client::start();
    let (sandbox, session) = client.session();
    client.call("session.close", &json!({ "session": session }));
    let code = json!({ "session": session, "code": "1" });
    assert_eq!(client.refused("execute", &code), (-32000, "session.closed".to_owned()));
    assert_eq!(client.call("session.list", &json!({ "sandbox": sandbox })), json!([]));
    let another = client.call("session.open", &json!({ "sandbox": sandbox }))["id"].clone();
    let result = client.call("execute", &json!({ "session": another, "code": "6 * 7", "events": false }));
    assert_eq!(result["outcome"]["value"]["json"], 42);
    client.call("sandbox.close", &json!({ "sandbox": sandbox }));
    assert_eq!(client.refused("execute", &code).1, "session.closed");
    assert_eq!(client.refused("sandbox.get", &json!({ "sandbox": sandbox })).1, "sandbox.unknown");
}

#[test]
fn modules_are_preloaded_and_limits_hold() {
    let mut client = Client::start();
    let limits = json!({ "limits": { "process_memory": 512 << 20 }, "preload": ["fractions"] });
    let sandbox = client.call("sandbox.create", &limits)["id"].clone();
    let session = client.call("session.open", &json!({ "sandbox": sandbox }))["id"].clone();
    let value = |client: &mut Client, code: &str| {
        let asked = json!({ "session": session, "code": code, "events": false });
        client.call("execute", &asked)["outcome"].clone()
    };
    let loaded = value(&mut client, "import sys; ['fractions' in sys.modules, 'colorsys' in sys.modules]");
    assert_eq!(loaded["value"]["json"], json!([true, false]));
    assert_eq!(value(&mut client, "len(bytearray(64 << 20))")["value"]["json"], 64 << 20);
    assert_eq!(value(&mut client, "len(bytearray(1 << 30))")["error"]["type"], "MemoryError");
}

#[test]
fn integers_that_would_change_on_the_way_are_refused() {
    let mut client = Client::start();
    let (_, session) = client.session();
    let most = json!({ "session": session, "name": "n", "value": [u64::MAX, i64::MIN] });
    client.call("namespace.set", &most);
    let asked = json!({ "session": session, "code": "n == [2**64 - 1, -2**63]", "events": false });
    assert_eq!(client.call("execute", &asked)["outcome"]["value"]["json"], true);
    let line = |value: &str| {
        let params = format!(r#"{{"session":{session},"name":"n","value":{value}}}"#);
        format!(r#"{{"jsonrpc":"2.0","id":"x","method":"namespace.set","params":{params}}}"#)
    };
    // The last one cannot be read at all, nor can what stands beside it.
    let longest = format!("1{}", "0".repeat(400));
    for (value, id) in [
        ("18446744073709551616", json!("x")),
        ("[-9223372036854775809]", json!("x")),
        (longest.as_str(), Value::Null),
    ] {
        client.send(&line(value));
        let answer = client.message();
        assert_eq!(
            (&answer["id"], &answer["error"]["data"]["code"]),
            (&id, &json!("stdio.params")),
            "{answer}"
        );
    }
    client.send(&line(r#""18446744073709551616""#));
    assert_eq!(client.message()["result"], json!({ "was_bound": true }));
    let beyond = json!({ "session": session, "code": "n = 10**400; n", "events": false });
    assert_eq!(client.call("execute", &beyond)["outcome"]["value"]["json"], Value::Null);
    let name = json!({ "session": session, "name": "n" });
    assert_eq!(client.refused("namespace.get", &name).1, "session.not_json");
}
