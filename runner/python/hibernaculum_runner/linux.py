"""The few calls of libc that Python has no name for.

Through `_ctypes`, not `ctypes`: the package costs about 10 ms to import, which every cold start would pay.
"""

from __future__ import annotations

import os

from .hints import Optional

try:
    import _ctypes

    _HANDLE = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]  # None: the program itself

    def _call(name: str, *arguments: Optional[int]) -> int:
        answer: int = _ctypes.call_cdeclfunction(_ctypes.dlsym(_HANDLE, name), arguments)
        return answer

    _call("getpid")
except (ImportError, AttributeError, OSError):  # an interpreter that arranged its internals anew
    import ctypes

    _LIBC = ctypes.CDLL(None)

    def _call(name: str, *arguments: Optional[int]) -> int:
        answer: int = getattr(_LIBC, name)(*arguments)
        return answer


_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


def die_with_parent(parent: int, signal_number: int = 9) -> None:
    """Has the kernel send `signal_number` when `parent` ends; ends this process at once if it has ended already."""
    _call("prctl", _PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Takes `die_with_parent` back: for children of user code, whose life is their own affair."""
    _call("prctl", _PR_SET_PDEATHSIG, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Makes this process the parent of every orphan below it (a subreaper)."""
    _call("prctl", _PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def flush_stdio() -> None:
    """`fflush(NULL)`: what C code left in its own buffers goes to the file descriptors now."""
    _call("fflush", None)
