"""A session that is ready but for whom it serves, and from which others are cloned.

It is set up on stand-ins (a page, a connection, pipes of its own) and has run a few executions, so that what code needs
at first use is there and warm. For each order the real things take the stand-ins' places: descriptors by `dup2` at the
same numbers, the page by mapping it at the same address. So nothing of what was set up has to know. Then it clones
itself, and lets go of them. All that a clone itself would do costs it pages of its own; so it does next to nothing.

```
fork ──> Session on stand-ins ──> warm up, forget it ──> "ready"
 ┌─> order ──> dress, prepare ──> clone ──┬─> undress, tell its pid ─┐
 └────────────────────────────────────────┼──────────────────────────┘
                                          └─> the clone: wait for "go", answer the hello, serve
```

A clone can also be made *in reserve*, before anybody asks for it. It rehearses, on stand-ins of its own, what sessions
do first, so that the pages which that touches are copied by then; and fills one order as its zygote would, by being
the session.

```
"reserve" ──> clone ──> rehearse, forget it ──> order ──> dress, prepare ──> answer the hello, serve
```
"""

from __future__ import annotations

import array
import gc
import json
import os
import socket

from ..descriptors import channel, close_quietly, keep_only, move_high
from ..hints import Any, Dict, List, NoReturn, Optional, Tuple
from ..page import Page
from ..parts import Parts
from ..supervisor.opening import GO
from ..supervisor.orders import READY, RESERVE
from . import limits, process
from .clone import Cloner, Mapping, die_with_parent
from .immortal import immortalise

_ORDER = 64 << 10
_FDS = 5
_FILE = "<warm-up>"
_STAND_IN = b'["zygote", 0, {}, {}]'  # what an order is like
_SELDOM = ("raise ValueError", "import sys; sys.stderr.write('x')", "[1, {'a': None}]", "def _warm(): pass")
_OFTEN = ("1 + 1", "_warm = 1", "del _warm", "print('x')")  # ends on stdout, where every session begins
_TIMES = 12  # or more, and CPython has specialised the code, and no longer writes into it


def serve(orders: int, supervisor_pid: int, workdir: str, process_limits: Dict[str, Any]) -> NoReturn:
    """Clones sessions for ever. Never returns, in no process."""
    try:
        zygote = Zygote(orders, supervisor_pid, workdir, process_limits)
        parts, problem = zygote.run()
    except BaseException:
        os._exit(1)  # the supervisor forks sessions itself
    zygote.session.begin(parts, problem)


