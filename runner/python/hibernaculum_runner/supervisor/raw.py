"""The road of file descriptors 1 and 2: from a session's pipes to the host, as fast as the host gives credit.

    pipe ── os.read ──> one transfer + one `output` notification ──> control
      │
      └─ not read while the session has no credit, or control is full: the writers wait, and nobody else

A *barrier* is the session's question "is all that I and my children wrote so far on its way?", asked over the channel
at the end of an execution. It is answered when the bytes that lay in the pipes at that moment are queued on control.
"""

from __future__ import annotations

import fcntl
import os
import time

from ..descriptors import close_quietly, receive_with_rights, unread_bytes
from ..hints import TYPE_CHECKING
from ..page import DRAINING, RAW_STDOUT
from .loop import READ
from .record import Pipe, Record

if TYPE_CHECKING:
    from .service import Supervisor

_AT_ONCE = 256 << 10
_DEFAULT_SIZE = 64 << 10
_ENLARGED = 1 << 20
_F_SETPIPE_SZ = 1031


class RawRoad:
    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    # -- bytes -------------------------------------------------------------------------------------------------------

    def watch(self, record: Record, pipe: Pipe) -> None:
        """Has the loop tell of new bytes, unless it does already."""
        if not pipe.watched and not pipe.at_end:
            pipe.watched = True
            self._supervisor.loop.add(pipe.fd, READ, lambda _events: self._on_readable(record, pipe))

    def unwatch(self, pipe: Pipe) -> None:
        if pipe.watched:
            pipe.watched = False
            self._supervisor.loop.remove(pipe.fd)

    def _on_readable(self, record: Record, pipe: Pipe) -> None:
        allowance = self._supervisor.allowance(record)
        if allowance <= 0:
            self.unwatch(pipe)  # `credit` or `resume_all` watches it again
            return
        # no more than is there: a large buffer is mapped and unmapped for each read, which takes 13 us
        self._take(record, pipe, min(_AT_ONCE, allowance, max(1, unread_bytes(pipe.fd))))
        self._answer_barrier(record)

    def _take(self, record: Record, pipe: Pipe, most: int) -> int:
        """Moves at most so many bytes from the pipe to control; how many it were."""
        page = record.page
        slots = page.slots
        # the session takes an empty pipe for clean only if this is 0 afterwards
        slots[DRAINING] = 1
        try:
            try:
                data = os.read(pipe.fd, most)
            except BlockingIOError:
                return 0
            if not data:
                pipe.at_end = True
                pipe.barrier = 0
                self.unwatch(pipe)
                return 0
            # read *after* the bytes were taken: what comes after the end of an execution is background, and text that
            # was sent before the bytes were written must come before them
            execution, text_position = page.execution(), page.text_position()
            length = len(data)
            params = {
                "session": record.session,
                "execution": execution,
                "stream": "stdout" if pipe.stream == 1 else "stderr",
                "pos": pipe.position,
                "bytes": length,
                "text_pos": text_position,
                "at": int(time.time() * 1000),
            }
            pipe.position += length
            pipe.barrier = max(0, pipe.barrier - length)
            record.credit -= length
            self._supervisor.tell_output(params, data)
            slots[RAW_STDOUT + pipe.stream - 1] = pipe.position
        finally:
            slots[DRAINING] = 0
        if length >= _DEFAULT_SIZE and not pipe.enlarged:
            self._enlarge(pipe)
        return length

    def _enlarge(self, pipe: Pipe) -> None:
        """Only for sessions that write much: beyond a bound of pipe memory the kernel makes a user's new pipes tiny."""
        pipe.enlarged = True
        try:
            fcntl.fcntl(pipe.fd, _F_SETPIPE_SZ, _ENLARGED)
        except OSError:
            pass

    def drain(self, record: Record) -> bool:
        """Takes what lies in both pipes now; whether all of it could be."""
        for pipe in record.pipes:
            left = unread_bytes(pipe.fd)
            while left > 0 and not pipe.at_end:
                allowance = self._supervisor.allowance(record)
                if allowance <= 0:
                    return False
                taken = self._take(record, pipe, min(left, _AT_ONCE, allowance))
                if taken == 0:
                    break
                left -= taken
        return True

    def drain_last(self, record: Record) -> None:
        """After a death: whatever lies there, credit or not. A pipe holds 1 MiB at most."""
        for pipe in record.pipes:
            left = min(unread_bytes(pipe.fd), _ENLARGED)
            while left > 0:
                taken = self._take(record, pipe, min(left, _AT_ONCE))
                if taken == 0:
                    break
                left -= taken

    def add_credit(self, record: Record, amount: int) -> None:
        record.credit += amount
        if record.credit > 0:
            self.resume(record)

    def resume_all(self) -> None:
        """Control takes bytes again, or is gone and stops nobody."""
        for record in self._supervisor.records.values():
            self.resume(record)

    def resume(self, record: Record) -> None:
        """It may be that more can be taken."""
        for pipe in record.pipes:
            self.watch(record, pipe)

    # -- the channel: the session asks, we answer --------------------------------------------------------------------

    def on_channel(self, record: Record) -> None:
        try:
            if not self._hear(record):  # the end: the session will miss it first
                self._supervisor.loop.remove(record.channel)
        except BlockingIOError:
            pass
        except (OSError, ValueError) as error:
            self._violation(record, str(error))

    def hear_last(self, record: Record) -> None:
        """The session is dead: what it said before stands."""
        try:
            while self._hear(record):
                pass
        except (OSError, ValueError):
            pass

    def _hear(self, record: Record) -> bool:
        """One message; False at the end. Raises ValueError for one that no session sends, and OSError."""
        data, sender, fds = receive_with_rights(record.channel)
        if not data and not sender:  # (an empty message has a sender)
            return False
        if not sender or sender != record.pid:  # a child of user code that inherited the channel
            data = b""
        if data[:1] == b"F":
            self._supervisor.frozen.announced(record, data[1:], fds)
            return True
        for fd in fds:
            close_quietly(fd)
        if data == b"B":
            self._begin_barrier(record)
        elif data == b"D":
            self._supervisor.frozen.settled(record)
        elif data[:1] == b"R" and data[1:].isdigit():
            is_first = record.killed_by is None
            record.last_transfer = int(data[1:])
            self._supervisor.deaths.kill(record, "it gave way to its guard")
            record.gives_way = is_first
        elif data == b"w":
            self._supervisor.frozen.woke(record)
        elif sender and sender == record.pid:
            raise ValueError("a message that the supervisor does not know")
        return True

    def _violation(self, record: Record, what: str) -> None:
        """It can lie only about itself, and this is its end."""
        self._supervisor.loop.remove(record.channel)
        self._supervisor.deaths.kill(record, f"protocol violation on its channel: {what}")

    def _begin_barrier(self, record: Record) -> None:
        record.barrier = True
        for pipe in record.pipes:
            pipe.barrier = 0 if pipe.at_end else unread_bytes(pipe.fd)
        self.drain(record)
        self._answer_barrier(record)

    def _answer_barrier(self, record: Record) -> None:
        if record.barrier and all(pipe.barrier == 0 for pipe in record.pipes):
            record.barrier = False
            try:
                os.write(record.channel, b"b")
            except OSError:
                pass  # it is gone, or has left its messages unread: then it does not wait for this one
