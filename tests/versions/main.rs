//! Portable checkpoints and snapshots go from one CPython to another, or are refused with the names of both; and from one backend to
//! another.
//!
//! The Pythons are those that `.ci/pythons.py` finds. Where there is only one the tests say so and pass, unless `HIBERNACULUM_REQUIRE`
//! names `python-matrix`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so by a panic")]
#![expect(clippy::print_stderr, reason = "what is skipped is told where tests are read")]

#[path = "../../examples/custom_backend/backend.rs"]
mod command;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use command::CommandProvider;
use hibernaculum::engine::{Engine, EngineConfig};
use hibernaculum::{
    Backend, CheckpointRequest, LocalBackend, Sandbox, SandboxSpec, Session, checkpoint_store::Store,
};
use tempfile::TempDir;

/// What model-written code leaves behind: functions with closures and decorators, classes, data that is shared.
const CODE: &str = r"
import collections, dataclasses, enum, functools, json
step = 1
def counting(function):
    @functools.wraps(function)
    def inner(*args):
        inner.calls += 1
        return function(*args)
    inner.calls = 0
    return inner
@counting
def advance(x): return x + step
@dataclasses.dataclass
class Point:
    x: int
    tags: list = dataclasses.field(default_factory=list)
    def moved(self): return Point(advance(self.x), self.tags)
class Colour(enum.Enum):
    RED = 'r'
Row = collections.namedtuple('Row', 'a b')
point = Point(1, ['t']); shared = {'point': point, 'rows': [Row(1, 2)], 'colour': Colour.RED}
shared['self'] = shared
double = lambda x: 2 * x
advance(1)
open('kept.txt', 'w').write('kept')
";
const LOOK: &str = "[point.moved().x, shared['point'] is point, shared['self'] is shared, shared['rows'][0].b, \
                    shared['colour'] is Colour.RED, double(21), advance.calls, json.dumps(shared['rows'])]";
const SEEN: &str = "[2, true, true, 2, true, 42, 2, \"[[1, 2]]\"]";

/// Version and path, one a minor version. None but one: told, and not to be tested.
fn pythons() -> Option<Vec<(String, PathBuf)>> {
    let finder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/pythons.py");
    let output = Command::new("python3").arg(finder).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let found: Vec<_> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let mut words = line.splitn(3, ' ').skip(1);
            (words.next().unwrap().to_owned(), PathBuf::from(words.next().unwrap()))
        })
        .collect();
    if found.len() > 1 {
        return Some(found);
    }
    let required = std::env::var("HIBERNACULUM_REQUIRE").unwrap_or_default();
    assert!(
        !required.split(',').any(|word| word == "python-matrix"),
        "only {found:?}, and python-matrix is required"
    );
    eprintln!("skipped: only one CPython here: {found:?}");
    None
}

struct Den {
    _scene: TempDir,
    store: Store,
}

impl Den {
    fn new() -> Self {
        let scene = tempfile::tempdir().unwrap();
        let store = Store::directory(scene.path()).unwrap();
        Self { _scene: scene, store }
    }

    async fn sandbox(&self, python: &Path) -> (Arc<dyn Backend>, Sandbox) {
        let store = Arc::new(self.store.clone());
        let backend = LocalBackend::builder().python(python).checkpoint_store(store).build().unwrap();
        let sandbox = Sandbox::create(&backend, SandboxSpec::default()).await.unwrap();
        (backend, sandbox)
    }
}

async fn sees_everything(session: &Session, from: &str, to: &str) {
    let result = session.execute(LOOK).await.unwrap();
    let seen = result.value().and_then(|value| value.json.clone());
    let wanted: serde_json::Value = serde_json::from_str(SEEN).unwrap();
    assert_eq!(seen, Some(wanted), "{from} to {to}: {result:?}");
}

#[tokio::test]
async fn a_session_goes_on_in_every_other_python() {
    let Some(pythons) = pythons() else { return };
    let den = Den::new();
    for (from, python) in &pythons {
        let (_backend, sandbox) = den.sandbox(python).await;
        let session = sandbox.session().await.unwrap();
        let made = session.execute(CODE).await.unwrap();
        assert!(made.is_completed(), "{from}: {made:?}");
        let saved = session.checkpoint(CheckpointRequest::portable()).await.unwrap();
        let snapshot = sandbox.snapshot(None).await.unwrap();
        assert_eq!((saved.warnings.len(), snapshot.warnings.len()), (0, 0), "{saved:?} {snapshot:?}");
        for (to, other) in pythons.iter().filter(|(to, _)| to != from) {
            let (backend, elsewhere) = den.sandbox(other).await;
            let woken =
                elsewhere.wake(&saved.id).await.unwrap_or_else(|error| panic!("{from} to {to}: {error}"));
            sees_everything(&woken, from, to).await;
            let whole = Sandbox::restore(&backend, &snapshot.id, SandboxSpec::default()).await.unwrap();
            let session = backend.sessions(&whole.id()).await.unwrap().remove(0);
            let session = Session::of(&backend, session.id);
            sees_everything(&session, from, to).await;
            let kept = session.execute("open('kept.txt').read()").await.unwrap();
            assert_eq!(kept.value().unwrap().repr, "'kept'");
        }
    }
}

#[tokio::test]
async fn what_only_one_python_can_read_is_refused_naming_both() {
    let Some(pythons) = pythons() else { return };
    let den = Den::new();
    let ((from, python), (to, other)) = (pythons.first().unwrap(), pythons.last().unwrap());
    let (_backend, sandbox) = den.sandbox(python).await;
    let session = sandbox.session().await.unwrap();
    // A function without source travels as bytecode.
    session.execute("exec('def f(): return 1')\nx = 1").await.unwrap();
    let saved = session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    let (_backend, elsewhere) = den.sandbox(other).await;
    let session = elsewhere.session().await.unwrap();
    session.execute("x = 'untouched'").await.unwrap();
    let error = session.restore(&saved.id).await.unwrap_err();
    assert_eq!(error.code(), "checkpoint.python");
    let told = error.explain().to_string();
    assert!(told.contains(from) && told.contains(to), "{told}");
    assert_eq!(session.execute("x").await.unwrap().value().unwrap().repr, "'untouched'");
}

#[tokio::test]
async fn a_session_goes_on_in_another_backend_and_comes_back() {
    let den = Den::new();
    let python = Path::new("python3");
    let (_local, sandbox) = den.sandbox(python).await;
    let session = sandbox.session().await.unwrap();
    assert!(session.execute(CODE).await.unwrap().is_completed());
    let saved = session.checkpoint(CheckpointRequest::portable()).await.unwrap();
    let snapshot = sandbox.snapshot(None).await.unwrap();

    let config = EngineConfig::new().unwrap().checkpoint_store(Arc::new(den.store.clone()));
    let provider = CommandProvider::new(["sh", "-c"], "python3");
    let other: Arc<dyn Backend> = Arc::new(Engine::with_config(provider, config).unwrap());
    let whole = Sandbox::restore(&other, &snapshot.id, SandboxSpec::default()).await.unwrap();
    let woken = whole.wake(&saved.id).await.unwrap();
    sees_everything(&woken, "local", "command").await;
    woken.execute("step = 10").await.unwrap();
    let again = woken.hibernate(CheckpointRequest::portable()).await.unwrap();
    let back = sandbox.wake(&again.id).await.unwrap();
    let value = back.execute("advance(1), open('kept.txt').read()").await.unwrap();
    assert_eq!(value.value().unwrap().repr, "(11, 'kept')");
}
