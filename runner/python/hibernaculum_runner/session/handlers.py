"""User code's own signal handlers, kept out of the runner's critical sections.

Python runs a handler between any two byte codes of the main thread, the runner's included; one that raises there (a
watchdog by SIGALRM, say) would tear a frame or lose a request. So `signal.signal` is wrapped: a handler of user code
waits while `depth > 0`. Between executions it runs at once, and an exception that it raises is printed as background
output.

SIGINT is the runner's own. User code may replace its handler: then an interrupt by the host calls that handler
instead, until the next execution, before which ours is put back.
"""

from __future__ import annotations

import _signal
import functools
import signal
from types import FrameType

from ..hints import Any, Callable, Optional
from ..page import EXECUTION, Page
from .interrupts import Interrupts


class _Deferred:
    """A user's handler as the interpreter sees it."""

    __slots__ = ("_interrupts", "_slots", "handler")

    def __init__(self, handler: Callable[..., Any], interrupts: Interrupts, slots: Any) -> None:
        self.handler = handler
        self._interrupts = interrupts
        self._slots = slots

    def __call__(self, number: int, frame: Optional[FrameType]) -> None:
        interrupts = self._interrupts
        if number == _signal.SIGINT and interrupts.is_addressed():
            interrupts.hit = True
        if not interrupts.depth:
            self.handler(number, frame)
        elif self._slots[EXECUTION] or interrupts.is_in_background:
            interrupts.late[number] = functools.partial(self.handler, number, frame)
        else:
            interrupts.in_background(functools.partial(self.handler, number, frame))


class Handlers:
    """The wrapped `signal.signal` and `signal.getsignal`."""

    def __init__(self, interrupts: Interrupts, page: Page) -> None:
        self._interrupts = interrupts
        self._slots = page.slots
        self._set, self._get = signal.signal, signal.getsignal
        self.has_replaced_ours = False

    def install(self) -> None:
        set_handler, get_handler = self._set, self._get

        @functools.wraps(set_handler)
        def signal_(signalnum: int, handler: Any) -> Any:
            before = get_handler_(signalnum)
            if callable(handler) and not isinstance(handler, (int, _Deferred)):
                if signalnum == _signal.SIGINT and handler in (_signal.default_int_handler, self._interrupts.handler):
                    handler = self._interrupts.handler  # "Python's own" is ours here
                else:
                    handler = _Deferred(handler, self._interrupts, self._slots)
            set_handler(signalnum, handler)
            if signalnum == _signal.SIGINT:
                self.has_replaced_ours = handler is not self._interrupts.handler
            return before

        @functools.wraps(get_handler)
        def get_handler_(signalnum: int) -> Any:
            handler = get_handler(signalnum)
            return handler.handler if isinstance(handler, _Deferred) else handler

        signal.signal, signal.getsignal = signal_, get_handler_

    def restore(self) -> None:
        """Before an execution: interrupts work again."""
        self._interrupts.install()
        self.has_replaced_ours = False

    def run_late(self) -> None:
        """After an execution: handlers whose signal came while the reply was made."""
        late = list(self._interrupts.late.values())
        self._interrupts.late.clear()
        for handler in late:
            self._interrupts.in_background(handler)
