"""What the supervisor knows of one session."""

from __future__ import annotations

from ..hints import TYPE_CHECKING, List, Optional
from ..page import Page

if TYPE_CHECKING:
    from .frozen import Frozen
    from .loop import Timer

INITIAL_CREDIT = 1 << 20


class Pipe:
    """The read end of a session's fd 1 or fd 2."""

    __slots__ = ("at_end", "barrier", "enlarged", "fd", "position", "stream", "watched")

    def __init__(self, stream: int, fd: int) -> None:
        self.stream = stream  # 1 or 2
        self.fd = fd
        self.position = 0  # bytes taken so far. The page holds a copy, which user code could scribble on
        self.barrier = 0  # bytes that must still be taken before a waiting barrier is answered
        self.watched = False  # whether the loop tells us of new bytes
        self.at_end = False  # every write end is closed
        self.enlarged = False


class Record:
    """One session process. It is *ending* from the moment that its end is wanted or known."""

    __slots__ = (
        "barrier", "channel", "connection", "credit", "ending", "given_up", "gives_way", "guard", "interrupts",
        "is_waking", "is_watched_over", "killed_by", "last_transfer", "left_behind", "page", "pid", "pids", "pipes",
        "session", "text_known", "watch_patience", "watched",
    )  # fmt: skip

    def __init__(self, session: str, connection: int, channel: int, pipes: List[Pipe], page: Page) -> None:
        self.session = session
        self.pid = 0  # none yet; or none for a moment, between two
        self.pids: List[int] = []  # all that it has had: by any of them its host may know it
        self.connection = connection  # kept to shut it down after a death, whoever else holds a copy
        self.channel = channel
        self.pipes = pipes
        self.page = page
        self.credit = INITIAL_CREDIT
        self.text_known = 0  # position up to which text was forwarded
        self.watched: Optional[int] = None  # the execution whose text is forwarded
        self.watch_patience = 0
        self.barrier = False  # the session waits for us to have drained its pipes
        self.interrupts = 0  # sent so far
        self.is_watched_over = False  # whether somebody will look if the last one was noticed
        self.killed_by: Optional[str] = None
        self.ending = False
        self.guard: Optional[Frozen] = None
        self.given_up = 0  # the execution whose answer its host hears no more, for it had the session killed
        self.gives_way = False  # to its guard, which goes on with its connection
        self.last_transfer = 0  # on that connection
        self.is_waking: Optional[Timer] = None  # it was a guard, and has not said yet that it goes on
        # how many child processes its predecessor had when it fell asleep; None: its host knows
        self.left_behind: Optional[int] = None

    def became(self, pid: int) -> None:
        """That process is the session now."""
        self.pid = pid
        self.pids.append(pid)

    def raw(self) -> List[int]:
        """How much of fd 1 and fd 2 has been taken."""
        return [pipe.position for pipe in self.pipes]