class Zygote:
    """The session, and the stand-ins on which it stands."""

    def __init__(self, orders: int, supervisor_pid: int, workdir: str, process_limits: Dict[str, Any]) -> None:
        self._cloner = Cloner()
        self._orders = orders
        page = Page("zygote")
        host, (connection, end, stdout, stderr) = _stand_ins()
        self._parts = parts = Parts(
            session="zygote", connection=connection, channel=end, stdout=stdout, stderr=stderr, page=page,
            supervisor_pid=supervisor_pid, hello_id=0, hello_result={}, options={}, limits=process_limits,
            workdir=workdir,
        )  # fmt: skip
        self._places = (connection, end, stdout, stderr)
        self._page = move_high(os.dup(page.descriptor))  # where files may not become that long, none can be made later
        self._null = move_high(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
        process.become(parts)
        self.session = process.Session(parts)
        self._mappings = [Mapping(memory) for memory in page.mappings]
        self._readers = self.session.raw.readers
        self._rehearse(host, _SELDOM * 2 + _OFTEN * _TIMES)
        limits.apply(process_limits)

    def _rehearse(self, host: socket.socket, codes: Tuple[str, ...]) -> None:
        """Runs what sessions run, and forgets it; then lets go of the stand-ins, of which `host` is one end."""
        executor = self.session.executor
        for number, code in enumerate(codes, 1):
            executor.execute(number, {"execution": number, "id": "", "code": code, "filename": _FILE, "stdin": "deny"})
            host.recv(1 << 16)  # an execution's output and its answer come in one piece
        executor.forget(_FILE)
        host.detach()
        keep_only((self._orders, *self._places, *self._readers, self._page, self._null, executor.descriptor))
        self._undress()

    def run(self) -> Tuple[Parts, Optional[str]]:
        """Fills orders. Comes back in clones only: with what such a one is, or why it cannot be."""
        supervisor = _connected(self._orders)
        gc.collect()
        immortalise(self)
        gc.freeze()
        supervisor.send(READY)
        while True:
            message, fds = _receive(supervisor)
            if message == RESERVE:
                pid = self._clone()
                if pid == 0:
                    close_quietly(supervisor.detach())
                    return self._wait_in_reserve(move_high(fds[0]))
                os.close(fds[0])
            else:
                parts, problem = self._prepare(message, fds)
                pid = self._clone()
                if pid == 0:
                    self._go(supervisor, parts)
                    return parts, problem
                self._undress()
            supervisor.send(b"%d" % pid)

    def _wait_in_reserve(self, orders: int) -> Tuple[Parts, Optional[str]]:
        """In a clone for which there is no order yet: fills one."""
        self._orders = orders
        self._lead_own_life()
        host, places = _stand_ins()
        self._prepare(_STAND_IN, [*places, os.dup(self._page)])
        self.session.answer_hello()
        host.recv(1 << 16)
        self._rehearse(host, _OFTEN)
        supervisor = _connected(orders)
        supervisor.send(READY)
        parts, problem = self._prepare(*_receive(supervisor))
        supervisor.send(b"%d" % os.getpid())
        self._go(supervisor, parts)
        return parts, problem

    def _go(self, supervisor: socket.socket, parts: Parts) -> None:
        """In a clone that has an order: lets go of what is not the session's, and waits until it may speak."""
        for descriptor in (supervisor.detach(), self._page, self._null):
            close_quietly(descriptor)
        self._lead_own_life()
        limits.apply_last(parts.limits)
        if os.read(parts.channel, 16) != GO:
            os._exit(0)

    def _prepare(self, order: bytes, fds: List[int]) -> Tuple[Parts, Optional[str]]:
        """Makes what is here the session that is ordered, but for its process; or tells why it cannot be."""
        session, request, result, options = json.loads(order)
        parts = self._parts._replace(session=session, hello_id=request, hello_result=result, options=options)
        self._dress(fds)
        return parts, self.session.prepare(parts)

    def _lead_own_life(self) -> None:
        """In a clone."""
        die_with_parent(self._parts.supervisor_pid)
        os.setpgid(0, 0)
        self.session.take_over()

    def _dress(self, fds: List[int]) -> None:
        """Puts a connection, an end of a channel, two pipes and a page where the stand-ins are."""
        for fd, place in zip(fds, self._places):
            os.dup2(fd, place, inheritable=False)
        os.dup2(fds[2], 1)
        os.dup2(fds[3], 2)
        self.session.raw.take_over()
        for mapping in self._mappings:
            mapping.show(fds[4])
        for fd in fds:
            os.close(fd)

    def _undress(self) -> None:
        """Lets go of them: while a descriptor is open here, the other end does not hear of its end."""
        for place in (*self._places, *self._readers, 1, 2):
            os.dup2(self._null, place, inheritable=place <= 2)
        for mapping in self._mappings:
            mapping.show_nothing()

    def _clone(self) -> int:
        forks = self.session.forks
        forks.is_cloning = True
        try:
            return self._cloner.clone()
        except OSError as error:
            return -(error.errno or 1)
        finally:
            forks.is_cloning = False


def _stand_ins() -> Tuple[socket.socket, Tuple[int, int, int, int]]:
    """A host's end of a connection; and for a session that, the end of a channel, and two pipes. Nobody is at the other
    ends."""
    ours, theirs = socket.socketpair()
    _supervisors, end = channel()
    host = socket.socket(fileno=move_high(ours.detach()))
    return host, (move_high(theirs.detach()), end, _write_end(), _write_end())


def _write_end() -> int:
    reader, writer = os.pipe()
    move_high(reader)
    return move_high(writer)


def _connected(orders: int) -> socket.socket:
    supervisor = socket.socket(fileno=orders)
    supervisor.setblocking(True)
    return supervisor


def _receive(supervisor: socket.socket) -> Tuple[bytes, List[int]]:
    """An order, with its descriptors: connection, channel, stdout, stderr, page. Ends the process where there will be
    none."""
    message, ancillary, _flags, _address = supervisor.recvmsg(
        _ORDER, socket.CMSG_SPACE(4 * _FDS), socket.MSG_CMSG_CLOEXEC
    )
    if not message:
        os._exit(0)
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % 4])
    return message, list(fds)
