"""How a stream goes over from the tunnel to the supervisor, which is then one process less on its way.

    tunnel ── 7f "tnl" ──> supervisor       an offer, before anything of the host's
    supervisor ── 00 00 00 00 ──> tunnel    it is taken, once the hello of a session with a line is proven
    tunnel ── SCM_RIGHTS: the WebSocket, with what was counted and kept ──> supervisor
    tunnel ── SCM_RIGHTS: each later one, with the answer to its hello ──> supervisor
    supervisor ── "-" ──> tunnel            one of them carries the stream no more

The connection that the stream had is there for these words alone from then on, and its end is the stream's.
"""

from __future__ import annotations

import array
import json
import socket
from collections import deque

from ..descriptors import close_quietly, move_high
from ..hints import Any, Deque, Dict, List, Optional, Tuple

OFFER = b"\x7ftnl"
WANTED = b"\0\0\0\0"  # no frame is empty: nothing that is said to a host
CARRIED_NO_MORE = b"-"

_READ = 64 << 10
_ONE_RIGHT_SPACE = socket.CMSG_SPACE(4)


def hand(road: socket.socket, told: Dict[str, Any], websocket: Optional[int]) -> None:
    """Raises OSError."""
    body = json.dumps({**told, "linked": websocket is not None}).encode()
    rights = [] if websocket is None else [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [websocket]))]
    message = len(body).to_bytes(4, "big") + body
    if road.sendmsg([message], rights) < len(message):  # some hundred bytes where next to nothing waits
        raise OSError("the supervisor does not read")


class Taker:
    """The other end of `hand`."""

    def __init__(self, road: int) -> None:
        self._road = road
        self._data = b""
        self._websockets: Deque[int] = deque()

    def take(self) -> Optional[List[Tuple[Dict[str, Any], Optional[int]]]]:
        """What has come, each with its WebSocket, which is the caller's then; None at the end.

        Raises OSError, and ValueError for what no tunnel says.
        """
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self._road)
        try:
            data, ancillary, _flags, _address = sock.recvmsg(_READ, _ONE_RIGHT_SPACE, socket.MSG_CMSG_CLOEXEC)
        finally:
            sock.detach()
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                numbers = array.array("i")
                numbers.frombytes(content[: len(content) - len(content) % numbers.itemsize])
                self._websockets.extend(map(move_high, numbers))
        if not data:
            return None
        self._data += data
        taken = []
        while len(self._data) >= 4:
            end = 4 + int.from_bytes(self._data[:4], "big")
            if end > _READ:
                raise ValueError("a message that is too long")
            if len(self._data) < end:
                break
            told, self._data = json.loads(self._data[4:end].decode()), self._data[end:]
            # its bytes came with its right, or after it
            taken.append((told, self._websockets.popleft() if told["linked"] and self._websockets else None))
        return taken

    def give_up(self) -> None:
        """Closes what has come with half a message."""
        while self._websockets:
            close_quietly(self._websockets.popleft())
