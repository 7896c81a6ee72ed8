//! Texts of two recordings, made fit to be compared, and to be shown.

use std::borrow::Cow;
use std::sync::LazyLock;

use blake2::Digest as _;
use regex::Regex;

/// How much of a line is shown.
const SHOWN: usize = 300;

/// What differs between any two runs: frames of the runner's own, its directory, addresses, temporary names, times, processes, sizes of paths.
static NUMBERS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let own = r#"(?:  File "[^"\n]*/hibernaculum_runner/[^"\n]*", line \d+ in \w+\n?)+"#;
    let named = r#"\brunner-[0-9a-f]{8,}|0x[0-9a-f]+|\b[0-9a-f]{32,}\b|tmp[a-z0-9_]{8}|\\"size\\":\d+"#;
    let times = r"\d+(\.\d+)?(e-?\d+)? ?(μs|ms|ns|s)\b|\d{3,}(e-?\d+)?";
    Regex::new(&format!("{own}|{named}|{times}")).ok()
});

/// Without numbers that no two runs share.
pub(super) fn plain(text: &str) -> Cow<'_, str> {
    NUMBERS.as_ref().map_or(text.into(), |numbers| numbers.replace_all(text, "#"))
}

/// No longer than it can be read: what a line has beyond that is told by its length and its digest.
pub(super) fn shown(text: &str) -> String {
    let short = |line: &str| {
        let Some((end, _)) = line.char_indices().nth(SHOWN) else { return line.to_owned() };
        let (head, rest) = line.split_at(end);
        let digest = hex::encode(blake2::Blake2s256::digest(rest).get(..4).unwrap_or_default());
        format!("{head}… and {} bytes more ({digest})", rest.len())
    };
    text.lines().map(short).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_varies_is_taken_out_and_nothing_else() {
        for (text, left) in [
            ("took 0.5 s, 12 ms, 3.2e-05 s, 17ms", "took #, #, #, #"),
            ("42.5 and 43.5", "42.5 and 43.5"),
            ("3.14159 at 1764284400.123", "3.# at #.#"),
            ("<X at 0x7f00a0>, /x/tmpab12_cd3/y", "<X at #>, /x/#/y"),
            ("17 of 99 and 100", "17 of 99 and #"),
            (
                "  File \"<cell 3>\", line 1 in f\n  File \"/x/hibernaculum_runner/a.py\", line 7 in g\nend",
                "  File \"<cell 3>\", line 1 in f\n#end",
            ),
            (r#"{"json":"{\"size\":75,\"count\":75}"}"#, r#"{"json":"{#,\"count\":75}"}"#),
        ] {
            assert_eq!(plain(text), left);
        }
    }

    #[test]
    fn long_lines_are_told_by_their_digest() {
        let (one, other) = ("x".repeat(SHOWN) + "one", "x".repeat(SHOWN) + "two");
        assert!(shown(&one).contains("… and 3 bytes more ("), "{}", shown(&one));
        assert_ne!(shown(&one), shown(&other));
    }
}
