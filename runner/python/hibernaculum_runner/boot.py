"""From the boot message to a running keeper and supervisor.

    main ──> check the message ──> fork ──┬── keeper: waits (keeper.py)
                                          └── supervisor: import, preload, listen, say "ready", serve
                                                                                                └── in a forked child:
                                                                                                    a session (session/)

Where the boot message names a `tunnel`, the process becomes that first (tunnel/), and the keeper is its child.

The host reads one line on stdout: `hibernaculum-ready {...}`, or `hibernaculum-failed {code, what, why, how}`. Whatever
else is printed before it (by preloaded modules, for instance) goes to stderr.
"""

from __future__ import annotations

import json
import os
import sys
import time

from . import PROTOCOL, codecache
from .hints import Any, Callable, Dict, List, NoReturn, Tuple


class StartError(Exception):
    """The runner cannot start, and can say why."""

    def __init__(self, code: str, what: str, why: str, how: str) -> None:
        super().__init__(what)
        self.told = _told(code, what, why, how)


def _told(code: str, what: str, why: str, how: str) -> Dict[str, Any]:
    return {"code": code, "what": what, "why": why, "how": how}


# BLAS and OpenMP libraries start a thread per core as they are imported; a fork of the supervisor would lose them, and
# could hang on their locks. Only hints: what the environment says already stands.
_SINGLE_THREADED = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


def main(boot: Dict[str, Any]) -> NoReturn:
    """Becomes the keeper; forks the supervisor. Stage 0 calls it."""
    is_cached = codecache.install()  # before the other modules are imported: hence the imports within functions
    from .descriptors import close_inherited
    from .keeper import Keeper

    _forget_stage0()
    close_inherited()
    try:
        _check(boot)
        _clear_up(boot["runner_dir"])
        if "tunnel" in boot:
            _go_below_a_tunnel(boot)
        keeper = Keeper(boot["linger_ms"], boot["socket"], boot.get("remove", []))
    except StartError as failure:
        _say("failed", failure.told, 1)
        os._exit(1)
    keeper_pid = os.getpid()
    started, starter = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(started)
        keeper.forget()
        _supervise(boot, keeper_pid, starter, is_cached)
    os.close(starter)
    status, ready = keeper.keep(pid, started)
    if status is not None and os.WIFSIGNALED(status) and not ready:
        number = os.WTERMSIG(status)
        how = "see what it printed on stderr; a preloaded module is the first suspect"
        _say("failed", _told("sandbox.start", "the supervisor died as it started", f"signal {number}", how), 1)
    os._exit(0 if ready else 1)


def _go_below_a_tunnel(boot: Dict[str, Any]) -> None:
    """Comes back in a child of the tunnel's, with its lifeline for stdin."""
    from .tunnel import start

    try:
        listener = start.bind(boot["tunnel"])
    except start.PortError as error:
        how = "choose another port"
        _say("failed", _told("sandbox.start", "the tunnel cannot listen", str(error), how), 1)
        os._exit(start.PORT_IN_USE)
    start.fork(listener, boot)


def _supervise(boot: Dict[str, Any], keeper_pid: int, starter: int, is_cached: bool) -> NoReturn:
    """The supervisor, from its first to its last breath; or a session, in a child that it forked."""
    from .descriptors import move_high

    voice = move_high(os.dup(1))
    os.dup2(2, 1)  # preloaded modules speak on stderr, and cannot forge a line of ours
    try:
        ready, serve = _start(boot, keeper_pid)
    except StartError as failure:
        _say("failed", failure.told, voice)
        os._exit(1)
    except BaseException as error:
        how = "this is a defect of the runner, or the sandbox lacks something: see `why`"
        why = f"{type(error).__name__}: {error}"
        _say("failed", _told("sandbox.start", "the supervisor did not start", why, how), voice)
        os._exit(1)
    _say("ready", ready, voice)
    os.close(voice)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    os.write(starter, b"r")
    os.close(starter)
    if not is_cached:
        codecache.write()
    serve()


def _start(boot: Dict[str, Any], keeper_pid: int) -> Tuple[Dict[str, Any], Callable[[], NoReturn]]:
    from .session import process as _session  # noqa: F401  (for every session to find it imported)
    from .supervisor.service import Supervisor

    _prepare_environment(boot["socket"])
    supervisor = Supervisor(boot, keeper_pid)
    before = time.monotonic()
    preload(boot["preload"], boot["workdir"])
    preload_ms = round((time.monotonic() - before) * 1000)
    try:
        supervisor.listen(boot["socket"])
    except OSError as error:
        why = f"{boot['socket']}: {error.strerror}"
        how = "the folder must exist and be writable, and the path must have less than 108 bytes"
        raise StartError("sandbox.socket", "the supervisor cannot listen on its socket", why, how) from error
    if boot["runner_dir"] in sys.path:
        sys.path.remove(boot["runner_dir"])  # user code imports nothing from there; our package knows its own place
    ready = {
        "pid": os.getpid(),
        "keeper_pid": keeper_pid,
        "python": ".".join(map(str, sys.version_info[:3])),
        "executable": sys.executable,
        "implementation": sys.implementation.name,
        "preload_ms": preload_ms,
    }

    def serve() -> NoReturn:
        supervisor.serve()()  # comes back only in a child, with the life that it is to lead
        os._exit(0)

    return ready, serve


