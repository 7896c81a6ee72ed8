"""A sandbox that may outlive its host: what a host must not be alone in knowing is known here, for the next one.

```
control ends ──> every line lets go of its host ──> code goes on, what it says is kept ──> time is over: the end
                                                                    │
another host's control ──> `adopt`: who is here, and the memos ──> a hello for each session, with `adopt`
                                                                    └──> what is kept, on both connections; all goes on
```

A process that died while its host was there may have a successor already, of which nothing was asked yet. What the
dead one said is told all the same, with its death, as if that were now; and the hello that asks for a successor finds
the one that there is.

A *memo* is the host's own: JSON under a name (a session's id, a live checkpoint's, or another word), given back.
"""

from __future__ import annotations

import json

from .. import frames
from ..hints import TYPE_CHECKING, Any, Dict, NamedTuple, Optional
from .kept import Notice
from .line import Line
from .record import INITIAL_CREDIT

if TYPE_CHECKING:
    from .opening import Wanted
    from .service import Supervisor

_MOST_MEMOS = 16384
_LONGEST_MEMO = 256 << 10  # characters of JSON


class Ended(NamedTuple):
    """A process that died, and what the hello was told that its successor came by."""

    line: Line
    restored: Optional[Dict[str, Any]]


class Lingering:
    """The lines of all sessions, and the memos."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self.lines: Dict[str, Line] = {}
        self._ended: Dict[str, Ended] = {}
        self._memos: Dict[str, Any] = {}

    # -- without a host ----------------------------------------------------------------------------------------------

    def host_left(self) -> None:
        """Nobody hears anything until another one takes the sessions up."""
        for line in (*self.lines.values(), *(ended.line for ended in self._ended.values())):
            line.is_taken = False
            line.host_left()
        for record in self._supervisor.records.values():
            record.watched = None

    def begun(self, wanted: Wanted, line: Line) -> None:
        """A session has a process, the first or another."""
        session, predecessor = wanted.session, self.lines.get(wanted.session)
        self.lines[session] = line
        line.is_taken = self._supervisor.control is not None  # else who asked for it is gone
        known = self._ended.pop(session, None)
        if predecessor is not None and predecessor.kept.tells_a_death():
            told = known.line if known is not None and predecessor.kept.is_blank() else predecessor
            self._ended[session] = Ended(told, wanted.result.get("restored"))

    def is_alone(self, session: str) -> bool:
        """Whether no host hears of that session, so that nobody gives it credit."""
        line = self.lines.get(session)
        return self._supervisor.control is None or (line is not None and not line.is_taken)

    def hears(self, method: str, params: Dict[str, Any], data: Optional[bytes] = None) -> bool:
        """Keeps what is said of a session; whether its host is to be told."""
        line = self.lines.get(params["session"])
        if line is None:
            return True
        line.kept.told(Notice(method, dict(params), data))
        return line.is_taken

    # -- memos -------------------------------------------------------------------------------------------------------

    def remember(self, name: str, memo: Any) -> None:
        """Keeps it in place of what was there; null: forgets it. Raises ValueError where there is no room for it."""
        if memo is None:
            self._memos.pop(name, None)
            return
        if len(json.dumps(memo)) > _LONGEST_MEMO or (len(self._memos) >= _MOST_MEMOS and name not in self._memos):
            raise ValueError("too many memos, or too long a one")
        self._memos[name] = memo

    def forget(self, session: str) -> None:
        """It was closed."""
        self._memos.pop(session, None)
        line, ended = self.lines.pop(session, None), self._ended.pop(session, None)
        for former in (line, ended.line if ended is not None else None):
            if former is not None:
                former.host_left()

    # -- another host ------------------------------------------------------------------------------------------------

    def census(self) -> Dict[str, Any]:
        """Who is here: sessions that can be taken up, and what hosts left behind."""
        return {"sessions": list(self.lines), "memos": self._memos}

    def take_up(self, session: str, connection: int, is_tunnelled: bool, request: Any, welcome: Dict[str, Any]) -> bool:
        """A host comes for a session; False: there is none, or somebody has it. Else the connection is ours."""
        line, supervisor = self.lines.get(session), self._supervisor
        if line is None or line.is_taken or supervisor.control is None:
            return False
        record = supervisor.records.get(session)
        ended = self._ended_before(session)
        if ended is not None:
            line, record = ended.line, None
        kept, notices = line.kept, line.kept.notices()
        last: Dict[str, Any] = next((notice.params for notice in reversed(notices) if notice.method == "died"), {})
        text, raw = kept.positions(record.raw() if record is not None else last.get("raw", [0, 0]))
        adopted = {
            "number": kept.number, "request": kept.request, "answered": kept.is_answered, "pending": kept.pending,
            "text": text, "raw": raw,
        }  # fmt: skip
        pid = record.pid if record is not None else last.get("pid", 0)
        welcome = {**welcome, "pid": pid, "adopted": adopted}
        line.take_up(connection, is_tunnelled, frames.encode(frames.result(request, welcome)))
        for notice in notices:
            self._say_again(notice)
        if record is not None:
            record.credit = INITIAL_CREDIT - kept.output()
            supervisor.raw.resume(record)
        return True

    def succeed(self, wanted: Wanted, is_tunnelled: bool) -> bool:
        """A host was told of a process that ended, and asks for another: whether it is here, and has the connection."""
        session = wanted.session
        line, ended = self.lines.get(session), self._ended_before(session)
        record = self._supervisor.records.get(session)
        if line is None or record is None or record.ending or ended is None or not ended.line.is_taken:
            return False
        if line.is_taken or "branch" in wanted.options:
            return False
        welcome = {**wanted.result, "pid": record.pid}
        if ended.restored is not None:
            welcome["restored"] = ended.restored
        line.take_up(wanted.connection, is_tunnelled, frames.encode(frames.result(wanted.request, welcome)))
        return True

    def _ended_before(self, session: str) -> Optional[Ended]:
        """The process before the one that there is, as long as that has neither been asked nor said anything."""
        line = self.lines.get(session)
        return self._ended.get(session) if line is not None and line.kept.is_blank() else None

    def _say_again(self, notice: Notice) -> None:
        control = self._supervisor.control
        if control is None:
            return
        if notice.data is not None:
            control.notify_with_bytes(notice.method, dict(notice.params), notice.data)
        else:
            control.notify(notice.method, notice.params)
