"""`sys.stdout` and `sys.stderr`: text streams over the text road; their `buffer` writes bytes to the file descriptor.

What user code may do to them, and what follows:

- `close()` (and whatever closes them: a `with`, a wrapper of `buffer` that is collected): writing raises ValueError
  for the rest of the execution; before the next one they are open again.
- `sys.stdout = something`: that stays, as all state does; it is flushed at the end of each execution. Where it is
  closed or None, ours comes back before the next execution.
- `sys.stdout.buffer`: bytes go to fd 1 as they are, in order with the text before and after them.
- In a forked child both are plain line-buffered text files over fds 1 and 2.
"""

from __future__ import annotations

import io
import os
import sys

from ..hints import Any, List, Optional
from .textroad import STDERR, STDOUT, TextRoad

_NAMES = {STDOUT: "<stdout>", STDERR: "<stderr>"}


class TextStream(io.TextIOBase):
    """One of the two. `write` is an instance attribute: the road's quick one, or one that refuses."""

    mode = "w"
    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    line_buffering = True
    write_through = False

    def __init__(self, road: TextRoad, number: int) -> None:
        self._road = road
        self._number = number
        self.is_closed = False
        self._quick = road.quick_write(number)
        self.name = _NAMES[number]
        self.buffer = ByteStream(self, number)
        self.write = self._quick  # type: ignore[method-assign]

    @property
    def closed(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.flush()
            self.is_closed = True
            self.write = self._refuse  # type: ignore[method-assign]

    def open_again(self) -> None:
        """Undoes `close`."""
        self.is_closed = False
        self.write = self._quick  # type: ignore[method-assign]

    def _refuse(self, _text: str) -> int:
        raise ValueError("I/O operation on closed file.")

    def flush(self) -> None:
        if self.is_closed:
            raise ValueError("I/O operation on closed file.")
        self._road.flush()

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def reconfigure(self, **settings: Any) -> None:
        """Takes what `io.TextIOWrapper.reconfigure` takes. The wire is UTF-8 whatever one asks for."""
        unknown = set(settings) - {"encoding", "errors", "newline", "line_buffering", "write_through"}
        if unknown:
            raise TypeError(f"reconfigure() got an unexpected keyword argument {min(unknown)!r}")

    def __repr__(self) -> str:
        return "<session {}, encoding='utf-8'>".format(self.name.strip("<>"))

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")


class ByteStream(io.BufferedIOBase):
    """`sys.stdout.buffer`: unbuffered bytes to the file descriptor, after the text that was printed before them."""

    mode = "wb"

    def __init__(self, text: TextStream, number: int) -> None:
        self._text = text
        self._number = number
        self.name = _NAMES[number]

    @property
    def raw(self) -> io.FileIO:
        return io.FileIO(self._number, "w", closefd=False)

    @property
    def closed(self) -> bool:
        return self._text.closed

    def close(self) -> None:
        self._text.close()

    def __del__(self) -> None:
        """Unlike other files, this one is not closed when nobody holds it any more: a forked child gets another."""

    def detach(self) -> Any:
        raise io.UnsupportedOperation("detach")

    def write(self, data: Any) -> int:
        if isinstance(data, str):
            raise TypeError("a bytes-like object is required, not 'str'")
        self._text.flush()
        left = memoryview(data).cast("B")
        size = len(left)
        while left:
            left = left[os.write(self._number, left) :]
        return size

    def flush(self) -> None:
        self._text.flush()

    def fileno(self) -> int:
        return self._number

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True


class Streams:
    """Puts both in place, and back in place."""

    def __init__(self, road: TextRoad) -> None:
        self._road = road
        self.stdout = TextStream(road, STDOUT)
        self.stderr = TextStream(road, STDERR)

    def install(self) -> None:
        sys.stdout = sys.__stdout__ = self.stdout  # type: ignore[assignment, misc]
        sys.stderr = sys.__stderr__ = self.stderr  # type: ignore[assignment, misc]

    def restore(self) -> List[str]:
        """Before an execution: what is closed or None is ours again. Says what it did."""
        mended = []
        for name, ours in (("stdout", self.stdout), ("stderr", self.stderr)):
            if ours.is_closed:
                ours.open_again()
                mended.append(f"sys.{name} had been closed; it is open again")
            if _is_dead(getattr(sys, name, None)):
                setattr(sys, name, ours)
                mended.append(f"sys.{name} was closed or None; it leads to the host again")
        return mended

    def flush_replaced(self) -> None:
        """After an execution: text that user code's own streams hold back belongs to it. Runs user code."""
        for stream, ours in ((getattr(sys, "stdout", None), self.stdout), (getattr(sys, "stderr", None), self.stderr)):
            if stream is not ours and not _is_dead(stream):
                try:
                    stream.flush()  # type: ignore[union-attr]
                except Exception:
                    pass

    def detach(self) -> None:
        """In a forked child: text goes to fds 1 and 2, line by line, as in any program."""
        self._road.detach({number: _plain_file(number) for number in (STDOUT, STDERR)})
        for stream in (self.stdout, self.stderr):
            stream.buffer = stream._road.plain[stream._number].buffer  # type: ignore[index]


def _plain_file(number: int) -> io.TextIOWrapper:
    raw: Any = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", newline="\n", line_buffering=True
    )


def _is_dead(stream: Optional[Any]) -> bool:
    if stream is None:
        return True
    try:
        return bool(getattr(stream, "closed", False))
    except Exception:
        return False