def _prepare_environment(socket: str) -> None:
    """What sessions find in their environment. The directory for `%pip` is made: what is not there when imports begin,
    they never look at."""
    from .session.mainmodule import PACKAGES, own_packages

    os.environ.setdefault("MPLBACKEND", "agg")  # else matplotlib looks for a screen
    try:
        os.mkdir(os.environ.setdefault(PACKAGES, own_packages(socket)))
    except OSError:
        pass  # it is there, or `%pip install` will say why not


def preload(modules: List[str], workdir: str) -> None:
    """Imports what every session shall find imported, with the workdir in its place on `sys.path`."""
    if not modules:
        return
    hints = {name: value for name, value in _SINGLE_THREADED.items() if name not in os.environ}
    os.environ.update(hints)
    sys.path.insert(0, workdir)
    try:
        for module in modules:
            try:
                __import__(module)
            except BaseException as error:
                what = f"the module {module} could not be preloaded"
                how = "install it in the sandbox's Python, or take it off the list of preloads"
                raise StartError("sandbox.preload", what, f"{type(error).__name__}: {error}", how) from error
    finally:
        for stream in (sys.stdout, sys.stderr):  # what they hold back, every session would print as its own
            if stream is not None:
                stream.flush()
        if workdir in sys.path:
            sys.path.remove(workdir)
        for name in hints:  # a subprocess of user code may have as many threads as it likes
            os.environ.pop(name, None)


def _check(boot: Dict[str, Any]) -> None:
    if sys.version_info < (3, 8) or not sys.platform.startswith("linux"):
        why = f"this is Python {sys.version.split()[0]} on {sys.platform}"
        raise StartError("sandbox.python", "the runner cannot run here", why, "use CPython 3.8 or newer on Linux")
    expected = {
        "protocol": int, "secret": str, "digest": str, "socket": str, "workdir": str, "runner_dir": str,
        "preload": list, "limits": dict, "linger_ms": int,
    }  # fmt: skip
    wrong = [name for name, kind in expected.items() if not isinstance(boot.get(name), kind)]
    try:
        wrong += ["secret"] if len(bytes.fromhex(boot["secret"])) != 32 else []
    except (KeyError, TypeError, ValueError):
        wrong.append("secret")
    remove = boot.get("remove", [])
    if not isinstance(remove, list) or not all(isinstance(path, str) and os.path.isabs(path) for path in remove):
        wrong.append("remove")
    tunnel = boot.get("tunnel", {"port": 1, "window_ms": 1})
    if not (isinstance(tunnel, dict) and all(isinstance(tunnel.get(name), int) for name in ("port", "window_ms"))):
        wrong.append("tunnel")
    if wrong or not all(isinstance(module, str) for module in boot["preload"]) or boot["protocol"] != PROTOCOL:
        why = f"wrong or missing: {', '.join(wrong) or 'preload or protocol'}"
        how = "host and runner must be of one version"
        raise StartError("sandbox.start", "the boot message cannot be used", why, how)
    try:
        os.chdir(boot["workdir"])
    except OSError as error:
        why = f"{boot['workdir']}: {error.strerror}"
        how = "create it, or name another"
        raise StartError("sandbox.workdir", "the workdir cannot be entered", why, how) from error


def _forget_stage0() -> None:
    """Sessions inherit this memory: neither the secret nor the sources need to stand in `__main__`."""
    names = vars(sys.modules["__main__"])
    for name in [name for name in names if not name.startswith("__")]:
        del names[name]


def _clear_up(runner_dir: str) -> None:
    """Removes what stage 0 left of its unpacking."""
    left = os.path.join(runner_dir, f"new-{os.getpid()}")
    if os.path.isdir(left):
        import shutil

        shutil.rmtree(left, ignore_errors=True)


def _say(word: str, told: Dict[str, Any], fd: int) -> None:
    line = f"\nhibernaculum-{word} {json.dumps(told)}\n".encode()
    try:
        os.write(fd, line)
    except OSError:
        pass  # nobody listens
