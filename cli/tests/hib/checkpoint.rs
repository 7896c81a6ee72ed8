//! `hib checkpoint`, and what else saves a session or begins with a saved one.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::driver::{Ran, hib};
use crate::repl::Person;
use crate::stdio::Client;

/// A directory to work in, and the store beside it.
struct Den(tempfile::TempDir);

impl Den {
    fn new() -> Self {
        let den = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(den.workdir()).unwrap();
        den
    }

    fn workdir(&self) -> PathBuf {
        self.0.path().join("work")
    }

    fn store(&self) -> String {
        self.0.path().join("store").to_str().unwrap().to_owned()
    }

    /// `hib` with its store named by the environment.
    fn hib<const N: usize>(&self, words: [&str; N]) -> Ran {
        hib(words).env("HIBERNACULUM_CHECKPOINT_STORE", &self.store()).directory(&self.workdir()).run()
    }

    /// The same; its stdout, where all went well.
    fn told<const N: usize>(&self, words: [&str; N]) -> String {
        let ran = self.hib(words);
        assert_eq!(ran.code, Some(0), "{words:?}: {ran:?}");
        ran.stdout
    }

    fn listed(&self) -> Vec<Value> {
        serde_json::from_str(&self.told(["checkpoint", "list", "--json"])).unwrap()
    }
}

#[test]
fn what_one_hib_saves_another_lists_shows_restores_and_removes() {
    let den = Den::new();
    assert_eq!(den.told(["checkpoint", "list"]), "nothing is saved\n");
    std::fs::write(
        den.workdir().join("train.py"),
        "rows = [1, 2]\nsteps = (row for row in rows)\nimport threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nprint('trained')\n",
    )
    .unwrap();
    let saved = den.hib(["checkpoint", "save", "trained", "train.py"]);
    assert_eq!((saved.code, saved.stdout.as_str()), (Some(0), "trained\n"), "{saved:?}");
    assert!(saved.stderr.contains("saved as chk_") && saved.stderr.contains("(trained)"), "{saved:?}");
    assert!(
        saved.stderr.contains("1 thread of the session ran meanwhile"),
        "what is not in it is told: {saved:?}"
    );
    let after = den.hib(["run", "--checkpoint-after", "counted", "-c", "n = 5"]);
    assert_eq!(after.code, Some(0), "{after:?}");

    let all = den.listed();
    let named: Vec<_> = all.iter().map(|info| &info["name"]).collect();
    assert_eq!(named, ["trained", "counted"]);
    let table = den.told(["checkpoint", "list"]);
    let (trained, counted) = (all[0]["id"].as_str().unwrap(), all[1]["id"].as_str().unwrap());
    for (line, (id, name)) in table.lines().skip(1).zip([(trained, "trained"), (counted, "counted")]) {
        assert!(line.starts_with(id) && line.ends_with(name), "{table}");
    }
    let session = all[1]["session"].as_str().unwrap();
    let one: Value =
        serde_json::from_str(&den.told(["checkpoint", "list", "--json", "--session", session])).unwrap();
    assert_eq!(one, json!([all[1]]));

    let page = den.told(["checkpoint", "show", "trained"]);
    assert!(page.starts_with(trained), "{page}");
    assert!(page.contains(" list: saved by ") && page.contains("generator: NOT saved: "), "{page}");
    // By the whole id, and by its beginning.
    for which in [trained, &trained[.."chk_".len() + 24]] {
        let manifest: Value =
            serde_json::from_str(&den.told(["checkpoint", "show", "--json", which])).unwrap();
        assert_eq!(manifest["info"]["id"], trained);
    }

    let restored = den.told(["checkpoint", "restore", "trained", "-c", "print(rows, 'n' in globals())"]);
    assert_eq!(restored, "[1, 2] False\n");
    assert_eq!(den.told(["run", "--from", "counted", "-c", "print(n)"]), "5\n");

    assert_eq!(
        den.told(["checkpoint", "rm", "trained", counted]),
        format!("{trained} is deleted\n{counted} is deleted\n")
    );
    assert_eq!(den.told(["checkpoint", "list"]), "nothing is saved\n");
}

/// The names of what is there, the oldest first; `-` is what has none.
fn names(listed: &[Value]) -> Vec<&str> {
    listed.iter().map(|info| info["name"].as_str().unwrap_or("-")).collect()
}

