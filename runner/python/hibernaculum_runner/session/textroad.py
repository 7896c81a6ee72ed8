"""The text road: what `print` writes goes into the shared page's buffer, and from there to the host in large events.

```
print ──> stream.write ──one C call──> buffer ──flush──> event "output" on the session's connection
                              │ overflow, other stream, odd text
                              └──> _write_slowly
```

A flush happens when the buffer is full, when the other stream writes, before the session waits for the host, before a
child process starts, and at the end, in one piece with the reply. (The supervisor forwards the buffer of an execution
that lasts.)

Each stream has a writer of its own: a mapping of the same memory, with its own position. The writer of the stream
that owns the buffer stands behind the text; every other one stands at the end of the mapping, where any write raises
ValueError. So the quick path asks nothing, and *closing* the buffer is one step that no thread can interrupt:
`_close` reads the position and moves it to the end within a single C call (`zip` asks its iterators one after the
other, and no byte code runs between).

While no execution runs, the buffer is closed: what threads and tasks print then is sent at once, line by line, as
background output (execution 0), never to be taken for the next execution's.
"""

from __future__ import annotations

from functools import partial
from json.encoder import encode_basestring
from time import time

from ..hints import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple
from ..page import EXECUTION, TEXT_BASE, TEXT_CAPACITY, TEXT_EXECUTION, TEXT_SENT, TEXT_START, TEXT_STREAM, Page
from .connection import Connection
from .interrupts import Interrupts
from .rawroad import RawRoad
from .reply import encode_json

if TYPE_CHECKING:
    from mmap import mmap

STDOUT, STDERR = 1, 2
_END = TEXT_START + TEXT_CAPACITY
_PIECE = 1 << 20  # characters of a longer text that go out at once
_LINE = 1 << 16  # characters of an unfinished background line that are kept back
_ZEROS = bytes(TEXT_CAPACITY)

_EVENT = (
    '{"jsonrpc":"2.0","method":"event","params":{"event":"output","execution":%d,"stream":"%s","pos":%d,"bytes":%d,'
    '"raw":[%d,%d],"at":%d,"text":%s}}'
)


