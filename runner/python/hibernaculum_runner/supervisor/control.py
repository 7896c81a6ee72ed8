"""The control connection: the host's requests in; answers, deaths and both kinds of output out.

Writes never block. What the socket does not take waits in a queue that stays bounded: beyond `_FULL` nobody reads pipes
or further requests, until it is down to `_LOW` again.
"""

import os
import select
from collections import deque
from typing import TYPE_CHECKING, Any, Deque, Dict, List, Union

from .. import frames
from ..descriptors import close_quietly
from . import methods
from .loop import READ, WRITE

if TYPE_CHECKING:
    from .service import Supervisor

_FULL = 4 << 20
_LOW = 1 << 20
_PIECES = 64  # given to one writev

Piece = Union[bytes, memoryview]


class Control:
    """One host's connection, from its proven hello to its end."""

    def __init__(self, supervisor: "Supervisor", fd: int) -> None:
        self._supervisor = supervisor
        self._fd = fd
        self._decoder = frames.Decoder()
        self._queue: Deque[Piece] = deque()
        self._queued = 0
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
        self._queue += pieces
        self._queued += sum(map(len, pieces))
        if self._events & WRITE == 0:
            self._flush()
        self._mind_the_queue()

    def _flush(self) -> None:
        """Writes what the socket takes. A connection that is gone is told by the next read."""
        queue = self._queue
        try:
            while queue:
                pieces = [queue[i] for i in range(min(len(queue), _PIECES))]
                written = os.writev(self._fd, pieces)
                self._queued -= written
                for piece in pieces:
                    if written < len(piece):
                        queue[0] = memoryview(piece)[written:]
                        break
                    written -= len(piece)
                    queue.popleft()
        except BlockingIOError:
            pass
        except OSError:
            queue.clear()
            self._queued = 0

    def _mind_the_queue(self) -> None:
        """Has the loop wait for what the queue asks for."""
        self._full = self._queued > (_LOW if self._full else _FULL)
        events = (0 if self._full else READ) | (WRITE if self._queue else 0)
        if events != self._events:
            self._events = events
            self._supervisor.loop.change(self._fd, events)

    # -- in ----------------------------------------------------------------------------------------------------------

    def _on_event(self, events: int) -> None:
        if events & WRITE:
            was_full = self._full
            self._flush()
            self._mind_the_queue()
            if was_full and not self._full:
                self._supervisor.raw.resume_all()
        if events & ~WRITE:
            self._read()

    def _read(self) -> None:
        try:
            data = os.read(self._fd, self._decoder.wanted())
        except BlockingIOError:
            return
        except (OSError, frames.ProtocolError):
            data = b""
        if not data:
            self._supervisor.control_ended()
            return
        try:
            self._decoder.feed(data)
            message = self._decoder.next()
            while message is not None:
                methods.handle(self._supervisor, self, message)
                message = self._decoder.next()
        except frames.ProtocolError as error:
            self._supervisor.loop.note(error)
            self._supervisor.control_ended()

    # -- the end -----------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Delivers what is queued, as far as the host takes it within a second, when nothing else is to be done."""
        self._supervisor.loop.remove(self._fd)
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        self._events |= WRITE
        while self._queue and poll.poll(1000):
            self._flush_quietly()
        self.close()

    def _flush_quietly(self) -> None:
        try:
            written = os.writev(self._fd, [self._queue[0]])
            self._queue[0] = memoryview(self._queue[0])[written:]
            if not self._queue[0]:
                self._queue.popleft()
        except OSError:
            self._queue.clear()

    def close(self) -> None:
        self._supervisor.loop.remove(self._fd)
        close_quietly(self._fd)
