//! The YAML of `docs/mock.md` is read by what it is written for.

use std::fs;
use std::path::Path;

use hibernaculum::mock::Script;
use hibernaculum::mock::faults::{CallFaults, PlaceFaults};

#[test]
fn every_yaml_of_the_document_is_what_it_says() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/mock.md");
    let text = fs::read_to_string(document).unwrap();
    let blocks: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    let [script, calls, places] = blocks.as_slice() else {
        panic!("a script, faults of calls, faults of places, and not {} blocks", blocks.len())
    };
    Script::from_yaml(script).unwrap();
    assert_eq!(calls.matches("call:").count(), 4, "{calls}");
    CallFaults::from_yaml(calls).unwrap();
    assert_eq!(places.matches("\n  - ").count(), 7, "{places}");
    PlaceFaults::from_yaml(places).unwrap();

    // What comments name beside is taken, too.
    for (is_there, instead) in [
        ("times: any ", "times: 2 "),
        ("times: any ", "times: optional "),
        ("{signal: 11}", "{exit: 3}"),
        ("{signal: 11}", "out_of_memory"),
    ] {
        assert!(script.contains(is_there), "{is_there}");
        Script::from_yaml(&script.replacen(is_there, instead, 1)).unwrap();
    }
    for when in ["always", "{first: 2}", "{from: 2}", "{chance: 0.1}"] {
        CallFaults::from_yaml(&calls.replacen("{nth: 2}", when, 1)).unwrap();
    }
    for does in ["drop", "duplicate", "reorder", "garble", "{fragment: 3}", "{delay: 5ms}"] {
        PlaceFaults::from_yaml(&places.replacen("truncate", does, 1)).unwrap();
    }
    for by in ["{signal: 11}", "{exit: 3}"] {
        PlaceFaults::from_yaml(&places.replacen("by: out_of_memory", &format!("by: {by}"), 1)).unwrap();
    }
}

/// The one mock that is written by hand has every method of its trait but what is provided, which asks the others: a test expects one of them.
#[test]
fn the_mock_of_the_source_of_events_has_what_its_trait_has() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("core/src");
    let methods = |file: &str, head: &str| -> Vec<String> {
        let text = fs::read_to_string(core.join(file)).unwrap();
        let (_, body) = text.split_once(head).unwrap_or_else(|| panic!("{file} has no {head}"));
        let body = body.split("\n}").next().unwrap_or_default();
        let required = body.lines().filter(|line| line.ends_with(';'));
        let names = required.filter_map(|line| line.trim_start().strip_prefix("fn "));
        names.map(|rest| rest.split(['<', '(']).next().unwrap_or_default().to_owned()).collect()
    };
    let written = methods("execution/stream.rs", "pub trait ExecutionSource: Send {");
    assert_eq!(written.len(), 3, "{written:?}");
    assert_eq!(methods("mocks.rs", "impl ExecutionSource for ExecutionSource {"), written);
}
