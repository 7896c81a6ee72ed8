"""The supervisor's side of the zygote: a process that is a session already, but for whom it serves.

A session that the supervisor forks sets itself up, which touches hundreds of pages: each is copied, for the session and
for the supervisor, which is as much time and memory as all the rest. A zygote has done all of that once, and sessions
are cloned from it (`session/zygote.py`).

```
none ──the second session──> starting ──"ready"──> serving ──its end──> none; never again if it was never ready
                             (sessions are forked meanwhile)
```

HIBERNACULUM_ZYGOTE in the sandbox's environment changes that: `never`, or `first`, where even the first session waits
for a zygote.

A clone takes most of its time to be made, and to copy the pages that it touches first. So one is kept *in reserve*, which
has done both: the session that takes it costs a handshake. Another one is made a moment later. Where sessions come
faster than that, or it is gone, they are cloned when they are asked for.

An order is one message with the new session's descriptors; the answer is the pid, or an error number. The session waits
on its channel for "go", so that it says nothing before it is known here. Where a zygote cannot be had, where it is
gone, or silent for too long, the supervisor forks the session itself.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
from collections import deque

from .. import processes
from ..descriptors import channel, close_quietly, receive_with_pid
from ..hints import TYPE_CHECKING, Deque, List, NoReturn, Optional, Sequence, Set, Tuple, Union
from . import opening
from .loop import READ, Timer

if TYPE_CHECKING:
    from .service import Supervisor

READY = b"ready"
RESERVE = b"reserve"
_LONGEST = 64 << 10  # of an order
_START = 20.0  # seconds until it must be ready
_PATIENCE = 2.0  # seconds for an answer
_PAUSE = 0.02  # seconds: whoever opens a second session is served first
_NEXT = 0.002  # seconds until another clone is made in reserve: whoever opens a session goes on first


class _Reserve:
    """A clone that waits for an order."""

    __slots__ = ("channel", "pid")

    def __init__(self, channel: int) -> None:
        self.channel = channel  # to it
        self.pid = 0  # until the zygote has told


class Nursery:
    """At most one zygote, and at most one clone in reserve."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.pid = 0
        self._channel = -1
        self._is_ready = False
        self._has_been_ready = False
        self._is_given_up = False
        self._asked = 0
        self._mode = os.environ.get("HIBERNACULUM_ZYGOTE", "second")
        self._waiting: List[opening.Place] = []  # for the zygote to be ready
        self._orders: Deque[Union[opening.Place, _Reserve]] = deque()
        self._timer: Optional[Timer] = None
        self._reserve: Optional[_Reserve] = None
        self._will_reserve = False

    @property
    def pids(self) -> Set[int]:
        """Those that serve nobody yet."""
        return {self.pid, self._reserve.pid} if self._reserve is not None else {self.pid}

    def order(self, place: opening.Place) -> bool:
        """Has a session cloned, if that can be; it is registered when the zygote has answered."""
        self._asked += 1
        if self._reserve is not None and self._take_reserve(place):
            return True
        if self._is_ready:
            return self._ask(place)
        if self._mode == "first" and not self._is_given_up:
            self._waiting.append(place)
            if len(self._waiting) == 1:
                self._supervisor.loop.after(0, self._start)
            return True
        if self._mode == "second" and self._asked == 2:
            self._supervisor.loop.after(_PAUSE, self._start)
        return False

    def _take_reserve(self, place: opening.Place) -> bool:
        """The clone in reserve is the session, if it lives."""
        reserve = self._give_up_reserve()
        is_sent = _send(reserve.channel, *_order(place))
        close_quietly(reserve.channel)  # it ends where nothing came
        if is_sent:
            opening.let_go(opening.register(self._supervisor, place, reserve.pid))
            self._plan_reserve()
        return is_sent

    def _ask(self, place: opening.Place) -> bool:
        if not _send(self._channel, *_order(place)):
            return False
        self._expect(place)
        self._plan_reserve()
        return True

    def _expect(self, order: Union[opening.Place, _Reserve]) -> None:
        self._orders.append(order)
        if self._timer is None:
            self._timer = self._supervisor.loop.after(_PATIENCE, self._kill)

    def _plan_reserve(self) -> None:
        if not self._will_reserve:
            self._will_reserve = True
            self._supervisor.loop.after(_NEXT, self._ask_for_reserve)

    def _ask_for_reserve(self) -> None:
        self._will_reserve = False
        if not self._is_ready or self._reserve is not None:
            return
        try:
            ours, theirs = channel()
        except OSError:  # no descriptors left: without one, then
            return
        if _send(self._channel, RESERVE, (theirs,)):
            self._expect(_Reserve(ours))
        else:
            close_quietly(ours)
        close_quietly(theirs)

    def expects(self, session: str) -> bool:
        """Whether a session of that name is about to be."""
        return any(place.wanted.session == session for place in self.places())

    def places(self) -> List[opening.Place]:
        """Those of sessions that are about to be."""
        return [*(order for order in self._orders if isinstance(order, opening.Place)), *self._waiting]

    def is_answering(self) -> bool:
        """Whether a process that nobody knows may be one that was ordered."""
        return bool(self._orders)

    def _start(self) -> None:
        if self.pid or self._is_given_up:
            return
        ours = theirs = -1
        try:
            ours, theirs = channel()
            pid = os.fork()
        except OSError:
            close_quietly(ours)
            close_quietly(theirs)
            self._is_given_up = True
            self._fork_waiting()
            return
        if pid == 0:
            try:
                opening.forget_supervisor(self._supervisor, (theirs,))
            except BaseException:
                os._exit(1)
            boot, parent = self._supervisor.boot, self._supervisor.pid
            raise opening.Become(lambda: _live(theirs, parent, boot["workdir"], boot["limits"]))
        close_quietly(theirs)
        self.pid, self._channel = pid, ours
        self._supervisor.loop.add(ours, READ, self._on_answer)
        self._timer = self._supervisor.loop.after(_START, self._kill)

    def _on_answer(self, _events: int) -> None:
        try:
            data, sender = receive_with_pid(self._channel)
        except BlockingIOError:
            return
        except OSError:
            data, sender = b"", 0
        if sender != self.pid:
            if not sender:  # its end of the channel is closed: it is gone, or as good as that
                self._supervisor.loop.remove(self._channel)
                self._kill()
            return
        if data == READY:
            self._is_ready = self._has_been_ready = True
            waiting, self._waiting = self._waiting, []
            for place in waiting:
                if not self._ask(place):
                    self._fork(place)
            self._plan_reserve()
        elif self._orders:
            self._take(int(data), self._orders.popleft())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._supervisor.loop.after(_PATIENCE, self._kill) if self._orders else None

    def _take(self, answer: int, place: Union[opening.Place, _Reserve]) -> None:
        if isinstance(place, _Reserve):
            self._keep(answer, place)
            return
        if answer <= 0:  # no processes or memory left, say: here it may be otherwise
            self._fork(place)
            return
        opening.let_go(opening.register(self._supervisor, place, answer))
        self._supervisor.deaths.reap()

    def _keep(self, answer: int, reserve: _Reserve) -> None:
        if answer <= 0:  # the next session is cloned when it is asked for
            close_quietly(reserve.channel)
            return
        reserve.pid, self._reserve = answer, reserve
        self._supervisor.deaths.reap()

    def _give_up_reserve(self) -> _Reserve:
        reserve, self._reserve = self._reserve, None
        assert reserve is not None
        return reserve

    def _fork(self, place: opening.Place) -> None:
        try:
            opening.fork_session(self._supervisor, place)
        except OSError as error:
            place.wanted.refuse(error)

    def _kill(self) -> None:
        """Its end is told like any other."""
        self._is_ready = False
        if self.pid:
            processes.send_signal(self.pid, signal.SIGKILL)

    def ended(self, pid: int) -> None:
        """One of `pids` is dead."""
        if pid == self.pid:
            self._zygote_ended()
        else:
            close_quietly(self._give_up_reserve().channel)

    def _zygote_ended(self) -> None:
        """What was ordered is forked here, at a new place: at the old one there may be a clone, of which we were not
        told. It finds its channel closed instead of "go", and ends.
        """
        self._is_given_up = not self._has_been_ready
        self._supervisor.loop.remove(self._channel)
        close_quietly(self._channel)
        self.pid, self._channel, self._asked = 0, -1, 0
        self._is_ready = self._has_been_ready = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        orders, self._orders = list(self._orders), deque()
        for place in orders:
            if isinstance(place, _Reserve):
                close_quietly(place.channel)
                continue
            place.give_up()
            try:
                self._fork(opening.prepare(place.wanted))
            except OSError as error:
                place.wanted.refuse(error)
        self._fork_waiting()

    def _fork_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            self._fork(place)


def _order(place: opening.Place) -> Tuple[bytes, Sequence[int]]:
    """What is sent to whoever is to be the session, and with which descriptors."""
    wanted = place.wanted
    message = json.dumps([wanted.session, wanted.request, wanted.result, wanted.options]).encode()
    return message, (wanted.connection, *place.theirs, place.page.descriptor)


def _send(descriptor: int, message: bytes, fds: Sequence[int]) -> bool:
    """Whether the other end has it, or will."""
    if len(message) > _LONGEST:
        return False
    other = socket.socket(fileno=descriptor)
    try:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        return other.sendmsg([message], rights, socket.MSG_DONTWAIT) == len(message)
    except OSError:  # full, or gone: its end will be told
        return False
    finally:
        other.detach()


def _live(orders: int, supervisor_pid: int, workdir: str, limits: dict[str, object]) -> NoReturn:
    from ..session import zygote

    zygote.serve(orders, supervisor_pid, workdir, limits)
