"""The session's own connection to the host: frames in, frames out.

Nobody reads while user code runs, but for `input`. A frame is never torn: it goes out by one `sendall`, and an
interrupt that arrives meanwhile waits (see `interrupts`). Threads of user code send too, when they print: hence the
lock.
"""

from __future__ import annotations

import _thread
import json.decoder
import os
import socket
from collections import deque
from typing import Any, Deque, Dict, Optional

from ..frames import Decoder, Outgoing, ProtocolError, encode

HOST_GONE = 0
DESCRIPTORS_LOST = 113
"""Exit code where user code closed the runner's own descriptors: there is no session without them."""
DEFECT = 112
"""Exit code where the runner failed within an execution that a guard stands for."""
PROTOCOL_BROKEN = 114
"""Exit code where the host sent what no host may send."""

_WAIT_ALL = socket.MSG_WAITALL  # one call for a megabyte, where a signal does not come in between
_scan = json.decoder.JSONDecoder().scan_once  # json.loads without its checks: a microsecond on the hot path


class Connection:
    """Owned by one process; a forked child that comes here leaves without a word."""

    def __init__(self, descriptor: int, ours: Any) -> None:
        self.descriptor = descriptor
        self.lock = _thread.RLock()
        self.outgoing = Outgoing()
        self.postponed: Deque[Dict[str, Any]] = deque()
        self._decoder = Decoder()
        self._ours = ours
        self._socket = socket.socket(fileno=descriptor)
        self._socket.settimeout(None)
        self._receive = self._socket.recv
        self._receive_into = self._socket.recv_into
        self._sendall = self._socket.sendall

    def receive(self) -> Dict[str, Any]:
        """The next message, waiting for it. Ends the process where there will be none."""
        if self.postponed:
            return self.postponed.popleft()
        decoder = self._decoder
        if not decoder.pending():
            data = self._read(65536)
            try:
                # one whole message in one read: the common case
                if len(data) == 4 + int.from_bytes(data[:4], "big"):
                    message, end = _scan(str(data[4:], "utf-8"), 0)
                    if type(message) is dict and end == len(data) - 4:
                        return message
            except (ValueError, StopIteration, RecursionError):
                pass  # the decoder says what is wrong with it
            decoder.feed(data)
        while True:
            message = self.take_buffered()
            if message is not None:
                return message
            self.read_more()

    def take_buffered(self) -> Optional[Dict[str, Any]]:
        """A message that has been read already."""
        try:
            return self._decoder.next()
        except ProtocolError:
            os._exit(PROTOCOL_BROKEN)

    def read_more(self) -> None:
        """One read, whatever it gives."""
        try:
            self._decoder.feed(self._read(self._decoder.wanted()))
        except ProtocolError:
            os._exit(PROTOCOL_BROKEN)

    def fill(self, view: memoryview) -> None:
        """Reads exactly so many bytes, whatever frames they belong to, straight to where they are to lie."""
        held = self._decoder.take_raw(len(view))
        view[: len(held)] = held
        rest = view[len(held) :]
        while rest:
            try:
                got = self._receive_into(rest, 0, _WAIT_ALL)
            except ConnectionError:
                os._exit(HOST_GONE)
            except OSError:
                os._exit(DESCRIPTORS_LOST)
            if not got:
                os._exit(HOST_GONE)
            rest = rest[got:]

    def text(self, field: Any) -> str:
        """A text field of a message, whichever way it was sent. Raises ProtocolError."""
        return field if type(field) is str else self._decoder.text(field)

    def _read(self, size: int) -> bytes:
        try:
            data = self._receive(size)
        except ConnectionError:
            os._exit(HOST_GONE)
        except OSError:
            os._exit(DESCRIPTORS_LOST)
        if not data:
            os._exit(HOST_GONE)
        return data

    def send(self, data: bytes) -> None:
        """Sends whole frames; waits while the host does not take them. With the lock, in a critical section."""
        if not self._ours[0]:
            return  # forked by C code, which runs no at-fork hooks
        try:
            self._sendall(data)
        except ConnectionError:
            os._exit(HOST_GONE)
        except OSError:
            os._exit(DESCRIPTORS_LOST)

    def send_message(self, message: Dict[str, Any]) -> None:
        """Sends a message, after the transfers that it names."""
        self.send_after_transfers(b"", encode(message))

    def send_after_transfers(self, before: bytes, frame: bytes) -> None:
        """Sends both, and in between the transfers that `frame` names, which may be long: they are not copied."""
        chunks = self.outgoing.chunks()
        if chunks:
            self.send(before)
            for chunk in chunks:
                self.send(chunk)
            self.send(frame)
        else:
            self.send(before + frame)

    def renew(self) -> None:
        """Another connection has taken the descriptor's place: what the old one left half read is nobody's."""
        self._decoder = Decoder()
        self.outgoing = Outgoing()
        self.postponed.clear()

    def close(self) -> None:
        """In a forked child: the connection is the session's alone."""
        self.lock = _thread.RLock()
        self._socket.detach()
        try:
            os.close(self.descriptor)
        except OSError:
            pass
