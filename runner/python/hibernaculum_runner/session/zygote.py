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
from ..supervisor.nursery import READY
from ..supervisor.opening import GO
from . import limits, process
from .clone import Cloner, Mapping, die_with_parent
from .immortal import immortalise

_ORDER = 64 << 10
_FDS = 5
_FILE = "<warm-up>"
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
        ours, theirs = socket.socketpair()
        host, connection = socket.socket(fileno=move_high(ours.detach())), move_high(theirs.detach())
        _supervisors, end = channel()
        self._parts = parts = Parts(
            session="zygote", connection=connection, channel=end, stdout=_write_end(), stderr=_write_end(), page=page,
            supervisor_pid=supervisor_pid, hello_id=0, hello_result={}, options={}, limits=process_limits,
            workdir=workdir,
        )  # fmt: skip
        self._places = (connection, end, parts.stdout, parts.stderr)
        self._null = move_high(os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC))
        process.become(parts)
        self.session = process.Session(parts)
        self._mappings = [Mapping(memory) for memory in page.mappings]
        self._warm_up(host)
        host.detach()
        self._readers = self.session.raw.readers
        keep_only((orders, *self._places, *self._readers, self._null, self.session.executor.descriptor))
        self._undress()
        limits.apply(process_limits)

    def _warm_up(self, host: socket.socket) -> None:
        """Runs what sessions run, and forgets it."""
        executor = self.session.executor
        for number, code in enumerate(_SELDOM * 2 + _OFTEN * _TIMES, 1):
            executor.execute(number, {"execution": number, "id": "", "code": code, "filename": _FILE, "stdin": "deny"})
            host.recv(1 << 16)  # an execution's output and its answer come in one piece
        executor.forget(_FILE)

    def run(self) -> Tuple[Parts, Optional[str]]:
        """Fills orders. Comes back in clones only: with what such a one is, or why it cannot be."""
        supervisor = socket.socket(fileno=self._orders)
        supervisor.setblocking(True)
        gc.collect()
        immortalise(self)
        gc.freeze()
        supervisor.send(READY)
        while True:
            message, fds = _receive(supervisor)
            if not message:
                os._exit(0)
            session, request, result, options = json.loads(message)
            parts = self._parts._replace(session=session, hello_id=request, hello_result=result, options=options)
            self._dress(fds)
            problem = self.session.prepare(parts)
            pid = self._clone()
            if pid == 0:
                break
            self._undress()
            supervisor.send(b"%d" % pid)
        close_quietly(supervisor.detach())
        close_quietly(self._null)
        die_with_parent(parts.supervisor_pid)
        os.setpgid(0, 0)
        self.session.take_over()
        limits.apply_last(parts.limits)
        if os.read(parts.channel, 16) != GO:
            os._exit(0)
        return parts, problem

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


def _write_end() -> int:
    reader, writer = os.pipe()
    move_high(reader)
    return move_high(writer)


def _receive(supervisor: socket.socket) -> Tuple[bytes, List[int]]:
    """An order, with its descriptors: connection, channel, stdout, stderr, page. Nothing, where there will be none."""
    message, ancillary, _flags, _address = supervisor.recvmsg(
        _ORDER, socket.CMSG_SPACE(4 * _FDS), socket.MSG_CMSG_CLOEXEC
    )
    fds = array.array("i")
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(content[: len(content) - len(content) % 4])
    return message, list(fds)
