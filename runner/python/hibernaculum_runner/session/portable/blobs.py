"""Blobs on their way to the host: cut into pieces, named by digest, sent unless the host has them.

A piece goes out straight from where it lies in memory; nothing is copied, but where other threads could change it
between its digest and its sending.
"""

from __future__ import annotations

import _thread
import hashlib

from ...frames import MAX_CHUNK, encode, encode_chunk_head, notification
from ...hints import Any, Callable, List, NamedTuple, Set
from ..connection import Connection
from ..interrupts import Interrupts

PIECE = 8 << 20
"""Bytes of a blob at most. What is longer goes in pieces of exactly this size, so that those that did not change are
known again."""


class Blob(NamedTuple):
    """A piece that the host has, or has been sent."""

    digest: str
    bytes: int


def digest_of(data: Any) -> str:
    """The name of a piece: SHA-256, twice as quick as BLAKE2b where the processor helps."""
    return hashlib.sha256(data).hexdigest()


class Blobs:
    """Sends what the host has not."""

    def __init__(self, connection: Connection, interrupts: Interrupts, known: Set[str]) -> None:
        self._connection, self._interrupts = connection, interrupts
        self._known = known

    def put_all(self, data: memoryview) -> List[Blob]:
        """The pieces of something long."""
        return [self.put(data[start : start + PIECE]) for start in range(0, len(data), PIECE)]

    def put(self, piece: Any) -> Blob:
        """One piece. May raise KeyboardInterrupt between two frames, never within one."""
        if _thread._count():
            piece = bytes(piece)
        digest = digest_of(piece)
        if digest not in self._known:
            self._send(memoryview(piece), digest)
            self._known.add(digest)
        return Blob(digest, len(piece))

    def _send(self, piece: memoryview, digest: str) -> None:
        connection = self._connection
        with connection.lock:  # one transfer after the other
            transfer = connection.outgoing.fresh()
            for start in range(0, len(piece), MAX_CHUNK):
                chunk = piece[start : start + MAX_CHUNK]
                self._critical(connection.send, encode_chunk_head(transfer, len(chunk)), chunk)
            told = notification("checkpoint.blob", {"transfer": transfer, "digest": digest, "bytes": len(piece)})
            self._critical(connection.send, encode(told))

    def _critical(self, send: Callable[[Any], None], *parts: Any) -> None:
        deferred = self._interrupts.defer()
        try:
            for part in parts:
                send(part)
        finally:
            self._interrupts.resume(deferred)
