"""File descriptors: keeping our own out of the way of user code, and asking the kernel about them."""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
import termios

from .hints import Iterable, List, Set, Tuple

# User code closes, dups and counts the low ones; `closerange(3, 64)` is a common idiom.
LOWEST = 900

_PASSCRED = 16  # SO_PASSCRED
_CREDENTIALS = 2  # SCM_CREDENTIALS
_CREDENTIALS_SPACE = socket.CMSG_SPACE(12)
_ONE_RIGHT_SPACE = socket.CMSG_SPACE(4)


# What `move_high` and `channel` made in this process: a forked session closes all but its own.
owned: Set[int] = set()


def move_high(fd: int) -> int:
    """Moves a descriptor to `LOWEST` or above (close-on-exec), and closes the old one.

    Where the limit of open files is too low for that, it goes as high as it can.
    """
    try:
        moved = _duplicate_high(fd)
    finally:
        os.close(fd)
    owned.add(moved)
    return moved


def _duplicate_high(fd: int) -> int:
    lowest = LOWEST
    while True:
        try:
            return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, lowest)
        except OSError:  # EINVAL: beyond the limit; EMFILE: none free from there on
            if lowest == 3:
                raise
            lowest = lowest // 2 if lowest >= 64 else 3


def close_inherited() -> None:
    """Closes what the host's own C code let slip through the exec. Python marks all that it opens itself."""
    for fd in map(int, os.listdir("/proc/self/fd")):
        try:
            if fd > 2 and os.get_inheritable(fd):
                os.close(fd)
        except OSError:
            pass  # the listing's own, closed by now


def unread_bytes(fd: int, _answer: array.array[int] = array.array("i", [0])) -> int:  # noqa: B008
    """How many bytes lie in a pipe (FIONREAD). One C call and no allocation: it stands on the hot path."""
    fcntl.ioctl(fd, termios.FIONREAD, _answer)
    return _answer[0]


def close_quietly(fd: int) -> None:
    """Closes it, whether or not it was open."""
    owned.discard(fd)
    try:
        os.close(fd)
    except OSError:
        pass


def keep_only(kept: Iterable[int]) -> None:
    """Closes every descriptor that is `owned`, but for `kept`."""
    for fd in owned.difference(kept):
        close_quietly(fd)


def channel() -> Tuple[int, int]:
    """A message socket pair, both ends high: (ours: non-blocking, tells the sender's pid; the session's: blocking)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, _PASSCRED, 1)
    ours.setblocking(False)
    return move_high(ours.detach()), move_high(theirs.detach())


def receive_with_pid(fd: int, size: int = 4096) -> Tuple[bytes, int]:
    """One message of a channel and its sender's pid as the kernel vouches for it (0: unknown).

    No room for SCM_RIGHTS is offered: descriptors that somebody sends are dropped by the kernel.
    """
    data, pid, _fds = _receive(fd, size, _CREDENTIALS_SPACE)
    return data, pid


def receive_with_rights(fd: int, size: int = 4096) -> Tuple[bytes, int, List[int]]:
    """The same, and a descriptor that came along (the kernel drops any others), which is the caller's then."""
    return _receive(fd, size, _CREDENTIALS_SPACE + _ONE_RIGHT_SPACE)


def _receive(fd: int, size: int, space: int) -> Tuple[bytes, int, List[int]]:
    # told what it is: else it would ask the kernel each time
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fd)
    try:
        data, ancillary, _flags, _address = sock.recvmsg(size, space, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
    finally:
        sock.detach()
    pid = 0
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level != socket.SOL_SOCKET:
            continue
        if kind == _CREDENTIALS and len(content) >= 12:
            pid = struct.unpack("3i", content[:12])[0]
        elif kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % 4])
    return data, pid, list(fds)
