"""A session's connection where the sandbox may outlive its host: what the session holds is one end of a socket pair,
which stays, whoever is at the other side of the supervisor.

```
host ══ a connection ══> ┌──────┐ ══ a socket pair, as long as the process lives ══> session
  gone, another one ══>  │ Line │──> Kept: what the next host is told first
                         └──────┘
```

Only whole messages pass, with the chunks that they name: a host that dies within one leaves nothing half said. Without
a host what the session says is kept, as far as there is room, and the code goes on.
"""

from __future__ import annotations

import os
import socket

from .. import frames
from ..descriptors import close_quietly, move_high
from ..hints import TYPE_CHECKING, List, Optional
from .kept import Frames, Kept, parse
from .loop import READ, WRITE
from .outbox import Outbox

if TYPE_CHECKING:
    from .service import Supervisor

_AT_ONCE = 64 << 10  # a buffer of 128 KiB is mapped and unmapped for each read: 13 us
_FULL = 4 << 20  # bytes that wait for one side: the other is read no further
_GONE = -1


class Line:
    """One, for one process of a session."""

    def __init__(self, supervisor: Supervisor, session: str, host: int) -> None:
        """Raises OSError. `begin` has it pump; until then the host's connection is the caller's."""
        self._supervisor = supervisor
        self._session = session
        ours, theirs = socket.socketpair()
        self._inner = move_high(ours.detach())
        self.theirs = move_high(theirs.detach())
        os.set_blocking(self._inner, False)
        self._host = host
        self.kept = Kept()
        self.is_taken = True  # the host that is there now hears of this session
        self._is_greeted = False  # whether the hello that made the process is answered
        self._to_session, self._to_host = Outbox(self._inner), Outbox(host)
        self._from_session, self._from_host = Frames(frames.MAX_FRAME), Frames(frames.MAX_FRAME)
        self._chunks: List[bytes] = []  # of the host's, which no message has named yet
        self._events = {self._inner: 0, host: 0}

    def begin(self) -> None:
        """The session has a process."""
        loop = self._supervisor.loop
        loop.add(self._inner, 0, self._on_session)
        loop.add(self._host, 0, self._on_host)
        self._mind_both()

    def give_up(self) -> None:
        """There will be no process; the host's connection stays the caller's."""
        close_quietly(self._inner)
        close_quietly(self.theirs)

    # -- hosts -------------------------------------------------------------------------------------------------------

    def take_up(self, host: int, welcome: bytes) -> None:
        """Another host: it is told what is kept, then whatever comes."""
        self._host, self._to_host, self.is_taken = host, Outbox(host), True
        self._events[host] = 0
        self._supervisor.loop.add(host, 0, self._on_host)
        self._to_host.push([welcome, *self.kept.frames()])
        self._to_host.flush()
        self._mind_both()

    def host_left(self) -> None:
        """What it had begun to say is nobody's. A session that waits for the rest of a checkpoint is told."""
        if self._host == _GONE:
            return
        self._supervisor.loop.remove(self._host)
        close_quietly(self._host)
        del self._events[self._host]
        self._host, self._to_host = _GONE, Outbox(_GONE)
        self._from_host.forget()
        self._chunks.clear()
        if self._inner != _GONE and self.kept.is_busy_with("checkpoint.load"):
            assert self.kept.request is not None
            params = {"execution": self.kept.request.get("execution"), "why": "its host is gone"}
            self._to_session.push([frames.encode(frames.notification("checkpoint.abort", params))])
            self._to_session.flush()
        self._mind_both()

    # -- bytes -------------------------------------------------------------------------------------------------------

    def _on_session(self, events: int) -> None:
        if events & WRITE:
            self._to_session.flush()
        if events & ~WRITE:
            self._hear_session()
        self._mind_both()

    def _hear_session(self) -> None:
        data = _read(self._inner)
        if data is None:
            return
        if not data:
            self._session_ended()
            return
        try:
            for frame in self._from_session.feed(data):
                if self._is_greeted:
                    self.kept.said(frame)
                self._is_greeted = True
                if self._host != _GONE:
                    self._to_host.push([frame])
        except frames.ProtocolError as problem:
            record = self._supervisor.records.get(self._session)
            if record is not None:
                self._supervisor.deaths.kill(record, f"protocol violation: {problem}")
            self._session_ended()
        self._to_host.flush()

    def _session_ended(self) -> None:
        """The process is gone, or as good as that: its host gets what is still here, then the end."""
        self._supervisor.loop.remove(self._inner)
        close_quietly(self._inner)
        self._events.pop(self._inner, None)
        self._inner, self._to_session = _GONE, Outbox(_GONE)

    def _on_host(self, events: int) -> None:
        if events & WRITE:
            self._to_host.flush()
        if events & ~WRITE:
            data = _read(self._host)
            if data is not None:
                self._hear_host(data)
        self._mind_both()

    def _hear_host(self, data: bytes) -> None:
        try:
            for frame in self._from_host.feed(data):
                self._pass_on(frame)
        except frames.ProtocolError as problem:
            self._supervisor.loop.note(problem)
            data = b""
        if not data:
            self.host_left()
        self._to_session.flush()

    def _pass_on(self, frame: bytes) -> None:
        # what a checkpoint consists of is named by no message, and read as it comes
        if frame[0] >= 0x80 and not self.kept.is_busy_with("checkpoint.load"):
            self._chunks.append(frame)
            return
        if frame[0] < 0x80:
            self.kept.asked(parse(frame))
        if self._inner != _GONE:
            self._to_session.push([*self._chunks, frame])
        self._chunks.clear()

    def _mind_both(self) -> None:
        """Has the loop wait for what both sides can do."""
        if self._inner == _GONE and self._host != _GONE and not self._to_host:
            self.host_left()
        self._mind(self._inner, self._to_session, READ if self._to_host.queued < _FULL else 0)
        self._mind(self._host, self._to_host, READ if self._to_session.queued < _FULL else 0)

    def _mind(self, fd: int, outbox: Outbox, events: int) -> None:
        if outbox:
            events |= WRITE
        if fd != _GONE and self._events[fd] != events:
            self._events[fd] = events
            self._supervisor.loop.change(fd, events)


def _read(fd: int) -> Optional[bytes]:
    """What is there; nothing at the end; None where nothing is there yet."""
    try:
        return os.read(fd, _AT_ONCE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
