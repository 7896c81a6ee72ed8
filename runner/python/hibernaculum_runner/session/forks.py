"""Children that user code forks: they never speak to the host.

A hook that CPython runs in every forked child detaches it: the runner's descriptors are closed, output goes to fds 1
and 2 as in any program, SIGINT is Python's own. (A fork by C code runs no hooks; such a child is stopped by the check
before each send.) A child that comes back from user code into the runner exits: with the code of its
`sys.exit`, else 0, or 1 and a traceback on fd 2. It runs no `atexit` handlers: those are the session's.

Which process this is, is asked twice in each execution, so it costs no system call: there is a byte that the kernel
itself empties in every forked child (madvise(2), MADV_WIPEONFORK).
"""

from __future__ import annotations

import mmap
import os
import signal
import sys

from ..hints import Callable, List, NoReturn, Optional, Union

_WIPE_ON_FORK = 18


class _ByPid:
    """The same question, put to the kernel: for one that is older than 4.14."""

    def __init__(self) -> None:
        self._owner = os.getpid()

    def __getitem__(self, _index: int) -> int:
        return os.getpid() == self._owner

    def __setitem__(self, _index: int, _one: int) -> None:
        self._owner = os.getpid()


def _owned() -> Union[mmap.mmap, _ByPid]:
    memory = mmap.mmap(-1, mmap.PAGESIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(_WIPE_ON_FORK)
    except OSError:
        memory.close()
        return _ByPid()
    memory[0] = 1
    return memory


class Forks:
    """Whether this process is such a child, and how it ends."""

    def __init__(self) -> None:
        self.ours = _owned()
        """`ours[0]` is 0 in every process that was forked from the session's, whoever forked it."""
        self._detached = False
        self.is_cloning = False
        """The next fork makes another session, and no child of user code."""
        self._on_detach: List[Callable[[], None]] = []
        self._is_user_file: Callable[[str], bool] = lambda filename: False

    def watch(self, on_detach: List[Callable[[], None]], is_user_file: Callable[[str], bool]) -> None:
        """From now on children are detached, by these calls in this order."""
        self._on_detach = on_detach
        self._is_user_file = is_user_file
        os.register_at_fork(after_in_child=self._detach)

    @property
    def is_child(self) -> bool:
        return self._detached or not self.ours[0]

    def take_over(self) -> None:
        """In a clone, which is a session of its own."""
        self.ours[0] = 1
        self.is_cloning = False

    def _detach(self) -> None:
        if not self._detached and not self.is_cloning:
            self._detached = True
            for step in self._on_detach:
                step()

    def leave(self, error: Optional[BaseException]) -> NoReturn:
        """In a child: ends it as Python would end a program."""
        code = 0
        try:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self._detach()
            if isinstance(error, SystemExit):
                from .tracebacks import exit_code

                code = exit_code(error) & 255
                if error.code is not None and not isinstance(error.code, int):
                    sys.stderr.write(f"{error.code}\n")
            elif error is not None:
                from .tracebacks import described

                sys.stderr.write(described(error, self._is_user_file)["traceback"])
                code = 1
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            code = code or 1
        finally:
            os._exit(code)
