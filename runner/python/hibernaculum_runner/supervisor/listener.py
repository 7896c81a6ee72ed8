"""Accepts connections, and bounds how many may be undecided at a time."""

from __future__ import annotations

import os
import socket
from collections import deque

from ..descriptors import close_quietly, move_high
from ..hints import TYPE_CHECKING, Deque
from .greeting import Greeting
from .loop import READ

if TYPE_CHECKING:
    from .service import Supervisor

_AT_ONCE = 16  # accepted in one turn of the loop
_UNDECIDED = 128  # connections that have not said hello; one more, and the oldest is closed
_PAUSE = 0.05  # seconds without accepting, after the kernel refused


class Listener:
    """The supervisor's socket. Anybody in the sandbox may connect; `Greeting` finds out who it is."""

    def __init__(self, supervisor: Supervisor, fd: int) -> None:
        self._supervisor = supervisor
        self._fd = fd
        self._undecided: Deque[Greeting] = deque()
        supervisor.loop.add(fd, READ, self._on_connection)

    def _on_connection(self, _events: int) -> None:
        listening = socket.socket(fileno=self._fd)
        try:
            for _ in range(_AT_ONCE):
                connection, _address = listening.accept()
                fd = move_high(connection.detach())
                os.set_blocking(fd, False)
                self._greet(fd)
        except BlockingIOError:
            pass
        except OSError as error:  # no descriptors left, for instance
            self._supervisor.loop.note(error)
            self._rest()
        finally:
            listening.detach()

    def _greet(self, fd: int) -> None:
        self._undecided = deque(greeting for greeting in self._undecided if not greeting.decided)
        while len(self._undecided) >= _UNDECIDED:
            self._undecided.popleft().drop()
        self._undecided.append(Greeting(self._supervisor, fd))

    def _rest(self) -> None:
        """Lets others end before it tries again: the loop would spin on a connection that cannot be accepted."""
        if self._undecided:
            self._undecided.popleft().drop()
        loop = self._supervisor.loop
        loop.remove(self._fd)
        loop.after(_PAUSE, lambda: loop.add(self._fd, READ, self._on_connection))

    def close(self) -> None:
        self._supervisor.loop.remove(self._fd)
        close_quietly(self._fd)
