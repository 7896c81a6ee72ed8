"""The keeper: the first process. It only waits, and ends whatever is left.

    the supervisor ends  ──────────────┐
    the host is gone (stdin ends)  ────┼──> end all descendants, remove the socket and what the host named, exit
    SIGTERM  ──────────────────────────┘

It is a subreaper, so even a daemon that left its session, its process group and its parents comes back to it once the
supervisor is gone. It never runs user code and imports next to nothing. A host that may linger (`linger_ms`) does not
end the runner by going: the supervisor decides then.
"""

from __future__ import annotations

import os
import select
import signal

from . import linux, processes, removal
from .descriptors import close_quietly, move_high
from .hints import List, Optional, Tuple

_LIFELINE = 0  # stdin


class Keeper:
    """`prepare` before the fork, `keep` after it, in the parent."""

    def __init__(self, linger_ms: int, socket_path: str, to_remove: List[str]) -> None:
        self._lifeline_counts = linger_ms == 0
        self._socket_path = socket_path
        self._to_remove = to_remove
        self._terminated = False
        wakeup, self._wakeup_writer = os.pipe()
        self._wakeup, self._wakeup_writer = move_high(wakeup), move_high(self._wakeup_writer)
        os.set_blocking(self._wakeup, False)
        os.set_blocking(self._wakeup_writer, False)
        signal.set_wakeup_fd(self._wakeup_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        signal.signal(signal.SIGTERM, self._on_terminate)
        # a Ctrl-C at the host's terminal is the host's to answer
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        linux.adopt_orphans()

    def _on_terminate(self, number: int, frame: object) -> None:
        self._terminated = True

    def forget(self) -> None:
        """In the forked supervisor: gives back what only the keeper needs."""
        signal.set_wakeup_fd(-1)
        close_quietly(self._wakeup)
        close_quietly(self._wakeup_writer)

    def keep(self, supervisor: int, started: int) -> Tuple[Optional[int], bool]:
        """Waits for the end, then ends everything. `started` is a pipe that says when the supervisor is ready.

        Returns the supervisor's wait status (None: it was ended with the rest) and whether it had become ready.
        """
        ready = False
        status = None
        os.set_blocking(started, False)
        poll = select.poll()
        for fd in (self._wakeup, _LIFELINE, started):
            poll.register(fd, select.POLLIN)
        while status is None and not self._terminated:
            for fd, _events in poll.poll():
                data = _read(fd)
                if fd == started and data is not None:
                    poll.unregister(started)
                    ready = bool(data)
                    if ready:
                        _let_go_of_output()
                elif fd == _LIFELINE and data == b"":
                    poll.unregister(_LIFELINE)
                    if self._lifeline_counts:  # only ever set: the signal's handler sets it between any two steps
                        self._terminated = True
            status = _reap(supervisor)
        ready = ready or bool(_read(started))  # it may have ended just after
        processes.end_descendants()
        try:
            os.unlink(self._socket_path)
        except OSError:
            pass
        if self._lifeline_counts and _host_is_gone():
            for path in self._to_remove:
                removal.remove(path)
        return status, ready


def _host_is_gone() -> bool:
    """Whether stdin has ended: a host that died ends control too, and the supervisor may have been quicker than us."""
    poll = select.poll()
    poll.register(_LIFELINE, select.POLLIN)
    return bool(poll.poll(0)) and _read(_LIFELINE) == b""


def _read(fd: int) -> Optional[bytes]:
    """What is there, b"" at the end, None when nothing is there yet."""
    try:
        return os.read(fd, 4096)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _reap(supervisor: int) -> Optional[int]:
    """Reaps what has ended, orphans too; the supervisor's wait status if it was among them."""
    status = None
    while True:
        try:
            pid, ended = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return status
        if pid == 0:
            return status
        if pid == supervisor:
            status = ended


def _let_go_of_output() -> None:
    """The supervisor has spoken: the host sees the end of our stdout when it likes."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)
