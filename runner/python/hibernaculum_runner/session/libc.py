"""The two C calls of the hot path, as quick as Python can make them.

`fcntl.ioctl` raises an audit event at each call, which the session's own audit hook would pay for; and a call that
lets go of the GIL may wait for another thread's turn before it comes back. Both calls here are a fraction of a
microsecond long.
"""

from __future__ import annotations

import fcntl
import termios
from array import array
from functools import partial

from ..hints import Any, Callable
from ..linux import flush_stdio as _flush_slowly


def _unread_slowly(descriptor: int) -> Callable[[], int]:
    answer = array("i", [0])

    def unread() -> int:
        fcntl.ioctl(descriptor, termios.FIONREAD, answer)
        return answer[0]

    return unread


try:
    import _ctypes

    class _Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "i"

    class _Unsigned(_ctypes._SimpleCData):  # type: ignore[type-arg]
        _type_ = "L"

    class _Function(_ctypes.CFuncPtr):
        _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI  # keeps the GIL
        _restype_ = _Int

    _program = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]
    _fflush = _Function(_ctypes.dlsym(_program, "fflush"))
    _ioctl = _Function(_ctypes.dlsym(_program, "ioctl"))

    flush_stdio: Callable[[], Any] = partial(_fflush, None)
    """`fflush(NULL)`: what C code left in stdio's buffers goes to the file descriptors."""

    def unread_in(descriptor: int) -> Callable[[], int]:
        """A function that tells how many bytes lie in a pipe (FIONREAD); negative where the descriptor is gone."""
        number, request, answer = _Int(descriptor), _Unsigned(termios.FIONREAD), _Int(0)
        place, ioctl = _ctypes.byref(answer), _ioctl

        def unread() -> int:
            return ioctl(number, request, place) or answer.value  # type: ignore[no-any-return]

        return unread

    flush_stdio()
except (ImportError, AttributeError, OSError, TypeError):  # an interpreter that arranged its internals anew
    flush_stdio, unread_in = _flush_slowly, _unread_slowly
