"""Frozen copies of a session: what a guard is, and a live checkpoint.

A copy is a clone that sleeps in the kernel, with all of the session's memory as it was. The supervisor, whose child it
is, holds the other end of the socket on which it sleeps, and wakes it by an *order*:

```
resume   the copy is the session from now on, with all that its predecessor had: a rollback
become   the same with everything anew, a connection too: its predecessor died
branch   the copy clones itself and goes on sleeping; the clone is the session, under the id that the order names
```

What is new (pipes, a channel, a page, a connection) is put where the old ones were (same numbers, same addresses), so
that nothing in the session has to know; whatever user code made of fds 1 and 2 is found by the pipe it leads to.
Then it goes on as the session would have between two requests: `freeze` returns True in it, and the request that it was
in the middle of is nobody's any more.
"""

from __future__ import annotations

import array
import fcntl
import json
import os
import socket

from .. import processes
from ..descriptors import close_quietly, move_high
from ..frames import result
from ..hints import TYPE_CHECKING, Any, Dict, List, NamedTuple, Optional, Tuple
from ..parts import Parts
from ..supervisor.opening import GO
from .clone import SETTLED, Cloner, Mapping, die_with_parent
from .quiesce import MAKE_ROOM, UnclonableError, quiesce

if TYPE_CHECKING:
    from .process import Session

WOKEN = b"w"
"""What a copy says on its channel once it is the session."""
_ANEW = "close the session, and open another"
_ELSEWHERE = "save it as a portable checkpoint, which needs no copy of the process"
_ORDER = 64 << 10
_FDS = 5


class Order(NamedTuple):
    """What the supervisor wants of a copy."""

    mode: str  # resume, become or branch
    session: str
    hello_id: Any  # of the hello to answer
    hello_result: Dict[str, Any]
    options: Dict[str, Any]
    transfer: int  # the last transfer on a connection that is kept


