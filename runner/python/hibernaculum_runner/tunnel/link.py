"""One WebSocket, from its first byte to its last.

request ──> 101, challenge ──> hello ──> a stream's bytes, acknowledgements, ends
   └─ 10 s ─┴── refused ───────┘              └─ nothing heard for a minute ──> given up; the stream waits for the next
"""

from __future__ import annotations

import json
import socket
from collections import deque

from .. import proof
from ..hints import TYPE_CHECKING, Any, Deque, Dict, Optional, Union
from ..supervisor.loop import READ, WRITE, Timer
from . import frames, greeting, upgrade
from .frames import BINARY, CLOSE, PING, PONG, TEXT, BreachError
from .stream import Stream

if TYPE_CHECKING:
    from ..supervisor.carried import Carried
    from .server import Server

_GREETING_SECONDS = 10
_SILENCE_SECONDS = 60  # the host pings every 20
_READ = 64 << 10
_SMALL = 4 << 10  # payloads that are copied together with their head
_MIDDLE_HEAD = frames.head(BINARY, 126)[:2]  # of a payload whose length takes two bytes


class Link:
    def __init__(
        self, server: Union[Server, Carried], connection: socket.socket, greeter: Optional[Server] = None
    ) -> None:
        """One without a greeter has proven itself: in the tunnel, where it was a link that has been `given_away`."""
        self._server = server
        self._greeter = greeter  # until it has proven itself
        self._socket = connection
        self._head = b""
        self._decoder: Optional[frames.Decoder] = None if greeter is not None else frames.Decoder()
        self._nonce = proof.new_nonce()
        self.stream: Optional[Stream] = None
        self._out: Deque[memoryview] = deque()
        self._is_writing = False
        self._last = False  # what is in `_out` is the last
        self._heard = True
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        server.loop.add(connection.fileno(), READ, self._on_socket)
        patience = _SILENCE_SECONDS if greeter is None else _GREETING_SECONDS
        self._timer: Timer = server.loop.after(patience, self._is_silent)

    def send_binary(self, data: bytes) -> None:
        size = len(data)
        if 125 < size <= _SMALL and not (self._out or self._last):  # the common case
            message = _MIDDLE_HEAD + size.to_bytes(2, "big") + data
            try:
                sent = self._socket.send(message)
            except OSError:  # no room, or it ended: told as of any other message
                sent = 0
            if sent < len(message):
                self._send(message[sent:])
        elif size <= _SMALL:
            self._send(frames.head(BINARY, size) + data)
        else:
            self._send(frames.head(BINARY, size))
            self._send(data)

    def send_text(self, told: Dict[str, Any]) -> None:
        self._send(frames.message(TEXT, json.dumps(told).encode()))

    def replaced(self) -> None:
        """The stream goes on over another WebSocket."""
        self.stream = None
        self._end(frames.GOING_AWAY, "the stream goes on elsewhere")

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        """At once. The stream, if there is one, waits for the next WebSocket."""
        if self._socket.fileno() >= 0:
            self._leave()
            self._socket.close()

    def _leave(self) -> None:
        self._timer.cancel()
        self._server.loop.remove(self._socket.fileno())
        if self.stream is not None:
            self.stream.detach(self)
        self._server.link_ended(self)

    def given_away(self) -> Optional[socket.socket]:
        """The connection, which another process goes on with; the caller closes it here. None where a message stands
        half in it: then it is closed, as if it had broken.
        """
        if self._out or self._last or self._decoder is None or not self._decoder.is_between_messages():
            self.close()
            return None
        self.stream, self._last = None, True
        self._leave()
        return self._socket

    def _on_socket(self, events: int) -> None:
        if events & WRITE:
            self._flush()
            if not events & ~WRITE or self._socket.fileno() < 0:
                return
        try:
            data = self._socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self._heard = True
        try:
            stream = self.stream
            payload = self._decoder.whole(data) if stream is not None and self._decoder is not None else None
            if payload is not None and stream is not None:  # the common case
                stream.take(payload)
            else:
                self._take(data)
        except BreachError as breach:
            self._end(breach.code, str(breach))

    def _take(self, data: bytes) -> None:
        if self._last:  # it was told to go
            return
        if self._decoder is None:
            data = self._read_request(data)
        if self._decoder is None:
            return
        for kind, payload in self._decoder.feed(data):
            if self._last:
                return
            if kind == BINARY:
                if self.stream is None:
                    raise BreachError(frames.POLICY, "bytes of no stream")
                self.stream.take(payload)
            elif kind == TEXT:
                self._on_text(payload)
            elif kind == PING:
                self._send(frames.message(PONG, payload))
            elif kind == CLOSE:
                self._end(frames.NORMAL)

    def _read_request(self, data: bytes) -> bytes:
        """Answers the request once it is whole; the bytes after it."""
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end:
            if len(self._head) > upgrade.HEAD_LIMIT:
                self.close()
            return b""
        answer = upgrade.answer(head)
        self._head = b""
        self._send(answer.head)
        if not answer.accepted:
            self._finish()
            return b""
        self._decoder = frames.Decoder()
        self.send_text(greeting.challenge(self._nonce))
        return rest

    def _on_text(self, text: bytes) -> None:
        if self._greeter is not None:
            self._on_hello(self._greeter, text)
            return
        if self.stream is None:
            raise BreachError(frames.POLICY, "no stream was named")
        try:
            (word, value), *more = json.loads(text.decode()).items()
        except (ValueError, AttributeError):
            raise BreachError(frames.PROTOCOL_ERROR, "a text that is no message") from None
        is_count = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        if word == "ack" and is_count and not more:
            self.stream.acknowledged(value)
        elif word == "eof" and is_count and not more:
            self.stream.host_ended(value)
        elif word == "close" and value is True and not more:
            stream, self.stream = self.stream, None
            stream.close()
            self._end(frames.NORMAL)
        else:
            raise BreachError(frames.PROTOCOL_ERROR, "an unknown message")

    def _on_hello(self, server: Server, text: bytes) -> None:
        hello = greeting.read(text, self._nonce, server.secret)
        if hello is None:
            self.refuse("who says this does not know the secret")
            return
        self._greeter = None
        server.host_came()
        reply = {"received": 0, "proof": hello.answer, "ready": server.ready, "had_host": server.had_host}
        if hello.stream:
            try:
                stream = server.stream(hello.stream, hello.is_new)
                if stream.hand(self, hello.received, reply):
                    return
                stream.attach(self, hello.received)
            except (LookupError, OSError, BreachError) as error:
                self.refuse(f"the stream cannot go on: {error}")
                return
            self.stream = stream
            reply["received"] = stream.received
            self.send_text(reply)
            stream.replay()
        else:
            self.send_text(reply)
        self._timer.cancel()
        self._timer = self._server.loop.after(_SILENCE_SECONDS, self._is_silent)

    def refuse(self, why: str) -> None:
        """In answer to its hello."""
        self.send_text({"refused": why})
        self._end(frames.POLICY)

    def _is_silent(self) -> None:
        if not self._heard or self._greeter is not None or self._last:
            self.close()
            return
        self._heard = False
        self._timer = self._server.loop.after(_SILENCE_SECONDS, self._is_silent)

    def _end(self, code: int, why: str = "") -> None:
        if not self._last and self._socket.fileno() >= 0:
            self._send(frames.closing(code, why))
            self._finish()

    def _finish(self) -> None:
        """Closes when everything has been sent; at once where nobody takes it."""
        if self.stream is not None:
            self.stream.detach(self)
            self.stream = None
        self._last = True
        self._timer.cancel()
        self._timer = self._server.loop.after(_GREETING_SECONDS, self.close)
        self._flush()

    def _send(self, data: bytes) -> None:
        if self._last or self._socket.fileno() < 0:
            return
        view = memoryview(data)
        if not self._out:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                pass
            except OSError:  # what is read next tells that it ended
                return
        if view:
            self._out.append(view)
            self._watch()

    def _flush(self) -> None:
        while self._out:
            try:
                sent = self._socket.send(self._out[0])
            except BlockingIOError:
                break
            except OSError:
                self.close()
                return
            if sent < len(self._out[0]):
                self._out[0] = self._out[0][sent:]
                break
            self._out.popleft()
        if self._last and not self._out:
            try:
                self._socket.shutdown(socket.SHUT_WR)  # the client closes when it has read that
            except OSError:
                self.close()
        self._watch()

    def _watch(self) -> None:
        """Waits for room only where there is something to send."""
        if self._is_writing != bool(self._out) and self._socket.fileno() >= 0:
            self._is_writing = bool(self._out)
            self._server.loop.change(self._socket.fileno(), READ | WRITE if self._out else READ)