#[test]
fn what_is_old_is_told_and_deleted_by_hand() {
    let den = Den::new();
    for name in ["model", "notes", "model", "model"] {
        den.told(["run", "--checkpoint-after", name, "-c", "n = 1"]);
    }
    let all = den.listed();
    let [oldest, second] = [0, 2].map(|index: usize| all[index]["id"].as_str().unwrap());

    let dry = den.told(["checkpoint", "prune", "--keep", "1", "--dry-run"]);
    let lines: Vec<_> = dry.lines().collect();
    assert_eq!(lines.len(), 2, "{dry}");
    for (line, id) in lines.iter().zip([second, oldest]) {
        assert!(line.starts_with(&format!("{id} would be deleted: model, ")), "the newest first: {dry}");
    }
    assert_eq!(den.listed(), all, "a dry run deletes nothing");
    let json = den.told(["checkpoint", "prune", "--keep", "2", "-n", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["dry_run"], &json["checkpoints"]), (&json!(true), &json!([all[0]])));

    let done = den.told(["checkpoint", "prune", "--keep", "1"]);
    assert!(done.contains(&format!("{oldest} is deleted: model, ")), "{done}");
    assert_eq!(names(&den.listed()), ["notes", "model"]);
    assert_eq!(
        den.told(["checkpoint", "prune", "--max-age", "7d"]),
        "nothing is too old, too many or too large\n"
    );
    assert_eq!(
        den.told(["checkpoint", "prune", "--max-bytes", "1GB"]),
        "nothing is too old, too many or too large\n"
    );
    // Everything is older than a millisecond, and nothing fits into a byte.
    let fits = den.told(["checkpoint", "prune", "--max-bytes", "1B", "--dry-run"]);
    assert_eq!(fits.lines().count(), 2, "{fits}");
    den.told(["checkpoint", "prune", "--max-age", "1ms"]);
    assert_eq!(den.listed(), Vec::<Value>::new());
}

#[test]
fn what_is_kept_is_said_by_flag_variable_or_file_and_seen_to_after_a_save() {
    let den = Den::new();
    let save = |words: &[&str], variable: Option<&str>, file: &str| {
        let config = den.0.path().join("config.toml");
        std::fs::write(&config, file).unwrap();
        let mut command = hib(["checkpoint", "save", "model", "-c", "n = 1"])
            .command(|command| {
                command.args(words).arg("--config").arg(&config);
            })
            .env("HIBERNACULUM_CHECKPOINT_STORE", &den.store())
            .directory(&den.workdir());
        if let Some(value) = variable {
            command = command.env("HIBERNACULUM_CHECKPOINT_KEEP", value);
        }
        let ran = command.run();
        assert_eq!(ran.code, Some(0), "{ran:?}");
        den.listed().len()
    };
    assert_eq!(save(&[], None, ""), 1);
    assert_eq!(save(&[], None, ""), 2, "all is kept where nothing is said");
    assert_eq!(save(&[], None, ""), 3);
    assert_eq!(save(&["--checkpoint-keep", "3"], Some("1"), ""), 3, "a flag beats the variable");
    assert_eq!(save(&[], Some("2"), "checkpoint-keep = 3"), 2, "and that the file");
    assert_eq!(save(&[], None, "checkpoint-keep = 1\ncheckpoint-max-age = \"7d\""), 1);
    assert_eq!(save(&[], None, "checkpoint-max-bytes = 1"), 0, "nothing fits");
    // What is configured is what a prune keeps, unless that says something else.
    for _ in 0..2 {
        save(&[], None, "");
    }
    let kept = hib(["checkpoint", "prune", "--dry-run"])
        .env("HIBERNACULUM_CHECKPOINT_STORE", &den.store())
        .env("HIBERNACULUM_CHECKPOINT_KEEP", "1")
        .directory(&den.workdir())
        .run();
    assert_eq!((kept.code, kept.stdout.lines().count()), (Some(0), 1), "{kept:?}");
}

#[test]
fn a_prune_that_is_not_told_what_to_keep_deletes_nothing() {
    let den = Den::new();
    den.told(["checkpoint", "save", "model", "-c", "n = 1"]);
    for (words, code) in [
        (&["checkpoint", "prune"][..], "checkpoint.no_rule"),
        (&["checkpoint", "prune", "--keep", "0"], "--keep"),
        (&["checkpoint", "prune", "--max-bytes", "much"], "such as 500MB"),
        (&["checkpoint", "prune", "--max-age", "soon"], "such as 500ms"),
    ] {
        let refused = hib([])
            .command(|command| {
                command.args(words);
            })
            .env("HIBERNACULUM_CHECKPOINT_STORE", &den.store())
            .run();
        assert_eq!(refused.code, Some(2), "{words:?}: {refused:?}");
        assert!(refused.stderr.contains(code), "{words:?}: {refused:?}");
    }
    assert_eq!(names(&den.listed()), ["model"]);
}

#[test]
fn code_that_failed_is_not_saved() {
    let den = Den::new();
    let failed = den.hib(["checkpoint", "save", "broken", "-c", "1/0"]);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert_eq!(den.listed(), Vec::<Value>::new());
}

