"""The supervisor's side of the zygote: a process that is a session already, but for whom it serves.

A session that the supervisor forks sets itself up, which touches hundreds of pages: each is copied, for the session and
for the supervisor, which is as much time and memory as all the rest. A zygote has done all of that once, and sessions
are cloned from it (`session/zygote.py`).

```
none ──the second session──> starting ──"ready"──> serving ──its end──> none; never again if it was never ready
                             (sessions are forked meanwhile)
```

HIBERNACULUM_ZYGOTE in the sandbox's environment changes that: `never`, or `first`, where even the first session waits
for a zygote. What is none of these is noted, and changes nothing.

An order is one message with the new session's descriptors; the answer is the pid, or an error number (`orders.py`). The
session waits on its channel for "go", so that it says nothing before it is known here. Where a zygote cannot be had,
where it is gone, or silent for too long, the supervisor forks the session itself. Where a clone is there in reserve
(`reserve.py`), that one is the session.
"""

from __future__ import annotations

import os
import signal
from collections import deque

from .. import processes
from ..descriptors import channel, close_quietly
from ..hints import TYPE_CHECKING, Deque, List, NoReturn, Optional, Set
from . import opening, orders
from .loop import READ, Timer
from .reserve import Reserve

if TYPE_CHECKING:
    from .service import Supervisor

_FIRST, _SECOND, _NEVER = "first", "second", "never"
_START = 20.0  # seconds until it must be ready
_PAUSE = 0.02  # seconds: whoever opens a second session is served first


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
        self._mode = os.environ.get("HIBERNACULUM_ZYGOTE", _SECOND)
        if self._mode not in (_FIRST, _SECOND, _NEVER):
            supervisor.loop.note(ValueError(f"HIBERNACULUM_ZYGOTE is {self._mode[:40]!r}, not `first` or `never`"))
            self._mode = _SECOND
        self._waiting: List[opening.Place] = []  # for the zygote to be ready
        self._orders: Deque[Optional[opening.Place]] = deque()
        """What the zygote will answer to, in this order; None is the clone in reserve."""
        self._timer: Optional[Timer] = None
        self._reserve = Reserve(supervisor, self._ask_for_reserve, self._place_anew)

    @property
    def pids(self) -> Set[int]:
        """Of those that serve nobody yet."""
        return {self.pid, self._reserve.pid}

    def order(self, place: opening.Place) -> bool:
        """Has a session cloned, if that can be; it is registered when that has been answered."""
        self._asked += 1
        if self._reserve.order(place):
            return True
        if self._is_ready:
            return self._ask(place)
        if self._mode == _FIRST and not self._is_given_up:
            self._waiting.append(place)
            if len(self._waiting) == 1:
                self._supervisor.loop.after(0, self._start)
            return True
        if self._mode == _SECOND and self._asked == 2:
            self._supervisor.loop.after(_PAUSE, self._start)
        return False

    def _ask(self, place: opening.Place) -> bool:
        if not orders.send(self._channel, *orders.of(place)):
            return False
        self._expect(place)
        self._reserve.plan()
        return True

    def _ask_for_reserve(self, orders_of_reserve: int) -> bool:
        if not self._is_ready or not orders.send(self._channel, orders.RESERVE, (orders_of_reserve,)):
            return False
        self._expect(None)
        return True

    def _expect(self, place: Optional[opening.Place]) -> None:
        self._orders.append(place)
        if self._timer is None:
            self._timer = self._supervisor.loop.after(orders.PATIENCE, self._kill)

    def expects(self, session: str) -> bool:
        """Whether a session of that name is about to be."""
        return any(place.wanted.session == session for place in self.places())

    def places(self) -> List[opening.Place]:
        """Those of sessions that are about to be."""
        return [place for place in (*self._orders, *self._waiting, self._reserve.place) if place is not None]

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
        data, sender = orders.hear(self._channel)
        if sender != self.pid:
            if sender == 0:  # its end of the channel is closed: it is gone, or as good as that
                self._supervisor.loop.remove(self._channel)
                self._kill()
            return
        if data == orders.READY:
            self._is_ready = self._has_been_ready = True
            waiting, self._waiting = self._waiting, []
            for place in waiting:
                if not self._ask(place):
                    self._fork(place)
            self._reserve.plan()
        elif self._orders:
            self._take(int(data), self._orders.popleft())
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._supervisor.loop.after(orders.PATIENCE, self._kill) if self._orders else None

    def _take(self, answer: int, place: Optional[opening.Place]) -> None:
        if place is None:
            self._reserve.made(answer)
        elif answer <= 0:  # no processes or memory left, say: here it may be otherwise
            self._fork(place)
            return
        else:
            opening.let_go(opening.register(self._supervisor, place, answer))
        self._supervisor.deaths.reap()

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
            self._reserve.ended()

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
        expected, self._orders = list(self._orders), deque()
        for place in expected:
            if place is None:
                self._reserve.give_up()
                continue
            place.give_up()
            self._place_anew(place)
        self._fork_waiting()

    def _place_anew(self, given_up: opening.Place) -> None:
        """For a session whose process died before it was one."""
        try:
            place = opening.prepare(given_up.wanted)
            if not (self._is_ready and self._ask(place)):
                self._fork(place)
        except OSError as error:
            given_up.wanted.refuse(error)

    def _fork_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for place in waiting:
            self._fork(place)


def _live(orders: int, supervisor_pid: int, workdir: str, limits: dict[str, object]) -> NoReturn:
    from ..session import zygote

    zygote.serve(orders, supervisor_pid, workdir, limits)
