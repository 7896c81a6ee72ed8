"""Tracebacks of the plain kind, told without the standard library's machinery.

`traceback.TracebackException` knows every exception there is, and takes most of the time that an interrupt takes. But
most exceptions are plain: a builtin type, no cause, no context, no notes, a message that runs no user code, frames of
executed code whose lines need no marks or simple ones. For these the answer's `error` is written here, its text
character for character as the library's (the tests compare). For all others `plain` gives None: ask the library.

```
  File "<cell 1>", line 2, in <module>
    time.sleep(3600)                     3.11 marks what is not the whole line, by ^
    ~~~~~~~~~~^^^^^^                     3.13 marks calls, too: the function by ~
```

An interrupt finds every cache cold. What counts then is not how much is done but how much code and data is touched:
hence few functions, no regular expressions, and no detour through objects that describe what is to be written.
"""

from __future__ import annotations

import linecache
import sys
from itertools import islice
from json.encoder import encode_basestring
from keyword import iskeyword
from types import TracebackType

from ..hints import Any, Callable, List, Optional

MOST_FRAMES = 20
LONGEST_MESSAGE = 10_000  # characters
_TYPES = (
    ArithmeticError,
    AssertionError,
    IndexError,
    KeyError,
    KeyboardInterrupt,
    LookupError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    ZeroDivisionError,
)
"""Whose last line is the name and the message, in every version. (Others have suggestions, or say more.)"""
_NAMES = {id(kind): kind.__name__ for kind in _TYPES}  # by address: a metaclass may define `__hash__`
_IS_SIMPLE = frozenset(map(id, (str, int, float, bool, type(None))))
"""Arguments of these types are told without a line of user code."""

_HAS_MARKS = sys.version_info >= (3, 11)
_MARKS_CALLS = sys.version_info >= (3, 13)
_STATEMENTS = frozenset(("raise", "while", "for", "if", "with", "return", "assert", "del", "import", "from"))
_NOT_IN_SIMPLE_CALLS = frozenset("()[]{}'\"#\\")


def plain(error: BaseException, is_user_file: Callable[[str], bool], is_own: Callable[[str], bool]) -> Optional[str]:
    """The wire's `error`, as JSON, for an exception that is plain; else None.

    What is told begins with the first frame of user code; frames of the runner's own files are left out.
    """
    name = _NAMES.get(id(type(error)))
    if name is None or error.__cause__ is not None or error.__context__ is not None or error.__dict__:
        return None
    for argument in error.args:
        if id(type(argument)) not in _IS_SIMPLE:
            return None
    message = str(error) if error.args else ""
    tb = error.__traceback__
    while tb is not None and not is_user_file(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    if tb is None or len(message) > LONGEST_MESSAGE:
        return None
    text = "Traceback (most recent call last):\n"
    frames: List[str] = []
    try:
        while tb is not None:
            code, number = tb.tb_frame.f_code, tb.tb_lineno
            file, function = code.co_filename, code.co_name
            if is_user_file(file):
                line = linecache.cache[file][2][number - 1]  # type: ignore[misc]
                marks = _marks(tb, line) if _HAS_MARKS else "" if line.isascii() else None
                source = line.strip()
                if marks is None or not source or not (file.isascii() and function.isascii()):
                    return None
                frame = (
                    f'{{"file":{encode_basestring(file)},"line":{number},'
                    f'"function":{encode_basestring(function)},"source":{encode_basestring(source)}}}'
                )
                if frame in frames[-1:] or len(frames) == MOST_FRAMES:  # (what repeats is told in short)
                    return None
                text += f'  File "{file}", line {number}, in {function}\n    {source}\n{marks}'
                frames.append(frame)
            elif not is_own(file):
                return None
            tb = tb.tb_next
    except (LookupError, TypeError, AttributeError):
        return None  # a line that is not known, or a cache that user code has changed
    text += f"{name}: {message}\n" if message else f"{name}\n"
    return (
        f'{{"type":"{name}","module":"builtins","message":{encode_basestring(message)},'
        f'"traceback":{encode_basestring(text)},"frames":[{",".join(frames)}]}}'
    )


def _marks(tb: TracebackType, line: str) -> Optional[str]:
    """The line below a line of source, which may be empty; None where the library is to be asked."""
    if not line.isascii() or line[-1:] != "\n" or line[-2:-1].isspace() or len(line) > 500:
        return None
    positions: Any = tb.tb_frame.f_code.co_positions()  # type: ignore[attr-defined, unused-ignore]  # from 3.11 on
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
    function, _, rest = segment.partition("(")
    if (
        rest[-1:] == ")"
        and function[:1] != "."
        and function.replace(".", "_").isidentifier()
        and not iskeyword(function)
        and _NOT_IN_SIMPLE_CALLS.isdisjoint(rest[:-1])
    ):
        if not _MARKS_CALLS:
            return "" if is_whole else _below(start - indent, "^" * len(segment))
        if not is_whole and ("=" in line or line.lstrip().startswith("return")):
            return None  # where a call is all that is assigned or returned, there are no marks
        return _below(start - indent, "~" * len(function) + "^" * (len(segment) - len(function)))
    if is_whole and segment.partition(" ")[0] in _STATEMENTS:
        return ""
    if segment.isidentifier() and not is_whole:
        return _below(start - indent, "^" * len(segment))
    return None


def _below(offset: int, marks: str) -> str:
    return "    " + " " * offset + marks + "\n"
