"""Top-level `await`, on one event loop that lives as long as the session.

```
plain cell     no loop runs (so `asyncio.run` works in it); afterwards the session's loop is the current one again
async cell     run_until_complete(task of the cell); background tasks go on meanwhile
idle           a loop with something to do runs, and the host's next request is one of its readers;
               one with nothing to do is left alone, and the session reads plainly
```

An interrupt raises KeyboardInterrupt where user code runs; where the loop itself waits, it cancels the cell's task
(through `call_soon_threadsafe`, or the loop would sleep on). asyncio is imported when it is first needed.
"""

from __future__ import annotations

import os
import sys
from types import CodeType, FrameType, ModuleType

from ..hints import Any, Dict, List, Optional
from .connection import Connection
from .evaluate import COROUTINE, Code
from .interrupts import Interrupts
from .tracebacks import is_own


class Asynchronous:
    """The session's loop. `loop` is None until asyncio is imported."""

    def __init__(self, connection: Connection, interrupts: Interrupts) -> None:
        self._connection, self._interrupts = connection, interrupts
        self._task: Any = None
        self._cancelled = False
        self._machinery = ""
        self.loop: Any = None

    def amend(self, asyncio: ModuleType) -> None:
        """User code has imported asyncio: `get_event_loop` finds the session's loop from now on."""
        self._make()

    def _make(self) -> None:
        import asyncio

        self._machinery = os.path.dirname(asyncio.__file__) + os.sep
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        if sys.version_info < (3, 12):
            # the default one starts a thread for each subprocess; a session with threads cannot be frozen
            if sys.version_info >= (3, 9) and _has_pidfd():
                watcher: Any = asyncio.PidfdChildWatcher()
            else:
                watcher = asyncio.SafeChildWatcher()
            watcher.attach_loop(self.loop)
            asyncio.set_child_watcher(watcher)

    def make_current(self) -> None:
        """After an execution: `asyncio.run` forgot the current loop, or user code set another one, or closed ours."""
        if self.loop.is_closed():
            self._make()
        else:
            from asyncio import set_event_loop

            set_event_loop(self.loop)

    @property
    def can_move(self) -> bool:
        """Whether the loop is of a kind that a copy of this process can take over."""
        return self.loop.is_closed() or all(
            hasattr(self.loop, name) for name in ("_selector", "_ssock", "_csock", "_internal_fds", "_make_self_pipe")
        )

    def take_over(self) -> None:
        """In a copy: the loop's epoll instance and its pipe to itself are shared with the process it was copied from.

        The old instance is closed without a word to the kernel, which would take the readers off the other's, too.
        """
        loop = self.loop
        if loop is None or loop.is_closed():
            return
        old, own = loop._selector, loop._ssock.fileno()
        new = type(old)()
        for key in list(old.get_map().values()):
            if key.fd != own:
                try:
                    new.register(key.fileobj, key.events, key.data)
                except (OSError, ValueError):
                    pass  # closed by now
        loop._selector = new
        old.close()
        for end in (loop._ssock, loop._csock):
            end.close()
        loop._ssock = loop._csock = None
        loop._internal_fds -= 1
        loop._make_self_pipe()
        if getattr(loop, "_signal_handlers", None):
            import signal

            signal.set_wakeup_fd(loop._csock.fileno())
        self.make_current()  # since 3.12 asyncio forgets it in a hook of its own

    # -- a cell that awaits ------------------------------------------------------------------------------------------

    def run(self, code: Code, names: Dict[str, Any]) -> Any:
        """Runs the cell as a task, to its end."""
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self._make()
        loop = self.loop
        self._cancelled = False
        where: List[Any] = []
        body, expression, _waits = code
        self._task = loop.create_task(_cell(body, expression, names, where))
        self._interrupts.cancel = self._cancel
        try:
            return loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            if self._cancelled:
                raise KeyboardInterrupt().with_traceback(where.pop() if where else None) from None
            raise
        except BaseException:
            self._unwind()
            raise
        finally:
            self._interrupts.cancel = None
            self._task = None

    def _unwind(self) -> None:
        """Something else than the cell ended the loop (an interrupt within another task's step): the cell ends, too."""
        if not self._task.done() and not self.loop.is_closed():
            self._task.cancel()
            try:
                self.loop.run_until_complete(self._task)
            except BaseException:
                pass

    def _cancel(self, frame: Optional[FrameType]) -> bool:
        """An interrupt: cancels where the loop waits. False: user code runs, raise in it."""
        if self._task is None or not self.loop.is_running():
            return False
        while frame is not None:
            filename = frame.f_code.co_filename
            if is_own(filename):
                break
            if not filename.startswith(self._machinery) and not filename.endswith("selectors.py"):
                return False
            frame = frame.f_back
        self._cancelled = True
        self.loop.call_soon_threadsafe(self._task.cancel)
        return True

    # -- between executions ------------------------------------------------------------------------------------------

    def has_work(self) -> bool:
        """Whether the loop must run while the session waits for its next request."""
        loop = self.loop
        if loop.is_closed():
            return False
        try:
            # its self-pipe is always registered
            return bool(loop._ready or loop._scheduled or len(loop._selector.get_map()) > 1)
        except AttributeError:  # a loop of user code's own kind
            from asyncio import all_tasks

            return bool(all_tasks(loop))

    def tasks(self) -> int:
        """How many tasks are under way in it."""
        if self.loop is None or self.loop.is_closed():
            return 0
        from asyncio import all_tasks

        return len(all_tasks(self.loop))

    def idle(self) -> None:
        """Runs the loop until the host sends something. Returns with a message to be read."""
        loop, descriptor = self.loop, self._connection.readable
        is_readable = False

        def readable() -> None:
            nonlocal is_readable
            is_readable = True
            loop.stop()

        while not is_readable and not loop.is_closed():
            loop.add_reader(descriptor, readable)
            self._interrupts.depth = 0
            try:
                self._interrupts.in_background(loop.run_forever)
            finally:
                self._interrupts.depth = 1
            if not loop.is_closed():
                loop.remove_reader(descriptor)


def _has_pidfd() -> bool:
    try:
        os.close(os.pidfd_open(os.getpid(), 0))
        return True
    except (AttributeError, OSError):
        return False


async def _cell(
    body: Optional[CodeType], expression: Optional[CodeType], names: Dict[str, Any], where: List[Any]
) -> Any:
    try:
        if body is not None:
            result = eval(body, names)
            if body.co_flags & COROUTINE:
                await result
        if expression is not None:
            result = eval(expression, names)
            return await result if expression.co_flags & COROUTINE else result
    except BaseException as problem:
        where.append(problem.__traceback__)  # a cancelled task of 3.8 does not tell where it was
        raise
