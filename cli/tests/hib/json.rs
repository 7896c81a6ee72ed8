//! `hib run --json`: one event a line.

use serde_json::{Value, json};

use crate::driver::hib;

fn events(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["event"].as_str().unwrap()).collect()
}

#[test]
fn each_cell_gives_its_events_and_nothing_else_is_printed() {
    let ran = hib(["run", "--json", "-c", "print('a'); 40 + 2", "-c", "x = 1"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let events = events(&ran.stdout);
    assert_eq!(kinds(&events), ["started", "output", "finished", "started", "finished"]);
    let seqs: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 1, 2]);
    assert_eq!((&events[1]["stream"], &events[1]["text"]), (&json!("stdout"), &json!("a\n")));
    assert_eq!((&events[2]["status"], &events[2]["state"]), (&json!("completed"), &json!("kept")));
    assert_eq!(events[2]["value"], json!({"repr": "42", "json": 42, "type": "int", "cut": 0}));
    let ids: Vec<_> = events.iter().map(|event| event["execution"].as_str().unwrap()).collect();
    assert!(ids[0] == ids[2] && ids[3] == ids[4] && ids[0] != ids[3], "{ids:?}");
    assert!(events.iter().all(|event| event["at"].is_string()));
}

#[test]
fn an_exception_is_an_event_and_the_exit_code_tells() {
    let ran = hib(["run", "--json", "-c", "{}['k']"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(1), ""));
    let events = events(&ran.stdout);
    assert_eq!(kinds(&events), ["started", "finished"]);
    let error = &events[1]["error"];
    assert_eq!((&error["type"], &error["message"]), (&json!("KeyError"), &json!("'k'")));
}

#[test]
fn questions_are_events_and_are_answered() {
    let ran = hib(["run", "--json", "-c", "input('n? ')"]).stdin("7\n").run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let events = events(&ran.stdout);
    assert_eq!(kinds(&events), ["started", "input_request", "finished"]);
    assert_eq!((&events[1]["prompt"], &events[1]["password"]), (&json!("n? "), &json!(false)));
    assert_eq!(events[2]["value"]["json"], "7");
}

#[test]
fn what_the_program_says_at_its_very_end_is_told_too() {
    let ran = hib(["run", "--json", "-c", "import atexit; _ = atexit.register(print, 'bye')"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let events = events(&ran.stdout);
    assert_eq!(kinds(&events), ["started", "finished", "output"]);
    assert_eq!(events[2]["text"], "bye\n");
}

#[test]
fn what_hib_itself_refuses_is_no_event() {
    let ran = hib(["run", "--json", "--python", "/nowhere", "-c", "1"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(69), ""));
    assert!(ran.stderr.starts_with("hib: no usable Python was found"), "{}", ran.stderr);
}
