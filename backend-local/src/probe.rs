//! Asking an executable what Python it is.
//!
//! Most need no asking: an ELF file that is finally named `python3.11` is CPython 3.11. Anything else is run once: a script (a version manager's
//! shim, a wrapper) names the executable behind it, which is then used directly.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hibernaculum_engine::Tail;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

/// How long an executable may take to say what it is.
const LIMIT: Duration = Duration::from_secs(10);
/// How much it may say.
const ANSWER_LIMIT: u64 = 16 * 1024;
/// What precedes the answer: a wrapper may print as well.
const MARK: &str = "hibernaculum-python";
/// Runs on every Python there ever was, imports nothing: the current directory may hold an `os.py`.
const PROGRAM: &str = "import sys; w = sys.stdout.write; \
    w('\\nhibernaculum-python\\n%s\\n' % getattr(getattr(sys, 'implementation', None), 'name', 'cpython')); \
    w('%d.%d.%d\\n' % tuple(sys.version_info[:3])); w('%s\\n' % (sys.executable or ''))";
/// The oldest Python that the runner runs on.
const OLDEST: (u32, u32) = (3, 8);

/// What an executable turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Probe {
    /// A Python that the runner runs on; the executable to start.
    Fit(PathBuf),
    /// Another Python, or one that is too old; in words.
    Unfit { executable: String, found: String },
    /// None at all; in words.
    Useless(String),
}

