"""Ends all processes of a session: the tree below it, and orphans that left the tree.

An orphan is known as the session's own by HIBERNACULUM_SESSION in its environment (it was executed), or by the
session's page among its mappings (it was only forked). What shows neither, a process executed with an empty environment
that then left its parents and its group, is ended with the sandbox.

    stop the session, what is below it and its orphans ──> new ones? look again
                                                       ──> none: kill all, wait, look again ──> nothing left: done

Other sessions are served meanwhile: each look at some processes is one slice. Their processes are never touched: a walk
starts at the session itself or at an orphan of its own, and another session process is neither.
"""

from __future__ import annotations

import os
import signal
import time

from .. import processes
from ..hints import TYPE_CHECKING, Callable, Dict, Generator, Iterator, List, Optional, Set
from .record import Record

if TYPE_CHECKING:
    from .service import Supervisor

_PATIENCE = 3.0  # seconds, after which what cannot be killed is left to the end of the sandbox
_SLICE = 8  # processes looked at before others have their turn
_ENVIRONMENT = 2 << 20  # bytes read of one

Work = Iterator[Optional[float]]


class Sweeps:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._waiting: Dict[str, List[Callable[[], None]]] = {}

    def start(self, record: Record) -> None:
        """Ends what belongs to the session; the session process as well, if it lives."""
        if record.session not in self._waiting:
            self._waiting[record.session] = []
            self._supervisor.loop.start(self._sweep(record))

    def when_gone(self, session: str, action: Callable[[], None]) -> None:
        """Does it once the sweep of that session is over; at once if there is none."""
        if session in self._waiting:
            self._waiting[session].append(action)
        else:
            action()

    def _sweep(self, record: Record) -> Work:
        deadline = time.monotonic() + _PATIENCE
        stopped: Set[int] = set()
        pause = 0.0005
        clean = 0
        while clean < 2 and time.monotonic() < deadline:
            found: Set[int] = set()
            strangers = yield from self._find(record, stopped, found)
            new = found - stopped
            stopped |= new
            if processes.signal_all(new, signal.SIGSTOP):
                continue
            if self._is_alive(record):
                processes.signal_group(record.pid, signal.SIGKILL)
            processes.signal_all(found, signal.SIGKILL)
            if found:
                clean = 0
            else:
                # an orphan that belongs to nobody we know may be about to execute something: look twice
                clean += 1 if strangers else 2
            if clean < 2:
                yield pause
                pause = min(pause * 2, 0.02)
        actions = self._waiting.pop(record.session, [])
        for action in actions:
            action()

    def _is_alive(self, record: Record) -> bool:
        return self._supervisor.by_pid.get(record.pid) is record

    def _find(self, record: Record, stopped: Set[int], found: Set[int]) -> Generator[Optional[float], None, bool]:
        """Adds to `found` what belongs to the session now. Returns whether there are orphans of unknown origin."""
        strangers = False
        todo: List[int] = [record.pid] if self._is_alive(record) else []
        looked = 0
        for pid in processes.children(self._supervisor.pid):
            if pid in self._supervisor.by_pid or pid in self._supervisor.workers.pids:
                continue
            if pid in self._supervisor.frozen.by_pid:
                continue
            if pid in self._supervisor.nursery.pids:
                continue
            looked += 1
            if looked % _SLICE == 0:
                yield None
            if pid in stopped or _belongs(pid, record.session):
                todo.append(pid)
            else:
                strangers = True
        while todo:
            pid = todo.pop()
            if pid in found:
                continue
            found.add(pid)  # zombies too, until they are reaped: the threads of one may live
            todo += processes.children(pid)
            looked += 1
            if looked % _SLICE == 0:
                yield None
        return strangers


def _belongs(pid: int, session: str) -> bool:
    try:
        fd = os.open(f"/proc/{pid}/environ", os.O_RDONLY)
        try:
            environment = b"\0" + os.read(fd, _ENVIRONMENT) + b"\0"
        finally:
            os.close(fd)
        if f"\0HIBERNACULUM_SESSION={session}\0".encode() in environment:
            return True
        with open(f"/proc/{pid}/maps", "rb") as maps:
            return f"/memfd:hibernaculum-{session} (deleted)".encode() in maps.read()
    except OSError:
        return False
