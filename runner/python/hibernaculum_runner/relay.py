"""The relay: joins its stdio to the supervisor's socket, for places where the host cannot reach that socket itself.

    python3 -I -S relay.py SOCKET

    host ── stdin ──> thread ──> socket        ends: the socket is told (half-close), answers still come back
    host <── stdout ── main thread <── socket  ends: so does the relay. A host that reads no more ends it as well

Its first words on stdout are the line `hibernaculum-relay 1`, so that the host can skip whatever a login shell printed
before. Reads and writes block, which is all the backpressure there needs to be: one thread for each direction, and
neither ever waits for the other.

A pump is one process more to be woken, each way. Where stdin and stdout are pipes, a session can do without: it is
given the pipes themselves, and the relay stays for the sake of their ends.

    relay   ── OFFER ─────────────────> supervisor     before anything of the host's
    relay   ── one frame, the hello ──> supervisor     and nothing of stdin is read after it, until there is an answer
            <── WANTED ──────────────── a session      ──> the two descriptors; a host's guard may want them once more
            <── anything else ───────── whoever else   ──> pumped, as above
"""

from __future__ import annotations

import _thread
import os
import select
import stat
import sys

TYPE_CHECKING = False  # `typing` costs milliseconds, too
if TYPE_CHECKING:
    from typing import NoReturn

try:
    import _socket as sockets  # `socket` itself costs milliseconds, and each connection of the host starts a relay
except ImportError:
    import socket as sockets  # type: ignore[no-redef]

PREAMBLE = b"\nhibernaculum-relay 1\n"
OFFER = b"\x7frly"  # as a length it would be refused
WANTED = bytes(4)  # no frame begins so: none is empty
_LONGEST = 64 << 10  # of a hello
_LITTLE = 2 << 10  # a challenge is shorter, and so little never waits in a pipe
_CHUNK = 64 << 10  # a buffer of 128 KiB is mapped and unmapped for each read: 13 us
_STDIN, _STDOUT = 0, 1
_GONE = select.POLLERR | select.POLLHUP | select.POLLNVAL


def main() -> NoReturn:
    """Ends the process, with 0 unless there was nothing to connect to."""
    if len(sys.argv) != 2:
        sys.exit("usage: relay.py SOCKET")
    connection = sockets.socket(sockets.AF_UNIX, sockets.SOCK_STREAM)
    try:
        connection.connect(sys.argv[1])
    except OSError as error:
        sys.exit(f"hibernaculum-relay: {sys.argv[1]}: {error.strerror}")
    fd = connection.fileno()
    try:
        write_all(_STDOUT, PREAMBLE)
        if are_pipes() and offer(fd):
            stay(connection, fd)
        else:
            _thread.start_new_thread(from_host, (connection, fd))
            to_host(fd)
    except OSError:  # the host, or the supervisor, is gone
        pass
    os._exit(0)


# -- pumping -----------------------------------------------------------------------------------------------------------


def from_host(connection: sockets.socket, fd: int) -> None:
    try:
        pump(_STDIN, fd)
        connection.shutdown(sockets.SHUT_WR)
    except OSError:
        os._exit(0)


def to_host(fd: int) -> None:
    """Pumps until the supervisor has no more to say, or the host reads no more."""
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(_STDOUT, 0)  # an error alone is waited for: the reader has left
    while True:
        ready = dict(poll.poll())
        if fd in ready:
            data = read_some(fd)
            if not data:
                return
            write_all(_STDOUT, data)
        elif ready.get(_STDOUT, 0) & _GONE:
            return


def pump(source: int, sink: int) -> None:
    while True:
        data = read_some(source)
        if not data:
            return
        write_all(sink, data)


def read_some(fd: int, most: int = _CHUNK) -> bytes:
    """What is there, at most a chunk; b"" at the end."""
    while True:
        try:
            return os.read(fd, most)
        except BlockingIOError:  # whoever shares our stdio made it non-blocking
            _wait(fd, select.POLLIN)


def write_all(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(fd, rest) :]
        except BlockingIOError:
            _wait(fd, select.POLLOUT)


def _wait(fd: int, events: int) -> None:
    poll = select.poll()
    poll.register(fd, events)
    poll.poll()


# -- handing over ------------------------------------------------------------------------------------------------------


def are_pipes() -> bool:
    """Of other kinds it is not so plain when they have ended."""
    return all(stat.S_ISFIFO(os.fstat(fd).st_mode) for fd in (_STDIN, _STDOUT))


def offer(fd: int) -> bool:
    """Passes the hello on, and what comes until it is answered. Whether a session wants stdin and stdout; else there is
    more to be pumped. Raises OSError where nothing is.
    """
    write_all(fd, OFFER)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(_STDIN, select.POLLIN)
    poll.register(_STDOUT, 0)
    head, missing, left = b"", 4, _LITTLE
    while True:
        ready = dict(poll.poll())
        if _STDIN in ready:
            data = read_some(_STDIN, missing)
            write_all(fd, data)
            missing -= len(data)
            if len(head) < 4:
                head += data
                if not missing:
                    missing = int.from_bytes(head, "big")
            if not data or missing > _LONGEST:
                return False
            if not missing:
                poll.unregister(_STDIN)
        elif fd in ready:
            data = read_some(fd, left)
            if data == WANTED and not missing:
                return True
            if not data:
                raise ConnectionResetError
            write_all(_STDOUT, data)
            left -= len(data)
            if not missing or not left:
                return False
        elif ready.get(_STDOUT, 0) & _GONE:
            raise BrokenPipeError


def stay(connection: sockets.socket, fd: int) -> None:
    """Gives stdin and stdout away. Tells the supervisor when the host has closed stdin, and ends as a pump would."""
    numbers = b"".join(fd.to_bytes(4, sys.byteorder) for fd in (_STDIN, _STDOUT))
    rights = [(sockets.SOL_SOCKET, sockets.SCM_RIGHTS, numbers)]
    connection.sendmsg([OFFER], rights)
    poll = select.poll()
    poll.register(fd, select.POLLIN)
    poll.register(_STDIN, 0)
    poll.register(_STDOUT, 0)
    while True:
        ready = dict(poll.poll())
        if ready.get(_STDOUT, 0) & _GONE:
            return
        if ready.get(_STDIN, 0) & _GONE:
            poll.unregister(_STDIN)
            connection.shutdown(sockets.SHUT_WR)
        elif fd in ready:
            if read_some(fd) != WANTED:
                return
            connection.sendmsg([OFFER], rights)


if __name__ == "__main__":
    main()