/// Finds out what `path` is.
pub(crate) async fn probe(path: &Path) -> Probe {
    let metadata = match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata,
        Ok(_) => return Probe::Useless("it is no file".to_owned()),
        Err(error) => return Probe::Useless(error.to_string()),
    };
    if metadata.permissions().mode() & 0o111 == 0 {
        return Probe::Useless("it is not executable".to_owned());
    }
    if is_plainly_fit(path) {
        return Probe::Fit(path.to_owned());
    }
    let key = (path.to_owned(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
    let known = || ASKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(executable) = known().get(&key) {
        return Probe::Fit(executable.clone());
    }
    let probe = ask(path, LIMIT).await;
    if let Probe::Fit(executable) = &probe {
        known().insert(key, executable.clone());
    }
    probe
}

/// What was asked before in this process, by path and time of its last change. Only answers that let a sandbox start are kept.
static ASKED: LazyLock<Mutex<HashMap<(PathBuf, SystemTime), PathBuf>>> = LazyLock::new(Mutex::default);

/// Whether the file itself says all that is to be known.
fn is_plainly_fit(path: &Path) -> bool {
    let mut magic = [0; 4];
    let opened = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    let real = fs::canonicalize(path).ok();
    let minor = real.as_deref().and_then(Path::file_name).and_then(|name| minor_version(name.to_str()?));
    opened.is_ok() && magic == *b"\x7fELF" && minor.is_some_and(|minor| (3, minor) >= OLDEST)
}

/// `11` for `python3.11`; nothing for every other name.
pub(crate) fn minor_version(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("python3.")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// Runs the executable and reads its answer.
async fn ask(path: &Path, limit: Duration) -> Probe {
    let mut command = Command::new(path);
    // The flags of `-I` that Python 2 knows too, without `site`.
    command.args(["-E", "-s", "-S", "-c", PROGRAM]).process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Probe::Useless(format!("it cannot be run: {error}")),
    };
    let group = Group(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let said = async { tokio::join!(read(stdout), read(stderr), child.wait()) };
    let Ok((stdout, stderr, status)) = tokio::time::timeout(limit, said).await else {
        return Probe::Useless(format!("it did not say what it is within {} s", limit.as_secs_f32()));
    };
    group.disarm();
    understand(path, &String::from_utf8_lossy(&stdout)).unwrap_or_else(|| {
        let status = status.map_or_else(|error| error.to_string(), |status| status.to_string());
        Probe::Useless(format!(
            "it ended with {status} and said `{}`",
            Tail::printable(&[stdout, stderr].concat())
        ))
    })
}

async fn read(stream: Option<impl AsyncRead + Unpin>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        // What cannot be read is as good as not said.
        let _ = stream.take(ANSWER_LIMIT).read_to_end(&mut bytes).await;
    }
    bytes
}

fn understand(path: &Path, answer: &str) -> Option<Probe> {
    let mut lines = answer.lines().skip_while(|line| *line != MARK).skip(1);
    let (implementation, version, executable) = (lines.next()?, lines.next()?, lines.next()?);
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let version_pair = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let executable = if executable.is_empty() { path } else { Path::new(executable) };
    Some(if implementation == "cpython" && version_pair >= OLDEST {
        Probe::Fit(executable.to_owned())
    } else {
        let name = if implementation == "cpython" { "CPython" } else { implementation };
        Probe::Unfit {
            executable: executable.display().to_string(),
            found: Tail::printable(format!("{name} {version}").as_bytes()),
        }
    })
}

/// Ends the process group of a probe that is given up: a shim's child does not end with the shim.
struct Group(Option<Pid>);

impl Group {
    /// The leader was reaped: its number may be somebody else's by now.
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An executable script.
    fn script(text: &str) -> (tempfile::TempDir, PathBuf) {
        let scene = tempfile::tempdir().unwrap();
        let path = scene.path().join("python");
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        (scene, path)
    }

    #[test]
    fn only_real_names_tell_a_version() {
        assert_eq!(minor_version("python3.11"), Some(11));
        for name in ["python3", "python3.", "python3.11-config", "python3.13t", "pypy3.10", "python3.1 1"] {
            assert_eq!(minor_version(name), None, "{name}");
        }
    }

    #[tokio::test]
    async fn a_shim_names_the_python_behind_it() {
        let (_scene, path) =
            script("echo hello; printf 'hibernaculum-python\\ncpython\\n3.11.7\\n/opt/python\\n'");
        assert_eq!(probe(&path).await, Probe::Fit("/opt/python".into()));
    }

    #[tokio::test]
    async fn what_is_too_old_or_another_implementation_says_what_it_is() {
        for (implementation, version, found) in [
            ("cpython", "2.7.18", "CPython 2.7.18"),
            ("cpython", "3.7.2", "CPython 3.7.2"),
            ("pypy", "3.10.1", "pypy 3.10.1"),
        ] {
            let (_scene, path) =
                script(&format!("printf 'hibernaculum-python\\n{implementation}\\n{version}\\n/x\\n'"));
            assert_eq!(probe(&path).await, Probe::Unfit { executable: "/x".into(), found: found.into() });
        }
    }

    #[tokio::test]
    async fn what_dies_or_is_no_program_says_why() {
        let (_scene, path) = script("echo no library >&2; exit 3");
        let Probe::Useless(why) = probe(&path).await else { panic!() };
        assert!(why.contains("no library") && why.contains('3'), "{why}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(probe(&path).await, Probe::Useless("it is not executable".into()));
        assert!(matches!(probe(Path::new("/nonexistent")).await, Probe::Useless(_)));
        assert_eq!(probe(Path::new("/")).await, Probe::Useless("it is no file".into()));
    }

    #[tokio::test]
    async fn what_hangs_is_given_up_with_its_children() {
        let (scene, path) = script("sleep 600 & echo $! > \"$(dirname \"$0\")/pid\"; wait");
        let probe = ask(&path, Duration::from_millis(300)).await;
        assert!(matches!(&probe, Probe::Useless(why) if why.contains("within 0.3 s")), "{probe:?}");
        let pid: i32 = fs::read_to_string(scene.path().join("pid")).unwrap().trim().parse().unwrap();
        let gone = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.is_empty() || stat.contains(") Z ")
        };
        let wait = async {
            while !gone() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.expect("its child is left");
    }
}