#[test]
fn which_one_is_meant_must_be_clear() {
    let den = Den::new();
    for code in ["n = 1", "n = 2"] {
        den.told(["checkpoint", "save", "same", "-c", code]);
    }
    assert_eq!(den.told(["run", "--from", "same", "-c", "print(n)"]), "2\n", "the newest of that name");
    for (which, code, words) in
        [("chk_", 2, "may be any of 2"), ("nothing", 66, "there is no checkpoint `nothing`")]
    {
        let before = den.listed();
        for refused in [
            den.hib(["checkpoint", "show", which]),
            den.hib(["checkpoint", "rm", "same", which]),
            den.hib(["checkpoint", "restore", which, "-c", "print('ran')"]),
            den.hib(["run", "--from", which, "-c", "print('ran')"]),
        ] {
            assert_eq!((refused.code, refused.stdout.as_str()), (Some(code), ""), "{refused:?}");
            assert!(refused.stderr.contains(words), "{refused:?}");
        }
        assert_eq!(den.listed(), before, "a mistyped name deletes nothing");
    }
}

#[test]
fn a_store_is_named_by_flag_and_its_path_begins_at_the_current_directory() {
    let den = Den::new();
    let saved = hib(["checkpoint", "save", "here", "--checkpoint-store", "kept", "-c", "x = 1"]);
    assert_eq!(saved.directory(&den.workdir()).run().code, Some(0));
    assert!(den.workdir().join("kept/checkpoints").is_dir());
    assert_eq!(den.listed(), Vec::<Value>::new(), "another store was named");
    let path = den.workdir().join("kept");
    let listed = hib(["checkpoint", "list", "--checkpoint-store", path.to_str().unwrap()]).run();
    assert!(listed.stdout.ends_with("here\n"), "{listed:?}");
}

#[test]
fn a_prompt_counts_on_from_what_was_saved() {
    let den = Den::new();
    den.told(["checkpoint", "save", "three", "-c", "a = 1", "-c", "b = 2", "-c", "c = 3"]);
    let store = den.store();
    let mut person =
        Person::starts_at(4, den.0.path(), &["--from", "three", "--checkpoint-store", &store], &[]);
    person.types("a + b + c\r");
    person.sees("Out[4]");
    person.sees("6");
    person.sees("In [5]");
    assert_eq!(person.leaves(), Some(0));
}

#[test]
fn a_branch_without_a_name_tells_what_its_checkpoint_does_not_carry() {
    let den = Den::new();
    let mut person = Person::starts(den.0.path(), &["--undo", "never"], &[]);
    person.enters("import socket; s = socket.socket()", 2);
    person.types(":branch\r");
    person.sees("session 2 goes on from");
    person.sees("warning: 1 socket is open");
    person.sees("(2) In [2]");
    assert_eq!(person.leaves(), Some(0));
}

#[test]
fn a_program_puts_a_session_to_sleep_and_another_wakes_it() {
    let den = Den::new();
    let store = den.store();
    let start = || Client::starting(|command| _ = command.env("HIBERNACULUM_CHECKPOINT_STORE", &store));
    let mut client = start();
    let (_, session) = client.session();
    client.value(&session, "x = [1]");
    let asleep = client.call("session.hibernate", &json!({ "session": session, "name": "asleep" }));
    assert_eq!((&asleep["kind"], &asleep["session"]), (&json!("portable"), &session));
    let code = json!({ "session": session, "code": "x", "events": false });
    assert_eq!(client.refused("execute", &code), (-32000, "session.closed".to_owned()));
    assert_eq!(client.end(), Some(0));

    let mut client = start();
    assert_eq!(client.call("checkpoint.stored", &json!({})), json!([asleep]));
    let manifest = client.call("checkpoint.manifest", &json!({ "checkpoint": asleep["id"] }));
    assert_eq!((&manifest["info"]["id"], &manifest["count"]), (&asleep["id"], &json!(1)));
    let sandbox = client.call("sandbox.create", &json!({}))["id"].clone();
    let wake = json!({ "sandbox": sandbox, "checkpoint": asleep["id"], "labels": { "is": "awake" } });
    let woken = client.call("session.wake", &wake);
    assert_eq!((&woken["id"], &woken["labels"]["is"]), (&session, &json!("awake")));
    assert_eq!(client.value(&session, "x"), json!([1]));
    let unknown = json!({ "sandbox": sandbox, "checkpoint": format!("chk_{:032x}", 1) });
    assert_eq!(client.refused("session.wake", &unknown), (-32000, "checkpoint.unknown".to_owned()));
    client.call("checkpoint.delete", &json!({ "checkpoint": asleep["id"] }));
    assert_eq!(client.call("checkpoint.stored", &json!({})), json!([]));
    assert_eq!(client.end(), Some(0));
}
