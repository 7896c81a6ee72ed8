"""One epoll loop: descriptors, timers, and long work that is done in slices between events."""

from __future__ import annotations

import heapq
import select
import time
from collections import deque

from ..hints import Callable, Deque, Dict, Iterator, List, Optional, Tuple

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
HANG_UP = select.EPOLLRDHUP  # the other side will send no more (EPOLLHUP and EPOLLERR are always told)

_AT_ONCE = 64  # events of one turn

Work = Iterator[Optional[float]]
Handler = Callable[[int], None]  # is given the epoll events


class Timer:
    """Something that is to be done once. `cancel` is enough to forget it."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Optional[Callable[[], None]] = action

    def cancel(self) -> None:
        self.action = None


class Loop:
    """Runs handlers, one at a time. An exception of one is counted and ends nothing."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: Dict[int, Handler] = {}
        self._timers: List[Tuple[float, int, Timer]] = []
        self._work: Deque[Work] = deque()
        self._serial = 0
        self.errors: Deque[str] = deque(maxlen=20)
        self.error_count = 0

    def add(self, fd: int, events: int, handler: Handler) -> None:
        self._epoll.register(fd, events)
        self._handlers[fd] = handler

    def change(self, fd: int, events: int) -> None:
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Forgets it; before it is closed. One that is not known is no error."""
        if self._handlers.pop(fd, None) is not None:
            try:
                self._epoll.unregister(fd)
            except OSError:
                pass

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        timer = Timer(action)
        self._serial += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._serial, timer))
        return timer

    def start(self, work: Work) -> None:
        """Does long work between events. It yields after each slice of a millisecond or so: how many seconds to wait
        before the next, or None."""
        self._work.append(work)

    def close(self) -> None:
        """In a forked child: the epoll instance is shared with the parent, so only the descriptor is closed."""
        self._epoll.close()

    def run(self) -> None:
        """For ever. Only what is no `Exception` comes through."""
        poll, handlers = self._epoll.poll, self._handlers
        while True:
            wait = self._run_timers() if self._timers else -1
            if self._work:
                self._run_slice()
                wait = 0
            for fd, events in poll(wait, _AT_ONCE):
                handler = handlers.get(fd)  # an earlier handler of this turn may have removed it
                if handler is not None:
                    try:
                        handler(events)
                    except Exception as error:
                        self.note(error)

    def _run_timers(self) -> float:
        """Those whose time has come; how long to wait for the next one, -1 where there is none."""
        timers, now = self._timers, time.monotonic()
        while timers and (timers[0][0] <= now or timers[0][2].action is None):
            action = heapq.heappop(timers)[2].action
            if action is not None:
                try:
                    action()
                except Exception as error:
                    self.note(error)
        return max(0.0, timers[0][0] - now) if timers else -1

    def _run_slice(self) -> None:
        work = self._work.popleft()
        try:
            pause = next(work)
        except StopIteration:
            return
        except Exception as error:
            self.note(error)
            return
        if pause:
            self.after(pause, lambda: self._work.append(work))
        else:
            self._work.append(work)

    def note(self, error: BaseException) -> None:
        """Counts an error that ended nothing; `stats` tells."""
        self.error_count += 1
        self.errors.append(f"{type(error).__name__}: {error}"[:500])
