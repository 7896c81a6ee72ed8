"""Forks a session off the warm supervisor.

What the child keeps: its connection, its end of the channel, the write ends of its two pipes, and its page. All else of
the supervisor's, the other sessions' above all, is closed and unmapped before it goes on.
"""

import os
import resource
import signal
from typing import TYPE_CHECKING, Any, Dict, NamedTuple

from .. import linux
from ..descriptors import channel, close_quietly, keep_only, move_high
from ..page import Page
from ..parts import Parts
from .loop import HANG_UP, READ
from .record import Pipe, Record

if TYPE_CHECKING:
    from .service import Supervisor


class BecomeSession(BaseException):
    """Unwinds the supervisor in a forked child. Not an `Exception`: no handler may catch it."""

    def __init__(self, parts: Parts) -> None:
        super().__init__()
        self.parts = parts


class Wanted(NamedTuple):
    """A session that a host asked for, and proved itself."""

    session: str
    connection: int  # fd
    request: Any  # id of the hello
    result: Dict[str, Any]  # what answers it, but for the session's pid
    options: Dict[str, Any]


def open_session(supervisor: "Supervisor", wanted: Wanted) -> None:
    """Raises OSError, with nothing left behind; the connection stays the caller's then."""
    made = []
    page = None
    try:
        page = Page(wanted.session)
        ends = [_pipe(made), _pipe(made)]
        ours, theirs = channel()
        made += [ours, theirs]
        os.set_blocking(wanted.connection, True)  # a flag of both processes: from now on only the session reads it
        pid = os.fork()
    except OSError:
        for fd in made:
            close_quietly(fd)
        if page is not None:
            page.close()
        raise
    (stdout_reader, stdout), (stderr_reader, stderr) = ends
    if pid == 0:
        try:
            parts = _become(supervisor, wanted, page, (wanted.connection, theirs, stdout, stderr))
        except BaseException:
            os._exit(1)  # anything but a second supervisor
        raise BecomeSession(parts)
    for fd in (theirs, stdout, stderr):
        close_quietly(fd)
    pipes = [Pipe(1, stdout_reader), Pipe(2, stderr_reader)]
    record = Record(wanted.session, wanted.connection, ours, pipes, page)
    record.pid = pid
    _join_own_group(pid)
    supervisor.records[wanted.session] = supervisor.by_pid[pid] = record
    for pipe in pipes:
        os.set_blocking(pipe.fd, False)
        supervisor.raw.watch(record, pipe)
    supervisor.loop.add(ours, READ, lambda _events: supervisor.raw.on_channel(record))
    # nobody reads the connection while code runs: it is for us to notice that the host let go of it
    supervisor.loop.add(wanted.connection, HANG_UP, lambda _events: supervisor.deaths.host_left(record))


def _pipe(made: "list[int]") -> "tuple[int, int]":
    reader, writer = os.pipe()
    moved = move_high(reader)
    made.append(moved)
    made.append(move_high(writer))
    return moved, made[-1]


def _join_own_group(pid: int) -> None:
    """By parent and child alike: whoever comes first, an interrupt finds the group."""
    try:
        os.setpgid(pid, pid)
    except OSError:
        pass


def _become(supervisor: "Supervisor", wanted: Wanted, page: Page, keep: "tuple[int, int, int, int]") -> Parts:
    """In the child: nothing here may run a handler of the supervisor's, or let one of its objects be finalised."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    _join_own_group(0)
    linux.die_with_parent(supervisor.pid)
    global _inherited
    _inherited = supervisor
    supervisor.loop.close()
    for record in supervisor.records.values():
        record.page.close()
    keep_only(keep)
    supervisor.secret[:] = bytes(len(supervisor.secret))
    try:
        soft, hard = supervisor.open_files
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        pass
    boot = supervisor.boot
    return Parts(
        session=wanted.session, connection=keep[0], channel=keep[1], stdout=keep[2], stderr=keep[3], page=page,
        supervisor_pid=supervisor.pid, hello_id=wanted.request, hello_result=wanted.result, options=wanted.options,
        limits=boot["limits"], workdir=boot["workdir"],
    )  # fmt: skip


_inherited: Any = None  # keeps the supervisor's objects from being finalised in a session
