//! `hib stdio`: transactions, checkpoints and branches.

#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde_json::{Value, json};

use crate::stdio::Client;

impl Client {
    /// The JSON value of code.
    pub(crate) fn value(&mut self, session: &Value, code: &str) -> Value {
        let result = self.call("execute", &json!({ "session": session, "code": code, "events": false }));
        result["outcome"]["value"]["json"].clone()
    }
}

#[test]
fn what_waits_is_committed_or_rolled_back() {
    let mut client = Client::start();
    let (_, session) = client.session();
    client.value(&session, "x = [1]");
    for (settle, left) in [("rollback", json!([1])), ("commit", json!([1, 2]))] {
        let transaction = json!({ "policy": "explicit", "scope": "memory" });
        let code =
            json!({ "session": session, "code": "x.append(2)", "events": false, "transaction": transaction });
        let execution = client.call("execute", &code)["execution"].clone();
        let other = json!({ "session": session, "code": "x", "events": false });
        assert_eq!(client.refused("execute", &other), (-32000, "session.transaction_pending".to_owned()));
        let pending = json!({ "session": session, "execution": execution });
        assert_eq!(client.call(settle, &pending), json!({}));
        assert_eq!(client.refused(settle, &pending), (-32000, "session.no_transaction".to_owned()));
        assert_eq!(client.value(&session, "x"), left);
    }
    let transaction = json!({ "policy": "commit_on_success", "scope": "bindings" });
    let code =
        json!({ "session": session, "code": "x = 0; 1 / 0", "events": false, "transaction": transaction });
    let failed = client.call("execute", &code);
    assert_eq!(failed["outcome"]["state"]["restored"]["from"]["bindings"], failed["execution"]);
    assert_eq!(client.value(&session, "x"), json!([1, 2]));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_live_checkpoint_is_gone_back_to_and_branched_from() {
    let mut client = Client::start();
    let (sandbox, session) = client.session();
    client.value(&session, "x = [1]; g = iter(range(9)); next(g)");
    let asked = json!({ "session": session, "kind": "live", "name": "here" });
    let made = client.call("checkpoint.create", &asked);
    assert_eq!((&made["kind"], &made["name"], &made["session"]), (&json!("live"), &json!("here"), &session));
    let id = &made["id"];
    client.value(&session, "x.append(2)");

    let spec = json!({ "checkpoint": id, "recovery": "guard", "labels": { "is": "branch" } });
    let branch = client.call("checkpoint.branch", &spec);
    assert_eq!(branch["labels"]["is"], "branch");
    assert_eq!(client.value(&branch["id"], "x, next(g)"), Value::Null, "a tuple has no exact JSON form");
    assert_eq!(client.value(&branch["id"], "[x, next(g)]"), json!([[1], 2]));
    let killed = json!({ "session": branch["id"], "code": "x = 0; import os; os._exit(3)", "events": false });
    let killed = client.call("execute", &killed);
    assert_eq!(killed["outcome"]["state"]["restored"]["from"]["guard"], killed["execution"]);
    assert_eq!(client.value(&branch["id"], "x"), json!([1]));

    assert_eq!(client.value(&session, "x"), json!([1, 2]));
    client.call("checkpoint.restore", &json!({ "session": session, "checkpoint": id }));
    assert_eq!(client.value(&session, "[x, next(g)]"), json!([[1], 1]));
    let listed = client.call("checkpoint.list", &json!({ "session": session }));
    assert_eq!(listed.as_array().unwrap().iter().map(|info| &info["id"]).collect::<Vec<_>>(), [id]);
    let sessions = client.call("session.list", &json!({ "sandbox": sandbox }));
    assert_eq!(sessions.as_array().unwrap().len(), 2);

    let gone = json!({ "checkpoint": id });
    client.call("checkpoint.delete", &gone);
    client.call("checkpoint.delete", &gone);
    let unknown = (-32000, "checkpoint.unknown".to_owned());
    assert_eq!(client.refused("checkpoint.branch", &gone), unknown);
    assert_eq!(
        client.refused("checkpoint.restore", &json!({ "session": session, "checkpoint": id })),
        unknown
    );
    assert_eq!(client.end(), Some(0));
}

#[test]
fn what_cannot_be_a_checkpoint_is_refused_by_its_code() {
    let mut client = Client::start();
    let (_, session) = client.session();
    for params in [
        json!({ "session": session }),
        json!({ "session": session, "kind": "frozen" }),
        json!({ "session": session, "kind": "live", "nmae": "x" }),
        json!({ "session": session, "kind": "live", "name": 3 }),
    ] {
        let refused = client.refused("checkpoint.create", &params);
        assert_eq!(refused, (-32602, "stdio.params".to_owned()), "{params}");
    }
    client.value(
        &session,
        "import threading; e = threading.Event(); threading.Thread(target=e.wait, name='busy').start()",
    );
    let refused = client.refused("checkpoint.create", &json!({ "session": session, "kind": "live" }));
    assert_eq!(refused, (-32000, "checkpoint.refused".to_owned()));
    client.value(&session, "e.set(); [t.join() for t in threading.enumerate() if t.name == 'busy']");
    client.call("checkpoint.create", &json!({ "session": session, "kind": "live" }));
    let nobody = json!({ "session": format!("ses_{:032x}", 1), "kind": "live" });
    assert_eq!(client.refused("checkpoint.create", &nobody), (-32000, "session.unknown".to_owned()));
    assert_eq!(client.end(), Some(0));
}

#[test]
fn a_whole_sandbox_is_kept_and_made_again() {
    let mut client = Client::start();
    let (sandbox, session) = client.session();
    client.value(&session, "x = [1]; open('f', 'w').write('content')");
    let made = client.call("snapshot.create", &json!({ "sandbox": sandbox, "name": "here" }));
    assert_eq!((&made["name"], &made["files"], &made["sessions"]), (&json!("here"), &json!(1), &json!(1)));
    client.value(&session, "x.append(2)");
    let listed = client.call("snapshot.list", &json!({}));
    assert!(listed.as_array().unwrap().contains(&made), "{listed}");
    let labels = json!({ "is": "again" });
    let again = client.call("snapshot.restore", &json!({ "snapshot": made["id"], "labels": labels }));
    let twin = client.call("sandbox.fork", &json!({ "sandbox": sandbox }));
    assert_eq!(again["labels"], labels);
    for (sandbox, wanted) in [(&again, json!([[1], "content"])), (&twin, json!([[1, 2], "content"]))] {
        let sessions = client.call("session.list", &json!({ "sandbox": sandbox["id"] }));
        let seen = client.value(&sessions[0]["id"], "[x, open('f').read()]");
        assert_eq!(seen, wanted);
    }
    let delete = json!({ "snapshot": made["id"] });
    assert_eq!(client.call("snapshot.delete", &delete), json!({}));
    assert_eq!(client.refused("snapshot.restore", &delete), (-32000, "checkpoint.no_snapshot".to_owned()));
    assert_eq!(client.end(), Some(0));
}
