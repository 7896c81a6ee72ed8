"""A new session: its place is prepared here, its process cloned from a zygote, or forked off the warm supervisor.

```
hello ──> prepare: page, pipes, channel ──> the nursery has a zygote? ──yes──> cloned there ──┐
                                                                      └─no──> forked here ──┴──> register ──> "go"
```

What a forked child keeps: its connection, its end of the channel, the write ends of its two pipes, and its page. All
else of the supervisor's, the other sessions' above all, is closed and unmapped before it goes on.
"""

from __future__ import annotations

import os
import resource
import signal
import socket

from .. import linux
from ..descriptors import channel, close_quietly, keep_only, move_high
from ..hints import TYPE_CHECKING, Any, Callable, Dict, Iterable, NoReturn, Optional, Union
from ..page import Page
from ..parts import Parts
from .loop import HANG_UP, READ
from .record import Pipe, Record

if TYPE_CHECKING:
    from .line import Line
    from .service import Supervisor


GO = b"g"


class Become(BaseException):
    """Unwinds the supervisor in a forked child, which then leads that life. No `Exception`: no handler may catch it."""

    def __init__(self, life: Callable[[], NoReturn]) -> None:
        super().__init__()
        self.life = life


class Wanted:
    """A session that a host asked for, and proved itself."""

    __slots__ = ("connection", "line", "options", "refuse", "request", "result", "session")

    def __init__(
        self,
        session: str,
        connection: int,
        request: Any,
        result: Dict[str, Any],
        options: Dict[str, Any],
        refuse: Callable[[OSError], None],
    ) -> None:
        self.session = session
        self.connection = connection  # fd
        self.line: Optional[Line] = None  # that stands between it and the host
        self.request = request  # id of the hello
        self.result = result  # what answers it, but for the session's pid
        self.options = options
        self.refuse = refuse


class Place:
    """What is made for a session before it has a process."""

    __slots__ = ("channel", "page", "readers", "theirs", "wanted")

    def __init__(
        self, wanted: Wanted, page: Page, channel: int, readers: tuple[int, int], theirs: tuple[int, int, int]
    ) -> None:
        self.wanted = wanted
        self.page = page
        self.channel = channel  # our end
        self.readers = readers  # of its two pipes
        self.theirs = theirs  # its own: the end of the channel, and the write ends of the pipes

    def forget_theirs(self) -> None:
        """The process has them now."""
        for fd in self.theirs:
            close_quietly(fd)

    def give_up(self) -> None:
        """There will be no process. The connection is left as it is."""
        self.forget_theirs()
        for fd in (self.channel, *self.readers):
            close_quietly(fd)
        self.page.close()


def open_session(supervisor: Supervisor, wanted: Wanted) -> None:
    """Raises OSError, with nothing left behind; the connection stays the caller's then."""
    place = prepare(wanted)
    if not supervisor.nursery.order(place):
        fork_session(supervisor, place)


def fork_session(supervisor: Supervisor, place: Place) -> None:
    """A session straight from the supervisor. Raises OSError, with nothing left behind."""
    try:
        pid = os.fork()
    except OSError:
        place.give_up()
        raise
    if pid == 0:
        try:
            parts = _become(supervisor, place)
        except BaseException:
            os._exit(1)  # anything but a second supervisor
        raise Become(lambda: _live(parts))
    register(supervisor, place, pid)


def replace_predecessor(supervisor: Supervisor, place: Place, pid: int) -> None:
    """A branch has a process. A session of its name that is still there ends now, and then the branch may go on."""
    session = place.wanted.session
    predecessor = supervisor.records.get(session)
    record = register(supervisor, place, pid)
    if predecessor is not None and not predecessor.ending:
        predecessor.ending = True
        supervisor.frozen.dismiss(predecessor)
        supervisor.sweeps.start(predecessor)

    def go() -> None:
        let_go(record)
        supervisor.frozen.expect_to_wake(record)

    supervisor.sweeps.when_gone(session, go)


def let_go(record: Record) -> None:
    """It waits on its channel until it is known here, so that nothing is heard of it before."""
    try:
        os.write(record.channel, GO)
    except OSError:
        pass  # it is dead already, and will be told


def revoke(connection: int) -> None:
    """Whoever else holds the connection (a child that user code forked) can use it no more."""
    held = socket.socket(fileno=connection)
    try:
        held.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        held.detach()
    close_quietly(connection)


def register(supervisor: Supervisor, place: Place, pid: int) -> Record:
    """The session has a process: from now on it is watched, and may go on."""
    place.forget_theirs()
    wanted = place.wanted
    pipes = [Pipe(1, place.readers[0]), Pipe(2, place.readers[1])]
    record = Record(wanted.session, wanted.connection, place.channel, pipes, place.page)
    record.became(pid)
    _join_own_group(pid)
    supervisor.records[wanted.session] = supervisor.by_pid[pid] = record
    for pipe in pipes:
        os.set_blocking(pipe.fd, False)
        supervisor.raw.watch(record, pipe)
    supervisor.loop.add(place.channel, READ, lambda _events: supervisor.raw.on_channel(record))
    if wanted.line is not None and supervisor.lingering is not None:
        supervisor.lingering.begun(wanted, wanted.line)
        wanted.line.begin()
    else:
        # nobody reads the connection while code runs: it is for us to notice that the host let go of it
        supervisor.loop.add(wanted.connection, HANG_UP, lambda _events: supervisor.deaths.host_left(record))
    return record


def prepare(wanted: Wanted) -> Place:
    """What the session will need. Raises OSError, with nothing left behind."""
    made: list[int] = []
    page = None
    try:
        page = Page(wanted.session)
        (stdout_reader, stdout), (stderr_reader, stderr) = _pipe(made), _pipe(made)
        ours, theirs = channel()
        made += [ours, theirs]
        os.set_blocking(wanted.connection, True)  # a flag of both processes: from now on only the session reads it
    except OSError:
        for fd in made:
            close_quietly(fd)
        if page is not None:
            page.close()
        raise
    return Place(wanted, page, ours, (stdout_reader, stderr_reader), (theirs, stdout, stderr))


def _pipe(made: list[int]) -> tuple[int, int]:
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


def _become(supervisor: Supervisor, place: Place) -> Parts:
    page, wanted = place.page, place.wanted
    forget_supervisor(supervisor, (wanted.connection, *place.theirs), page)
    boot = supervisor.boot
    return Parts(
        session=wanted.session, connection=wanted.connection, channel=place.theirs[0], stdout=place.theirs[1],
        stderr=place.theirs[2], page=page, supervisor_pid=supervisor.pid, hello_id=wanted.request,
        hello_result=wanted.result, options=wanted.options, limits=boot["limits"], workdir=boot["workdir"],
    )  # fmt: skip


def forget_supervisor(supervisor: Supervisor, keep: Iterable[int], page: Optional[Page] = None) -> None:
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
    holders: Iterable[Union[Record, Place]]
    holders = (*supervisor.records.values(), *supervisor.nursery.places(), *supervisor.frozen.places())
    for holder in holders:
        if holder.page is not page:
            holder.page.close()
    keep_only(keep)
    supervisor.secret[:] = bytes(len(supervisor.secret))
    try:
        soft, hard = supervisor.open_files
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except (OSError, ValueError):
        pass


def _live(parts: Parts) -> NoReturn:
    from ..session import process

    process.serve(parts)


_inherited: Any = None  # keeps the supervisor's objects from being finalised in a session
