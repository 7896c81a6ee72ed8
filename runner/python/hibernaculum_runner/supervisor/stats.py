"""What the host learns of the runner's size and health."""

from __future__ import annotations

import os
import time

from .. import processes
from ..hints import TYPE_CHECKING, Any, Callable, Dict, Iterator, Optional, Set

if TYPE_CHECKING:
    from .service import Supervisor

_PAGE = os.sysconf("SC_PAGE_SIZE")


def collect(supervisor: Supervisor, answer: Callable[[Any], None]) -> Iterator[Optional[float]]:
    """Work for the loop: one session a slice."""
    sessions: Dict[str, Any] = {}
    for session, record in list(supervisor.records.items()):
        if session in supervisor.records:
            sessions[session] = {
                "pid": record.pid,
                "memory_bytes": resident_bytes(record.pid),
                "processes": _count_tree(record.pid),
                "execution": record.page.execution(),
            }
        yield None
    answer(
        {
            "pid": supervisor.pid,
            "fds": len(os.listdir("/proc/self/fd")) - 1,  # but for the one that lists them
            "memory_bytes": resident_bytes(supervisor.pid),
            "uptime_ms": int((time.monotonic() - supervisor.started) * 1000),
            "sessions": sessions,
            "zombies": sum(1 for pid in processes.children(supervisor.pid) if not processes.is_alive(pid)),
            "errors": supervisor.loop.error_count,
            "last_errors": list(supervisor.loop.errors),
        }
    )


def resident_bytes(pid: int) -> int:
    """Resident memory, shared pages included; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0


def _count_tree(root: int, most: int = 1000) -> int:
    """The process and all below it, but at most so many."""
    todo = [root]
    seen: Set[int] = set()
    while todo and len(seen) < most:
        pid = todo.pop()
        if pid not in seen and processes.is_alive(pid):
            seen.add(pid)
            todo += processes.children(pid)
    return len(seen)
