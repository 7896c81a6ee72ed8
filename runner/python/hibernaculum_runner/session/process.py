"""From a forked copy of the supervisor to a session: what the process must become, then the loop over its requests.

```
fork ──> descriptors, signals, randomness ──> the parts, the limits ──> hello answered ──> requests … ──> EOF: exit
```

EOF (the host closed the session) ends the process at once: user code's `atexit` handlers do not run, as when a
process is killed; what must be saved is saved by an execution.
"""

from __future__ import annotations

import gc
import os
import signal
import sys

from ..frames import REFUSED, UNKNOWN_METHOD, result
from ..frames import error as refusal
from ..hints import Any, Dict, NoReturn, Optional
from ..linux import die_with_parent
from ..parts import Parts
from . import figures, libraries, limits, mainmodule, multiprocess, randomness, unraisable
from .asynchronous import Asynchronous
from .boundary import Boundary
from .connection import DEFECT, Connection
from .displays import Displays
from .execution import Executor
from .forks import Forks
from .freezing import Freezer
from .handlers import Handlers
from .history import History
from .imports import Amendments
from .inspection import Inspection
from .interrupts import Interrupts, wake
from .rawroad import RawRoad
from .reply import encode_json, encoded, frame
from .sources import Sources
from .staterequests import METHODS as STATE
from .staterequests import StateRequests
from .stdin import Asking, StandardInput
from .streams import Streams
from .textroad import TextRoad
from .transactions import Transactions

NAMESPACE = frozenset(f"namespace.{what}" for what in ("list", "get", "repr", "set", "delete", "clear"))
CHECKPOINT = frozenset(("checkpoint.save", "checkpoint.load"))
_PID = "%pid%"  # what stands in a prepared answer to the hello until there is one
RUNNER_DIR = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def serve(parts: Parts) -> NoReturn:
    """Makes this process the session, and serves it. Never returns."""
    become(parts)
    session = Session(parts)
    limits.apply(parts.limits)
    limits.apply_last(parts.limits)
    problem = session.prepare(parts)
    gc.freeze()  # nothing made so far is garbage: later collections need not look at it
    session.begin(parts, problem)


def become(parts: Parts) -> None:
    """What a process must be before it can be a session."""
    die_with_parent(parts.supervisor_pid)
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)
    os.dup2(parts.stdout, 1)
    os.dup2(parts.stderr, 2)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGURG, wake)
    randomness.reseed()


