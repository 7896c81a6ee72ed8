//! `hib stdio` ends when it shall, whoever does not read what it says.

#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::json;

use crate::stdio::Client;

/// As many requests as are served at once, and so many more that stdout is full of refusals.
fn deaf() -> Client {
    let mut client = Client::start();
    let sandbox = client.call("sandbox.create", &json!({}))["id"].clone();
    let opened = client.call("session.open", &json!({ "sandbox": sandbox, "queue_limit": 5000 }));
    let session = opened["id"].clone();
    client.ask("execute", &json!({ "session": session, "code": "import time; time.sleep(600)" }));
    for _ in 0..1400 {
        client.ask("execute", &json!({ "session": session, "code": "1", "events": false }));
    }
    client
}

#[test]
fn a_signal_ends_it_while_nobody_reads() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let mut client = deaf();
        client.signal(signal);
        assert_eq!(client.ends(), Some(code), "{signal}");
    }
}

#[test]
fn the_end_of_stdin_ends_it_while_nobody_reads() {
    assert_eq!(deaf().end(), Some(0));
}
