"""The session's own connection to the host: frames in, frames out.

Nobody reads while user code runs, but for `input`. A frame is never torn: it goes out by one `sendall`, and an
interrupt that arrives meanwhile waits (see `interrupts`). Threads of user code send too, when they print: hence the
lock.

Where the other end of the connection is a relay whose stdio are pipes, the session asks for those, and reads and writes
them itself: a process less to be woken, each way. The connection stays, and tells the supervisor of the host's end.

    host ══ the relay's stdin and stdout ══ session ── WANTED ──> relay ── both descriptors ──> session
"""

from __future__ import annotations

import _thread
import array
import fcntl
import json.decoder
import os
import select
import socket
import stat
import struct
from collections import deque

from ..descriptors import close_quietly, move_high, owned
from ..frames import Decoder, Outgoing, ProtocolError, encode
from ..hints import Any, Deque, Dict, NoReturn, Optional, Set, Tuple, Union
from ..relay import OFFER, WANTED

HOST_GONE = 0
DESCRIPTORS_LOST = 113
"""Exit code where user code closed the runner's own descriptors: there is no session without them."""
DEFECT = 112
"""Exit code where the runner failed within an execution that a guard stands for."""
PROTOCOL_BROKEN = 114
"""Exit code where the host sent what no host may send."""

_MUCH = 16 << 10  # bytes of one frame
_WIDE = 1 << 20  # the most that a user may ask for
_F_SETPIPE_SZ = 1031
_WAIT_ALL = socket.MSG_WAITALL  # one call for a megabyte, where a signal does not come in between
_length = struct.Struct(">I").unpack_from
# json.loads without its checks: a microsecond on the hot path
_scan = json.decoder.JSONDecoder().scan_once  # type: ignore[attr-defined]


class Connection:
    """Owned by one process; a forked child that comes here leaves without a word."""

    def __init__(self, descriptor: int, ours: Any) -> None:
        self.descriptor = descriptor
        self.lock = _thread.RLock()
        self.outgoing = Outgoing()
        self.postponed: Deque[Dict[str, Any]] = deque()
        self._decoder = Decoder()
        self._ours = ours
        self._socket = socket.socket(fileno=descriptor)
        self._socket.settimeout(None)
        self.pipes: Optional[Pipes] = None
        self._use(self._socket)

    def _use(self, road: Union[socket.socket, Pipes]) -> None:
        self._incoming = self.readable
        self._receive = road.recv
        self._receive_into = road.recv_into
        self._sendall = road.sendall

    @property
    def readable(self) -> int:
        """The descriptor on which messages come."""
        return self.descriptor if self.pipes is None else self.pipes.incoming

    def is_open(self) -> bool:
        """Whether its descriptors are still there: user code closes some that are not its own."""
        if self.pipes is not None and not self.pipes.are_open():
            return False
        return _is_a(stat.S_ISSOCK, self.descriptor)

    def receive(self) -> Dict[str, Any]:
        """The next message, waiting for it. Ends the process where there will be none."""
        if self.postponed:
            return self.postponed.popleft()
        if not self._decoder.rest:
            try:
                data = os.read(self._incoming, 65536)
            except OSError:  # to wait may be all that it takes
                data = self._read(65536)
            try:
                # one whole message in one read: the common case
                if len(data) == 4 + _length(data)[0]:
                    message, end = _scan(data[4:].decode(), 0)
                    if type(message) is dict and end == len(data) - 4:
                        return message
            except (struct.error, ValueError, StopIteration, RecursionError):
                pass  # the decoder says what is wrong with it
            if not data:
                os._exit(HOST_GONE)
            self._decoder.feed(data)
        while True:
            message = self.take_buffered()
            if message is not None:
                return message
            self.read_more()

    def take_buffered(self) -> Optional[Dict[str, Any]]:
        """A message that has been read already."""
        try:
            return self._decoder.next()
        except ProtocolError:
            os._exit(PROTOCOL_BROKEN)

    def read_more(self) -> None:
        """One read, whatever it gives."""
        try:
            self._decoder.feed(self._read(self._decoder.wanted()))
        except ProtocolError:
            os._exit(PROTOCOL_BROKEN)

    def fill(self, view: memoryview) -> None:
        """Reads exactly so many bytes, whatever frames they belong to, straight to where they are to lie."""
        held = self._decoder.take_raw(len(view))
        view[: len(held)] = held
        rest = view[len(held) :]
        while rest:
            try:
                got = self._receive_into(rest, 0, _WAIT_ALL)
            except OSError as error:
                _end(error)
            if not got:
                os._exit(HOST_GONE)
            rest = rest[got:]

    def text(self, field: Any) -> str:
        """A text field of a message, whichever way it was sent. Raises ProtocolError."""
        return field if type(field) is str else self._decoder.text(field)

    def _read(self, size: int) -> bytes:
        try:
            data = self._receive(size)
        except OSError as error:
            _end(error)
        if not data:
            os._exit(HOST_GONE)
        return data

    def send(self, data: bytes) -> None:
        """Sends whole frames; waits while the host does not take them. With the lock, in a critical section."""
        if not self._ours[0]:
            return  # forked by C code, which runs no at-fork hooks
        try:
            self._sendall(data)
        except OSError as error:
            _end(error)

    def send_message(self, message: Dict[str, Any]) -> None:
        """Sends a message, after the transfers that it names."""
        self.send_after_transfers(b"", encode(message))

    def send_after_transfers(self, before: bytes, frame: bytes) -> None:
        """Sends both, and in between the transfers that `frame` names, which may be long: they are not copied."""
        if self.outgoing.waiting:
            chunks = self.outgoing.chunks()
            self.send(before)
            for chunk in chunks:
                self.send(chunk)
            self.send(frame)
        elif self._ours[0]:
            try:
                self._sendall(before + frame if before else frame)
            except OSError as error:
                _end(error)

    def take_pipes(self) -> None:
        """Asks the relay for its stdin and stdout. Ends the process where it has gone."""
        self.send(WANTED)
        try:
            data, ancillary, _flags, _address = self._socket.recvmsg(
                len(OFFER), socket.CMSG_SPACE(2 * array.array("i").itemsize), socket.MSG_CMSG_CLOEXEC
            )
        except OSError as error:
            _end(error)
        if not data:
            os._exit(HOST_GONE)
        fds = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
        if len(fds) != 2:  # there was no room for them
            os._exit(DESCRIPTORS_LOST)
        self.pipes = Pipes(move_high(fds[0]), move_high(fds[1]))
        self._use(self.pipes)

    def forget_pipes(self) -> bool:
        """In a frozen copy that wakes, for which they were closed; whether there were any."""
        pipes, self.pipes = self.pipes, None
        if pipes is None:
            return False
        owned.difference_update(pipes.descriptors)
        self._use(self._socket)
        return True

    def renew(self) -> None:
        """Another connection has taken the descriptor's place: what the old one left half read is nobody's."""
        self._decoder = Decoder()
        self.outgoing = Outgoing()
        self.postponed.clear()

    def close(self) -> None:
        """In a forked child: the connection is the session's alone."""
        self.lock = _thread.RLock()
        self._socket.detach()
        for fd in (self.descriptor, *(self.pipes.descriptors if self.pipes is not None else ())):
            close_quietly(fd)


