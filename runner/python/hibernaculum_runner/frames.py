"""Frames: what travels on every connection.

    | 4 bytes, big-endian: length, top bit clear | one JSON-RPC message in UTF-8                  |
    | 4 bytes, big-endian: length, top bit set   | 8 bytes: transfer id | raw bytes (a *chunk*)    |

A string longer than `MAX_INLINE` travels ahead of its message, as the chunks of a *transfer*; in its place in
the message stands `{"transfer": id, "bytes": n}`.

    sending      message = encode({... "code": outgoing.text(code) ...}); sock.sendall(outgoing.take() + message)
    receiving    decoder.feed(sock.recv(decoder.wanted())); message = decoder.next(); decoder.text(message["code"])
"""

from __future__ import annotations

import json
import json.decoder

from .hints import Any, Dict, List, Optional, Union

MAX_FRAME = 16 << 20
MAX_INLINE = 1 << 20
MAX_CHUNK = 1 << 20
MAX_UNNAMED = 256 << 20  # bytes held of transfers that no message has named yet

_CHUNK = 0x80000000
_READ = 1 << 16

Json = Dict[str, Any]

# Made once: json.dumps with arguments builds an encoder at each call. What JSON has not (NaN) must never slip through.
_dumps = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_loads = json.loads
scan = json.decoder.JSONDecoder().scan_once  # type: ignore[attr-defined]  # `loads` without its checks


class ProtocolError(Exception):
    """The other side broke the protocol; the connection cannot go on."""


def encode(message: Json) -> bytes:
    """One message as a frame. Raises ValueError for NaN and infinities, which JSON has not."""
    body = _dumps(message).encode("ascii")
    return len(body).to_bytes(4, "big") + body


def encode_chunk_head(transfer: int, length: int) -> bytes:
    """What precedes the `length` raw bytes of a chunk."""
    return (_CHUNK | (length + 8)).to_bytes(4, "big") + transfer.to_bytes(8, "big")


def clean(text: str) -> str:
    """The text with lone surrogates, which UTF-8 has not, as backslash escapes."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace").decode()
    return text


def result(request: Any, value: Any) -> Json:
    """The answer to the request with that id."""
    return {"jsonrpc": "2.0", "id": request, "result": value}


def notification(method: str, params: Json) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def error(request: Any, number: int, code: str, what: str, why: str, how: str) -> Json:
    """A refusal: JSON-RPC's number, and our stable code with what happened, why, and how to mend it."""
    data = {"code": code, "what": what, "why": why, "how": how}
    return {"jsonrpc": "2.0", "id": request, "error": {"code": number, "message": what, "data": data}}


PARSE_ERROR = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
REFUSED = -32000


class Outgoing:
    """Puts long strings into transfers. One per connection: ids are never used twice on it."""

    __slots__ = ("_transfer", "waiting")

    def __init__(self) -> None:
        self._transfer = 0
        self.waiting: List[bytes] = []
        """The chunks that must be sent before the message. Empty in the common case."""

    def text(self, text: str) -> Union[str, Json]:
        """What stands in the message for `text`, which is made clean. Long text waits in `take`."""
        text = clean(text)
        if len(text) <= MAX_INLINE >> 2:  # at most 4 bytes a character
            return text
        data = text.encode()
        if len(data) <= MAX_INLINE:
            return text
        transfer = self.fresh()
        view = memoryview(data)
        for start in range(0, len(data), MAX_CHUNK):
            piece = view[start : start + MAX_CHUNK]
            self.waiting.append(encode_chunk_head(transfer, len(piece)))
            self.waiting.append(piece)  # type: ignore[arg-type]
        return {"transfer": transfer, "bytes": len(data)}

    def fresh(self) -> int:
        """The id of a transfer that somebody sends himself."""
        self._transfer += 1
        return self._transfer

    @property
    def last_transfer(self) -> int:
        """The last id that was used."""
        return self._transfer

    def go_on_from(self, transfer: int) -> None:
        """Another process has used the ids up to that one, on the same connection."""
        self._transfer = max(self._transfer, transfer)

    def take(self) -> bytes:
        """What waits, to be sent now."""
        return b"".join(self.chunks()) if self.waiting else b""

    def chunks(self) -> List[bytes]:
        """The same in pieces, for who would rather not have them copied once more."""
        chunks, self.waiting = self.waiting, []
        return chunks


