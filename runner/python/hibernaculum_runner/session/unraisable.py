"""Exceptions that nobody can catch: told without the runner's frames.

An interrupt that comes where C code cannot pass it on (a finalizer, `threading._shutdown` from 3.13 on) is printed by
`sys.unraisablehook`, and its innermost frames are those of the runner's signal handler.
"""

from __future__ import annotations

import sys
from types import TracebackType

from ..hints import Any, Optional
from .tracebacks import is_own


def install() -> None:
    """Puts a hook before Python's own. One that user code sets takes its place."""
    sys.unraisablehook = _hook


def _hook(unraisable: Any) -> None:
    tb = _without_own(unraisable.exc_traceback)
    if tb is not unraisable.exc_traceback:
        if unraisable.exc_value is not None:
            unraisable.exc_value.__traceback__ = tb
        parts = (unraisable.exc_type, unraisable.exc_value, tb, unraisable.err_msg, unraisable.object)
        unraisable = type(unraisable)(parts)
    sys.__unraisablehook__(unraisable)


def _without_own(tb: Optional[TracebackType]) -> Optional[TracebackType]:
    """The traceback without the runner's frames: what is left of it is one chain again."""
    while tb is not None and is_own(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    last = tb
    while last is not None:
        following = last.tb_next
        while following is not None and is_own(following.tb_frame.f_code.co_filename):
            following = following.tb_next
        if following is not last.tb_next:
            last.tb_next = following
        last = following
    return tb