class Pipes:
    """A relay's stdin and stdout, with what of a socket a connection uses. They block, unless others who hold them had
    them not."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self.incoming, self.outgoing = incoming, outgoing
        self._wide: Set[int] = set()

    @property
    def descriptors(self) -> Tuple[int, int]:
        return self.incoming, self.outgoing

    def are_open(self) -> bool:
        return all(_is_a(stat.S_ISFIFO, fd) for fd in self.descriptors)

    def recv(self, size: int) -> bytes:
        while True:
            try:
                return os.read(self.incoming, size)
            except BlockingIOError:
                _wait(self.incoming, select.POLLIN)

    def recv_into(self, view: memoryview, _size: int, _flags: int) -> int:
        if len(view) >= _MUCH:
            self._widen(self.incoming)
        while True:
            try:
                return os.readv(self.incoming, (view,))
            except BlockingIOError:
                _wait(self.incoming, select.POLLIN)

    def sendall(self, data: bytes) -> None:
        rest: Union[bytes, memoryview] = data
        if len(data) >= _MUCH:
            self._widen(self.outgoing)
        while rest:
            try:
                written = os.write(self.outgoing, rest)
            except BlockingIOError:
                _wait(self.outgoing, select.POLLOUT)
                continue
            if written == len(rest):
                return
            rest = memoryview(rest)[written:]

    def _widen(self, fd: int) -> None:
        """To wait for the other process at each 64 KiB halves what passes. Not before there is much: the kernel bounds
        the pipe memory of a user.
        """
        if fd in self._wide:
            return
        self._wide.add(fd)
        try:
            fcntl.fcntl(fd, _F_SETPIPE_SZ, _WIDE)
        except OSError:
            pass  # it stays as it is


def _end(error: OSError) -> NoReturn:
    """There is no connection any more, and so no session."""
    os._exit(HOST_GONE if isinstance(error, ConnectionError) else DESCRIPTORS_LOST)


def _wait(fd: int, events: int) -> None:
    poll = select.poll()
    poll.register(fd, events)
    poll.poll()


def _is_a(kind: Any, fd: int) -> bool:
    try:
        return bool(kind(os.fstat(fd).st_mode))
    except OSError:
        return False
