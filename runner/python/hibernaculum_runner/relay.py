"""The relay: pumps its stdio to the supervisor's socket, for places where the host cannot reach that socket itself.

    python3 -I -S relay.py SOCKET

    host ── stdin ──> thread ──> socket        ends: the socket is told (half-close), answers still come back
    host <── stdout ── main thread <── socket  ends: so does the relay. A host that reads no more ends it as well

It knows no frames. Its first words on stdout are the line `hibernaculum-relay 1`, so that the host can skip whatever a
login shell printed before. Reads and writes block, which is all the backpressure there needs to be: one thread for each
direction, and neither ever waits for the other.
"""

import _thread
import os
import select
import sys
from typing import NoReturn

try:
    import _socket as sockets  # `socket` itself costs milliseconds, and each connection of the host starts a relay
except ImportError:
    import socket as sockets

PREAMBLE = b"\nhibernaculum-relay 1\n"
_CHUNK = 64 << 10  # a buffer of 128 KiB is mapped and unmapped for each read: 13 us
_STDIN, _STDOUT = 0, 1


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
        _thread.start_new_thread(from_host, (connection, fd))
        to_host(fd)
    except OSError:  # the host, or the supervisor, is gone
        pass
    os._exit(0)


def from_host(connection: "sockets.socket", fd: int) -> None:
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
        elif ready.get(_STDOUT, 0) & (select.POLLERR | select.POLLHUP | select.POLLNVAL):
            return


def pump(source: int, sink: int) -> None:
    while True:
        data = read_some(source)
        if not data:
            return
        write_all(sink, data)


def read_some(fd: int) -> bytes:
    """What is there, at most a chunk; b"" at the end."""
    while True:
        try:
            return os.read(fd, _CHUNK)
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


if __name__ == "__main__":
    main()
