"""What is to be written to a descriptor that must not block: it waits here until the descriptor takes it."""

from __future__ import annotations

import os
from collections import deque

from ..hints import Deque, Iterable, Union

_PIECES = 64  # given to one writev

Piece = Union[bytes, memoryview]


class Outbox:
    """The pieces in their order. Whoever owns the descriptor has the loop tell when it takes more."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.queued = 0  # bytes
        self._pieces: Deque[Piece] = deque()

    def __bool__(self) -> bool:
        return bool(self._pieces)

    def push(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            self._pieces.append(piece)
            self.queued += len(piece)

    def write(self, piece: Piece) -> bool:
        """`push` and `flush` of one; whether nothing waits now."""
        if not self._pieces:  # the common case: it goes at once
            try:
                written = os.write(self.fd, piece)
            except BlockingIOError:
                written = 0
            except OSError:
                return True
            if written == len(piece):
                return True
            piece = memoryview(piece)[written:]
        self._pieces.append(piece)
        self.queued += len(piece)
        return False

    def flush(self) -> None:
        """Writes what the descriptor takes. Of one that is gone, the next read tells."""
        pieces = self._pieces
        try:
            if len(pieces) == 1:  # the common case
                written = os.write(self.fd, pieces[0])
                self.queued -= written
                if written == len(pieces[0]):
                    pieces.clear()
                else:
                    pieces[0] = memoryview(pieces[0])[written:]
                return
            while pieces:
                batch = [pieces[i] for i in range(min(len(pieces), _PIECES))]
                written = os.writev(self.fd, batch)
                self.queued -= written
                for piece in batch:
                    if written < len(piece):
                        pieces[0] = memoryview(piece)[written:]
                        break
                    written -= len(piece)
                    pieces.popleft()
        except BlockingIOError:
            pass
        except OSError:
            pieces.clear()
            self.queued = 0
