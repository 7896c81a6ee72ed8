"""A host at the other end of the tunnel, whose stream a session's line has taken over (`../tunnel/handover.py`).

    host ══ WebSocket ══> Link ──> Carried ──> Line ══> session
                                      │
                                      └── words ──> tunnel, which opens the WebSockets and knows what there is

Else two processes would pump one after the other, and each request would wait for both.
"""

from __future__ import annotations

import os
import socket

from ..descriptors import close_quietly, owned
from ..hints import TYPE_CHECKING, Any, Dict, List, Optional
from ..tunnel import handover
from ..tunnel.frames import PROTOCOL_ERROR, BreachError
from ..tunnel.link import Link
from ..tunnel.stream import ACKNOWLEDGE, PIECE, WINDOW, Stream
from .loop import READ, Loop

if TYPE_CHECKING:
    from .line import Line

_PATIENCE = 30  # seconds that the tunnel has to hand it over


class Carried(Stream):
    """Asks the tunnel for the stream; what is said before it is here waits for it."""

    def __init__(self, line: Line, loop: Loop, road: int) -> None:
        super().__init__(loop, _PATIENCE)
        self.loop = loop
        self._line: Optional[Line] = line
        self._road = road
        self._taker = handover.Taker(road)
        self._is_here = False
        loop.add(road, READ, self._on_road)
        self._tell(handover.WANTED)

    # -- the line ------------------------------------------------------------------------------------------------------

    def say(self, frame: bytes) -> None:
        """A whole frame for the host."""
        size = len(frame)
        if size <= PIECE:  # (`_say`, without the call)
            self._replay.append(frame)
            self._read += size
            if self.link is not None:
                self.link.send_binary(frame)
        else:
            view = memoryview(frame)
            for start in range(0, size, PIECE):
                self._say(view[start : start + PIECE])  # type: ignore[arg-type]
        if self._read - self._taken >= WINDOW:
            self._watch()

    def is_done(self) -> bool:
        """Whether nothing is lost where the line lets go now: what was said is kept here until the host has it."""
        return self._is_here

    def mind(self) -> None:
        """The session may have taken some of what the host had said."""
        self._acknowledge()

    def end(self) -> None:
        """The line lets go. The host is told, and closes."""
        self._line = None
        if self._is_here:
            self._end()
        else:
            self.close()

    # -- the stream ----------------------------------------------------------------------------------------------------

    def take(self, data: bytes) -> None:
        self.received += len(data)
        if self._line is not None:
            self._line.hear(data)
        elif self._host_ended:
            raise BreachError(PROTOCOL_ERROR, "bytes after the end")
        if self.received - self._acknowledged >= ACKNOWLEDGE:
            self._acknowledge()
            if self.received - self._delivered() > WINDOW + ACKNOWLEDGE:
                raise BreachError(PROTOCOL_ERROR, "bytes beyond the window")

    def attach(self, link: Link, received: int) -> None:
        earlier = self.link
        super().attach(link, received)
        if earlier is not None:
            self._tell(handover.CARRIED_NO_MORE)

    def detach(self, link: Link) -> None:
        if self.link is link:
            self._tell(handover.CARRIED_NO_MORE)
        super().detach(link)

    def close(self) -> None:
        if self._road < 0:
            return
        self._alone.cancel()
        self.loop.remove(self._road)
        close_quietly(self._road)
        self._road = -1
        self._taker.give_up()
        link, self.link, line, self._line = self.link, None, self._line, None
        if link is not None and link.stream is self:  # (else it has a last word to say)
            link.close()
        if line is not None:
            line.host_left()

    def _delivered(self) -> int:
        return self.received - (self._line.waiting() if self._line is not None else 0)

    def _half_close(self) -> None:
        if self._line is not None:
            self._line.host_left()

    def _watch(self) -> None:
        if self._line is not None:
            self._line.mind()

    # -- the tunnel ----------------------------------------------------------------------------------------------------

    def link_ended(self, link: Link) -> None:
        """It is about to be closed."""
        owned.discard(link.fileno())

    def _tell(self, word: bytes) -> None:
        try:
            os.write(self._road, word)
        except OSError:
            pass  # the tunnel is gone: what is read next says so

    def _on_road(self, _events: int) -> None:
        try:
            taken = self._taker.take()
            for told, websocket in taken or ():
                self._on_handed(told, websocket)
        except BlockingIOError:
            return
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            taken = None
        if taken is None:
            self.close()

    def _on_handed(self, told: Dict[str, Any], websocket: Optional[int]) -> None:
        if self._road < 0:  # what came before has ended it
            if websocket is not None:
                close_quietly(websocket)
            return
        said = None if self._is_here else self._begin(told)
        if websocket is not None:
            link = Link(self, socket.socket(fileno=websocket))
            if said is not None:
                self.attach(link, self._base)
                link.stream = self
                for piece in said:
                    link.send_binary(piece)
            else:
                self._go_on_over(link, told["received"], told["reply"])
        self._watch()

    def _begin(self, told: Dict[str, Any]) -> List[bytes]:
        """What the tunnel counted and kept goes before what was said here, which is given back."""
        said, kept = list(self._replay), bytes.fromhex(told["replay"])
        if kept:
            self._replay.appendleft(kept)
        self.received = self._acknowledged = told["received"]
        self._base, self._taken, self._window = told["base"], told["taken"], told["window"]
        self._read += told["read"]
        self._is_here = True
        self._alone.cancel()
        self._alone = self.loop.after(self._window, self.close)
        return said

    def _go_on_over(self, link: Link, received: int, reply: Dict[str, Any]) -> None:
        try:
            self.attach(link, received)
        except BreachError as breach:
            self._tell(handover.CARRIED_NO_MORE)
            link.refuse(f"the stream cannot go on: {breach}")
            return
        link.stream = self
        link.send_text({**reply, "received": self.received})
        self.replay()
