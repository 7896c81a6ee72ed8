"""Order beside the raw road: what fds 1 and 2 were given, which the supervisor drains and sends over control.

Whoever sends text, an event or a reply says how much raw output came before it: `counts`. For that to be the truth,
nothing may lie in the pipes, nor be in the supervisor's hands. FIONREAD on private duplicates of the pipes, then the
page's DRAINING flag (in this order: bytes that have left the pipe are covered by the flag) tell without a message
whether that is so; where it is not, one message, the *barrier*, has the supervisor drain, and waits until it has.
"""

from __future__ import annotations

import os
from typing import List, Tuple

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

    def settle(self) -> None:
        """Returns when all that was written to fds 1 and 2 until now is counted and on its way."""
        if self._in_stdout() or self._in_stderr() or self._slots[DRAINING]:
            self._barrier()

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

    def is_closed(self) -> bool:
        """Whether user code closed fd 1 or 2."""
        try:
            os.get_inheritable(1)  # the cheapest question that a closed one does not answer
            os.get_inheritable(2)
        except OSError:
            return True
        return False

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
        for descriptor in (self._channel, self._stdout, self._stderr):
            try:
                os.close(descriptor)
            except OSError:
                pass
