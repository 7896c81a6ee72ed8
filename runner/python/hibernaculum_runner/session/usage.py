"""What an execution took: CPU time of this process, and its resident memory (/proc/self/statm, held open).

Each of the two costs as much to ask for as a fiftieth of the smallest execution. So a very short one in a process
without other threads is told the time that went by as its CPU time, and the memory that was read last, for it can touch
next to nothing. After a few of those in a row both are read again, so that what the next long one is told is off by a
tenth of a millisecond at most: the runner's own work for a handful of answers.
"""

from __future__ import annotations

import os
import resource
from time import process_time_ns

from ..descriptors import move_high
from ..hints import Tuple

_PAGE = resource.getpagesize()
_SHORT = 50_000  # nanoseconds: at a tenth of a microsecond a page, 2 MB at the very most
_IN_A_ROW = 8
_MEMBERS = b'"memory_bytes":%d,"memory_delta":%d'


class Usage:
    """Reads both."""

    def __init__(self) -> None:
        self._file = move_high(os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC))
        self._memory = self._read()
        self._cpu = process_time_ns()
        self._told = 0  # CPU time that short executions were told, and that has not been read
        self._unread = 0
        self._unchanged = _MEMBERS % (self._memory, 0)

    def take_over(self) -> None:
        """In a clone: /proc/self is another. (At once: user code may lower the limit of descriptors below ours.)"""
        file = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        os.dup2(file, self._file, inheritable=False)
        os.close(file)
        self._cpu = process_time_ns()
        self._told = self._unread = 0

    @property
    def descriptor(self) -> int:
        """That of the file."""
        return self._file

    def _read(self) -> int:
        try:
            return int(os.pread(self._file, 96, 0).split(None, 2)[1]) * _PAGE
        except (OSError, IndexError, ValueError):  # user code closed it, and perhaps opened something in its place
            return 0

    def begin(self) -> None:
        """Beside other threads, which may have worked since: CPU time is counted from here on."""
        self._cpu = process_time_ns()
        self._told = 0

    def end(self, ran: int, is_alone: bool) -> Tuple[int, bytes]:
        """What an execution used that took `ran` nanoseconds: CPU time, and the reply's members that tell the memory:
        resident bytes, and how many more those are.
        """
        if ran < _SHORT and is_alone and self._unread < _IN_A_ROW:
            self._unread += 1
            self._told += ran
            return ran, self._unchanged
        self._unread = 0
        now, memory = process_time_ns(), self._read()
        cpu, delta = max(0, now - self._cpu - self._told), memory - self._memory
        self._cpu, self._told, self._memory = now, 0, memory
        self._unchanged = _MEMBERS % (memory, 0)
        return cpu, _MEMBERS % (memory, delta) if delta else self._unchanged
