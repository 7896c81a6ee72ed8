"""Standard input: `input()`, `sys.stdin` and `getpass` ask the host; fd 0 is /dev/null.

A request goes out, the session waits for its answer, and an interrupt ends the waiting. An answer of several lines
feeds several reads. Policy `deny` raises EOFError at once.
"""

from __future__ import annotations

import builtins
import io
import select
import sys
from time import time

from ..frames import ProtocolError
from ..hints import Any, Callable, Dict, List, Optional
from ..page import EXECUTION, Page
from .connection import Connection
from .interrupts import Interrupts
from .rawroad import RawRoad
from .textroad import TextRoad

DENIED = (
    "this execution was started with stdin denied, so there is nobody to answer; "
    "allow it (stdin policy `ask`), or put the input into the code"
)


class Asking:
    """One question at a time to the host."""

    def __init__(
        self, page: Page, connection: Connection, text: TextRoad, raw: RawRoad, interrupts: Interrupts
    ) -> None:
        self._slots = page.slots
        self._connection, self._text, self._raw, self._interrupts = connection, text, raw, interrupts
        self._number = 0
        self._left: List[str] = []  # lines of the last answer that nobody has read
        self.is_denied = False
        self.is_detached = False

    def detach(self) -> None:
        """In a forked child: nobody answers."""
        self.is_detached = True
        self._left = []

    def line(self, prompt: str, password: bool = False) -> str:
        """A line with its newline; EOFError where there is none."""
        if not self._left:
            answer = self._ask(prompt, password)
            if answer is None:
                raise EOFError("EOF when reading a line")
            self._left = (answer + "\n").splitlines(True) if not answer.endswith("\n") else answer.splitlines(True)
        return self._left.pop(0)

    def _ask(self, prompt: str, password: bool) -> Optional[str]:
        if self.is_detached:
            raise EOFError("stdin is not available in a forked child")
        if self.is_denied:
            raise EOFError(DENIED)
        if not self._slots[EXECUTION]:
            raise EOFError("stdin is not available while no execution runs")
        self._text.flush()
        self._number += 1
        request = f"in-{self._number}"
        connection = self._connection
        deferred = self._interrupts.defer()
        if not deferred:
            raise EOFError("stdin is available on the main thread only")
        try:
            with connection.lock:
                self._raw.settle()
                stdout, stderr = self._raw.counts()
                connection.send_message(
                    {
                        "jsonrpc": "2.0",
                        "id": request,
                        "method": "input",
                        "params": {
                            "execution": self._slots[EXECUTION],
                            "prompt": connection.outgoing.text(prompt),
                            "password": password,
                            "at": int(time() * 1000),
                            "raw": [stdout, stderr],
                            "text_pos": self._text.position(),
                        },
                    }
                )
        finally:
            self._interrupts.resume(deferred)
        return self._answer(request)

    def _answer(self, request: str) -> Optional[str]:
        """Waits where an interrupt may raise, reads where it may not. Requests that come meanwhile wait their turn."""
        connection = self._connection
        poll = select.poll()
        poll.register(connection.readable, select.POLLIN)
        is_readable = False
        while True:
            deferred = self._interrupts.defer()
            try:
                if is_readable:
                    connection.read_more()
                while True:
                    message = connection.take_buffered()
                    if message is None:
                        break
                    if "method" in message:
                        connection.postponed.append(message)
                    elif message.get("id") == request:
                        return self._text_of(message)
            finally:
                self._interrupts.resume(deferred)
            is_readable = bool(poll.poll())

    def _text_of(self, message: Dict[str, Any]) -> Optional[str]:
        answer = message.get("result")
        if not isinstance(answer, dict) or answer.get("eof"):
            return None
        try:
            return self._connection.text(answer.get("text", ""))
        except ProtocolError:
            return None


class InputStream(io.TextIOBase):
    """`sys.stdin`."""

    mode = "r"
    encoding = "utf-8"
    errors = "strict"
    newlines = None
    line_buffering = False
    name = "<stdin>"

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._left = ""  # of a line that was read in parts
        self.is_closed = False
        self.buffer = io.BufferedReader(_Bytes(self))

    @property
    def closed(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True  # `exit()` closes it; open again at the next execution

    def open_again(self) -> None:
        self.is_closed = False

    def readline(self, size: Optional[int] = -1) -> str:  # type: ignore[override]
        if self.is_closed:
            raise ValueError("I/O operation on closed file.")
        line, self._left = self._left, ""
        if not line:
            try:
                line = self._asking.line("")
            except EOFError:
                if self._asking.is_denied:
                    raise
                return ""
        if size is not None and 0 <= size < len(line):
            line, self._left = line[:size], line[size:]
        return line

    def read(self, size: Optional[int] = -1) -> str:
        if size is not None and size >= 0:
            return self.readline(size)
        lines: List[str] = []
        while True:
            line = self.readline()
            if not line:
                return "".join(lines)
            lines.append(line)

    def fileno(self) -> int:
        return 0

    def isatty(self) -> bool:
        return False

    def readable(self) -> bool:
        return True

    def __repr__(self) -> str:
        return "<session stdin>"


class _Bytes(io.RawIOBase):
    """`sys.stdin.buffer`, for code that reads bytes."""

    def __init__(self, text: InputStream) -> None:
        self._text = text
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._left:
            self._left = self._text.readline().encode()
        data, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(data)] = data
        return len(data)


class StandardInput:
    """Puts `sys.stdin` and `input` in place."""

    def __init__(self, asking: Asking) -> None:
        self.asking = asking
        self.stream = InputStream(asking)

    def install(self) -> None:
        sys.stdin = sys.__stdin__ = self.stream  # type: ignore[assignment, misc]
        builtins.input = self._input()

    def _input(self) -> Callable[..., str]:
        python_input, stream, asking = builtins.input, self.stream, self.asking

        def input(prompt: Any = "", /) -> str:
            """Read a string from standard input.  The trailing newline is stripped.

            The prompt string, if given, is shown by the host. EOFError where nobody answers.
            """
            if sys.stdin is not stream:  # user code reads from elsewhere
                return python_input(prompt)
            line, stream._left = stream._left, ""
            line = line or asking.line(str(prompt))
            return line[:-1] if line.endswith("\n") else line

        return input

    def restore(self) -> None:
        """Before an execution: what is closed, None or deleted is ours again. What user code put there stays."""
        self.stream.open_again()
        if getattr(getattr(sys, "stdin", None), "closed", True) is True:
            sys.stdin = self.stream

    def getpass(self, prompt: str = "Password: ", stream: Any = None) -> str:
        """Prompt for a password, which the host does not echo."""
        return self.asking.line(str(prompt), password=True).rstrip("\n")
