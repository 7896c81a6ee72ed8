"""Forks a worker for each connection for files. It shares nothing with sessions, and ends with its connection."""

from __future__ import annotations

import os

from .. import frames
from ..descriptors import close_quietly
from ..hints import TYPE_CHECKING, Any, NoReturn, Set
from . import opening

if TYPE_CHECKING:
    from .service import Supervisor

_MOST = 32  # at once; a host keeps to fewer


class Workers:
    """The pids of those that live."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.pids: Set[int] = set()

    def open(self, connection: int, hello: frames.Json) -> None:
        """Has a new process serve the connection, which is its from now on; it is closed where there can be none."""
        try:
            if len(self.pids) >= _MOST:
                raise OSError("too many connections for files")
            pid = os.fork()
        except OSError:
            request = hello["id"]
            what, why = "there is no connection for files", f"{len(self.pids)} are open, or no process could be made"
            how = "close some of them, or raise the sandbox's limits"
            _send(connection, frames.error(request, frames.REFUSED, "transport.protocol", what, why, how))
            close_quietly(connection)
            return
        if pid == 0:
            try:
                opening.forget_supervisor(self._supervisor, (connection,))
                os.set_blocking(connection, True)
            except BaseException:
                os._exit(1)
            boot = self._supervisor.boot
            raise opening.Become(lambda: _live(connection, boot, hello))
        self.pids.add(pid)
        close_quietly(connection)


def _send(connection: int, message: frames.Json) -> None:
    try:
        os.write(connection, frames.encode(message))
    except OSError:
        pass  # nobody is there to read it


def _live(connection: int, boot: dict[str, Any], hello: frames.Json) -> NoReturn:
    from ..files import worker
    from ..session.mainmodule import own_packages

    worker.serve(connection, boot["workdir"], own_packages(boot["socket"]), boot["limits"], hello)
