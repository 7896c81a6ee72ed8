//! What `docs/docker.md` says of the settings that loosen a container: each does that, by the name that stands there, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by a panic")]

use std::io::Write as _;

use hibernaculum::{Error, Registry, Sandbox, SandboxSpec, Settings};
use hibernaculum_testkit::Requirements;
use serde_json::json;

/// Where there is no engine, or no image, a test says so, and fails instead where `HIBERNACULUM_REQUIRE` names `docker`.
pub(crate) fn skipped(error: &Error) {
    assert!(["sandbox.engine", "sandbox.no_image"].contains(&error.code()), "{error}");
    assert!(
        !Requirements::from_env().demand("docker"),
        "HIBERNACULUM_REQUIRE demands `docker`, but: {error}"
    );
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    {
        eprintln!("skipped: {error}");
    }
}

/// The names in the page's table.
fn documented() -> Vec<String> {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/docker.md")).unwrap();
    let section = page.split("## Loosening it").nth(1).unwrap().split("\n## ").next().unwrap().to_owned();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    rows.map(str::to_owned).collect()
}

/// What code in a container finds: whether the image can be written to, which capabilities can be had, whether privileges can be gained, what happens to
/// two system calls (`ptrace` of a process that is not traced, `getpriority`), and who it is.
const LOOK: &str = "
import ctypes, errno, os
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
libc = ctypes.CDLL(None, use_errno=True)
def tried(call):
    try: return call() or 'done'
    except OSError as error: return errno.errorcode[error.errno]
def traced():
    ctypes.set_errno(0)
    libc.ptrace(1, 1, None, None)
    return errno.errorcode[ctypes.get_errno()]
[tried(lambda: open('/var/tmp/x', 'w').close()), int(status['CapBnd'], 16), status['NoNewPrivs'].strip() == '0', traced(), \
tried(lambda: os.getpriority(os.PRIO_PROCESS, 0) and None), (os.getuid(), os.getgid()) == (4321, 1234)]";

async fn look(settings: Settings) -> String {
    let backend = Registry::builtin().create("docker", &settings).await.unwrap();
    let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
    let seen = sandbox.session().await.unwrap().execute(LOOK).await.unwrap();
    sandbox.close().await.unwrap();
    seen.value().unwrap_or_else(|| panic!("{:?}", seen.error())).repr.clone()
}

#[tokio::test]
async fn each_setting_that_loosens_a_container_does_what_the_page_says() {
    if let Err(error) = Registry::builtin().create("docker", &Settings::default()).await {
        return skipped(&error);
    }
    let mut profile = tempfile::NamedTempFile::new().unwrap();
    let refusing = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{ "names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95 }],
    });
    write!(profile, "{refusing}").unwrap();
    let strict = "['EROFS', 0, False, 'EPERM', 'done', False]";
    assert_eq!(look(Settings::default()).await, strict, "the control: nothing is loosened");
    assert_eq!(look(Settings::default().with("seccomp", "strict")).await, strict);

    let rows = [
        ("writable_root", json!(true), "['done', 0, False, 'EPERM', 'done', False]"),
        ("new_privileges", json!(true), "['EROFS', 0, True, 'EPERM', 'done', False]"),
        ("capabilities", json!(["NET_RAW"]), "['EROFS', 8192, False, 'EPERM', 'done', False]"),
        ("seccomp", json!("engine"), "['EROFS', 0, False, 'ESRCH', 'done', False]"),
        ("seccomp", json!("unconfined"), "['EROFS', 0, False, 'ESRCH', 'done', False]"),
        ("seccomp", json!(profile.path()), "['EROFS', 0, False, 'ESRCH', 'ENOTSUP', False]"),
        ("user", json!("4321:1234"), "['EROFS', 0, False, 'EPERM', 'done', True]"),
    ];
    let mut tried = Vec::new();
    for (name, value, expected) in rows {
        assert_eq!(look(Settings::default().with(name, value.clone())).await, expected, "{name} = {value}");
        tried.push(name);
    }
    tried.dedup();
    assert_eq!(documented(), tried, "the page's table");
}
