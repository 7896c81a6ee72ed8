//! The Python runner, embedded: its files, its digest, and the version of the protocol that it speaks.
//!
//! The runner is the program inside the sandbox that serves Python sessions. It is written in Python, as real files in
//! this package's `python/` folder; a backend either finds them in place or sends them as a [`bundle`] to [`STAGE0`].
//! The handshake compares the [`digest`], so that host and runner are always of one make.
//!
//! ```
//! use hibernaculum_runner as runner;
//!
//! assert_eq!(runner::PROTOCOL_VERSION, 1);
//! assert_eq!(runner::digest().len(), 64);
//! assert!(runner::files().iter().any(|file| file.path == "hibernaculum_runner/__init__.py"));
//! assert!(runner::bundle().starts_with(br#"{"files":{"hibernaculum_runner/"#));
//! ```

use std::collections::BTreeMap;

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The version of the wire protocol that this runner speaks; see `docs/protocol.md`.
pub const PROTOCOL_VERSION: u32 = 1;

/// The program for `python3 -I -c` that puts the runner in place and starts it. It reads its orders from stdin.
pub const STAGE0: &str = STAGE0_SOURCE;

/// One Python file of the runner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunnerFile {
    /// Its path below a folder on `sys.path`, with `/`: `hibernaculum_runner/page.py`.
    pub path: &'static str,
    /// Its source.
    pub source: &'static str,
}

/// All files of the runner, sorted by path.
///
/// ```
/// for file in hibernaculum_runner::files() {
///     println!("{}: {} bytes", file.path, file.source.len());
/// }
/// ```
pub fn files() -> &'static [RunnerFile] {
    FILES
}

/// What tells this runner from every other: 64 hexadecimal digits.
///
/// It is BLAKE2b-256 over each file in order of path: the path, a NUL, the source's length as 8 bytes little endian, and
/// the source. It was computed when this crate was built, and costs nothing here.
///
/// ```
/// assert_eq!(hibernaculum_runner::digest().len(), 64);
/// ```
pub fn digest() -> &'static str {
    DIGEST
}

/// The files as the one JSON object that [`STAGE0`] takes: `{"files": {path: source}}`.
///
/// ```
/// assert!(hibernaculum_runner::bundle().starts_with(br#"{"files":{"hibernaculum_runner/"#));
/// ```
pub fn bundle() -> Vec<u8> {
    let sources: BTreeMap<&str, &str> = FILES.iter().map(|file| (file.path, file.source)).collect();
    serde_json::json!({ "files": sources }).to_string().into_bytes()
}