class Freezer:
    """Makes copies of the session that this process is."""

    def __init__(self, session: Session, parts: Parts) -> None:
        self._session = session
        self._parts = parts
        self._cloner: Optional[Cloner] = None
        self._mappings: List[Mapping] = []
        self._had_pipes = False  # when it was frozen: a copy has let go of them
        self.children = 0
        """How many child processes there were at the last freeze."""
        # made once, and told what it is: else it would ask the kernel each time
        self._channel = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, parts.channel)

    def freeze(self, kind: str, label: str) -> bool:
        """Makes a copy, and has the supervisor know it as a `guard` of an execution or a `live` checkpoint. Returns
        False, or, in the copy and once it has taken the session's place, True. Raises UnclonableError.

        To be called between executions only, with nothing of a text or a message half sent.
        """
        self._prepare()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)  # from the first message on
            pipes = self._session.connection.pipes
            pid = self._clone(theirs.fileno(), pipes.descriptors if pipes is not None else ())
            if pid == 0:
                ours.close()
                self._had_pipes = self._session.connection.forget_pipes()
                self._awake(move_high(theirs.detach()))
                return True
            theirs.close()
            if ours.recv(16) != SETTLED:
                raise UnclonableError("its copy died at once: processes or memory may have run out", MAKE_ROOM)
            self._announce(kind, label, pid, ours.fileno())
            return False
        finally:
            ours.close()
            theirs.close()

    def _prepare(self) -> None:
        loop = self._session.asynchronous.loop
        if loop is not None and not self._session.asynchronous.can_move:
            raise UnclonableError(
                f"its event loop is a {type(loop).__module__}.{type(loop).__name__}, which a copy cannot take over",
                "leave out the event loop policy that makes it, and open the session anew",
            )
        quiesce(loop)
        if self._cloner is None:
            try:
                self._cloner = Cloner()
            except OSError as problem:
                raise UnclonableError(str(problem), _ELSEWHERE) from None
            self._mappings = [Mapping(memory) for memory in self._parts.page.mappings]
        self._session.raw.flush_c()  # else what C code holds back would be written once by each

    def _clone(self, bed: int, unwanted: Tuple[int, ...] = ()) -> int:
        """Asleep on `bed` and without the descriptors `unwanted`, or, where `bed` is negative, awake."""
        assert self._cloner is not None
        forks = self._session.forks
        forks.is_cloning = True
        try:
            if bed < 0:
                return self._cloner.clone()
            return self._cloner.clone_asleep(bed, self._parts.supervisor_pid, unwanted)
        except OSError as problem:
            raise UnclonableError(f"no process could be made: {problem.strerror or problem}", MAKE_ROOM) from None
        finally:
            forks.is_cloning = False

    def _announce(self, kind: str, label: str, pid: int, bed: int) -> None:
        self.children = _children()
        message = f"F{kind} {label} {pid} {self.children}".encode()
        try:
            self._channel.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", (bed,)))])
        except OSError as problem:
            raise UnclonableError(f"its supervisor cannot be told: {problem.strerror}", _ANEW) from None

    # -- in the copy -------------------------------------------------------------------------------------------------

    def _awake(self, bed: int) -> None:
        """Obeys orders. Comes back in whoever is the session from then on."""
        supervisor = socket.socket(fileno=bed)
        supervisor.setblocking(True)
        while True:
            order, fds = _receive(supervisor)
            if order.mode != "branch":
                break
            try:
                pid = self._clone(-1)
            except UnclonableError:
                pid = -1
            if pid == 0:
                break
            for fd in fds:
                os.close(fd)
            supervisor.send(b"%d" % pid)
        close_quietly(supervisor.detach())
        self._take_over(order, fds)

    def _take_over(self, order: Order, fds: List[int]) -> None:
        parts, session = self._parts, self._session
        if order.mode == "resume":
            session.wake()
            if self._had_pipes:
                session.connection.take_pipes()
            session.connection.outgoing.go_on_from(order.transfer)
            os.write(parts.channel, WOKEN)
            return
        connection, channel, stdout, stderr, page = fds
        if order.mode == "branch":
            os.setpgid(0, 0)
            die_with_parent(parts.supervisor_pid)
            os.environ["HIBERNACULUM_SESSION"] = order.session
        _lead_to({parts.stdout: stdout, parts.stderr: stderr})
        os.dup2(channel, parts.channel, inheritable=False)
        for mapping in self._mappings:
            mapping.show(page)
        os.dup2(connection, parts.connection, inheritable=False)
        for fd in fds:
            os.close(fd)
        session.raw.take_over()
        session.wake()
        if order.mode == "branch" and os.read(parts.channel, 16) != GO:
            os._exit(0)
        session.connection.renew()
        if order.options.get("stdio"):
            session.connection.take_pipes()
        session.executor.stdin_policy = order.options.get("stdin") or session.executor.stdin_policy
        with session.connection.lock:
            session.connection.send_message(result(order.hello_id, {**order.hello_result, "pid": os.getpid()}))
        os.write(parts.channel, WOKEN)


def _receive(supervisor: socket.socket) -> Tuple[Order, List[int]]:
    """An order, with its descriptors: connection, channel, stdout, stderr, page; none where all is kept."""
    message, ancillary, _flags, _address = supervisor.recvmsg(
        _ORDER, socket.CMSG_SPACE(4 * _FDS), socket.MSG_CMSG_CLOEXEC
    )
    if not message:
        os._exit(0)
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % 4])
    return Order(*json.loads(message)), list(fds)


def _lead_to(others: Dict[int, int]) -> None:
    """Whatever leads into the pipe of a key leads to its value from now on: itself, and what user code made of it."""
    pipes = {}
    for old, new in others.items():
        status = os.fstat(old)
        pipes[status.st_dev, status.st_ino] = new
    for name in os.listdir("/proc/self/fd"):
        fd = int(name)
        try:
            status = os.fstat(fd)
            other = pipes.get((status.st_dev, status.st_ino))
            if other is not None and fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY:
                os.dup2(other, fd, inheritable=os.get_inheritable(fd))
        except OSError:
            pass  # the listing's own, closed by now


def _children() -> int:
    """How many child processes this one has, which has no other threads."""
    try:
        file = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # a kernel that does not list them
        return len(processes.children(os.getpid()))
    try:
        return len(os.read(file, 1 << 16).split())
    finally:
        os.close(file)
