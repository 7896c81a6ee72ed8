"""A session's connection where the sandbox may outlive its host: what the session holds is one end of a socket pair,
which stays, whoever is at the other side of the supervisor.

```
host ══ a connection ══> ┌──────┐ ══ a socket pair, as long as the process lives ══> session
  gone, another one ══>  │ Line │──> Kept: what the next host is told first
                         └──────┘
```

Only whole messages pass, with the chunks that they name: a host that dies within one leaves nothing half said. Without
a host what the session says is kept, as far as there is room, and the code goes on.

A host is `Direct`, at the other end of a descriptor, or `Carried`, where its connection is a stream of the tunnel's.
"""

from __future__ import annotations

import os
import socket

from .. import frames
from ..descriptors import close_quietly, move_high
from ..hints import TYPE_CHECKING, List, Optional, Union
from .kept import Frames, Kept, parse
from .loop import READ, WRITE, Loop
from .outbox import Outbox

if TYPE_CHECKING:
    from .carried import Carried
    from .service import Supervisor

_AT_ONCE = 64 << 10  # a buffer of 128 KiB is mapped and unmapped for each read: 13 us
_FULL = 4 << 20  # bytes that wait for one side: the other is read no further
_GONE = -1


class Line:
    """One, for one process of a session."""

    def __init__(self, supervisor: Supervisor, session: str, host: int, is_tunnelled: bool) -> None:
        """Raises OSError. `begin` has it pump; until then the host's connection is the caller's."""
        self._supervisor = supervisor
        self._session = session
        ours, theirs = socket.socketpair()
        self._inner = move_high(ours.detach())
        self.theirs = move_high(theirs.detach())
        os.set_blocking(self._inner, False)
        self._connection = (host, is_tunnelled)  # of the host that has it begun
        self._host: Optional[Union[Direct, Carried]] = None
        self.kept = Kept()
        self.is_taken = True  # the host that is there now hears of this session
        self._greets: Optional[Union[Direct, Carried]] = None  # the host whose hello made the process
        self._is_greeted = False  # whether that hello is answered
        self._to_session = Outbox(self._inner)
        self._from_session, self._from_host = Frames(frames.MAX_FRAME), Frames(frames.MAX_FRAME)
        self._chunks: List[bytes] = []  # of the host's, which no message has named yet
        self._events = READ

    def begin(self) -> None:
        """The session has a process."""
        self._supervisor.loop.add(self._inner, READ, self._on_session)
        self._host = self._greets = self._host_at(*self._connection)

    def give_up(self) -> None:
        """There will be no process; the host's connection stays the caller's."""
        close_quietly(self._inner)
        close_quietly(self.theirs)

    # -- hosts -------------------------------------------------------------------------------------------------------

    def take_up(self, host: int, is_tunnelled: bool, welcome: bytes) -> None:
        """Another host: it is told what is kept, then whatever comes."""
        self.is_taken = True
        self._host = self._host_at(host, is_tunnelled)
        for frame in (welcome, *self.kept.frames()):
            self._host.say(frame)
        self.mind()

    def _host_at(self, fd: int, is_tunnelled: bool) -> Union[Direct, Carried]:
        if not is_tunnelled:
            return Direct(self, self._supervisor.loop, fd)
        from .carried import Carried  # where there is a tunnel it is imported already

        return Carried(self, self._supervisor.loop, fd)

    def host_left(self) -> None:
        """What it had begun to say is nobody's. A session that waits for the rest of a checkpoint is told."""
        host, self._host = self._host, None
        if host is None:
            return
        host.end()
        self._from_host.forget()
        self._chunks.clear()
        if self._inner != _GONE and self.kept.is_busy_with("checkpoint.load"):
            assert self.kept.request is not None
            params = {"execution": self.kept.request.get("execution"), "why": "its host is gone"}
            self._to_session.push([frames.encode(frames.notification("checkpoint.abort", params))])
            self._to_session.flush()
        self.mind()

    # -- bytes -------------------------------------------------------------------------------------------------------

    def _on_session(self, events: int) -> None:
        if events & WRITE:
            self._to_session.flush()
        if events & ~WRITE:
            data = read(self._inner)
            if data:
                self._hear_session(data)
            elif data is not None:
                self._session_ended()
        if self._events != READ or self._inner == _GONE:
            self.mind()

    def _hear_session(self, data: bytes) -> None:
        host, kept = self._host, self.kept
        try:
            for frame in self._from_session.feed(data):
                # who waits for it need not wait until it is kept; a greeting is nobody else's
                if host is not None and (self._is_greeted or host is self._greets):
                    host.say(frame)
                if self._is_greeted:
                    kept.said(frame)
                else:
                    self._is_greeted, self._greets = True, None
        except frames.ProtocolError as problem:
            record = self._supervisor.records.get(self._session)
            if record is not None:
                self._supervisor.deaths.kill(record, f"protocol violation: {problem}")
            self._session_ended()

    def _session_ended(self) -> None:
        """The process is gone, or as good as that: its host gets what is still here, then the end."""
        self._supervisor.loop.remove(self._inner)
        close_quietly(self._inner)
        self._inner, self._to_session = _GONE, Outbox(_GONE)

    def hear(self, data: bytes) -> None:
        """Bytes of the host's; none at its end."""
        try:
            if len(data) == 4 + int.from_bytes(data[:4], "big") and not (self._chunks or self._from_host):
                self._pass_on(data)  # the common case: one message, and all of it
            else:
                for frame in self._from_host.feed(data):
                    self._pass_on(frame)
        except frames.ProtocolError as problem:
            self._supervisor.loop.note(problem)
            data = b""
        if not data:
            self.host_left()

    def _pass_on(self, frame: bytes) -> None:
        kept = self.kept
        if frame[0] < 0x80:
            message = parse(frame)
        elif not kept.is_busy_with("checkpoint.load"):
            self._chunks.append(frame)
            return
        else:
            message = None  # what a checkpoint consists of is named by no message, and read as it comes
        if self._inner != _GONE:
            if self._chunks:
                self._to_session.push(self._chunks)
                self._to_session.flush()
            if not self._to_session.write(frame):
                self.mind()
        if self._chunks:
            self._chunks.clear()
        if message is not None:  # who waits for it need not wait until it is noted
            kept.asked(message)

    def waiting(self) -> int:
        """How many bytes of the host's the session has yet to take."""
        return self._to_session.queued

    def mind(self) -> None:
        """Has the loop wait for what both sides can do."""
        host = self._host
        if self._inner != _GONE:
            events = (0 if host is not None and host.is_full() else READ) | (WRITE if self._to_session else 0)
            if self._events != events:
                self._events = events
                self._supervisor.loop.change(self._inner, events)
        elif host is not None and host.is_done():
            self.host_left()
            return
        if host is not None:
            host.mind()


