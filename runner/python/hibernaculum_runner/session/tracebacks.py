"""Exceptions as they travel: type, message, frames, and the text that Python prints, without the runner's own frames.

User code decides what an exception's `__str__`, its type's `__name__` and its `__notes__` do, so everything here is
asked with a net below, and everything is bounded. Library frames stay: they say where the user's call went wrong.
"""

from __future__ import annotations

import os
import traceback
from types import TracebackType

from ..frames import clean
from ..hints import Any, Dict, List, Optional
from .names import type_name

MOST_FRAMES = 1000  # formatted; of a deeper stack the innermost ones
TOLD_FRAMES = 200  # in `frames`: the outermost 50 and the innermost 150
LONGEST_TEXT = 1 << 20  # characters of a message or a traceback
LONGEST_LINE = 1000

_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def is_own(filename: str) -> bool:
    """Whether a file is the runner's."""
    return filename.startswith(_OWN)


def described(error: BaseException, is_user_file: Any) -> Dict[str, Any]:
    """The wire's `error`; `is_user_file` tells the names of executed code from others."""
    kind = type(error)
    name = clean(type_name(kind))[:LONGEST_LINE]
    text = message(error)  # first: an interrupt of a `__str__` that hangs passes here, `traceback` swallows it
    told: Dict[str, Any] = {"type": name, "module": _module(kind), "message": _bounded(text)}
    formatted = _formatted(error, is_user_file)
    told["traceback"], told["frames"] = _bounded(_text(formatted, error)), _frames(formatted)
    if kind is SystemExit or issubclass(kind, SystemExit):
        told["exit_code"] = exit_code(error)
    return told


def format_background(error: BaseException) -> str:
    """The text of an exception that ended no execution."""
    return _bounded(_text(_formatted(error, lambda filename: False), error))


def message(error: BaseException) -> str:
    """`str(error)`, whatever happens in there."""
    try:
        text = str(error)
        return str.__str__(text)
    except Exception:
        return f"<unprintable {type_name(type(error))} object>"


def exit_code(error: BaseException) -> int:
    """What a program that ends with this SystemExit exits with."""
    code = getattr(error, "code", 1)
    if code is None:
        return 0
    if not isinstance(code, int):
        return 1
    return int(code) if -(1 << 31) <= code < 1 << 31 else int(code) & 255


def user_part(tb: Optional[TracebackType], is_user_file: Any) -> Optional[TracebackType]:
    """The traceback from its first frame of user code on; else without the runner's outer frames."""
    first = tb
    while first is not None and not is_user_file(first.tb_frame.f_code.co_filename):
        first = first.tb_next
    if first is not None:
        return first
    while tb is not None and is_own(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def _formatted(error: BaseException, is_user_file: Any) -> Optional[traceback.TracebackException]:
    try:
        tb = user_part(error.__traceback__, is_user_file)
        depth, frame = 0, tb
        while frame is not None:
            depth, frame = depth + 1, frame.tb_next
        limit = -MOST_FRAMES if depth > MOST_FRAMES else None
        formatted = traceback.TracebackException(type(error), error, tb, limit=limit)
        _strip(formatted, set())
        return formatted
    except Exception:
        return None


def _strip(formatted: Any, seen: set[int]) -> None:
    """Takes the runner's frames out of an exception, its causes, its contexts, and the members of a group."""
    if formatted is None or id(formatted) in seen:
        return
    seen.add(id(formatted))
    if formatted.stack is not None:
        formatted.stack[:] = [frame for frame in formatted.stack if not is_own(frame.filename)]
    _strip(formatted.__cause__, seen)
    _strip(formatted.__context__, seen)
    for member in getattr(formatted, "exceptions", None) or ():
        _strip(member, seen)


def _text(formatted: Optional[traceback.TracebackException], error: BaseException) -> str:
    if formatted is not None:
        try:
            return "".join(formatted.format())
        except Exception:
            pass  # an exception that fights being shown: its name must do
    text = message(error)
    name = type_name(type(error))
    return name + ": " + text + "\n" if text else name + "\n"


def _frames(formatted: Optional[traceback.TracebackException]) -> List[Dict[str, Any]]:
    stack = list(formatted.stack) if formatted is not None and formatted.stack is not None else []
    if len(stack) > TOLD_FRAMES:
        stack = stack[: TOLD_FRAMES // 4] + stack[-TOLD_FRAMES * 3 // 4 :]
    return [
        {
            "file": clean(frame.filename)[:LONGEST_LINE],
            "line": frame.lineno,
            "function": clean(frame.name)[:LONGEST_LINE],
            "source": clean(frame.line)[:LONGEST_LINE] if frame.line else None,
        }
        for frame in stack
    ]


def _module(kind: type) -> str:
    try:
        module = kind.__module__
    except Exception:
        return ""
    return clean(module)[:LONGEST_LINE] if isinstance(module, str) else ""


def _bounded(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    half = LONGEST_TEXT // 2
    return f"{text[:half]}\n… {len(text) - 2 * half} characters left out …\n{text[-half:]}"


def bare(error: BaseException, problem: BaseException) -> Dict[str, Any]:
    """What is told of an exception whose description was itself ended by `problem`."""
    name = clean(type_name(type(error)))[:LONGEST_LINE]
    note = f"<its message could not be read: {type_name(type(problem))}>"
    return {
        "type": name,
        "module": _module(type(error)),
        "message": note,
        "traceback": name + ": " + note + "\n",
        "frames": [],
    }