def encode_text(text: str) -> bytes:
    """UTF-8; a lone surrogate becomes a backslash escape."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "backslashreplace")


class TextRoad:
    """The writing side of the text buffer."""

    def __init__(self, page: Page, connection: Connection, raw: RawRoad, interrupts: Interrupts) -> None:
        self._memory = page.memory
        self._slots = page.slots
        self._connection, self._raw, self._interrupts = connection, raw, interrupts
        self._writers: Tuple[Any, mmap, mmap] = (None, page.memory, page.second_writer())
        self._close: List[Any] = [None]
        for writer in self._writers[1:]:
            # position and None, taken and moved to the end in one step
            self._close.append(zip(iter(writer.tell, -1), iter(partial(writer.seek, _END), -1)))
            writer.seek(_END)
        self._stream = STDOUT  # the stream that owns the buffer
        self._is_open = False  # an execution runs
        self._is_sending = False  # a flush is under way
        self._meanwhile: List[Tuple[int, bytes]] = []
        self._lines: Dict[int, str] = {STDOUT: "", STDERR: ""}
        self._has_lines = False
        self.plain: Optional[Dict[int, Any]] = None
        """In a forked child: the text files over fds 1 and 2 that take over."""

    # -- writing -----------------------------------------------------------------------------------------------------

    def quick_write(self, stream: int) -> Callable[[str], int]:
        """The `write` of a stream: half of what `print` costs."""
        put, encode, slowly = self._writers[stream].write, str.encode, self._write_slowly

        def write(text: str) -> int:
            try:
                put(encode(text))
                return len(text)
            except (ValueError, TypeError):  # UnicodeEncodeError is a ValueError
                pass
            slowly(stream, text)  # out here, so that no error of ours is the context of the user's
            return len(text)

        return write

    def _write_slowly(self, stream: int, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        text = str.__str__(text)  # whatever a subclass makes of its length
        if self.plain is not None:
            self.plain[stream].write(text)
            return
        for start in range(0, len(text) or 1, _PIECE):  # between pieces, a gigabyte can be interrupted
            self._write_piece(stream, text[start : start + _PIECE])

    def _write_piece(self, stream: int, text: str) -> None:
        deferred = self._interrupts.defer()
        try:
            with self._connection.lock:
                if self._is_sending:  # a finalizer printed within a flush
                    self._meanwhile.append((stream, encode_text(text)))
                elif self._is_open:
                    self._put(stream, encode_text(text))
                else:
                    self._write_background(stream, text)
        finally:
            self._interrupts.resume(deferred)

    def _put(self, stream: int, data: bytes) -> None:
        if stream != self._stream:
            self._flush()
            self._take_over(stream)
        try:
            self._writers[stream].write(data)
            return
        except ValueError:
            self._flush()
        if len(data) <= TEXT_CAPACITY:
            self._writers[stream].write(data)
        else:
            self._send_around(stream, data)

    def _take_over(self, stream: int) -> None:
        next(self._close[self._stream])
        self._stream = self._slots[TEXT_STREAM] = stream
        self._writers[stream].seek(TEXT_START)

    def _write_background(self, stream: int, text: str) -> None:
        text = self._lines[stream] + text
        end = len(text) if len(text) > _LINE else text.rfind("\n") + 1
        self._lines[stream] = text[end:]
        self._has_lines = True
        if end:
            self._send_around(stream, encode_text(text[:end]))

    # -- sending -----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Sends what the buffer holds. May raise KeyboardInterrupt, as every critical section when it ends."""
        if self.plain is not None:
            for file in self.plain.values():
                file.flush()
            return
        deferred = self._interrupts.defer()
        try:
            with self._connection.lock:
                if self._is_open:
                    self._flush()
                else:
                    self._flush_lines()
        finally:
            self._interrupts.resume(deferred)

    def _flush(self) -> None:
        if self._is_sending:
            return
        length = 0
        try:
            frame, length = self._take()
            if length:
                self._connection.send(frame)
        finally:
            self._sent(length)
            self._writers[self._stream].seek(TEXT_START)
            self._is_sending = False
        while self._meanwhile:
            self._put(*self._meanwhile.pop(0))

    def _take(self) -> Tuple[bytes, int]:
        """Closes the buffer. The event that its text makes, and the length of that text."""
        self._is_sending = True
        length = next(self._close[self._stream])[0] - TEXT_START
        return self._buffered(length) if length else b"", length

    def _buffered(self, length: int) -> bytes:
        """The event that the buffer's text makes."""
        data = self._memory[TEXT_START : TEXT_START + length]
        return self._event(self._stream, data, self._slots[TEXT_EXECUTION])

    def _event(self, stream: int, data: bytes, execution: int) -> bytes:
        self._raw.settle()
        raw = self._raw.counts()
        text: Any = data.decode("utf-8", "replace")
        before = b""
        if len(data) <= TEXT_CAPACITY:
            text = encode_basestring(text)
        else:
            text = self._connection.outgoing.text(text)
            before = self._connection.outgoing.take()
            text = encode_basestring(text) if type(text) is str else encode_json(text)
        body = (
            _EVENT
            % (
                execution,
                "stdout" if stream == STDOUT else "stderr",
                self._slots[TEXT_BASE],
                len(data),
                raw[0],
                raw[1],
                time() * 1000,
                text,
            )
        ).encode()
        return b"%b%b%b" % (before, len(body).to_bytes(4, "big"), body)

    def _sent(self, length: int) -> None:
        """Empties the buffer of text that was sent. The order is the page's: sound wherever this process dies."""
        if length:
            slots = self._slots
            slots[TEXT_SENT] = sent = slots[TEXT_BASE] + length
            self._memory[TEXT_START : TEXT_START + length] = _ZEROS[:length]
            slots[TEXT_BASE] = sent

    def _send_around(self, stream: int, data: bytes) -> None:
        """Text that the buffer, which is empty, does not take."""
        self._connection.send(self._event(stream, data, self._slots[EXECUTION]))
        self._slots[TEXT_SENT] = self._slots[TEXT_BASE] = self._slots[TEXT_BASE] + len(data)

    def _flush_lines(self) -> None:
        self._has_lines = False
        for stream, text in self._lines.items():
            if text:
                self._lines[stream] = ""
                self._send_around(stream, encode_text(text))

    # -- executions --------------------------------------------------------------------------------------------------

    def begin(self, execution: int) -> None:
        """From now on text belongs to this execution. The caller holds the lock."""
        if self._has_lines:
            self._flush_lines()
        self._slots[TEXT_EXECUTION] = execution
        self._writers[self._stream].seek(TEXT_START)
        self._is_open = True

    def end(self) -> Tuple[bytes, int, int]:
        """Closes the buffer: its last text as a frame, that text's length, and the text position behind it."""
        self._is_sending = True
        length = next(self._close[self._stream])[0] - TEXT_START
        frame = self._buffered(length) if length else b""
        self._is_open = False
        return frame, length, self._slots[TEXT_BASE] + length

    def ended(self, length: int) -> None:
        """The frame that `end` gave has been sent."""
        if length:
            self._sent(length)
        self._is_sending = False
        while self._meanwhile:
            stream, data = self._meanwhile.pop(0)
            self._send_around(stream, data)

    def position(self) -> int:
        """The position behind all text that was sent."""
        return self._slots[TEXT_BASE]

    def take_over(self) -> None:
        """In a copy that goes on for its session, over a page that holds no text. No execution runs."""
        self._slots[TEXT_STREAM] = self._stream

    def detach(self, plain: Dict[int, Any]) -> None:
        """In a forked child: never writes into the page again; text goes to these files."""
        for writer in self._writers[1:]:
            writer.seek(_END)
        self.plain = plain
        self._is_sending = False
        del self._meanwhile[:]
