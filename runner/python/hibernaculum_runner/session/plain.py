"""Tracebacks of the plain kind, told without the standard library's machinery.

`traceback.TracebackException` knows every exception there is. It takes 30 us when warm and 250 us in a cold cache,
which is most of what an interrupt takes. But most exceptions are plain: a builtin type, no cause, no context, no notes,
and frames of executed code whose lines need no marks or simple ones. For these the text is made here, character for
character as the library would (the tests compare). For all others `plain` gives None, and the library does it.

```
  File "<cell 1>", line 2, in <module>
    time.sleep(3600)                     3.11 marks what is not the whole line, by ^
    ~~~~~~~~~~^^^^^^                     3.13 marks calls, too: the function by ~
```
"""

from __future__ import annotations

import linecache
import re
import sys
from itertools import islice
from keyword import iskeyword
from types import TracebackType
from typing import Any, Dict, List, NamedTuple, Optional

MOST_FRAMES = 20
_TYPES = (
    ArithmeticError,
    AssertionError,
    IndexError,
    KeyError,
    KeyboardInterrupt,
    LookupError,
    OverflowError,
    RuntimeError,
    SystemExit,
    TypeError,
    ValueError,
    ZeroDivisionError,
)
"""Whose last line is the name and the message, in every version. (Others have suggestions, or say more.)"""
_IS_PLAIN = frozenset(map(id, _TYPES))  # by address: a metaclass may define `__hash__`

_HAS_MARKS = sys.version_info >= (3, 11)
_MARKS_CALLS = sys.version_info >= (3, 13)
_call = re.compile(r"([A-Za-z_][\w.]*)\([^()\[\]{}'\"#\\]*\)", re.ASCII).fullmatch
_statement = re.compile(r"(raise|while|for|if|with|return|assert|del|import|from)\b", re.ASCII).match
_word = re.compile(r"[A-Za-z_]\w*", re.ASCII).fullmatch


class Plain(NamedTuple):
    """A traceback's text, and its frames as the wire has them."""

    text: str
    frames: List[Dict[str, Any]]


def plain(
    error: BaseException, message: str, tb: Optional[TracebackType], is_user_file: Any, is_own: Any
) -> Optional[Plain]:
    """The traceback of an exception that is plain, else None. `tb` begins with the first frame to be told; files that
    are the runner's own are left out."""
    kind = type(error)
    if id(kind) not in _IS_PLAIN or error.__cause__ is not None or error.__context__ is not None or error.__dict__:
        return None
    lines: List[str] = ["Traceback (most recent call last):\n"] if tb is not None else []
    frames: List[Dict[str, Any]] = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if is_own(code.co_filename):
            tb = tb.tb_next
            continue
        frame = {"file": code.co_filename, "line": tb.tb_lineno, "function": code.co_name}
        if len(frames) == MOST_FRAMES or not is_user_file(code.co_filename) or not _is_told(frame):
            return None
        line = linecache.getline(code.co_filename, tb.tb_lineno)
        marks = _marks(tb, line)
        frame["source"] = source = line.strip()
        if marks is None or frame in frames[-1:]:  # (what repeats is told in short)
            return None
        lines.append(f'  File "{code.co_filename}", line {tb.tb_lineno}, in {code.co_name}\n    {source}\n{marks}')
        frames.append(frame)
        tb = tb.tb_next
    lines.append(f"{kind.__qualname__}: {message}\n" if message else f"{kind.__qualname__}\n")
    return Plain("".join(lines), frames)


def _is_told(frame: Dict[str, Any]) -> bool:
    return type(frame["line"]) is int and frame["file"].isascii() and frame["function"].isascii()


def _marks(tb: TracebackType, line: str) -> Optional[str]:
    """The line below a line of source, which may be empty; None where the library is to be asked."""
    if not line.isascii() or line[-1:] != "\n" or line[-2:-1].isspace() or len(line) < 2 or len(line) > 500:
        return None
    if not _HAS_MARKS:
        return ""
    positions: Any = tb.tb_frame.f_code.co_positions()  # type: ignore[attr-defined]
    _, last_line, start, end = next(islice(positions, tb.tb_lasti // 2, None))
    if start is None or end is None:
        return ""
    indent = len(line) - len(line.lstrip())
    if "\t" in line or "\f" in line or start < indent:
        return None
    if last_line != tb.tb_lineno:  # before 3.13 the first line stands for all of it
        return "" if start == indent and not _MARKS_CALLS else None
    segment = line[start:end]
    is_whole = start == indent and end == len(line) - 1
    call = _call(segment)
    if call is not None and not iskeyword(call[1]):
        if not _MARKS_CALLS:
            return "" if is_whole else _below(start - indent, "^" * len(segment))
        if not is_whole and ("=" in line or line.lstrip().startswith("return")):
            return None  # where a call is all that is assigned or returned, there are no marks
        function = len(call[1])
        return _below(start - indent, "~" * function + "^" * (len(segment) - function))
    if is_whole and _statement(segment):
        return ""
    if _word(segment) and not is_whole:
        return _below(start - indent, "^" * len(segment))
    return None


def _below(offset: int, marks: str) -> str:
    return "    " + " " * offset + marks + "\n"
