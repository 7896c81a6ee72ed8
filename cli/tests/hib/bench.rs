//! `hib bench`: the real figures, few of them.

use crate::driver::hib;

#[test]
fn figures_are_told_with_their_floors_as_one_object() {
    let ran = hib(["bench", "--json", "--what", "print_10m,roundtrip"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let results = report["results"].as_array().unwrap();
    let names: Vec<_> = results.iter().map(|result| result["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["roundtrip", "print_10m"]);
    for result in results {
        let number = |name: &str| result[name].as_f64().unwrap();
        assert_eq!(
            (result["backend"].as_str(), result.as_object().unwrap().len()),
            (Some("local"), 9),
            "{result}"
        );
        assert!(number("min") > 0.0 && number("n") > 0.0, "{result}");
        assert!(number("min") <= number("p50") && number("p50") <= number("p99"), "{result}");
        assert!(number("p99") <= number("max"), "{result}");
    }
    assert!(results[0]["floor_p50"].is_f64() && results[1]["floor_p50"].is_null(), "{results:?}");
    assert!(report["machine"]["cores"].is_u64() && report["noise"]["before"].is_array(), "{report}");
    assert_eq!(report["skipped"], serde_json::json!([]));
}

#[test]
fn a_figure_that_is_none_is_told() {
    let ran = hib(["bench", "--what", "speed"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""));
    assert!(ran.stderr.starts_with("hib: there is no figure `speed` [bench.unknown]\n"), "{}", ran.stderr);
}

#[test]
fn where_nothing_can_be_measured_every_figure_is_skipped_with_the_reason() {
    let line = ["bench", "--json", "--what", "roundtrip,print_10m", "--python", "/nowhere/python3"];
    let ran = hib(line).run();
    assert_eq!(ran.code, Some(69), "{ran:?}");
    assert!(ran.stderr.contains("[sandbox.no_python]"), "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(report["results"], serde_json::json!([]));
    let skipped = report["skipped"].as_array().unwrap();
    let names: Vec<_> = skipped.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["roundtrip", "print_10m"]);
    for one in skipped {
        assert!(one["reason"].as_str().is_some_and(|reason| reason.contains("no_python")), "{one}");
    }
    let ran = hib(["bench", "--what", "roundtrip", "--python", "/nowhere/python3"]).run();
    assert!(ran.code == Some(69) && ran.stdout.contains("roundtrip        skipped: "), "{ran:?}");
}

#[test]
fn a_table_is_for_people() {
    let ran = hib(["bench", "--what", "print_10m"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("print_10m") && ran.stdout.contains("noise: "), "{}", ran.stdout);
}
