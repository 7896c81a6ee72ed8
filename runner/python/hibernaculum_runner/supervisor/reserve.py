"""A clone that is made before anybody asks for it, so that a session is there when one does.

A clone takes most of its time to be made, and to copy the pages that it touches first. One in reserve has done both
(`session/zygote.py`): the session that takes it costs a handshake.

```
none ──a session was opened──> asked for ──the zygote tells its pid──> rehearsing ──"ready"──> ready
  ^                                                                                              │ an order
  ├──────────────── its end: what was ordered is cloned or forked, as ever <──── taken <─────────┘
  └───────────────────────────────── it answers: it is the session <───────────────┘
```

There is at most one, and it is made when no session has been opened for a moment: where they come one after the other,
its making would take the processor from those that somebody waits for. Those are cloned when they are asked for.
"""

from __future__ import annotations

import signal

from .. import processes
from ..descriptors import channel, close_quietly
from ..hints import TYPE_CHECKING, Callable, Optional
from . import opening, orders
from .loop import READ, Timer

if TYPE_CHECKING:
    from .service import Supervisor

_PAUSE = 0.05  # seconds without a new session until one is made


class Reserve:
    def __init__(
        self, supervisor: Supervisor, ask: Callable[[int], bool], place_anew: Callable[[opening.Place], None]
    ) -> None:
        self._supervisor = supervisor
        self._ask = ask  # the zygote, for one that takes orders from that descriptor
        self._place_anew = place_anew
        self._plan: Optional[Timer] = None
        self._forget()

    def _forget(self) -> None:
        self.pid = 0
        self.place: Optional[opening.Place] = None
        """Of the session that it was ordered to be, and has not answered to."""
        self._channel = -1
        self._is_ready = self._has_been_ready = False
        self._timer: Optional[Timer] = None

    def plan(self) -> None:
        """Has one made when no session has been opened for a moment."""
        if self._plan is not None:
            self._plan.cancel()
        self._plan = self._supervisor.loop.after(_PAUSE, self._make)

    def _make(self) -> None:
        self._plan = None
        if self._channel >= 0:
            return
        try:
            ours, theirs = channel()
        except OSError:  # no descriptors left: without one, then
            return
        if self._ask(theirs):
            self._channel = ours
        else:
            close_quietly(ours)
        close_quietly(theirs)

    def made(self, answer: int) -> None:
        """The zygote's answer: its pid, or an error number, whereupon there is none."""
        if answer <= 0:
            self.give_up()
            return
        self.pid = answer
        self._supervisor.loop.add(self._channel, READ, lambda _events: self._on_answer())

    def order(self, place: opening.Place) -> bool:
        """Has it be that session, if it is ready; it is registered when it has answered."""
        if not self._is_ready or self.place is not None or not orders.send(self._channel, *orders.of(place)):
            return False
        self.place = place
        self._timer = self._supervisor.loop.after(orders.PATIENCE, self._kill)
        return True

    def _on_answer(self) -> None:
        data, sender = orders.hear(self._channel)
        if sender == 0:  # its end of the channel is closed: it is gone, or as good as that
            self._supervisor.loop.remove(self._channel)
            self._kill()
        elif sender == self.pid and data == orders.READY:
            self._is_ready = self._has_been_ready = True
        elif sender == self.pid and self.place is not None:
            place, pid = self.place, self.pid
            self.place = None
            self.give_up()
            opening.let_go(opening.register(self._supervisor, place, pid))
            self.plan()

    def _kill(self) -> None:
        """Its end is told like any other."""
        self._is_ready = False
        if self.pid:
            processes.send_signal(self.pid, signal.SIGKILL)

    def ended(self) -> None:
        """It is dead. What was ordered gets a new place, for at the old one it may have begun. One that was ready is
        replaced; what keeps another from that would keep the next one, too.
        """
        place, has_been_ready = self.place, self._has_been_ready
        self.give_up()
        if has_been_ready:
            self.plan()
        if place is not None:
            place.give_up()
            self._place_anew(place)

    def give_up(self) -> None:
        """Lets go of it. It ends where it has not been ordered to be a session."""
        if self._timer is not None:
            self._timer.cancel()
        if self._channel >= 0:
            self._supervisor.loop.remove(self._channel)
            close_quietly(self._channel)
        self._forget()
