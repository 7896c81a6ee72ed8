"""The control connection: the host's requests in; answers, deaths and both kinds of output out.

Writes never block. What the socket does not take waits in a queue that stays bounded: beyond `_FULL` nobody reads pipes
or further requests, until it is down to `_LOW` again.
"""

from __future__ import annotations

import os
import select

from .. import frames
from ..descriptors import close_quietly
from ..hints import TYPE_CHECKING, Any, Dict, List
from . import methods
from .loop import READ, WRITE
from .outbox import Outbox, Piece

if TYPE_CHECKING:
    from .service import Supervisor

_FULL = 4 << 20
_LOW = 1 << 20


class Control:
    """One host's connection, from its proven hello to its end."""

    def __init__(self, supervisor: Supervisor, fd: int) -> None:
        self._supervisor = supervisor
        self._decoder = frames.Decoder()
        self._outbox = Outbox(fd)
        self._transfer = 0
        self._full = False
        self._events = READ
        supervisor.loop.add(fd, READ, self._on_event)

    # -- out ---------------------------------------------------------------------------------------------------------

    def has_room(self) -> bool:
        return not self._full

    def answer(self, request: Any, value: Any) -> None:
        self._send([frames.encode(frames.result(request, value))])

    def refuse(self, request: Any, number: int, code: str, what: str, why: str, how: str) -> None:
        self._send([frames.encode(frames.error(request, number, code, what, why, how))])

    def notify(self, method: str, params: Dict[str, Any]) -> None:
        self._send([frames.encode(frames.notification(method, params))])

    def notify_with_bytes(self, method: str, params: Dict[str, Any], data: bytes) -> None:
        """The bytes go first, as one transfer; the notification names it."""
        self._transfer += 1
        params["transfer"] = self._transfer
        head = frames.encode_chunk_head(self._transfer, len(data))
        self._send([head, data, frames.encode(frames.notification(method, params))])

    def _send(self, pieces: List[Piece]) -> None:
        self._outbox.push(pieces)
        if self._events & WRITE == 0:
            self._outbox.flush()
        self._mind_the_queue()

    def _mind_the_queue(self) -> None:
        """Has the loop wait for what the queue asks for."""
        self._full = self._outbox.queued > (_LOW if self._full else _FULL)
        events = (0 if self._full else READ) | (WRITE if self._outbox else 0)
        if events != self._events:
            self._events = events
            self._supervisor.loop.change(self._outbox.fd, events)

    # -- in ----------------------------------------------------------------------------------------------------------

    def _on_event(self, events: int) -> None:
        if events & WRITE:
            was_full = self._full
            self._outbox.flush()
            self._mind_the_queue()
            if was_full and not self._full:
                self._supervisor.raw.resume_all()
        if events & ~WRITE:
            self._read()

    def _read(self) -> None:
        try:
            data = os.read(self._outbox.fd, self._decoder.wanted())
        except BlockingIOError:
            return
        except (OSError, frames.ProtocolError):
            data = b""
        if not data:
            self._supervisor.control_ended()
            return
        try:
            message = self._decoder.take(data)
            while message is not None:
                methods.handle(self._supervisor, self, message)
                message = self._decoder.next() if self._decoder.pending() else None
        except frames.ProtocolError as error:
            self._supervisor.loop.note(error)
            self._supervisor.control_ended()

    def catch_up(self) -> None:
        """Hears what is here already: a host that has gone may not have been missed yet."""
        poll = select.poll()
        poll.register(self._outbox.fd, select.POLLIN)
        while self._supervisor.control is self and poll.poll(0):
            self._read()

    # -- the end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Delivers what is queued, as far as the host takes it within a second, when nothing else is to be done."""
        self._supervisor.loop.remove(self._outbox.fd)
        poll = select.poll()
        poll.register(self._outbox.fd, select.POLLOUT)
        self._events |= WRITE
        while self._outbox and poll.poll(1000):
            self._outbox.flush()
        self.close()

    def close(self) -> None:
        self._supervisor.loop.remove(self._outbox.fd)
        close_quietly(self._outbox.fd)
