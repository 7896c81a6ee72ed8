"""Every process below the supervisor ends here: sessions with a cause, orphans without a word.

SIGCHLD ──> signal the group (the dead leader's pid is still taken, so the group is its own) ──> reap
        ──> drain both pipes, salvage the text, shut the connection down (what was sent stays readable)
        ──> tell `died` ──> sweep what it leaves behind
"""

import os
import signal
import socket
from typing import TYPE_CHECKING, Any, Dict

from .. import processes
from ..descriptors import close_quietly, move_high
from . import ending
from .loop import READ
from .record import Record

if TYPE_CHECKING:
    from .service import Supervisor


class Deaths:
    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._wakeup = -1

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
        nursery = self._supervisor.nursery
        while True:
            try:
                ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if ended is None:
                return
            if ended.si_pid == nursery.pid:
                os.waitpid(ended.si_pid, os.WNOHANG)
                nursery.ended()
                continue
            if ended.si_pid not in self._supervisor.by_pid and nursery.is_answering():
                return  # it may be a session whose pid we are about to be told, whereupon we are called again
            self._supervisor.workers.pids.discard(ended.si_pid)
            record = self._supervisor.by_pid.pop(ended.si_pid, None)
            if record is not None:
                processes.signal_group(ended.si_pid, signal.SIGKILL)
            _pid, status = os.waitpid(ended.si_pid, os.WNOHANG)
            if record is not None:
                try:
                    self._bury(record, status)
                except Exception as error:  # the next dead must be reaped all the same
                    self._supervisor.loop.note(error)

    def host_left(self, record: Record) -> None:
        """The host let go of the session's connection."""
        self._supervisor.loop.remove(record.connection)
        if self._supervisor.boot["linger_ms"] == 0:
            self.kill(record, "the connection ended")

    def kill(self, record: Record, reason: str) -> bool:
        """Ends the session process; its death is told with this reason."""
        record.killed_by = record.killed_by or reason
        return processes.send_signal(record.pid, signal.SIGKILL)

    def _bury(self, record: Record, status: int) -> None:
        supervisor = self._supervisor
        page = record.page
        execution = page.execution()
        supervisor.raw.drain_last(record)
        supervisor.text.salvage(record)
        self._revoke(record)
        if not record.ending:
            died = {
                "session": record.session,
                "execution": execution,
                "cause": cause(status, record.killed_by),
                "state": "lost",  # guards, a later issue, know better
                "raw": record.raw(),
                "text_pos": max(page.text_position(), record.text_known),
                "pid": record.pid,
            }
            supervisor.tell("died", died)
        self._release(record)
        if not record.ending:
            supervisor.sweeps.start(record)

    def _revoke(self, record: Record) -> None:
        """Whoever else holds the connection (a child that user code forked) can use it no more."""
        self._supervisor.loop.remove(record.connection)
        connection = socket.socket(fileno=record.connection)
        try:
            connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        finally:
            connection.detach()
        close_quietly(record.connection)

    def _release(self, record: Record) -> None:
        supervisor = self._supervisor
        for pipe in record.pipes:
            supervisor.raw.unwatch(pipe)
            close_quietly(pipe.fd)
        supervisor.loop.remove(record.channel)
        close_quietly(record.channel)
        record.page.close()
        supervisor.records.pop(record.session, None)


def cause(status: int, killed_by: "str | None") -> Dict[str, Any]:
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


def _arrives_as_a_byte(number: int, frame: object) -> None:
    """A handler must stand for the wake-up to happen."""
