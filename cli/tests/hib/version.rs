//! What `hib` says of itself.

use crate::driver::hib;

#[test]
fn the_version_tells_what_has_to_fit_together() {
    let ran = hib(["--version"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    let lines: Vec<_> = ran.stdout.lines().collect();
    let [version, protocol, runner] = lines[..] else { panic!("{lines:?}") };
    assert_eq!(version, concat!("hib ", env!("CARGO_PKG_VERSION")));
    assert_eq!(protocol, format!("protocol {}", hibernaculum::runner::PROTOCOL_VERSION));
    assert_eq!(runner, format!("runner {}", hibernaculum::runner::digest()));
}

#[test]
fn help_tells_the_exit_codes() {
    let ran = hib(["help", "run"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("Examples:\n") && ran.stdout.contains("124       --timeout ran out"));
}
