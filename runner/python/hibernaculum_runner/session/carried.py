"""What a copy of this process does not carry: told as warnings, when a checkpoint is made.

A fork copies memory. It does not copy the processes that were started, the far ends of sockets and pipes, the offsets
of open files (which all copies share), or what a driver keeps for the process. SQLite forbids carrying an open
database file over a fork at all (https://www.sqlite.org/howtocorrupt.html, "carrying an open database connection across
a fork").
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys

from .. import processes
from ..descriptors import LOWEST, owned
from ..hints import Iterable, List, Set, Tuple

_SQLITE = b"SQLite format 3\0"
_OPENED_BY_SQLITE = os.O_RDWR | os.O_NOFOLLOW
_DEVICES = ("/dev/nvidia", "/dev/dri/", "/dev/kfd")
_TOLD = 3


def warnings() -> List[str]:
    """In sentences. Runs no user code, and opens and closes no file of the session's."""
    sockets, pipes = 0, 0
    files: List[str] = []
    databases: List[str] = []
    devices: List[str] = []
    output = _pipes_of_output()
    for fd in _user_descriptors():
        try:
            status = os.fstat(fd)
            mode = status.st_mode
            if stat.S_ISSOCK(mode):
                sockets += 1
                continue
            if stat.S_ISFIFO(mode):
                pipes += (status.st_dev, status.st_ino) not in output
                continue
            path = os.readlink(f"/proc/self/fd/{fd}")
            if path.startswith(_DEVICES):
                devices.append(path)
            elif stat.S_ISREG(mode):
                (databases if _is_database(fd) else files).append(path)
        except OSError:
            continue
    told = []
    if sockets:
        told.append(f"{_count(sockets, 'socket is', 'sockets are')} open: every copy shares the one connection")
    if pipes:
        told.append(
            f"{_count(pipes, 'pipe end is', 'pipe ends are')} open, and stays open in every copy: who reads sees no end"
        )
    if files:
        told.append(f"open files share their offset with every copy: {_listed(files)}")
    if databases:
        told.append(f"a SQLite database file is open, which must not be used after a fork: {_listed(databases)}")
    if devices:
        told.append(f"what a device keeps for this process (a GPU context) is not copied: {_listed(devices)}")
    children = [pid for pid in processes.children(os.getpid()) if processes.is_alive(pid)]
    if children:
        told.append(f"{_count(len(children), 'child process', 'child processes')} will not be there in a copy")
    return told


def pipes_written_to() -> int:
    """How many pipes this process could close, for somebody to see their end."""
    count, output = 0, _pipes_of_output()
    for fd in _user_descriptors():
        try:
            status = os.fstat(fd)
            if stat.S_ISFIFO(status.st_mode) and (status.st_dev, status.st_ino) not in output:
                count += fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY
        except OSError:
            continue
    return count


def _pipes_of_output() -> Set[Tuple[int, int]]:
    """Where stdout and stderr lead: a copy has others, and so has whatever was duplicated from them."""
    found = set()
    for fd in (1, 2):
        try:
            status = os.fstat(fd)
            found.add((status.st_dev, status.st_ino))
        except OSError:
            continue
    return found


def _user_descriptors() -> Iterable[int]:
    return [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2 and fd not in owned and fd < LOWEST]


def _is_database(fd: int) -> bool:
    if "_sqlite3" not in sys.modules:
        return False
    try:
        head = os.pread(fd, len(_SQLITE), 0)
        # One without a table is empty still: SQLite opens so, and Python does not.
        return head == _SQLITE or (not head and fcntl.fcntl(fd, fcntl.F_GETFL) & _OPENED_BY_SQLITE == _OPENED_BY_SQLITE)
    except OSError:
        return False


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _listed(paths: List[str]) -> str:
    different = sorted(set(paths))
    more = len(different) - _TOLD
    return ", ".join(different[:_TOLD]) + (f" and {more} more" if more > 0 else "")
