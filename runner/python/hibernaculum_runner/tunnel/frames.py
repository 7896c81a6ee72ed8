"""Frames of a WebSocket (RFC 6455, section 5): what a client sends, read strictly; what a server sends.

The payload of binary messages is handed on piece by piece as it comes: a stream of bytes has no use for the messages'
boundaries, so nothing is put together, and a message may be of any length.
"""

from __future__ import annotations

import struct

from ..hints import Iterator, List, NamedTuple, Optional, Tuple

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NORMAL, GOING_AWAY, PROTOCOL_ERROR, POLICY, TOO_BIG = 1000, 1001, 1002, 1008, 1009
TEXT_LIMIT = 4096
_CONTROL_LIMIT = 125
_KNOWN = (CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG)
_WHOLE_BINARY = 128 | BINARY  # the first byte of one
_SHORT_HEAD = 6  # of a client's frame of up to 125 bytes: its kind, its length, its mask
_MIDDLE_HEAD = 8  # of one of up to 64 KiB, whose second byte is this:
_MASKED_MIDDLE = 128 | 126
_HEAD = struct.Struct(">BBH").unpack_from
_PIECE = 64 << 10
_ONES = int.from_bytes(b"\x01\x00\x00\x00" * (_PIECE // 4), "little")


class BreachError(Exception):
    """The client broke the protocol; `code` closes the connection."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code = code


class Message(NamedTuple):
    kind: int  # TEXT, CLOSE, PING, PONG: whole; BINARY: a piece
    data: bytes


class Decoder:
    """Bytes in, as they come; messages out."""

    def __init__(self) -> None:
        self._head = bytearray()  # of a frame that is not known whole yet
        self._body = bytearray()  # of a text or control frame
        self._text = bytearray()  # of the frames of a text message before this one
        self._opcode = 0
        self._final = True
        self._left = 0  # payload bytes of the current frame that are to come
        self._mask = b""
        self._open = CONTINUATION  # the kind of a message that more frames are to follow of
        self._in_payload = False

    def feed(self, data: bytes) -> List[Message]:
        payload = self.whole(data)
        if payload is not None:
            return [Message(BINARY, payload)]
        return list(self._messages(data))

    def is_between_messages(self) -> bool:
        """Whether all that was begun is whole."""
        return not (self._in_payload or self._head or self._open)

    def whole(self, data: bytes) -> Optional[bytes]:
        """The payload of `data`, where it is one binary message that is neither empty nor long, and nothing else.

        That is the common case; whatever is not quite so goes the long way.
        """
        size = len(data)
        if size < _MIDDLE_HEAD or self._in_payload or self._head or self._open:
            return None
        first, second, length = _HEAD(data)
        at = _MIDDLE_HEAD
        if second != _MASKED_MIDDLE:
            length, at = second - 128, _SHORT_HEAD  # (less than there is, where it is not masked)
        elif length < 126:
            return None
        if length != size - at or first != _WHOLE_BINARY or second == 255:
            return None
        # an exclusive or, as in `unmasked`
        key = int.from_bytes((data[at - 4 : at] * (length // 4 + 1))[:length], "little")
        return (int.from_bytes(data[at:], "little") ^ key).to_bytes(length, "little")

    def _messages(self, data: bytes) -> Iterator[Message]:
        at = 0
        while at < len(data) or (self._in_payload and not self._left):
            if not self._in_payload:
                at = self._read_head(data, at)
                if not self._in_payload:
                    return
            piece = data[at : at + min(self._left, _PIECE)]
            at += len(piece)
            self._left -= len(piece)
            plain = unmasked(piece, self._mask)
            if self._open == BINARY and self._opcode in (BINARY, CONTINUATION):
                if plain:
                    yield Message(BINARY, plain)
            else:
                self._body += plain
            if self._left:
                turn = len(piece) & 3
                self._mask = self._mask[turn:] + self._mask[:turn]
            else:
                yield from self._end_of_frame()

    def _read_head(self, data: bytes, at: int) -> int:
        """Takes what belongs to the frame's head; how far it came."""
        head = self._head
        while True:
            missing = _head_size(head) - len(head)
            if missing == 0:
                break
            taken = data[at : at + missing]
            head += taken
            at += len(taken)
            if len(taken) < missing:
                return at
        self._begin(bytes(head))
        head.clear()
        return at

    def _begin(self, head: bytes) -> None:
        opcode, length = head[0] & 15, head[1] & 127
        self._final = bool(head[0] & 128)
        if head[0] & 0x70 or opcode not in _KNOWN:
            raise BreachError(PROTOCOL_ERROR, "a reserved bit or opcode")
        if length > 125:
            size = 2 if length == 126 else 8
            length = int.from_bytes(head[2 : 2 + size], "big")
            if length < (126 if size == 2 else 65536) or length >> 63:
                raise BreachError(PROTOCOL_ERROR, "a length that is not in its shortest form")
        if opcode >= CLOSE:
            if length > _CONTROL_LIMIT or not self._final:
                raise BreachError(PROTOCOL_ERROR, "a control frame that is long or in pieces")
        elif (opcode == CONTINUATION) == (self._open == CONTINUATION):
            raise BreachError(PROTOCOL_ERROR, "a continuation of nothing, or a message within another")
        elif opcode != CONTINUATION:
            self._open = opcode
        if opcode < CLOSE and self._open == TEXT and len(self._text) + length > TEXT_LIMIT:
            raise BreachError(TOO_BIG, f"a text of more than {TEXT_LIMIT} bytes")
        self._opcode, self._left, self._mask, self._in_payload = opcode, length, head[-4:], True

    def _end_of_frame(self) -> Iterator[Message]:
        self._in_payload = False
        if self._opcode >= CLOSE:
            body = bytes(self._body)
            self._body.clear()
            yield Message(self._opcode, body)
            return
        if self._open == TEXT:
            self._text += self._body
            self._body.clear()
        if self._final:
            kind, self._open = self._open, CONTINUATION
            if kind == TEXT:
                text = bytes(self._text)
                self._text.clear()
                yield Message(TEXT, text)


def _head_size(head: bytearray) -> int:
    """How long the head is, as far as is known; every frame of a client is masked."""
    if len(head) < 2:
        return 2
    if not head[1] & 128:
        raise BreachError(PROTOCOL_ERROR, "a frame that is not masked")
    return 6 + {126: 2, 127: 8}.get(head[1] & 127, 0)


def unmasked(data: bytes, mask: bytes) -> bytes:
    """At most 64 KiB. An exclusive or of long integers is the fastest that pure Python has (230 MB/s).

    The key of a large piece is made by one multiplication, and may be longer than the piece.
    """
    size = len(data)
    if size > _PIECE // 2:
        key = _ONES * int.from_bytes(mask, "little")
        return (int.from_bytes(data, "little") ^ key).to_bytes(_PIECE, "little")[:size]
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(data, "little") ^ key).to_bytes(size, "little")


def head(kind: int, size: int) -> bytes:
    """The head of a whole message of the server's: final, and not masked."""
    first = 128 | kind
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


def message(kind: int, data: bytes) -> bytes:
    return head(kind, len(data)) + data


def closing(code: int, why: str = "") -> bytes:
    return message(CLOSE, code.to_bytes(2, "big") + why.encode()[:120])


def close_code(data: bytes) -> Tuple[int, str]:
    """What a close frame says; 1005 where it says nothing."""
    if len(data) < 2:
        return 1005, ""
    return int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "replace")
