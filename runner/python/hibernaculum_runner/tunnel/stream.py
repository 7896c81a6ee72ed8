"""One stream: bytes in both directions that outlive the WebSockets which they are carried by.

    host ── binary ──> take() ──> who reads it          acknowledged once the reader has it
    host <── binary ── link <── replay <── _say()       kept until the host acknowledges

A stream that no WebSocket has carried for `window` seconds is closed: its host has given it up, though the same host's
other streams may go on.

Each direction has at most `WINDOW` bytes on the way: then its source is read no further. That is all the backpressure,
and it holds without a host too: code that prints goes on for 8 MiB and waits.

There are two kinds. A `Pumped` one has a connection to the supervisor. Where a session's line is at the other end of
that, the supervisor takes the stream over, and it ends there (`../supervisor/carried.py`); see handover.py.
"""

from __future__ import annotations

import socket
from collections import deque

from ..hints import TYPE_CHECKING, Any, Callable, Deque, Dict, Optional, Union
from ..supervisor.loop import READ, WRITE, Loop, Timer
from . import handover
from .frames import POLICY, PROTOCOL_ERROR, BreachError

if TYPE_CHECKING:
    from .link import Link

WINDOW = 8 << 20
ACKNOWLEDGE = 256 << 10  # bytes between acknowledgements
PIECE = 64 << 10


class Stream:
    """What is counted and kept, wherever it ends."""

    def __init__(self, loop: Loop, window: float) -> None:
        self.link: Optional[Link] = None
        self.received = 0  # from the host
        self._acknowledged = 0  # of these, as we told the host
        self._host_ended = False
        self._replay: Deque[bytes] = deque()
        self._base = 0  # the stream's position of the first byte in `_replay`
        self._taken = 0  # how far the host's reader came: what the window is measured by
        self._read = 0  # the position after its last
        self._ended = False  # there is no more to say
        self._loop = loop
        self._window = window
        self._alone: Timer = loop.after(window, self.close)

    # -- what it ends at -----------------------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        """Bytes of the host's."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends it on both sides. Twice is no error."""
        raise NotImplementedError

    def _delivered(self) -> int:
        """How many of the host's bytes the reader has."""
        raise NotImplementedError

    def _half_close(self) -> None:
        """The host has ended; the reader may have to read on."""
        raise NotImplementedError

    def _watch(self) -> None:
        """Waits for what can be done now."""
        raise NotImplementedError

    # -- what it is carried by -----------------------------------------------------------------------------------------

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
        self._acknowledged = self._delivered()
        self.link.send_text({"ack": self._acknowledged})
        if self._ended:
            self.link.send_text({"eof": self._read})
        self._watch()

    def detach(self, link: Link) -> None:
        if self.link is link:
            self.link = None
            self._alone = self._loop.after(self._window, self.close)

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

    def is_full(self) -> bool:
        """Whether the host has to read before there may be more."""
        return self._read - self._taken >= WINDOW

    def _say(self, data: bytes) -> None:
        """At most `PIECE` bytes for the host."""
        self._replay.append(data)
        self._read += len(data)
        if self.link is not None:
            self.link.send_binary(data)

    def _end(self) -> None:
        self._ended = True
        if self.link is not None:
            self.link.send_text({"eof": self._read})

    def _acknowledge(self) -> None:
        delivered = self._delivered()
        if self.link is not None and delivered - self._acknowledged >= ACKNOWLEDGE:
            self._acknowledged = delivered
            self.link.send_text({"ack": delivered})

    def _forget(self, position: int) -> None:
        """Drops what the host has, up to `position`."""
        while self._replay and self._base + len(self._replay[0]) <= position:
            self._base += len(self._replay.popleft())
        if self._base < position:
            self._replay[0] = self._replay[0][position - self._base :]
            self._base = position


