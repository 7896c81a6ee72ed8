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
fn completions_know_the_subcommands() {
    for (shell, mark) in [("bash", "complete -F"), ("zsh", "#compdef hib"), ("fish", "complete -c hib")] {
        let ran = hib(["completions", shell]).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains(mark) && ran.stdout.contains("stdio"), "{shell}: {}", ran.stdout);
    }
    let ran = hib(["completions", "csh"]).run();
    assert!(ran.code == Some(2) && ran.stderr.contains("possible values"), "{}", ran.stderr);
}

#[test]
fn there_is_a_manual_page_for_hib_and_for_each_subcommand() {
    for (args, title) in [
        (&["man"][..], ".TH hib 1"),
        (&["man", "run"], ".TH hib-run 1"),
        (&["man", "stdio"], ".TH hib-stdio 1"),
    ] {
        let ran = hib([])
            .command(|command| {
                command.args(args);
            })
            .run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
        assert!(ran.stdout.contains(title) && ran.stdout.contains(".SH SYNOPSIS"), "{}", ran.stdout);
    }
    let ran = hib(["man", "fly"]).run();
    assert!(
        ran.code == Some(2) && ran.stderr.contains("how: name one of: run, repl, branch, checkpoint, bench"),
        "{}",
        ran.stderr
    );
}

#[test]
fn help_tells_the_exit_codes() {
    let ran = hib(["help", "run"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(ran.stdout.contains("Examples:\n") && ran.stdout.contains("124       --timeout ran out"));
}
