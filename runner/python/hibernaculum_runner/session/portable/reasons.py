"""Why something could not be saved or loaded: a sentence, bounded and clean, whatever an exception's `__str__` does."""

from __future__ import annotations

from ...frames import clean
from ..names import type_name

LONGEST = 500


def reason_of(problem: BaseException) -> str:
    """`Type: message`. Runs the exception's `__str__`; what that raises is not the session's end."""
    name = type_name(type(problem))
    if isinstance(problem, RecursionError):
        return f"{name}: it is nested too deep, or refers to itself in a way that pickle cannot follow"
    try:
        message = str(problem)
    except Exception:
        message = "(its message cannot be told)"
    text = f"{name}: {message}" if message else name
    return clean(text if len(text) <= LONGEST else text[:LONGEST] + " …")
