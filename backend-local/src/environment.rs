//! What of the host's environment a sandbox sees: what stands on a list, and nothing else.
//!
//! ```text
//!  host's environment ──allow-list, `env_pass`──▶ + the spec's `env` ──▶ + HIBERNACULUM_SANDBOX ──▶ the sandbox
//! ```
//!
//! The runner's own interpreter runs isolated (`-I`) and ignores every `PYTHON…` variable, so none of them is set here to make runs repeatable;
//! what the spec sets reaches the Pythons that user code starts.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use hibernaculum_core::SandboxId;

/// What programs need to find things, to speak the user's language and to tell the time. Nothing here holds a secret by custom.
const PASSED: [&str; 6] = ["HOME", "LANG", "PATH", "TMPDIR", "TZ", "VIRTUAL_ENV"];

/// The locale's categories: `LC_ALL`, `LC_CTYPE` …
const PASSED_PREFIX: &[u8] = b"LC_";

/// Which sandbox a process belongs to: how the host finds what a dead keeper left behind.
pub(crate) const MARKER: &str = "HIBERNACULUM_SANDBOX";

/// The environment of a sandbox's first process. What comes later wins: the list, `pass`, the spec, the marker.
pub(crate) fn of_sandbox(
    host: impl Iterator<Item = (OsString, OsString)>,
    pass: &[String],
    spec: &BTreeMap<String, String>,
    sandbox: &SandboxId,
) -> BTreeMap<OsString, OsString> {
    let passed = |name: &OsStr| {
        name.as_encoded_bytes().starts_with(PASSED_PREFIX)
            || PASSED.iter().any(|known| name == *known)
            || pass.iter().any(|known| name == known.as_str())
    };
    let mut environment: BTreeMap<_, _> = host.filter(|(name, _)| passed(name)).collect();
    environment.extend(spec.iter().map(|(name, value)| (name.into(), value.into())));
    environment.insert(MARKER.into(), sandbox.to_string().into());
    environment
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(pass: &[&str], spec: &[(&str, &str)]) -> BTreeMap<String, String> {
        let host = [
            ("PATH", "/bin"),
            ("LC_TIME", "C"),
            ("AWS_SECRET_ACCESS_KEY", "x"),
            ("PYTHONPATH", "/evil"),
            ("LCX", "y"),
        ];
        let pass: Vec<_> = pass.iter().map(|&name| name.to_owned()).collect();
        let spec = spec.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        let host = host.into_iter().map(|(name, value)| (name.into(), value.into()));
        let all = of_sandbox(host, &pass, &spec, &SandboxId::new());
        all.into_iter()
            .map(|(name, value)| (name.into_string().unwrap(), value.into_string().unwrap()))
            .collect()
    }

    #[test]
    fn only_what_is_listed_passes() {
        assert_eq!(seen(&[], &[]).into_keys().collect::<Vec<_>>(), [MARKER, "LC_TIME", "PATH"]);
    }

    #[test]
    fn what_the_builder_names_passes_too() {
        assert_eq!(seen(&["AWS_SECRET_ACCESS_KEY"], &[])["AWS_SECRET_ACCESS_KEY"], "x");
    }

    #[test]
    fn the_spec_wins_over_the_host_but_not_over_the_marker() {
        let seen = seen(&[], &[("PATH", "/opt"), (MARKER, "somebody else")]);
        assert_eq!(seen["PATH"], "/opt");
        assert!(seen[MARKER].starts_with("sbx_"));
    }
}
