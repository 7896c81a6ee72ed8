"""The frozen copies of sessions: guards and live checkpoints. They are children of the supervisor, asleep on a socket
whose other end is here; `session/freezing.py` is their side.

```
"F" on a session's channel ──> known ──┬── "D": the guard of an execution that went well: killed
                                       ├── "R": the session gives way ──> killed, buried, swept ──┐
                                       ├── it died, and its guard's claim stands ──> host is told ──> host comes ──┤
                                       │                                             the guard becomes the session <─┘
                                       └── a hello names the checkpoint ──> order ──> pid ──> "go": a branch
```

Nothing waits here. Each order has a deadline, and a copy that does not keep it is killed. What a session says of its
copies is believed as far as it concerns itself: a copy must be our own living child, and nobody's yet.
"""

from __future__ import annotations

import array
import json
import os
import signal
import socket
from collections import deque

from .. import processes
from ..descriptors import close_quietly, move_high, receive_with_pid
from ..hints import TYPE_CHECKING, Any, Callable, Deque, Dict, Iterator, List, Optional
from ..page import GUARD_EXECUTION
from . import opening
from .loop import READ, Timer
from .record import Record

if TYPE_CHECKING:
    from .service import Supervisor

GUARD, LIVE = "guard", "live"
_PATIENCE = 5.0  # seconds for a copy to obey: half of what a host waits for a process that it had killed
_HOST_PATIENCE = 30.0  # seconds for a host to come for a session that has been told dead
_LONGEST = 64 << 10  # of an order
_MOST_PIDS = 1 << 22  # of Linux, pid_max


class Frozen:
    """One copy."""

    __slots__ = ("bed", "children", "kind", "label", "orders", "pid", "session", "timer")

    def __init__(self, session: str, kind: str, label: str, pid: int, bed: int, children: int) -> None:
        self.session = session  # whose copy it is
        self.kind = kind
        self.label = label  # of a guard, the execution's number; of a live checkpoint, its id
        self.pid = pid
        self.bed = bed  # our end of the socket on which it sleeps
        self.children = children  # of the session, which will not be there when it wakes
        self.orders: Deque[opening.Place] = deque()  # branches that it has not made yet
        self.timer: Optional[Timer] = None


class Waiting:
    """A guard that is to become its session: as soon as what its predecessor left is swept up, or its host has come."""

    __slots__ = ("guard", "keeps_all", "record", "timer")

    def __init__(self, guard: Frozen, record: Record, keeps_all: bool) -> None:
        self.guard = guard
        self.record = record  # of the predecessor
        self.keeps_all = keeps_all  # that its predecessor had, a rollback; else its host must come, after a death
        self.timer: Optional[Timer] = None


