"""How much memory this process has: /proc/self/statm, held open.

One read costs as much as a tenth of the smallest execution. What a very short execution can touch is next to nothing,
so it is told the figure that was read last; after a few of those in a row, the figure is read again.
"""

from __future__ import annotations

import os
import resource
from typing import Tuple

from ..descriptors import move_high

_PAGE = resource.getpagesize()
_SHORT = 50_000  # nanoseconds: at a tenth of a microsecond a page, 2 MB at the very most
_IN_A_ROW = 16


class Memory:
    """Resident bytes, and how they changed since the last time."""

    def __init__(self) -> None:
        self._file = move_high(os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC))
        self._last = self._read()
        self._unread = 0

    def take_over(self) -> None:
        """In a clone: /proc/self is another. (At once: user code may lower the limit of descriptors below ours.)"""
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(file, self._file, inheritable=False)
        os.close(file)
        self._unread = 0

    @property
    def descriptor(self) -> int:
        """That of the file."""
        return self._file

    def _read(self) -> int:
        try:
            return int(os.pread(self._file, 96, 0).split(None, 2)[1]) * _PAGE
        except (OSError, IndexError, ValueError):  # user code closed it, and perhaps opened something in its place
            return 0

    def resident(self, ran: int) -> Tuple[int, int]:
        """Bytes now, and the difference to the last call, after an execution of `ran` nanoseconds."""
        if ran < _SHORT and self._unread < _IN_A_ROW:
            self._unread += 1
            return self._last, 0
        self._unread = 0
        now = self._read()
        delta, self._last = now - self._last, now
        return now, delta