class Pumped(Stream):
    """Made for the first WebSocket that names it; `attach` for every later one."""

    def __init__(
        self,
        name: str,
        loop: Loop,
        supervisor: str,
        window: float,
        on_end: Callable[[Pumped], None],
        on_uncarried: Optional[Callable[[], None]] = None,
    ) -> None:
        """Raises OSError where the supervisor cannot be reached.

        With `on_uncarried` the supervisor may take it over; that is called when no WebSocket carries it there any more.
        """
        self.name = name
        self._on_end = on_end
        self._on_uncarried = on_uncarried
        self._is_offered = on_uncarried is not None
        self._delivered_bytes = 0
        self._inbox: Deque[memoryview] = deque()
        self._carriers: Optional[int] = None  # WebSockets that the supervisor has, once it has the stream
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.setblocking(False)
            self._socket.connect(supervisor)
            if self._is_offered:
                self._socket.send(handover.OFFER)
        except OSError:
            self._socket.close()
            raise
        super().__init__(loop, window)
        self._events = READ
        loop.add(self._socket.fileno(), READ, self._on_socket)

    @property
    def is_carried(self) -> bool:
        return bool(self.link or self._carriers)

    def take(self, data: bytes) -> None:
        self.received += len(data)
        if self._host_ended or self.received - self._delivered_bytes > WINDOW + ACKNOWLEDGE:
            raise BreachError(PROTOCOL_ERROR, "bytes after the end, or beyond the window")
        sent = 0 if self._inbox else self._send(data)
        if sent < len(data):
            self._inbox.append(memoryview(data)[sent:])
            self._watch()
        if self._delivered_bytes - self._acknowledged >= ACKNOWLEDGE:
            self._acknowledge()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._alone.cancel()
            self._loop.remove(self._socket.fileno())
            self._socket.close()
            self._carriers = self._carriers and 0
            self._on_end(self)

    def _delivered(self) -> int:
        return self._delivered_bytes

    def _on_socket(self, events: int) -> None:
        if events & WRITE:
            self._flush()
        if events & ~WRITE and self._events & READ:
            self._receive()
        elif events & ~(WRITE | READ) and not self._ended:  # it hung up while we had no room for its last words
            self._watch(hung_up=True)

    def _receive(self) -> None:
        try:
            data = self._socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if self._is_offered and self._read:  # its second word: the first is a challenge
            self._is_offered = False
            if data == handover.WANTED:
                self._hand_over()
                return
        if data:
            self._say(data)
        else:
            self._end()
        if not data or self.is_full():
            self._watch()

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

    def _send(self, data: Union[bytes, memoryview]) -> int:
        """How much the supervisor took. One that is gone takes everything: its end is told by what is read."""
        try:
            sent = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError:
            sent = len(data)
        self._delivered_bytes += sent
        return sent

    def _half_close(self) -> None:
        if self._host_ended and not self._inbox:
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                pass

    def _watch(self, hung_up: bool = False) -> None:
        events = (READ if not (self._ended or self.is_full()) else 0) | (WRITE if self._inbox else 0)
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

    # -- the supervisor has it -----------------------------------------------------------------------------------------

    def hand(self, link: Link, received: int, reply: Dict[str, Any]) -> bool:
        """Gives it a later WebSocket, whose hello is to be answered so; False where it has not taken the stream."""
        if self._carriers is None:
            return False
        self._give(link, {"received": received, "reply": reply})
        return True

    def _hand_over(self) -> None:
        link, self.link = self.link, None
        self._alone.cancel()
        self._carriers = 0
        self._loop.remove(self._socket.fileno())
        if self._inbox or self._host_ended:  # before its hello was answered: it is no host of ours
            self.close()
            if link is not None:
                link.close()
            return
        self._loop.add(self._socket.fileno(), READ, self._on_word)
        told = {
            "received": self.received, "base": self._base, "read": self._read, "taken": self._taken,
            "replay": b"".join(self._replay).hex(), "window": self._window,
        }  # fmt: skip
        self._replay.clear()
        self._give(link, told)

    def _give(self, link: Optional[Link], told: Dict[str, Any]) -> None:
        """Where a message stands half in its WebSocket, its host dials again, as after any break."""
        assert self._carriers is not None
        self._carriers += 1
        websocket = link.given_away() if link is not None else None
        try:
            handover.hand(self._socket, told, websocket.fileno() if websocket is not None else None)
        except OSError:  # the supervisor is gone
            self.close()
        if websocket is not None:
            websocket.close()
        self._carried_no_more(0 if websocket is not None else 1)

    def _on_word(self, _events: int) -> None:
        try:
            words = self._socket.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            words = b""
        if words:
            self._carried_no_more(words.count(handover.CARRIED_NO_MORE))
        else:
            self.close()
            self._carried_no_more(0)

    def _carried_no_more(self, by: int) -> None:
        assert self._carriers is not None and self._on_uncarried is not None
        self._carriers = max(0, self._carriers - by)
        if not self._carriers:
            self._on_uncarried()
