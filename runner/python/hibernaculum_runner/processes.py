"""The processes below us: finding them in /proc, and ending all of them.

Ending is a loop, because what is being ended may fork away at the same time:

    reap ──> no children left: done
         ──> find the descendants ──> new ones? SIGSTOP them, look again
                                  ──> none new: SIGKILL all, look again
"""

from __future__ import annotations

import os
import signal
import time

from .hints import Iterable, List, Set, Tuple


def status(pid: int) -> Tuple[str, int]:
    """(state letter, parent's pid). Raises OSError when there is no such process."""
    # the name, in parentheses, may hold anything, parentheses too
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split(None, 2)
    return fields[0].decode(), int(fields[1])


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it has not ended (a zombie has)."""
    try:
        return status(pid)[0] not in "ZX"
    except (OSError, IndexError, ValueError):
        return False


def threads() -> int:
    """How many threads this process has: the kernel counts them as links of its directory."""
    return os.stat("/proc/self/task").st_nlink - 2


def children(pid: int) -> List[int]:
    """The children of a process, zombies too; empty when it is gone.

    The kernel promises a complete list only while none of them is being reaped: ask again until nothing new appears.
    """
    found: List[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, _read(f"/proc/{pid}/task/{task}/children").split())
    except OSError:
        if not _KERNEL_LISTS_CHILDREN:
            return [int(name) for name in os.listdir("/proc") if name.isdigit() and _parent(int(name)) == pid]
    return found


def _read(path: str) -> bytes:
    """A short file of the kernel's, without what Python's own files ask for first."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(fd, 1 << 16)
        while len(data) % (1 << 16) == 0 and data:
            more = os.read(fd, 1 << 16)
            if not more:
                break
            data += more
        return data
    finally:
        os.close(fd)


_KERNEL_LISTS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")


def _parent(pid: int) -> int:
    try:
        return status(pid)[1]
    except (OSError, IndexError, ValueError):
        return 0


def descendants(root: int) -> List[int]:
    """All processes below `root`. Zombies too: one whose main thread has ended looks like one, and its threads live."""
    found: List[int] = []
    todo = children(root)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children(pid)
    return found


def send_signal(pid: int, number: int) -> bool:
    """Whether the signal was sent. A process that is gone, or not ours to signal, is no error."""
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


def signal_group(group: int, number: int) -> bool:
    """The same for a process group."""
    try:
        os.killpg(group, number)
    except OSError:
        return False
    return True


def reap_all() -> bool:
    """Reaps every child that has ended; whether children remain."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def end_descendants(patience: float = 30.0) -> None:
    """Ends everything below this process, which must be a subreaper or pid 1: then nothing is left below it once it has
    no children. Blocks until that is so, at most `patience` seconds (a process may sleep where no signal wakes it)."""
    me = os.getpid()
    stopped: Set[int] = set()
    deadline = time.monotonic() + patience
    pause = 0.0005
    in_vain = 0
    while reap_all() and in_vain < 50 and time.monotonic() < deadline:
        found = descendants(me)
        new = [pid for pid in found if pid not in stopped]
        stopped.update(new)
        if signal_all(new, signal.SIGSTOP):
            continue
        in_vain = 0 if signal_all(found, signal.SIGKILL) else in_vain + 1  # in vain: not ours to kill, or just gone
        time.sleep(pause)
        pause = min(pause * 2, 0.02)


def signal_all(pids: Iterable[int], number: int) -> int:
    """Signals each of them; how many could be."""
    return sum([send_signal(pid, number) for pid in pids])
