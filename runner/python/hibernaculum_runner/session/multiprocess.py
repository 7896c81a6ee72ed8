"""`multiprocessing` in a session.

Fork works with everything that a session defined, and is the default (3.14's default is another). Processes started
by spawn or forkserver are new interpreters that must *import* what they are given, and nobody can import what was
typed into a session: such a worker dies, and a Pool starts the next one for ever. So what would be sent to them is
looked through as it is pickled, and a function or class of `__main__` is refused with the two ways out.
"""

from __future__ import annotations

import io
import os
import sys
from types import ModuleType

from ..hints import Any

EXPLANATION = (
    "%s %r was defined in this session, and a process started by %r would have to import it, which it cannot. "
    "Two ways out: use the fork context (`multiprocessing.get_context('fork')`), or put the definition into a module "
    "(write `work.py` into the working directory, then `from work import %s`)"
)


def amend_context(context: Any) -> None:
    """Fork is the default start method."""
    default = context._default_context
    fork = context._concrete_contexts.get("fork")
    if fork is not None and default._default_context is not fork:
        default._default_context = fork


def take_over() -> None:
    """In a copy: the fork server is the child of a process that is gone, and not to be waited for."""
    server = getattr(sys.modules.get("multiprocessing.forkserver"), "_forkserver", None)
    if server is not None and server._forkserver_pid is not None:
        try:
            os.close(server._forkserver_alive_fd)
        except OSError:
            pass
        server._forkserver_pid = server._forkserver_alive_fd = server._forkserver_address = None


def _explaining_pickler(method: str) -> Any:
    from multiprocessing.reduction import ForkingPickler

    class ExplainingPickler(ForkingPickler):
        """Pickles for a process that cannot import `__main__`."""

        def reducer_override(self, value: Any) -> Any:
            if _is_sessions_own(value):
                kind = "class" if isinstance(value, type) else "function"
                raise TypeError(EXPLANATION % (kind, value.__qualname__, method, value.__qualname__))
            return NotImplemented

    return ExplainingPickler


def _is_sessions_own(value: Any) -> bool:
    """Whether it would be pickled as a name of `__main__` that a new interpreter has not."""
    main = sys.modules["__main__"]
    if getattr(main, "__file__", None) is not None:  # run as a file: the new interpreter runs that file first
        return False
    qualname = getattr(value, "__qualname__", None)
    return (
        getattr(value, "__module__", None) == "__main__"
        and isinstance(qualname, str)
        and (isinstance(value, type) or callable(value))
    )


def dumps_for(method: str, value: Any) -> bytes:
    """Pickles for processes of that start method. Raises TypeError, which explains."""
    target = io.BytesIO()
    _explaining_pickler(method)(target, None).dump(value)
    return target.getvalue()


def amend_spawn(popen: ModuleType) -> None:
    """`popen_spawn_posix` and `popen_forkserver` pickle the Process object as they launch."""
    kind: Any = popen.Popen
    launch = kind._launch

    def _launch(self: Any, process: Any) -> Any:
        from multiprocessing import context

        context.set_spawning_popen(self)
        descriptors = list(self._fds)  # pickling notes what the child inherits: twice would be an error
        try:
            dumps_for(kind.method, process)
        finally:
            self._fds[:] = descriptors
            context.set_spawning_popen(None)
        return launch(self, process)

    kind._launch = _launch


def amend_pool(pool: ModuleType) -> None:
    """A Pool's tasks go through `_quick_put`; what that raises becomes the task's exception."""
    kind: Any = pool.Pool
    setup = kind._setup_queues

    def _setup_queues(self: Any) -> None:
        setup(self)
        method = _start_method(getattr(self, "_ctx", None))
        if method in ("spawn", "forkserver"):
            send = self._inqueue._writer.send_bytes
            self._quick_put = lambda task: send(dumps_for(method, task))

    kind._setup_queues = _setup_queues


def amend_executor(process: ModuleType) -> None:
    """A ProcessPoolExecutor's workers would die of it, and tell nothing of the reason."""
    kind: Any = process.ProcessPoolExecutor
    submit = kind.submit

    def _submit(self: Any, fn: Any, *args: Any, **kwargs: Any) -> Any:
        method = _start_method(getattr(self, "_mp_context", None))
        if method in ("spawn", "forkserver"):
            dumps_for(method, (fn, args, kwargs))
        return submit(self, fn, *args, **kwargs)

    _submit.__name__, _submit.__doc__ = "submit", submit.__doc__
    kind.submit = _submit


def _start_method(context: Any) -> Any:
    return context.get_start_method() if context is not None else None