class Direct:
    """A host at the other end of a descriptor."""

    def __init__(self, line: Line, loop: Loop, fd: int) -> None:
        self._line = line
        self._loop = loop
        self._fd = fd
        self._outbox = Outbox(fd)
        self._events = READ
        loop.add(fd, READ, self._on_event)

    def say(self, frame: bytes) -> None:
        """A whole frame for the host."""
        if not self._outbox.write(frame):
            self._line.mind()

    def is_full(self) -> bool:
        """Whether the host has to read before there may be more."""
        return self._outbox.queued >= _FULL

    def is_done(self) -> bool:
        """Whether nothing is lost where the line lets go now."""
        return not self._outbox

    def mind(self) -> None:
        """Has the loop wait for what can be done."""
        events = (READ if self._line.waiting() < _FULL else 0) | (WRITE if self._outbox else 0)
        if events != self._events:
            self._events = events
            self._loop.change(self._fd, events)

    def end(self) -> None:
        """The line lets go."""
        self._loop.remove(self._fd)
        close_quietly(self._fd)

    def _on_event(self, events: int) -> None:
        if events & WRITE:
            self._outbox.flush()
        if events & ~WRITE:
            data = read(self._fd)
            if data is not None:
                self._line.hear(data)
        if events & WRITE:
            self._line.mind()


def read(fd: int) -> Optional[bytes]:
    """What is there; nothing at the end; None where nothing is there yet."""
    try:
        return os.read(fd, _AT_ONCE)
    except BlockingIOError:
        return None
    except OSError:
        return b""