class Decoder:
    """Bytes in, messages out; chunks are kept until a message names their transfer."""

    __slots__ = ("_held", "_max_frame", "_transfers", "rest")

    def __init__(self, max_frame: int = MAX_FRAME) -> None:
        self.rest: Union[bytes, bytearray] = b""
        """Of an incomplete frame, or of frames that nobody has asked for."""
        self._transfers: Dict[int, bytearray] = {}
        self._held = 0
        self._max_frame = max_frame

    def feed(self, data: bytes) -> None:
        """Takes what a read gave."""
        if not self.rest:
            self.rest = data  # the common case is one message in one read: no copy
        elif isinstance(self.rest, bytearray):
            self.rest += data
        else:
            self.rest = bytearray(self.rest) + data

    def take(self, data: bytes) -> Optional[Json]:
        """`feed`, then `next`. One whole message in one read, the common case, goes without a detour."""
        if not self.rest and len(data) == 4 + int.from_bytes(data[:4], "big"):
            try:
                message, end = scan(str(data[4:], "utf-8"), 0)
                if type(message) is dict and end == len(data) - 4:  # (in characters and bytes: what is ASCII)
                    return message
            except (ValueError, StopIteration, RecursionError):
                pass  # `next` says what is wrong with it
        self.feed(data)
        return self.next()

    def wanted(self) -> int:
        """How many bytes the next read should ask for."""
        buffer = self.rest
        if len(buffer) < 4:
            return _READ
        return max(_READ, min(MAX_CHUNK, self._length() + 4 - len(buffer)))

    def pending(self) -> bool:
        """Whether bytes of an incomplete frame wait for the rest."""
        return bool(self.rest)

    def take_raw(self, limit: int) -> bytes:
        """At most so many of the bytes that were fed and are not used, for who reads frames himself."""
        data = bytes(self.rest[:limit])
        self.rest = self.rest[limit:]
        return data

    def _length(self) -> int:
        length = int.from_bytes(self.rest[:4], "big") & ~_CHUNK
        if length > self._max_frame:
            raise ProtocolError(f"a frame of {length} bytes, more than the {self._max_frame} allowed")
        return length

    def next(self) -> Optional[Json]:
        """The next message, or None: feed more. Raises ProtocolError, after which the connection is of no use."""
        while len(self.rest) >= 4:
            end = self._length() + 4
            buffer = self.rest
            if len(buffer) < end:
                return None
            body = buffer[4:end]
            is_chunk = buffer[0] >= 0x80
            self.rest = b"" if len(buffer) == end else buffer[end:]
            if not is_chunk:
                return _parse(body)
            self._keep(body)
        return None

    def _keep(self, body: Union[bytes, bytearray]) -> None:
        if len(body) < 8:
            raise ProtocolError("a chunk without its transfer id")
        self._held += len(body) - 8
        if self._held > MAX_UNNAMED:
            raise ProtocolError(f"more than {MAX_UNNAMED} bytes in transfers that no message named")
        self._transfers.setdefault(int.from_bytes(body[:8], "big"), bytearray()).extend(memoryview(body)[8:])
        if len(self._transfers) > 1024:
            raise ProtocolError("more than 1024 transfers that no message named")

    def text(self, field: Any) -> str:
        """The string that stands in a message, or the transfer that the message names in its place."""
        if isinstance(field, str):
            return field
        transfer = field.get("transfer") if isinstance(field, dict) else None
        data = self._transfers.pop(transfer, None) if isinstance(transfer, int) else None
        if data is None:
            raise ProtocolError("neither a string nor a known transfer")
        self._held -= len(data)
        if field.get("bytes") != len(data):
            raise ProtocolError(f"a transfer of {len(data)} bytes was announced as {field.get('bytes')!r}")
        try:
            return data.decode()
        except UnicodeDecodeError as problem:
            raise ProtocolError(f"a transfer that is not UTF-8: {problem}") from None


def _parse(body: Union[bytes, bytearray]) -> Json:
    try:
        message = _loads(body)
    except (ValueError, RecursionError) as problem:  # UnicodeDecodeError is a ValueError, too
        raise ProtocolError(f"not JSON: {problem}") from None
    if not isinstance(message, dict):
        raise ProtocolError("not a JSON object")
    return message
