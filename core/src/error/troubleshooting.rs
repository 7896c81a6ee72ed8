//! The catalogue by symptom: the Markdown of `docs/troubleshooting.md`.

use std::fmt::Write as _;

use super::catalogue::{CatalogueRow, catalogue};

/// Where a person stands, what is good to know there, and the codes that are met there.
struct Place {
    title: &'static str,
    first: &'static str,
    /// Whole codes, or families with the dot at their end; the first place that names a code has it.
    codes: &'static [&'static str],
}

const PLACES: &[Place] = &[
    Place {
        title: "Something is asked for that cannot be",
        first: "Names and values are checked before anything is started. `hib config` shows what a configuration file and the environment say.",
        codes: &["config.", "unsupported"],
    },
    Place {
        title: "It will not start",
        first: "`hib doctor` goes through the same steps and shows which one fails, with the command that mends it. What the sandbox's Python printed \
                on its way stands in the error's details.",
        codes: &[
            "sandbox.no_python",
            "sandbox.python_too_old",
            "sandbox.engine",
            "sandbox.no_image",
            "sandbox.image_unfit",
            "sandbox.image_build",
            "sandbox.service",
            "sandbox.service_refused",
            "sandbox.service_busy",
            "sandbox.preload",
            "sandbox.start",
            "sandbox.start_timeout",
            "session.start",
        ],
    },
    Place {
        title: "The session is not there, or not as it was",
        first: "A session ends with its sandbox, with its handle (unless `keep` was called), and with `close`. A crash ends its process only: the \
                outcome's `state` says `lost`, and the next execution runs in a fresh interpreter.",
        codes: &["sandbox.", "session.", "checkpoint."],
    },
    Place {
        title: "Code hangs, is refused, or was ended",
        first: "Executions of one session run one after the other, and their deadline includes the time in the queue: `timings.queue` tells it. Code \
                that is interrupted and goes on is killed after the session's `grace`. An exception in the code is no error of this kind: see the \
                outcome.",
        codes: &["execution."],
    },
    Place {
        title: "Files",
        first: "Paths are relative to the sandbox's working directory, and never lead out of it: [files](files.md).",
        codes: &["files."],
    },
    Place {
        title: "The connection",
        first: "These are not your code's fault. Where `retry` says `safe`, open a new sandbox and try again.",
        codes: &["transport."],
    },
];

const HEAD: &str = "# Troubleshooting

From what you see to what to do. This page is made from the catalogue of errors, as [errors.md](errors.md) is; a test compares them
(`UPDATE_DOCS=1 cargo test -p hibernaculum-core` writes it anew).

First: run `hib doctor`. It tries what this machine needs, step by step, and names the command that would mend what fails
([doctor](doctor.md)).

Every error has a code, and says what, why and how (`error.explain()`; `hib` prints it; on the wire it is `error.data`). `error.retry()` tells whether the
same call may be made again. Output that seems to be missing is rarely lost: look at `stdout.cut` of the result (the *collected* output is bounded,
streams are not), at `Background` events (what threads print between executions), and whether code buffers its own output.
";

/// The catalogue by symptom, as the Markdown of `docs/troubleshooting.md`.
///
/// ```
/// let page = hibernaculum_core::error::troubleshooting_markdown();
/// assert!(page.contains("(`session.unknown`)"));
/// ```
pub fn troubleshooting_markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut left: Vec<CatalogueRow> = catalogue().collect();
    for place in PLACES {
        let _ = write!(page, "\n## {}\n\n{}\n", place.title, place.first);
        for wanted in place.codes {
            let is_here = |row: &CatalogueRow| {
                row.code == *wanted || (wanted.ends_with('.') && row.code.starts_with(wanted))
            };
            let (here, others): (Vec<_>, Vec<_>) = left.into_iter().partition(is_here);
            left = others;
            for row in here {
                // Writing to a String cannot fail.
                let _ = write!(
                    page,
                    "\n**{}** (`{}`)\n\n- Why: {}.\n- What to do: {}.\n",
                    capital(row.what),
                    row.code,
                    row.why,
                    row.how
                );
            }
        }
    }
    page
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_on_the_page_once() {
        let page = troubleshooting_markdown();
        for row in catalogue() {
            let here = page.matches(&format!("(`{}`)", row.code)).count();
            assert_eq!(here, 1, "{} stands on the page {here} times", row.code);
        }
    }

    #[test]
    fn the_page_tells_what_the_code_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/troubleshooting.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, troubleshooting_markdown()).unwrap();
        }
        let page = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(page, troubleshooting_markdown(), "run with UPDATE_DOCS=1");
    }
}
