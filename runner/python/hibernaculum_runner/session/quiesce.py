"""A process that is to be cloned has one thread. What keeps idle threads is asked to let them go, and will make new
ones when it needs them:

```
asyncio's default executor, if idle ──> shut down (the loop makes another)
threads of Python                   ──> refused, by name
OpenMP's pool                       ──> omp_pause_resource_all: libgomp hangs after every kind of fork else
OpenBLAS' pool                      ──> a fork of libc's that ends at once: its atfork handler stops the pool
whatever is left                    ──> refused, by the names that the kernel knows
```

No handler is trusted: the threads are counted afterwards. Libraries known to leave threads which nothing stops: polars;
pyarrow once it has computed; jemalloc's `jemalloc_bg_thd` (pandas with pyarrow: preload pandas, or set
JE_ARROW_MALLOC_CONF=background_thread:false).
"""

from __future__ import annotations

import os
import sys

from ..hints import Any, List
from ..processes import threads

_PATIENCE = 0.05  # seconds for threads that were told to end
_TOLD = 5  # names in a refusal
_OPENMP = ("libgomp", "libomp", "libiomp")
_OMP_PAUSE_HARD = 2


END_THREADS = "end the threads that are named (join them, or run that code in a subprocess), then try again"
MAKE_ROOM = "end processes or free memory in the sandbox, or give it higher limits, then try again"


class UnclonableError(Exception):
    """Why there can be no copy of this session now, and what to do about it."""

    def __init__(self, why: str, how: str) -> None:
        super().__init__(why)
        self.how = how


def quiesce(loop: Any) -> None:
    """Returns when this process has one thread. Raises UnclonableError."""
    if threads() == 1:
        return
    _rest_executor(loop)
    _refuse_threads_of_python()
    if threads() > 1:
        _pause_openmp()
    if threads() > 1:
        _fork_of_libc()
    if not _ends_soon():
        names = sorted({_name(task) for task in os.listdir("/proc/self/task") if int(task) != os.getpid()})
        raise UnclonableError(f"threads of libraries are alive: {_listed(names)}", END_THREADS)


def _rest_executor(loop: Any) -> None:
    executor: Any = getattr(loop, "_default_executor", None)
    try:
        is_idle = executor._work_queue.empty() and executor._idle_semaphore._value >= len(executor._threads)
    except AttributeError:  # none, or one of another make
        return
    if is_idle:
        executor.shutdown(wait=True)
        loop._default_executor = None


def _refuse_threads_of_python() -> None:
    others = set(sys._current_frames())
    if len(others) == 1:
        return
    threading = sys.modules.get("threading")
    known = {thread.ident: thread.name for thread in list(threading._active.values())} if threading else {}
    import _thread

    others.discard(_thread.get_ident())
    names = sorted(str(known.get(ident) or f"thread {ident}")[:80] for ident in others)
    raise UnclonableError(f"threads are alive: {_listed(names)}", END_THREADS)


def _listed(names: List[str]) -> str:
    more = len(names) - _TOLD
    return ", ".join(names[:_TOLD]) + (f" and {more} more" if more > 0 else "")


def _pause_openmp() -> None:
    import _ctypes

    with open("/proc/self/maps") as maps:
        paths = {line.split(None, 5)[5].strip() for line in maps if any(name in line for name in _OPENMP)}
    for path in paths:
        try:
            library = _ctypes.dlopen(path, 2)
            _ctypes.call_cdeclfunction(_ctypes.dlsym(library, "omp_pause_resource_all"), (_OMP_PAUSE_HARD,))
        except (OSError, AttributeError):
            pass


def _fork_of_libc() -> None:
    """Not Python's: only what libraries told libc to do at a fork is wanted. The child ends at once."""
    from .clone import named

    fork, leave = named("fork"), named("_exit")
    child = fork()
    if child == 0:
        leave(0)
    try:
        if child > 0:
            os.waitpid(child, 0)
    except ChildProcessError:
        pass  # user code ignores SIGCHLD, or waits for all children


def _ends_soon() -> bool:
    import time

    deadline = time.monotonic() + _PATIENCE
    while threads() > 1:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.0002)
    return True


def _name(task: str) -> str:
    try:
        with open(f"/proc/self/task/{task}/comm") as file:
            return file.read().strip()
    except OSError:
        return "one that just ended"