class Session:
    """The parts, wired."""

    def __init__(self, parts: Parts) -> None:
        page = parts.page
        names = mainmodule.install(parts.workdir, RUNNER_DIR)
        self.interrupts = interrupts = Interrupts(page)
        self.forks = forks = Forks()
        self.connection = connection = Connection(parts.connection, forks.ours)
        self.handlers = handlers = Handlers(interrupts, page)
        self.raw = raw = RawRoad(page, parts.channel, parts.stdout, parts.stderr)
        text = TextRoad(page, connection, raw, interrupts)
        page.close_descriptor()
        streams = Streams(text)
        asking = Asking(page, connection, text, raw, interrupts)
        stdin = StandardInput(asking)
        sources = Sources()
        inspection = Inspection(sources)
        self.asynchronous = asynchronous = Asynchronous(connection, interrupts)
        self.text = text
        displays = Displays(page, connection, text, raw, interrupts)
        history = History(names)
        own = frozenset(names)
        freezer = Freezer(self, parts)
        transactions = Transactions(names, own, page.slots, parts.channel, connection, freezer)
        boundary = Boundary(
            names, page.slots, connection, interrupts, handlers, raw, text, streams, stdin, asynchronous,
            transactions,
        )  # fmt: skip
        state = StateRequests(parts.channel, freezer, transactions)
        self.executor = Executor(
            names, own, history, connection, interrupts, asynchronous, sources, inspection, forks, displays,
            transactions, boundary, state,
        )  # fmt: skip

        interrupts.install()
        handlers.install()
        streams.install()
        stdin.install()
        unraisable.install()
        displays.install()
        Amendments(
            {
                "asyncio": asynchronous.amend,
                "inspect": inspection.amend,
                "getpass": lambda module: setattr(module, "getpass", stdin.getpass),
                "matplotlib.pyplot": lambda module: figures.amend_pyplot(module, displays, self.executor.at_end),
                "plotly.basedatatypes": lambda module: figures.amend_plotly(module, displays),
                "multiprocessing.context": multiprocess.amend_context,
                "multiprocessing.popen_spawn_posix": multiprocess.amend_spawn,
                "multiprocessing.popen_forkserver": multiprocess.amend_spawn,
                "multiprocessing.pool": multiprocess.amend_pool,
                "concurrent.futures.process": multiprocess.amend_executor,
                **dict.fromkeys(libraries.LIBRARIES, libraries.hold),
            }
        ).install()
        sys.addaudithook(_flush_before_children(text))
        forks.watch(
            [interrupts.detach, connection.close, raw.close, streams.detach, asking.detach], sources.__contains__
        )

    def prepare(self, parts: Parts) -> Optional[str]:
        """What is of this session alone, and may be done before its process is there. Returns why it cannot be."""
        os.environ["HIBERNACULUM_SESSION"] = parts.session
        self._hello = encode_json(result(parts.hello_id, {**parts.hello_result, "pid": _PID}))
        self.executor.workdir = parts.workdir
        self.executor.stdin_policy = parts.options.get("stdin") or "ask"
        argv = parts.options.get("argv")
        sys.argv = [str(word) for word in argv] if isinstance(argv, list) else [""]
        try:
            os.chdir(parts.workdir)  # by its path: user code may have removed it, and made it anew
        except OSError as problem:
            return f"its working directory cannot be entered: {problem.strerror}"
        return None

    def begin(self, parts: Parts, problem: Optional[str]) -> NoReturn:
        """Tells the host that the session is ready, or why there is none; then serves."""
        if problem is not None:
            what, how = "the session could not be started", "make it again, or open a new sandbox"
            self._refuse(refusal(parts.hello_id, REFUSED, "session.start", what, problem, how))
            os._exit(1)
        if parts.options.get("stdio"):
            self.connection.take_pipes()
        self.answer_hello()
        self.loop()

    def take_over(self) -> None:
        """In a clone: this process is the session now."""
        self.forks.take_over()
        self.executor.take_over()
        randomness.reseed_numpy()  # `random` has been reseeded by a hook of its own

    def wake(self) -> None:
        """In a frozen copy, between two requests: this process is the session now."""
        self.forks.take_over()
        self.text.take_over()
        self.interrupts.take_over()
        self.asynchronous.take_over()
        self.executor.take_over()
        multiprocess.take_over()

    def answer_hello(self) -> None:
        """The host learns that the session is ready."""
        with self.connection.lock:
            self.connection.send(frame(encoded(self._hello.replace(f'"{_PID}"', str(os.getpid())))))

    def loop(self) -> NoReturn:
        """Serves requests until the host closes the connection."""
        connection, asynchronous, handlers = self.connection, self.asynchronous, self.handlers
        execute = self.executor.execute
        message: Dict[str, Any] = {}
        while True:
            try:
                if asynchronous.loop is not None and asynchronous.has_work():
                    asynchronous.idle()
                message = connection.receive()
                if message.get("method") == "execute" and "id" in message:
                    execute(message["id"], message.get("params") or {})
                else:
                    self._other(message)
                if self.interrupts.late:
                    handlers.run_late()
            except BaseException as problem:
                self.interrupts.depth = 1
                if self.forks.is_child:
                    self.forks.leave(problem)
                self._fail(message, problem)

    def _other(self, message: Dict[str, Any]) -> None:
        method = message.get("method")
        if method is None or "id" not in message:  # a late answer, or a notification of a later version
            return
        if method in NAMESPACE:
            self.executor.serve_names(message["id"], method, message.get("params") or {})
            return
        if method in CHECKPOINT:
            self.executor.serve_checkpoint(message["id"], method, message.get("params") or {})
            return
        if method in STATE:
            self.executor.serve_state(message["id"], method, message.get("params") or {})
            return
        self._refuse(
            refusal(
                message["id"],
                UNKNOWN_METHOD,
                "transport.protocol",
                f"a session does not know the method {method!r}",
                "this runner speaks an earlier version of the protocol, or the name is wrong",
                "see docs/protocol.md for the methods of a session connection",
            )
        )

    def _fail(self, message: Dict[str, Any], problem: BaseException) -> None:
        """A defect of the runner itself costs one execution; where a guard stands, what that did is undone."""
        if self.executor.is_guarded:
            os._exit(DEFECT)
        if isinstance(problem, RecursionError):
            sys.setrecursionlimit(max(sys.getrecursionlimit(), 1000))
        self.executor.abandon()
        if "id" in message:
            self._refuse(
                refusal(
                    message["id"],
                    REFUSED,
                    "transport.protocol",
                    "the runner failed while it served this request",
                    f"{type(problem).__name__}: {problem}",
                    "the session goes on; please report this as a defect",
                )
            )

    def _refuse(self, message: Dict[str, Any]) -> None:
        with self.connection.lock:
            self.connection.send_message(message)


CHILDREN = frozenset(
    (
        "os.system",
        "subprocess.Popen",
        "os.posix_spawn",
        "os.spawn",
        "os.fork",
        "os.forkpty",
        "os.exec",
        "pty.spawn",
    )
)


def _flush_before_children(text: TextRoad) -> Any:
    """What was printed before a child starts precedes what the child writes."""
    flush, children = text.flush, CHILDREN

    def before(event: str, _arguments: Any) -> None:
        if event in children:
            flush()

    return before