class FrozenCopies:
    """All of them, by pid."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.by_pid: Dict[int, Frozen] = {}
        self._live: Dict[str, Frozen] = {}
        self._waiting: Dict[str, Waiting] = {}

    # -- what sessions say -------------------------------------------------------------------------------------------

    def announced(self, record: Record, told: bytes, fds: List[int]) -> None:
        """ "F": the session has a copy. Raises ValueError where it cannot be believed; the descriptors are ours now."""
        try:
            kind, label, *numbers = told.decode("ascii").split(" ")
            pid, children = map(int, numbers)
            if kind not in (GUARD, LIVE) or not 0 <= children <= _MOST_PIDS or len(fds) != 1:
                raise ValueError("a copy that is announced wrongly")
            if not 0 < len(label) <= 200 or not label.isprintable():  # the host will be told of it
                raise ValueError("a copy without a proper name")
            is_gone = 1 < pid <= _MOST_PIDS and not os.path.exists(f"/proc/{pid}")
            if not _is_socket(fds[0]) or not (is_gone or self._is_ours_and_new(pid)):
                raise ValueError("a copy that is none")
        except ValueError as problem:
            for fd in fds:
                close_quietly(fd)
            raise ValueError(str(problem)) from None
        if is_gone:  # killed, and reaped as a stranger, before this was heard: no fault of the session's
            close_quietly(fds[0])
            if kind == GUARD:
                self.dismiss(record)
            else:
                _answer(record, b"xits copy died at once")
            return
        frozen = Frozen(record.session, kind, label, pid, move_high(fds[0]), children)
        self.by_pid[pid] = frozen
        if kind == GUARD:
            self.dismiss(record)
            record.guard = frozen
            return
        self._supervisor.loop.add(frozen.bed, READ, lambda _events: self._on_answer(frozen))
        refusal = b"" if label not in self._live else b"a checkpoint of that id is here already"
        if refusal:
            self._kill(frozen)
        else:
            self._live[label] = frozen
        _answer(record, b"x" + refusal if refusal else b"f")

    def _is_ours_and_new(self, pid: int) -> bool:
        supervisor = self._supervisor
        if (
            pid in supervisor.by_pid
            or pid in self.by_pid
            or pid in supervisor.workers.pids
            or pid in supervisor.nursery.pids
        ):
            return False
        return 1 < pid <= _MOST_PIDS and _is_living_child(pid)

    def settled(self, record: Record) -> None:
        """ "D": the execution went well, and has been answered."""
        if not _is_unheard(record):
            self.dismiss(record)

    def dismiss(self, record: Record) -> None:
        """The guard has nothing to guard any more."""
        if record.guard is not None:
            self._kill(record.guard)
            record.guard = None

    def _kill(self, frozen: Frozen) -> None:
        processes.send_signal(frozen.pid, signal.SIGKILL)  # it is our child, and has not been reaped

    # -- guards ------------------------------------------------------------------------------------------------------

    def standing(self, record: Record) -> Optional[Frozen]:
        """The guard that may become the session, now that its process has ended."""
        guard = record.guard
        claim = record.page.slots[GUARD_EXECUTION]
        if not claim and _is_unheard(record):
            claim = record.given_up
        if guard is None or guard.label != str(claim) or not _is_living_child(guard.pid):
            return None
        return guard

    def await_host(self, guard: Frozen, record: Record) -> None:
        """The session's process died, and its host was told: the guard becomes the session when the host has come."""
        waiting = self._waiting[record.session] = Waiting(guard, record, keeps_all=False)
        waiting.timer = self._supervisor.loop.after(_HOST_PATIENCE, lambda: self._tire_of(waiting))

    def _tire_of(self, waiting: Waiting) -> None:
        """No host has come; unless there is none that could, that is the end."""
        lingering, session = self._supervisor.lingering, waiting.record.session
        if lingering is not None and lingering.is_alone(session):
            waiting.timer = self._supervisor.loop.after(_HOST_PATIENCE, lambda: self._tire_of(waiting))
        else:
            self.give_up(session)

    def go_on(self, guard: Frozen, record: Record) -> None:
        """The session gave way: the guard goes on with all that is its, as soon as it is swept."""
        record.pid = 0
        waiting = self._waiting[record.session] = Waiting(guard, record, keeps_all=True)
        self._supervisor.sweeps.when_gone(record.session, lambda: self._resume(waiting))

    def awaits(self, session: str) -> bool:
        """Whether a guard waits for that session's host to come."""
        waiting = self._waiting.get(session)
        return waiting is not None and not waiting.keeps_all

    def is_busy(self, session: str) -> bool:
        """Whether a guard is about to become that session by itself, or a branch is about to be it."""
        waiting = self._waiting.get(session)
        return (waiting is not None and waiting.keeps_all) or any(
            place.wanted.session == session for place in self.places()
        )

    def between(self, session: str) -> Optional[Record]:
        """The record of a session that is between two processes."""
        waiting = self._waiting.get(session)
        return waiting.record if waiting is not None and waiting.keeps_all else None

    def kill_between(self, session: str, reason: str) -> bool:
        """A session that is between two processes is not to go on; whether there was one."""
        waiting = self._waiting.get(session)
        if waiting is None or not waiting.keeps_all:
            return False
        del self._waiting[session]
        self._kill(waiting.guard)
        self._lost(waiting.record, reason)
        return True

    def give_up(self, session: str) -> bool:
        """Nobody wants the session back: whether there was something to give up."""
        waiting = self._waiting.pop(session, None)
        if waiting is None:
            return False
        if waiting.timer is not None:
            waiting.timer.cancel()
        if waiting.keeps_all:
            self._supervisor.deaths.release(waiting.record)
        self._kill(waiting.guard)
        return True

    def come_for(self, wanted: opening.Wanted) -> None:
        """The host is here, with a connection for the guard. Where that is gone by now, the session is a fresh one, and
        the answer to the hello does not say that anything was restored. Raises OSError.
        """
        waiting = self._waiting.pop(wanted.session)
        if waiting.timer is not None:
            waiting.timer.cancel()
        guard, fresh = waiting.guard, wanted.result
        wanted.result = {**fresh, "restored": {"from": GUARD, "ended": guard.children}}
        place = opening.prepare(wanted)
        if self._send(guard, "become", place):
            self._forget(guard)
            self.expect_to_wake(opening.register(self._supervisor, place, guard.pid))
        else:
            place.give_up()
            self._kill(guard)
            wanted.result = fresh
            opening.open_session(self._supervisor, wanted)

    def _resume(self, waiting: Waiting) -> None:
        supervisor, guard, record = self._supervisor, waiting.guard, waiting.record
        if self._waiting.get(record.session) is not waiting:
            return
        del self._waiting[record.session]
        if not self._send(guard, "resume", None, record.last_transfer):
            self._kill(guard)
            self._lost(record, "its guard could not take over")
            return
        self._forget(guard)
        record.guard = record.killed_by = None
        record.gives_way = False
        record.became(guard.pid)
        record.left_behind = guard.children
        supervisor.records[record.session] = supervisor.by_pid[guard.pid] = record
        self.expect_to_wake(record)

    def expect_to_wake(self, record: Record) -> None:
        """A copy is a session now, and has to say so in time: one that is stopped must not keep its host waiting."""

        def give_up() -> None:
            self._supervisor.deaths.kill(record, "the copy did not wake")

        if self._supervisor.by_pid.get(record.pid) is record:
            record.is_waking = self._supervisor.loop.after(_PATIENCE, give_up)

    def woke(self, record: Record) -> None:
        """ "w": a copy is the session now; a host whose connection was kept does not know it yet."""
        if record.is_waking is None:
            return
        record.is_waking.cancel()
        record.is_waking = None
        if record.left_behind is not None:
            told = {"session": record.session, "pid": record.pid, "ended": record.left_behind}
            self._supervisor.tell("restored", told)
            record.left_behind = None

    def cut_short(self, session: str, reason: str) -> bool:
        """The host wants the end of a session that is between two processes; it waits to be told."""
        waiting = self._waiting.pop(session, None)
        if waiting is None:
            return False
        self._kill(waiting.guard)
        self._lost(waiting.record, reason)
        return True

    def _lost(self, record: Record, reason: str) -> None:
        """A session that gave way, and nobody took its place."""
        page = record.page
        died = {
            "session": record.session,
            "execution": page.last_ended(),
            "cause": {"exit": 0, "by": reason},
            "state": "lost",
            "raw": record.raw(),
            "text_pos": max(page.text_position(), record.text_known),
            "pid": record.pid,
        }
        self._supervisor.tell("died", died)
        self._supervisor.deaths.release(record)

    def _send(self, frozen: Frozen, mode: str, place: Optional[opening.Place], transfer: int = 0) -> bool:
        """Gives an order, with what is made for it. False where the copy is gone: its end will be told."""
        wanted = place.wanted if place is not None else None
        rights = []
        if place is not None and wanted is not None:
            order = [mode, wanted.session, wanted.request, wanted.result, wanted.options, transfer]
            fds = array.array("i", (wanted.connection, *place.theirs, place.page.descriptor))
            rights.append((socket.SOL_SOCKET, socket.SCM_RIGHTS, fds))
        else:
            order = [mode, frozen.session, None, {}, {}, transfer]
        message = json.dumps(order).encode()
        bed = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, frozen.bed)
        try:
            return len(message) <= _LONGEST and bed.sendmsg([message], rights, socket.MSG_DONTWAIT) == len(message)
        except OSError:
            return False
        finally:
            bed.detach()

    # -- live checkpoints --------------------------------------------------------------------------------------------

    def has(self, checkpoint: str) -> bool:
        """Whether it is here."""
        return checkpoint in self._live

    def branch(self, wanted: opening.Wanted, checkpoint: str) -> None:
        """A new session from a checkpoint that is here. Raises OSError, with nothing left behind."""
        frozen = self._live[checkpoint]
        wanted.result = {**wanted.result, "restored": {"from": LIVE, "ended": frozen.children}}
        place = opening.prepare(wanted)
        if not self._send(frozen, "branch", place):
            place.give_up()
            raise OSError("the checkpoint's process is gone")
        frozen.orders.append(place)
        if frozen.timer is None:
            frozen.timer = self._supervisor.loop.after(_PATIENCE, lambda: self._kill(frozen))

    def places(self) -> List[opening.Place]:
        """Those of sessions that are about to be."""
        return [place for frozen in self._live.values() for place in frozen.orders]

    def is_answering(self) -> bool:
        """Whether a process that nobody knows may be a branch of which we are about to be told."""
        return any(frozen.orders for frozen in self._live.values())

    def _on_answer(self, frozen: Frozen) -> None:
        try:
            data, sender = receive_with_pid(frozen.bed)
        except BlockingIOError:
            return
        except OSError:
            data, sender = b"", 0
        if not data and not sender:
            self._supervisor.loop.remove(frozen.bed)  # its end is told by its death
        elif sender == frozen.pid and frozen.orders and data.lstrip(b"-").isdigit():
            self._born(frozen.orders.popleft(), int(data))
            if frozen.timer is not None:
                frozen.timer.cancel()
            frozen.timer = self._supervisor.loop.after(_PATIENCE, lambda: self._kill(frozen)) if frozen.orders else None

    def _born(self, place: opening.Place, pid: int) -> None:
        if pid <= 0:
            place.give_up()
            place.wanted.refuse(OSError("no process could be made"))
            return
        opening.replace_predecessor(self._supervisor, place, pid)
        self._supervisor.deaths.reap()

    def drop(self, checkpoint: str) -> bool:
        """Deletes it; whether it was here."""
        frozen = self._live.pop(checkpoint, None)
        if frozen is not None:
            self._kill(frozen)
        return frozen is not None

    def measure(self, answer: Callable[[Any], None]) -> Iterator[Optional[float]]:
        """Work for the loop: what each checkpoint has of memory that is nobody else's."""
        found: Dict[str, Any] = {}
        for checkpoint, frozen in list(self._live.items()):
            found[checkpoint] = {
                "pid": frozen.pid,
                "session": frozen.session,
                "memory_bytes": _private_bytes(frozen.pid),
            }
            yield None
        answer({"checkpoints": found})

    # -- their ends --------------------------------------------------------------------------------------------------

    def ended(self, frozen: Frozen) -> None:
        """It is dead and reaped."""
        self._forget(frozen)
        if self._live.get(frozen.label) is frozen:
            del self._live[frozen.label]
        if frozen.kind == LIVE and self._supervisor.lingering is not None:
            self._supervisor.lingering.remember(frozen.label, None)
        for record in self._supervisor.records.values():
            if record.guard is frozen:
                record.guard = None
        while frozen.orders:
            place = frozen.orders.popleft()
            place.give_up()
            place.wanted.refuse(OSError("the checkpoint's process ended"))
        for session, waiting in list(self._waiting.items()):
            if waiting.guard is frozen:
                del self._waiting[session]
                if waiting.timer is not None:
                    waiting.timer.cancel()
                if waiting.keeps_all:
                    self._lost(waiting.record, "its guard ended")

    def _forget(self, frozen: Frozen) -> None:
        self.by_pid.pop(frozen.pid, None)
        if frozen.timer is not None:
            frozen.timer.cancel()
        self._supervisor.loop.remove(frozen.bed)
        close_quietly(frozen.bed)


def _is_unheard(record: Record) -> bool:
    """Whether the execution was answered as its host, which hears no answer of it any more, had the session killed."""
    return record.given_up != 0 and record.given_up == record.page.last_ended()


def _is_living_child(pid: int) -> bool:
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except OSError:
        return False


def _answer(record: Record, word: bytes) -> None:
    try:
        os.write(record.channel, word)
    except OSError:
        pass  # it is gone, and will be told dead


def _is_socket(fd: int) -> bool:
    try:
        bed = socket.socket(fileno=fd)
    except OSError:
        return False
    try:
        return (bed.family, bed.type) == (socket.AF_UNIX, socket.SOCK_SEQPACKET)
    finally:
        bed.detach()


def _private_bytes(pid: int) -> int:
    """What is this process' alone; 0 when it is gone. A gigabyte in small pages takes the kernel some milliseconds."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            lines = [line.split() for line in file if line.startswith(b"Private_")]
        return sum(int(line[1]) for line in lines) << 10
    except (OSError, IndexError, ValueError):
        return 0
