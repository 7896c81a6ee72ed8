"""Every process below the supervisor ends here: sessions with a cause, orphans without a word.

SIGCHLD ──> signal the group (the dead leader's pid is still taken, so the group is its own) ──> reap
        ──> drain both pipes, salvage the text, shut the connection down (what was sent stays readable)
        ──> tell `died` ──> sweep what it leaves behind ──> where a guard stands, it becomes the session (frozen.py)
"""

from __future__ import annotations

import os
import signal

from .. import processes
from ..descriptors import close_quietly, move_high
from ..hints import TYPE_CHECKING, Any, Dict, Optional, Tuple
from . import ending, opening, outofmemory
from .loop import READ
from .record import Record

if TYPE_CHECKING:
    from .service import Supervisor


class Deaths:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._wakeup = -1
        self._memory = outofmemory.Kills()

    def listen(self) -> None:
        """Takes the signals: their numbers arrive as bytes in a pipe, so no Python handler interrupts anything."""
        reader, writer = os.pipe()
        self._wakeup, writer = move_high(reader), move_high(writer)
        os.set_blocking(self._wakeup, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _arrives_as_a_byte)
        signal.signal(signal.SIGTERM, _arrives_as_a_byte)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._supervisor.loop.add(self._wakeup, READ, self._on_signals)

    def _on_signals(self, _events: int) -> None:
        try:
            numbers = os.read(self._wakeup, 4096)
        except BlockingIOError:
            return
        if signal.SIGTERM in numbers:
            ending.end(self._supervisor)
        self.reap()

    def reap(self) -> None:
        """Buries whoever has ended."""
        nursery, frozen = self._supervisor.nursery, self._supervisor.frozen
        while True:
            pid = self._next_dead()
            if pid == 0:
                return
            if pid in nursery.pids:
                self._reap(pid)
                nursery.ended(pid)
                continue
            if pid in frozen.by_pid:
                self._reap(pid)
                frozen.ended(frozen.by_pid[pid])
                continue
            self._supervisor.workers.pids.discard(pid)
            record = self._supervisor.by_pid.get(pid)
            if record is not None:
                self._supervisor.raw.hear_last(record)  # what it said of its copies is no less true for its death
                del self._supervisor.by_pid[pid]
                processes.signal_group(pid, signal.SIGKILL)
            status, killer = self._reap(pid)
            if record is not None:
                record.killed_by = record.killed_by or killer
                try:
                    self._bury(record, status)
                except Exception as error:  # the next dead must be reaped all the same
                    self._supervisor.loop.note(error)

    def _reap(self, pid: int) -> Tuple[int, Optional[str]]:
        """The wait status of a child that has ended; and `oom`, where the kernel took it because memory ran out."""
        _pid, status = os.waitpid(pid, os.WNOHANG)
        was_killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        return status, "oom" if was_killed and self._memory.look() else None

    def _next_dead(self) -> int:
        """The pid of a child that has ended and may be reaped; 0: there is none.

        A stranger may be a session whose pid we are about to be told, whereupon we are called again. Whoever is known
        does not wait for that: he who is to tell us may be stopped.
        """
        supervisor = self._supervisor
        known = {*supervisor.by_pid, *supervisor.frozen.by_pid, *supervisor.workers.pids, *supervisor.nursery.pids}
        pid = _ended(os.P_ALL, 0)
        if pid in known or not (supervisor.nursery.is_answering() or supervisor.frozen.is_answering()):
            return pid
        return next((pid for pid in known if pid > 0 and _ended(os.P_PID, pid)), 0) if pid else 0

    def host_left(self, record: Record) -> None:
        """The host let go of the session's connection."""
        self._supervisor.loop.remove(record.connection)
        self.kill(record, "the connection ended")

    def kill(self, record: Record, reason: str) -> bool:
        """Ends the session process; its death is told with this reason."""
        if not record.pid:
            return self._supervisor.frozen.cut_short(record.session, reason)
        if record.gives_way:  # too late: its host waits to be told of its death
            record.gives_way, record.killed_by = False, None
        record.killed_by = record.killed_by or reason
        return processes.send_signal(record.pid, signal.SIGKILL)

    def _bury(self, record: Record, status: int) -> None:
        supervisor = self._supervisor
        page = record.page
        execution = page.execution()
        supervisor.raw.drain_last(record)
        supervisor.text.salvage(record)
        if record.ending:
            supervisor.frozen.dismiss(record)
        guard = supervisor.frozen.standing(record)
        if guard is not None and record.gives_way:
            supervisor.records.pop(record.session, None)
            supervisor.sweeps.start(record)
            supervisor.frozen.go_on(guard, record)
            return
        if not record.ending:
            died = {
                "session": record.session,
                "execution": execution,
                "cause": cause(status, record.killed_by),
                "state": "guarded" if guard is not None else "lost",
                "raw": record.raw(),
                "text_pos": max(page.text_position(), record.text_known),
                "pid": record.pid,
            }
            supervisor.tell("died", died)
        if guard is None:
            supervisor.frozen.dismiss(record)  # where one is left whose claim was dropped
        self.release(record)
        if record.ending:
            return
        supervisor.sweeps.start(record)
        if guard is not None:
            supervisor.frozen.await_host(guard, record)

    def release(self, record: Record) -> None:
        """Lets go of all that was the session's."""
        supervisor = self._supervisor
        supervisor.loop.remove(record.connection)
        opening.revoke(record.connection)
        for pipe in record.pipes:
            supervisor.raw.unwatch(pipe)
            close_quietly(pipe.fd)
        supervisor.loop.remove(record.channel)
        close_quietly(record.channel)
        record.page.close()
        if record.is_waking is not None:
            record.is_waking.cancel()
        if supervisor.records.get(record.session) is record:
            del supervisor.records[record.session]


def cause(status: int, killed_by: str | None) -> Dict[str, Any]:
    """A wait status in the protocol's words."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:  # a real-time signal
            name = f"SIG{number}"
        told: Dict[str, Any] = {"signal": number, "name": name}
    else:
        told = {"exit": os.WEXITSTATUS(status)}
    if killed_by is not None:
        told["by"] = killed_by
    return told


def _ended(kind: int, pid: int) -> int:
    """The pid of a child that has ended, all of them looked at or one; 0: none has. It stays to be reaped."""
    try:
        ended = os.waitid(kind, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return 0
    return ended.si_pid if ended is not None else 0


def _arrives_as_a_byte(number: int, frame: object) -> None:
    """A handler must stand for the wake-up to happen."""
