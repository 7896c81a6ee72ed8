"""The pickle stream: what a pickler writes, cut into pieces as it comes; what one variable wrote can be taken back.

```
          ┌──── kept ────┬─ of the present variable ─┐
buffer    │ x, y, z      │ data …                    │ ──full, or of a variable that is long──> a piece
          └──────────────┴───────────────────────────┘
```

A long variable, and a long string within one, begins a piece of its own: however short things before it grow or
shrink, its pieces are the same as last time. Pieces of a variable that fails may have been sent; they are forgotten.
"""

from __future__ import annotations

from ...hints import Any, List, Optional
from .blobs import PIECE, Blob, Blobs

ALONE = 1 << 20
"""What has so many bytes gets pieces of its own."""


class TooLargeError(Exception):
    """A variable has more bytes than it may have."""


class Stream:
    """A file to a pickler."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self._buffer = bytearray()
        self._kept = 0  # bytes of the buffer that belong to what was kept
        self._first: Optional[int] = None  # index of the present variable's first piece
        self.pieces: List[Blob] = []
        self.written = 0
        """Bytes of the present variable."""
        self.limit = 0

    def begin(self, limit: int) -> None:
        """What is written from now on belongs to one variable, of so many bytes at most."""
        self._kept = len(self._buffer)
        self._first = None
        self.written = 0
        self.limit = limit

    def keep(self) -> None:
        """The variable is complete."""
        if self._first is not None or len(self._buffer) >= PIECE - ALONE:
            self._cut(len(self._buffer))

    def drop(self) -> None:
        """The variable has failed."""
        del self._buffer[self._kept :]
        if self._first is not None:
            del self.pieces[self._first :]

    def write(self, data: Any) -> None:
        """What the pickler calls, with some 64 KiB, or with all of a long string."""
        size = len(data)
        self.written += size
        if self.written > self.limit:
            raise TooLargeError
        if self.written >= ALONE and self._first is None:
            self._cut(self._kept)
            self._first = len(self.pieces)
        if size >= ALONE:
            self._cut(len(self._buffer))
            self.pieces += self._blobs.put_all(memoryview(data).cast("B"))
            return
        self._buffer += data
        if len(self._buffer) >= PIECE:
            self._cut(PIECE)

    def close(self) -> List[Blob]:
        """All pieces."""
        self._cut(len(self._buffer))
        return self.pieces

    def _cut(self, end: int) -> None:
        """The buffer up to `end` becomes pieces."""
        if end == len(self._buffer):
            data, self._buffer = self._buffer, bytearray()
        else:
            data = self._buffer[:end]
            del self._buffer[:end]
        self._kept = 0
        self.pieces += self._blobs.put_all(memoryview(data))
