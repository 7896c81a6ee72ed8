"""A fork whose child is a child of our *parent*: `clone(CLONE_PARENT)`. Sessions are cloned from sessions, and the
supervisor is the parent of all of them.

It is what `os.fork()` does, Python's own hooks before and after included, but for libc's (`pthread_atfork`): these mend
what other threads held, so a process that clones must have one thread only, and must have had one since its last real
fork. libc notes the id of its thread; the kernel writes the child's there, at the address that libc once told it
(PR_GET_TID_ADDRESS): without that, `abort()` in the child would signal nobody.

A clone can be made *asleep*: it waits in the kernel for a message, before Python's own hooks and anything else that
would touch its pages. Each page that it does not touch is one that is not copied.

Source: clone(2), prctl(2), and CPython's `os.fork` in Modules/posixmodule.c.
"""

from __future__ import annotations

import _ctypes
import errno
import os
import signal

from .. import processes
from ..hints import Any, Tuple
from . import randomness

_CLONE_PARENT, _CLONE_CHILD_SETTID, _CLONE_CHILD_CLEARTID = 0x8000, 0x01000000, 0x00200000
_PR_GET_TID_ADDRESS = 40
_NUMBERS = {"x86_64": 56, "aarch64": 220}  # of the system call
_MAP_SHARED_FIXED, _MAP_PRIVATE_FIXED_ANONYMOUS, _READ_WRITE = 0x11, 0x32, 3
_PR_SET_PDEATHSIG = 1
_MSG_PEEK, _MSG_NOSIGNAL, _POLLIN = 2, 0x4000, 1
SETTLED = b"s"
"""What a clone that is made asleep says before it falls asleep: it is in a process group of its own."""


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class _Letter(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class _Number(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "Q"


class _Call(_ctypes.CFuncPtr):
    """Keeps the GIL, as a function of Python's own."""

    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


def named(name: str) -> Any:
    call = _Call(_ctypes.dlsym(_program, name))
    return lambda *words: call(*map(_Long, words))


_program = _ctypes.dlopen(None, 2)  # type: ignore[arg-type]
_syscall, _prctl, _mmap = named("syscall"), named("prctl"), named("mmap")
_send, _recv, _poll, _close = named("send"), named("recv"), named("poll"), named("close")
_before, _in_parent, _in_child = map(named, ("PyOS_BeforeFork", "PyOS_AfterFork_Parent", "PyOS_AfterFork_Child"))


def _arguments() -> Tuple[int, ...]:
    machine = os.uname().machine
    if machine not in _NUMBERS:
        raise OSError(f"no clone() is known for {machine}")
    address = _Long(0)
    if _prctl(_PR_GET_TID_ADDRESS, _ctypes.addressof(address), 0, 0, 0) or not address.value:
        raise OSError("the kernel does not tell where libc keeps its thread's id")
    flags = _CLONE_PARENT | _CLONE_CHILD_SETTID | _CLONE_CHILD_CLEARTID | int(signal.SIGCHLD)
    tid = (0, address.value) if machine == "aarch64" else (address.value, 0)  # the order of `ctid` and `tls`
    return (_NUMBERS[machine], flags, 0, 0, *tid)


class Cloner:
    """Made once; raises OSError where this cannot be done."""

    def __init__(self) -> None:
        self._arguments = tuple(map(_Long, _arguments()))
        self._clone = _Call(_ctypes.dlsym(_program, "syscall"))

    def clone(self) -> int:
        """As `os.fork()`: 0 in the child, else its pid. Raises OSError."""
        return self._fork(-1, 0, ())

    def clone_asleep(self, bed: int, parent: int, unwanted: Tuple[int, ...]) -> int:
        """The same, but the child says `SETTLED` on the socket `bed`, and comes back only when something comes on it;
        it ends where nothing will, and with `parent`. Its random numbers go on where they were. It closes the
        descriptors `unwanted`: who waits for their end shall not wait for the sleeper.
        """
        return self._fork(bed, parent, unwanted)

    def _fork(self, bed: int, parent: int, unwanted: Tuple[int, ...]) -> int:
        if processes.threads() != 1:
            raise OSError("a process with threads is not cloned")
        _before()
        pid = self._clone(*self._arguments)
        if pid == 0:
            if bed < 0:
                _in_child()
                return 0
            _sleep(bed, parent, unwanted)
            known = randomness.state()
            _in_child()  # among its hooks is one that reseeds `random`
            randomness.put_back(known)
            return 0
        number = _ctypes.get_errno()
        _in_parent()
        if pid < 0:
            raise OSError(number, os.strerror(number))
        return int(pid)


def die_with_parent(parent: int) -> None:
    """As the one in `linux.py`, which looks the call up each time: that costs a clone thirty pages."""
    _prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def _sleep(bed: int, parent: int, unwanted: Tuple[int, ...]) -> None:
    """Only calls into C, which keep what Python knows of the process as it was."""
    os.setpgid(0, 0)  # what is sent to the session's group is not for its copies
    die_with_parent(parent)
    for fd in unwanted:
        _close(fd)
    byte = _Letter(SETTLED)
    at = _ctypes.addressof(byte)
    _send(bed, at, 1, _MSG_NOSIGNAL)
    waiting = _Number(bed | _POLLIN << 32)  # a struct pollfd
    while True:
        read = _recv(bed, at, 1, _MSG_PEEK)
        if read > 0:
            return
        number = _ctypes.get_errno()
        if read < 0 and number == errno.EAGAIN:
            _poll(_ctypes.addressof(waiting), 1, -1)
        elif read == 0 or number != errno.EINTR:
            os._exit(0)


class Mapping:
    """Where a shared mapping lies, so that another file can be mapped there: whoever holds it sees that one."""

    def __init__(self, memory: Any) -> None:
        self._length = len(memory)
        kind: Any = type("View", (_ctypes.Array,), {"_type_": _Letter, "_length_": self._length})
        self._address = _ctypes.addressof(kind.from_buffer(memory))

    def show(self, descriptor: int) -> None:
        """Maps a file of the same length. Raises OSError."""
        self._map(_MAP_SHARED_FIXED, descriptor)

    def show_nothing(self) -> None:
        """Maps memory of this process alone, all zeros, so that the file is let go."""
        self._map(_MAP_PRIVATE_FIXED_ANONYMOUS, -1)

    def _map(self, flags: int, descriptor: int) -> None:
        if _mmap(self._address, self._length, _READ_WRITE, flags, descriptor, 0) != self._address:
            raise OSError(_ctypes.get_errno(), "a session's page could not be mapped")
