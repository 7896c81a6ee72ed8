"""One stream: a connection to the supervisor that outlives the WebSockets it is carried by.

    host ── binary ──> take() ── inbox ──> supervisor      acknowledged once the supervisor's socket has it
    host <── binary ── link <── replay <── supervisor      kept until the host acknowledges

A stream that no WebSocket has carried for `window` seconds is closed: its host has given it up, though the same host's
other streams may go on.

Each direction has at most `WINDOW` bytes on the way: then its source is read no further. That is all the backpressure,
and it holds without a host too: code that prints goes on for 8 MiB and waits.
"""

from __future__ import annotations

import socket
from collections import deque

from ..hints import TYPE_CHECKING, Callable, Deque, Optional
from ..supervisor.loop import READ, WRITE, Loop, Timer
from .frames import POLICY, PROTOCOL_ERROR, BreachError

if TYPE_CHECKING:
    from .link import Link

WINDOW = 8 << 20
_ACKNOWLEDGE = 256 << 10  # bytes between acknowledgements
_PIECE = 64 << 10


class Stream:
    """Made for the first WebSocket that names it; `attach` for every later one."""

    def __init__(self, name: str, loop: Loop, supervisor: str, window: float, on_end: Callable[[Stream], None]) -> None:
        """Raises OSError where the supervisor cannot be reached."""
        self.name = name
        self.link: Optional[Link] = None
        self.received = 0  # from the host
        self._delivered = 0  # of these, to the supervisor
        self._acknowledged = 0  # of these, as we told the host
        self._inbox: Deque[memoryview] = deque()
        self._host_ended = False
        self._replay: Deque[bytes] = deque()
        self._base = 0  # the stream's position of the first byte in `_replay`
        self._taken = 0  # how far the host's reader came: what the window is measured by
        self._read = 0  # the position after its last
        self._ended = False  # the supervisor has no more to say
        self._loop = loop
        self._window = window
        self._on_end = on_end
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(supervisor)
        except OSError:
            self._socket.close()
            raise
        self._events = READ
        loop.add(self._socket.fileno(), READ, self._on_socket)
        self._alone: Timer = loop.after(window, self.close)

    def attach(self, link: Link, received: int) -> None:
        """Goes on over this WebSocket, from the byte after those that the host has. An older one is given up."""
        if not self._base <= received <= self._read:
            raise BreachError(POLICY, f"byte {received} is not kept: {self._base} to {self._read} are")
        if self.link is not None:
            self.link.replaced()
        self.link = link
        self._alone.cancel()
        self._forget(received)

    def replay(self) -> None:
        """Sends what the host has not got. After `attach`, and after the answer to the hello."""
        if self.link is None:
            return
        for piece in self._replay:
            self.link.send_binary(piece)
        self._acknowledged = self._delivered
        self.link.send_text({"ack": self._delivered})
        if self._ended:
            self.link.send_text({"eof": self._read})
        self._watch()

    def detach(self, link: Link) -> None:
        if self.link is link:
            self.link = None
            self._alone = self._loop.after(self._window, self.close)

    def take(self, data: bytes) -> None:
        """Bytes for the supervisor."""
        self.received += len(data)
        if self._host_ended or self.received - self._delivered > WINDOW + _ACKNOWLEDGE:
            raise BreachError(PROTOCOL_ERROR, "bytes after the end, or beyond the window")
        view = memoryview(data)
        if not self._inbox:
            view = view[self._send(view) :]
        if view:
            self._inbox.append(view)
            self._watch()
        self._acknowledge()

    def acknowledged(self, position: int) -> None:
        """The host's acknowledgement."""
        if position > self._read:
            raise BreachError(PROTOCOL_ERROR, "an acknowledgement of what was never sent")
        self._forget(position)
        self._taken = max(self._taken, position)
        self._watch()

    def host_ended(self, position: int) -> None:
        """The host has no more to say."""
        if position != self.received:
            raise BreachError(PROTOCOL_ERROR, f"an end at {position}, after {self.received} bytes")
        self._host_ended = True
        self._half_close()

    def close(self) -> None:
        """Ends it on both sides. Twice is no error."""
        if self._socket.fileno() >= 0:
            self._alone.cancel()
            self._loop.remove(self._socket.fileno())
            self._socket.close()
            self._on_end(self)

    def _forget(self, position: int) -> None:
        """Drops what the host has, up to `position`."""
        while self._replay and self._base + len(self._replay[0]) <= position:
            self._base += len(self._replay.popleft())
        if self._base < position:
            self._replay[0] = self._replay[0][position - self._base :]
            self._base = position

    def _on_socket(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & ~WRITE and self._events & READ:
            self._receive()
        elif events & ~(WRITE | READ) and not self._ended:  # it hung up while we had no room for its last words
            self._watch(hung_up=True)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._replay.append(data)
            self._read += len(data)
            if self.link is not None:
                self.link.send_binary(data)
        else:
            self._ended = True
            if self.link is not None:
                self.link.send_text({"eof": self._read})
        if not data or self._is_full():
            self._watch()

    def _is_full(self) -> bool:
        return self._read - self._taken >= WINDOW

    def _flush(self) -> None:
        while self._inbox:
            sent = self._send(self._inbox[0])
            if sent < len(self._inbox[0]):
                self._inbox[0] = self._inbox[0][sent:]
                break
            self._inbox.popleft()
        self._acknowledge()
        self._half_close()
        self._watch()

    def _send(self, view: memoryview) -> int:
        """How much the supervisor took. One that is gone takes everything: its end is told by what is read."""
        try:
            sent = self._socket.send(view)
        except BlockingIOError:
            return 0
        except OSError:
            sent = len(view)
        self._delivered += sent
        return sent

    def _acknowledge(self) -> None:
        if self.link is not None and self._delivered - self._acknowledged >= _ACKNOWLEDGE:
            self._acknowledged = self._delivered
            self.link.send_text({"ack": self._delivered})

    def _half_close(self) -> None:
        if self._host_ended and not self._inbox:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _watch(self, hung_up: bool = False) -> None:
        """Waits for what can be done with the supervisor's socket."""
        events = (READ if not (self._ended or self._is_full()) else 0) | (WRITE if self._inbox else 0)
        fd = self._socket.fileno()
        if fd < 0:
            return
        if (self._ended and not self._inbox) or (hung_up and not events):
            self._loop.remove(fd)  # else epoll tells of the hang-up again and again
            self._events = 0
        elif not self._events and events:
            self._loop.remove(fd)
            self._loop.add(fd, events, self._on_socket)
            self._events = events
        elif events != self._events:
            self._loop.change(fd, events)
            self._events = events
