//! The keys: what can be configured, and by which names.

use super::kind::Kind;

/// Something that can be configured. Its flag is its name behind two hyphens.
#[derive(Debug)]
pub(super) struct Key {
    /// In the file; behind `--`, the flag.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// The variable of the environment.
    pub(super) variable: &'static str,
    /// What holds where nobody says anything, in words.
    pub(super) default: &'static str,
    /// What it is for.
    #[cfg_attr(not(test), expect(dead_code, reason = "the page is made of it"))]
    pub(super) about: &'static str,
}

/// Every key, in the order in which they are shown.
pub(super) const KEYS: [Key; 15] = [
    Key {
        name: "backend",
        kind: Kind::Text,
        variable: "HIBERNACULUM_BACKEND",
        default: "local",
        about: "The backend that runs the code",
    },
    Key {
        name: "python",
        kind: Kind::Text,
        variable: "HIBERNACULUM_PYTHON",
        default: "an active virtual environment's, else `python3` along PATH",
        about: "The Python of the backend `local`: a path, or a name to look for along PATH",
    },
    Key {
        name: "image",
        kind: Kind::Text,
        variable: "HIBERNACULUM_IMAGE",
        default: "the one that `hib image build` made last, or the service's own",
        about: "The image that sandboxes of the backends `docker` and `daytona` are made of",
    },
    Key {
        name: "transport",
        kind: Kind::Choice(&["auto", "socket", "exec", "proxy", "preview"]),
        variable: "HIBERNACULUM_TRANSPORT",
        default: "auto",
        about: "Which way byte streams take: of `docker` socket or exec, of `daytona` proxy or preview",
    },
    Key {
        name: "checkpoint-store",
        kind: Kind::Text,
        variable: "HIBERNACULUM_CHECKPOINT_STORE",
        default: "the backend's own, if it has one",
        about: "Where checkpoints are kept: a directory, `s3://BUCKET/PREFIX`, or `memory:`",
    },
    Key {
        name: "checkpoint-keep",
        kind: Kind::Count,
        variable: "HIBERNACULUM_CHECKPOINT_KEEP",
        default: "all",
        about: "How many checkpoints of each session, and of each name, are kept: the newest",
    },
    Key {
        name: "checkpoint-max-age",
        kind: Kind::Time,
        variable: "HIBERNACULUM_CHECKPOINT_MAX_AGE",
        default: "for ever",
        about: "How long checkpoints are kept, such as `7d`",
    },
    Key {
        name: "checkpoint-max-bytes",
        kind: Kind::Size,
        variable: "HIBERNACULUM_CHECKPOINT_MAX_BYTES",
        default: "no limit",
        about: "How much all checkpoints of the store may take: the newest that fit are kept",
    },
    Key {
        name: "preload",
        kind: Kind::List,
        variable: "HIBERNACULUM_PRELOAD",
        default: "none",
        about: "Modules to import before the code runs",
    },
    Key {
        name: "env",
        kind: Kind::List,
        variable: "HIBERNACULUM_ENV",
        default: "none",
        about: "Variables of the code's environment, `NAME=VALUE`, or `NAME` to pass on the shell's",
    },
    Key {
        name: "workdir",
        kind: Kind::Text,
        variable: "HIBERNACULUM_WORKDIR",
        default: "the current one",
        about: "The directory in which the code runs",
    },
    Key {
        name: "timeout",
        kind: Kind::Time,
        variable: "HIBERNACULUM_TIMEOUT",
        default: "as long as it takes",
        about: "How long each cell may take",
    },
    Key {
        name: "recovery",
        kind: Kind::Choice(&["guard", "fresh", "checkpoint", "none"]),
        variable: "HIBERNACULUM_RECOVERY",
        default: "fresh",
        about: "What comes back when the session's process dies",
    },
    Key {
        name: "quiet",
        kind: Kind::Switch,
        variable: "HIBERNACULUM_QUIET",
        default: "false",
        about: "Say only what the code prints, and errors",
    },
    Key {
        name: "colour",
        kind: Kind::Choice(&["auto", "always", "never"]),
        variable: "HIBERNACULUM_COLOUR",
        default: "auto",
        about: "When to use colours; `auto` means: on a terminal, unless `NO_COLOR` is set",
    },
];

/// The names, as an error lists them.
pub(super) fn names() -> String {
    KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ")
}

/// The known name that a mistyped one resembles most, if any does.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    /// Below this, two names have nothing to do with each other.
    const ALIKE: f64 = 0.7;
    let wanted = name.to_lowercase();
    let rated = KEYS.iter().map(|key| (strsim::jaro_winkler(&wanted, key.name), key.name));
    let best = rated.max_by(|one, other| one.0.total_cmp(&other.0))?;
    // What people write on the other side of an ocean.
    let best = if wanted == "color" { (1.0, "colour") } else { best };
    (best.0 >= ALIKE).then_some(best.1)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Args;

    const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/config.md");
    const BEGIN: &str = "<!-- keys -->\n";
    const END: &str = "<!-- /keys -->\n";

    /// The table of the page.
    fn table() -> String {
        let mut table =
            "| key | value | flag | variable | default | what it is for |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for Key { name, kind, variable, default, about } in &KEYS {
            writeln!(
                table,
                "| `{name}` | {} | `--{name}` | `{variable}` | {default} | {about} |",
                kind.about()
            )
            .unwrap();
        }
        table
    }

    #[test]
    fn the_page_tells_what_the_schema_says() {
        let page = std::fs::read_to_string(PAGE).unwrap();
        let (head, rest) = page.split_once(BEGIN).expect("a place for the keys");
        let (told, tail) = rest.split_once(END).expect("its end");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(PAGE, format!("{head}{BEGIN}{}{END}{tail}", table())).unwrap();
        } else {
            assert_eq!(told, table(), "run with UPDATE_DOCS=1");
        }
    }

    #[test]
    fn every_key_has_its_flag() {
        let mut hib = Args::command();
        hib.build();
        for key in &KEYS {
            let known = hib.get_subcommands().flat_map(clap::Command::get_arguments);
            let flags: Vec<_> =
                known.filter(|arg| arg.get_id() == key.name).map(clap::Arg::get_long).collect();
            assert!(
                !flags.is_empty() && flags.iter().all(|flag| *flag == Some(key.name)),
                "{}: {flags:?}",
                key.name
            );
        }
    }

    #[test]
    fn a_mistyped_key_is_told_what_it_resembles() {
        for (typed, meant) in [
            ("bakend", "backend"),
            ("Python", "python"),
            ("color", "colour"),
            ("time_out", "timeout"),
            ("work-dir", "workdir"),
        ] {
            assert_eq!(nearest(typed), Some(meant));
        }
        assert_eq!(nearest("zzz"), None);
        assert_eq!(nearest(""), None);
    }
}
