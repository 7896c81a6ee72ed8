"""Interrupts, the supervisor's half: names the execution in the shared page, sends SIGINT, and sees that it is noticed.

```
interrupt ──> target, serial ──> SIGINT to the group ──> noticed? ──yes──> done
                                                  ┌──────┘ no, and the execution runs on
                                                  └──> wait, SIGURG to the session alone ──> noticed? ...
```

**Why SIGINT alone is not enough.** CPython notes a signal and runs its handler at the next byte code. One that arrives
after the interpreter's last look, and before the system call that follows blocks, is noted and then slept upon: for
ever, where the call has no time limit. The same where the kernel gives it to another thread. Any other signal ends the
system call, and the handler runs. It is not SIGINT again, for a handler of user code would be called twice; and it does
not go to the group, whose other processes had their SIGINT. SIGURG, for nothing happens where nobody handles it.
"""

from __future__ import annotations

from .. import processes
from ..hints import TYPE_CHECKING
from ..page import INTERRUPT_SEEN, INTERRUPT_SERIAL, INTERRUPT_TARGET

if TYPE_CHECKING:
    from .record import Record
    from .service import Supervisor

_SIGINT = 2
_SIGURG = 23
_FIRST_PAUSE = 0.01  # seconds; doubled each time
_LONGEST_PAUSE = 1.0


def interrupt(supervisor: Supervisor, record: Record, execution: int) -> bool:
    """Whether it was or will be delivered: an execution that has not begun is interrupted as it begins."""
    slots = record.page.slots
    slots[INTERRUPT_TARGET] = execution
    record.interrupts += 1  # our own count: the page's copy may hold anything
    slots[INTERRUPT_SERIAL] = record.interrupts
    # the target was named before this look, and a session looks at it after its number stands in the page: one sees it
    running = record.page.execution()
    if running != execution:
        return running < execution and record.page.last_ended() < execution
    if not record.is_watched_over:
        record.is_watched_over = True
        _look_after(_FIRST_PAUSE, supervisor, record, execution)
    return processes.signal_group(record.pid, _SIGINT)


def _look_after(pause: float, supervisor: Supervisor, record: Record, execution: int) -> None:
    def look() -> None:
        record.is_watched_over = False
        if supervisor.records.get(record.session) is not record or record.ending or not record.pid:
            return
        slots = record.page.slots
        running = record.page.execution()
        if not running or slots[INTERRUPT_TARGET] != running or slots[INTERRUPT_SEEN] == record.interrupts:
            return
        processes.send_signal(record.pid, _SIGURG)
        record.is_watched_over = True
        _look_after(
            min(pause * 2, _LONGEST_PAUSE) if running == execution else _FIRST_PAUSE, supervisor, record, running
        )

    supervisor.loop.after(pause, look)
