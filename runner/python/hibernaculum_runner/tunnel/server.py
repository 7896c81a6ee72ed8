"""What a tunnel has: the port, the links, the streams; and its end.

no host for `window` seconds ──> the lifeline is closed: the keeper ends everything ──> so does the tunnel
the keeper is gone           ──> streams tell their ends; when nobody needs them any more, the tunnel ends
"""

from __future__ import annotations

import os
import socket
from collections import deque

from ..hints import Any, Deque, Dict, NoReturn, Optional, Set
from ..supervisor.loop import READ, Loop, Timer
from .link import Link
from .stream import Pumped

_LINKS = 512
_STREAMS = 256
_REMEMBERED = 1024  # streams that were closed: one of them is never begun anew
_LAST_WORDS_SECONDS = 10


class Server:
    def __init__(
        self,
        listener: socket.socket,
        secret: bytes,
        supervisor: str,
        window: float,
        ready: Dict[str, Any],
        hands_over: bool = False,
    ) -> None:
        """`hands_over` where the supervisor may take streams over."""
        self.loop = Loop()
        self.secret = secret
        self.ready = ready
        self._supervisor = supervisor
        self._window = window
        self._hands_over = hands_over
        self._links: Set[Link] = set()
        self._streams: Dict[str, Pumped] = {}
        self._closed: Deque[str] = deque(maxlen=_REMEMBERED)
        self._host = ""  # that had the last stream
        self._alone: Optional[Timer] = None
        self._listener = listener
        listener.setblocking(False)
        listener.listen(128)
        self.loop.add(listener.fileno(), READ, self._on_connection)

    def serve(self, lifeline: int) -> NoReturn:
        """Until the end, which ends the process. `lifeline` is the write end of the keeper's stdin."""
        self.loop.add(lifeline, 0, lambda _events: self._keeper_ended(lifeline))
        self._lost_host()
        self.loop.run()
        os._exit(1)

    def host_came(self) -> None:
        """A link has proven that it is the host's."""
        if self._alone is not None:
            self._alone.cancel()
            self._alone = None

    @property
    def had_host(self) -> bool:
        """Whether there ever was a stream."""
        return bool(self._host)

    def link_ended(self, link: Link) -> None:
        self._links.discard(link)
        self._look_for_host()

    def _look_for_host(self) -> None:
        if not any(stream.is_carried for stream in self._streams.values()):
            self._lost_host()

    def stream(self, name: str, is_new: bool) -> Pumped:
        """The stream of that name; made where it is new. A hello whose answer was lost is said again: no error.

        Raises LookupError where it is not there any more, OSError where the supervisor is not.
        """
        stream = self._streams.get(name)
        if stream is None:
            if not is_new or name in self._closed:
                raise LookupError("it was closed, or never begun")
            self._make_way(name.rpartition("-")[0])
            if len(self._streams) >= _STREAMS:
                raise LookupError(f"there are {_STREAMS} already")
            on_uncarried = self._look_for_host if self._hands_over else None
            stream = Pumped(name, self.loop, self._supervisor, self._window, self._stream_ended, on_uncarried)
            self._streams[name] = stream
        return stream

    def _make_way(self, host: str) -> None:
        """For a stream of that host. LookupError while another is there; what one that is gone left is over."""
        if host == self._host:
            return
        if any(stream.is_carried for stream in self._streams.values()):
            raise LookupError("another host has this sandbox")
        for stream in list(self._streams.values()):
            stream.close()
        self._host = host

    def _stream_ended(self, stream: Pumped) -> None:
        self._streams.pop(stream.name, None)
        self._closed.append(stream.name)

    def _on_connection(self, _events: int) -> None:
        for _ in range(16):
            try:
                connection, _address = self._listener.accept()
            except OSError:  # there is none; or no descriptor is left, and the next turn tries again
                return
            if len(self._links) >= _LINKS:
                connection.close()
            else:
                self._links.add(Link(self, connection, self))

    def _lost_host(self) -> None:
        if self._alone is None:
            self._alone = self.loop.after(self._window, lambda: os._exit(0))  # which closes the lifeline

    def _keeper_ended(self, lifeline: int) -> None:
        self.loop.remove(lifeline)
        os.close(lifeline)
        self.loop.after(_LAST_WORDS_SECONDS, lambda: os._exit(0))
        self._end_when_all_is_told()

    def _end_when_all_is_told(self) -> None:
        if not self._streams:
            os._exit(0)
        self.loop.after(0.02, self._end_when_all_is_told)
