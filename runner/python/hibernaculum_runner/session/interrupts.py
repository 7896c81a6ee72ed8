"""Interrupts by the host: SIGINT that names the execution it means.

The supervisor writes the execution's number and a serial into the shared page, then sends SIGINT. The handler compares:

```
SIGINT ──> for the running execution, serial not seen? ──no──> ignored (stale, or not the host's)
                    │ yes
                    ├─ in the runner's own code (depth > 0): pending; raised when that is left
                    ├─ the event loop waits: the cell's task is cancelled
                    └─ in user code: KeyboardInterrupt
```

A SIGINT that CPython noted and slept upon is followed by SIGURG, which ends the sleep and does nothing else (why, tells
`supervisor/interrupting.py`). An interrupt that came before its execution began is found by `begin`.

Whatever the runner does that must not be torn (a frame on the wire, the state of the text buffer) happens at
`depth > 0`; `depth` counts on the main thread only, where Python runs signal handlers.
"""

from __future__ import annotations

import _signal
import _thread
import sys
from types import FrameType

from ..hints import Any, Callable, Dict, Optional
from ..page import EXECUTION, INTERRUPT_SEEN, INTERRUPT_SERIAL, INTERRUPT_TARGET, Page


class Interrupts:
    """The state of one session's interrupts. `hit`: one was delivered to the present execution."""

    def __init__(self, page: Page) -> None:
        self._slots = page.slots
        self._main = _thread.get_ident()
        self._seen = self._slots[INTERRUPT_SERIAL]
        self.depth = 1
        self.pending = False
        self._pending_for = 0  # the execution that is meant
        self.hit = False
        self.late: Dict[int, Callable[[], Any]] = {}
        """Calls of user signal handlers that came at depth > 0: one for each signal, as the kernel keeps them."""
        self.is_in_background = False
        self.cancel: Optional[Callable[[Optional[FrameType]], bool]] = None
        """Asked first while a cell waits on the event loop: True where it has dealt with the interrupt."""
        self.handler = self._on_signal  # one bound method: compared by identity

    def install(self) -> None:
        """Makes SIGINT ours (again)."""
        _signal.signal(_signal.SIGINT, self.handler)

    def is_addressed(self) -> bool:
        """Whether there is an interrupt for the running execution that has not been seen. Marks it as seen."""
        slots = self._slots
        serial = slots[INTERRUPT_SERIAL]
        execution = slots[EXECUTION]
        if serial == self._seen or not execution or slots[INTERRUPT_TARGET] != execution:
            return False
        self._seen = slots[INTERRUPT_SEEN] = serial
        return True

    def _on_signal(self, _number: int, frame: Optional[FrameType]) -> None:
        if self.is_addressed():
            self.deliver(frame)

    def deliver(self, frame: Optional[FrameType]) -> None:
        """An interrupt has come for the running execution."""
        if self.depth:
            self.pending, self._pending_for = True, self._slots[EXECUTION]
            return
        self.hit = True
        if self.cancel is None or not self.cancel(frame):
            raise KeyboardInterrupt

    def begin(self) -> None:
        """An execution begins: forgets the last one's, finds one that came early.

        Its number stands in the page already, so that one may have come since.
        """
        self.hit = False
        self.pending = (self.pending and self._pending_for == self._slots[EXECUTION]) or (
            self._slots[INTERRUPT_SERIAL] != self._seen and self.is_addressed()
        )

    def enter(self) -> None:
        """User code follows."""
        self.depth = 0
        if self.pending or self.late:
            self._catch_up()

    def leave(self) -> None:
        """User code has ended."""
        self.depth = 1

    def defer(self) -> bool:
        """Begins a critical section within user code. What it returns goes to `resume`."""
        if _thread.get_ident() != self._main:
            return False
        self.depth += 1
        return True

    def resume(self, deferred: bool) -> None:
        """Ends it; raises KeyboardInterrupt where an interrupt waits for that."""
        if deferred:
            self.depth -= 1
            if not self.depth and (self.pending or self.late):
                self._catch_up()

    def _catch_up(self) -> None:
        while self.late:
            self.late.popitem()[1]()
        if self.pending:
            self.pending = False
            self.hit = True
            raise KeyboardInterrupt

    def in_background(self, work: Callable[[], Any]) -> None:
        """Runs user code while no execution runs: what it raises is printed, and ends nothing."""
        self.is_in_background = True
        try:
            work()
        except BaseException:
            report(*sys.exc_info())
        finally:
            self.is_in_background = False

    def take_over(self) -> None:
        """In a copy that goes on for its session: what was sent to its predecessor is not for it."""
        self._seen = self._slots[INTERRUPT_SERIAL]
        self._main = _thread.get_ident()
        self.depth = 1
        self.pending = self.hit = False
        self.late.clear()
        self.cancel = None

    def detach(self) -> None:
        """In a forked child: SIGINT is Python's own again, nothing is deferred."""
        _signal.signal(_signal.SIGINT, _signal.default_int_handler)
        _signal.signal(_signal.SIGURG, _signal.SIG_DFL)
        self._main = _thread.get_ident()
        self.depth = 0
        self.pending = False
        self.late.clear()
        self.cancel = None


def wake(_number: int, _frame: Optional[FrameType]) -> None:
    """SIGURG: the system call has ended, which is all that was wanted."""


def report(kind: Any, problem: Any, tb: Any) -> None:
    """Prints an exception that no execution has, in one piece; by user code's own `sys.excepthook`, if it set one."""
    try:
        if sys.excepthook is not sys.__excepthook__:
            sys.excepthook(kind, problem, tb)
        else:
            from .tracebacks import format_background

            sys.stderr.write(format_background(problem))
    except BaseException:
        pass  # there is nobody left to tell
