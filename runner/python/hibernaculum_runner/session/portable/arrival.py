"""Blobs as they come from the host: read from the connection straight to where they stay, and checked.

```
checkpoint.ready ──> chunk, chunk … of blob 0, of blob 1 … ──> checkpoint.loaded | checkpoint.abort
```

Frames are read here, not by the connection's decoder, since a large buffer shall not be copied once more. Whatever is
wrong with the blobs, all frames up to the last message are read: the connection goes on.
"""

from __future__ import annotations

import json
import mmap
import os

from ...frames import MAX_FRAME, encode, notification
from ...hints import Any, List, Optional
from ..connection import PROTOCOL_BROKEN, Connection
from ..interrupts import Interrupts
from .blobs import PIECE, digest_of
from .manifest import Manifest, RefusedError

HUGE = 2 << 20
"""Buffers of so many bytes are mappings of their own, in huge pages where the kernel has them."""
_CHUNK = 0x80000000
_MESSAGE = 1 << 16  # bytes of a message that may come here


class AbortedError(Exception):
    """The host has given up."""


class Arrival:
    """The blobs of one load."""

    def __init__(self, manifest: Manifest, connection: Connection, interrupts: Interrupts, execution: int) -> None:
        self._connection, self._interrupts, self._execution = connection, interrupts, execution
        self._blobs = manifest.blobs
        self._pickle = manifest.pickle
        self._lengths = manifest.buffers
        self.pieces: List[Optional[bytearray]] = []
        """Of the pickle stream."""
        self.buffers: List[Any] = []
        """Each writable, and contiguous."""
        self._places = self._all_places()

    def receive(self) -> None:
        """Reads them all. Raises RefusedError or AbortedError, once the last message has been read."""
        deferred = self._interrupts.defer()
        try:
            with self._connection.lock:
                self._connection.send(encode(notification("checkpoint.ready", {"execution": self._execution})))
            self._read()
        finally:
            self._interrupts.resume(deferred)

    def _read(self) -> None:
        problem: Optional[RefusedError] = None
        index, got, place = 0, 0, memoryview(b"")
        while True:
            length, is_chunk = self._head()
            if not is_chunk:
                if self._is_last(length):
                    break
                continue
            transfer, length = int.from_bytes(self._bytes(8), "big"), length - 8
            try:
                if problem is not None:
                    raise problem
                if index == len(self._blobs) or transfer != index + 1:
                    raise _corrupt("a blob came that the manifest does not have there")
                blob = self._blobs[index]
                if got == 0:
                    place = self._place(index)
                if length > blob.bytes - got:
                    raise _corrupt(f"blob {index} is longer than the {blob.bytes} bytes that the manifest says")
            except RefusedError as found:
                problem = found
                self._skip(length)
                continue
            self._connection.fill(place[got : got + length])
            got += length
            if got == blob.bytes:
                if digest_of(place) != blob.digest:
                    problem = _corrupt(f"blob {index} is not what was saved: its digest differs")
                index, got, place = index + 1, 0, memoryview(b"")
        if problem is not None:
            raise problem
        if index < len(self._blobs):
            raise _corrupt(f"only {index} of its {len(self._blobs)} blobs came")

    # -- places ------------------------------------------------------------------------------------------------------

    def _place(self, index: int) -> memoryview:
        """Where a blob is to lie. Memory is asked for as it is needed, whatever a manifest says."""
        try:
            return next(self._places)
        except (MemoryError, OSError, OverflowError):
            total = sum(blob.bytes for blob in self._blobs)
            raise RefusedError(
                "checkpoint.too_large",
                f"there is no memory for its {total:,} bytes",
                limit=sum(blob.bytes for blob in self._blobs[:index]),
            ) from None

    def _all_places(self) -> Any:
        for blob in self._blobs[: self._pickle]:
            piece = bytearray(blob.bytes)
            self.pieces.append(piece)
            yield memoryview(piece)
        for length in self._lengths:
            buffer = memoryview(_memory(length))
            self.buffers.append(buffer)
            for start in range(0, length, PIECE):
                yield buffer[start : start + PIECE]

    # -- frames ------------------------------------------------------------------------------------------------------

    def _head(self) -> Any:
        head = int.from_bytes(self._bytes(4), "big")
        length = head & ~_CHUNK
        if length > MAX_FRAME or (head & _CHUNK and length <= 8):
            os._exit(PROTOCOL_BROKEN)
        return length, bool(head & _CHUNK)

    def _bytes(self, length: int) -> bytes:
        data = bytearray(length)
        self._connection.fill(memoryview(data))
        return bytes(data)

    def _skip(self, length: int) -> None:
        while length:
            step = min(length, _MESSAGE)
            self._bytes(step)
            length -= step

    def _is_last(self, length: int) -> bool:
        """Whether a message ends the blobs. Raises AbortedError where it says that the rest will not come."""
        if length > _MESSAGE:
            os._exit(PROTOCOL_BROKEN)
        try:
            message = json.loads(self._bytes(length))
            method, params = message["method"], message.get("params") or {}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            os._exit(PROTOCOL_BROKEN)
        if params.get("execution") != self._execution:
            return False  # a late word about another load
        if method == "checkpoint.abort":
            raise AbortedError
        return bool(method == "checkpoint.loaded")


def _memory(length: int) -> Any:
    if length < HUGE:
        return bytearray(length)
    mapping = mmap.mmap(-1, length, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        mapping.madvise(mmap.MADV_HUGEPAGE)
    except (OSError, AttributeError):
        pass  # a kernel without them
    return mapping


def _corrupt(why: str) -> RefusedError:
    return RefusedError("checkpoint.corrupt", why)
