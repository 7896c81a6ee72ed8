"""What the supervisor consists of, and its life: made, listening, serving; or, in a forked child, a session."""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
import time

from .. import linux
from ..descriptors import move_high
from ..hints import Any, Callable, Dict, List, NoReturn, Optional
from . import ending
from .control import Control
from .deaths import Deaths
from .frozen import FrozenCopies
from .lingering import Lingering
from .listener import Listener
from .loop import Loop, Timer
from .nursery import Nursery
from .opening import Become
from .raw import RawRoad
from .record import Record
from .sweep import Sweeps
from .text import TextRoad
from .workers import Workers


class Supervisor:
    """The parts know each other through this object; each keeps its own state."""

    def __init__(self, boot: Dict[str, Any], keeper_pid: int) -> None:
        self.boot = boot
        self.pid = os.getpid()
        self.started = time.monotonic()
        self.secret = bytearray(bytes.fromhex(boot.pop("secret")))  # wiped in sessions
        # SIGTERM when the keeper is gone: we are a subreaper, too, and end everything ourselves
        linux.die_with_parent(keeper_pid, signal.SIGTERM)
        linux.adopt_orphans()
        self.open_files = _raise_open_files()
        self.loop = Loop()
        self.records: Dict[str, Record] = {}
        self.by_pid: Dict[int, Record] = {}
        self.control: Optional[Control] = None
        self.had_host = False  # ever
        self.lingering = Lingering(self) if boot["linger_ms"] > 0 else None  # where it may outlive its host
        self._linger: Optional[Timer] = None
        self.raw = RawRoad(self)
        self.text = TextRoad(self)
        self.sweeps = Sweeps(self)
        self.deaths = Deaths(self)
        self.nursery = Nursery(self)
        self.frozen = FrozenCopies(self)
        self.workers = Workers(self)
        self.listener: Optional[Listener] = None

    def listen(self, path: str) -> None:
        """Raises OSError. A socket that a dead runner left there is replaced."""
        sock = socket.socket(socket.AF_UNIX)
        try:
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass
            umask = os.umask(0o177)
            try:
                sock.bind(path)
            finally:
                os.umask(umask)
            sock.listen(512)
            sock.setblocking(False)
        except OSError:
            sock.close()
            raise
        self.listener = Listener(self, move_high(sock.detach()))

    def serve(self) -> Callable[[], NoReturn]:
        """Serves until the end, which ends the process. Comes back in a forked child only: with the life it leads."""
        self.deaths.listen()
        # what is here now is shared with every session: the collector's marks would copy it page by page
        if self.boot["preload"]:
            gc.collect()
        gc.freeze()
        gc.enable()  # stage 0 disabled it
        try:
            self.loop.run()
        except Become as become:
            return become.life
        except BaseException as error:  # MemoryError within the loop itself, say: rather an end than half a service
            _say_on_stderr(error)
        return ending.end(self)

    def control_ended(self) -> None:
        """The host is gone: end, or wait for another one."""
        if self.control is not None:
            self.control.close()
            self.control = None
        if self.lingering is None:
            ending.end(self)
        self.lingering.host_left()
        self._linger = self.loop.after(self.boot["linger_ms"] / 1000, lambda: ending.end(self))
        self.raw.resume_all()

    def control_came(self, control: Control) -> None:
        """A host has proven itself."""
        self.control = control
        self.had_host = True
        if self._linger is not None:
            self._linger.cancel()
        self.raw.resume_all()

    def tell(self, method: str, params: Dict[str, Any]) -> None:
        """Notifies the host of something of a session, if there is one; else the next one."""
        is_heard = self.lingering is None or self.lingering.hears(method, params)
        if is_heard and self.control is not None:
            self.control.notify(method, params)

    def tell_output(self, params: Dict[str, Any], data: bytes) -> None:
        """The same, of raw output."""
        is_heard = self.lingering is None or self.lingering.hears("output", params, data)
        if is_heard and self.control is not None:
            self.control.notify_with_bytes("output", params, data)

    def allowance(self, record: Record) -> int:
        """How much more output of that session may be taken for its host; without a host, as much as there is."""
        if self.lingering is not None and self.lingering.is_alone(record.session):
            return sys.maxsize
        return record.credit if self.control is not None and self.control.has_room() else 0


def _say_on_stderr(error: BaseException) -> None:
    try:
        os.write(2, f"hibernaculum: the supervisor ends: {type(error).__name__}: {error}\n".encode())
    except OSError:
        pass


def _raise_open_files() -> List[int]:
    """Each session costs five descriptors. Returns the limits as they were: sessions get them back."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):
        pass
    return [soft, hard]
