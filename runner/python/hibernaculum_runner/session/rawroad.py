"""Order beside the raw road: what fds 1 and 2 were given, which the supervisor drains and sends over control.

Whoever sends text, an event or a reply says how much raw output came before it: `counts`. For that to be the truth,
nothing may lie in the pipes, nor be in the supervisor's hands. One `poll` of their read ends, which the session opens
for that alone, then the page's DRAINING flag (in this order: bytes that have left the pipe are covered by the flag)
tell without a message whether that is so; where it is not, one message, the *barrier*, has the supervisor drain, and
waits until it has. The same `poll` tells whether user code closed fd 1 or 2.

`poll` lets go of the GIL, and beside other threads it may take a while to come back. There FIONREAD is asked instead,
of each pipe.
"""

from __future__ import annotations

import os
import select
from _thread import _count as other_threads

from ..descriptors import close_quietly, move_high
from ..hints import List, Tuple
from ..page import DRAINING, RAW_STDERR, RAW_STDOUT, Page
from .connection import DESCRIPTORS_LOST, HOST_GONE
from .libc import flush_stdio, unread_in


class RawRoad:
    """The session's view of its two pipes. Callers hold the connection's lock."""

    def __init__(self, page: Page, channel: int, stdout: int, stderr: int) -> None:
        self._slots = page.slots
        self._channel = channel
        self._stdout, self._stderr = stdout, stderr
        self._in_stdout, self._in_stderr = unread_in(stdout), unread_in(stderr)
        self.flush_c = flush_stdio
        self.is_closed = False
        """Whether user code had closed fd 1 or 2 when it was settled last."""
        self.readers = (move_high(_read_end(stdout)), move_high(_read_end(stderr)))
        poll = select.poll()
        for reader in self.readers:
            poll.register(reader, select.POLLIN)
        for descriptor in (1, 2):
            poll.register(descriptor, 0)  # POLLNVAL is told all the same
        self._poll = poll.poll

    def settle(self) -> bool:
        """Returns when all that was written to fds 1 and 2 until now is counted and on its way. Tells whether this
        thread is the only one.
        """
        threads = other_threads()
        if threads or self._poll(0) or self._slots[DRAINING]:
            self._settle_slowly()
        else:
            self.is_closed = False
        return not threads

    def _settle_slowly(self) -> None:
        self.is_closed = _is_closed(1) or _is_closed(2)
        if self._in_stdout() or self._in_stderr() or self._slots[DRAINING]:
            self._barrier()

    def take_over(self) -> None:
        """Where other pipes have taken the places of those that were there."""
        for reader, pipe in zip(self.readers, (self._stdout, self._stderr)):
            other = _read_end(pipe)
            os.dup2(other, reader, inheritable=False)
            os.close(other)

    def _barrier(self) -> None:
        try:
            os.write(self._channel, b"B")
            while True:
                answer = os.read(self._channel, 16)
                if answer == b"b":
                    return
                if not answer:
                    os._exit(HOST_GONE)
        except OSError:
            os._exit(DESCRIPTORS_LOST)

    def counts(self) -> Tuple[int, int]:
        """Bytes that each fd has been given, as far as they are settled."""
        slots = self._slots
        return slots[RAW_STDOUT], slots[RAW_STDERR]

    def restore(self) -> List[str]:
        """Points fds 1 and 2 at the pipes again where user code closed them. Says what it did."""
        mended = []
        for descriptor, pipe in ((1, self._stdout), (2, self._stderr)):
            try:
                os.fstat(descriptor)
            except OSError:
                os.dup2(pipe, descriptor)
                mended.append(f"file descriptor {descriptor} had been closed; it leads to the host again")
        return mended

    def close(self) -> None:
        """In a forked child."""
        for descriptor in (self._channel, self._stdout, self._stderr, *self.readers):
            close_quietly(descriptor)


def _read_end(pipe: int) -> int:
    return os.open(f"/proc/self/fd/{pipe}", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)


def _is_closed(descriptor: int) -> bool:
    try:
        os.get_inheritable(descriptor)  # the cheapest question that a closed one does not answer
    except OSError:
        return True
    return False
