"""What the supervisor hands to a newly forked session process."""

from __future__ import annotations

from .hints import Any, Dict, NamedTuple
from .page import Page


class Parts(NamedTuple):
    """Everything that a session process owns; every other descriptor of the supervisor is closed already.

    The process is in a group of its own, dies with the supervisor, has default signal dispositions (but SIGINT is
    ignored until the session takes it) and /dev/null as fd 0.
    """

    session: str  # its id
    connection: int  # fd, blocking, high; the hello has been read, not yet answered
    channel: int  # fd of its end of the channel to the supervisor
    stdout: int  # write ends of the two pipes, private and high: FIONREAD probes;
    stderr: int  # the session dup2s them to 1 and 2
    page: Page
    supervisor_pid: int
    hello_id: Any  # JSON-RPC id of the hello
    hello_result: Dict[str, Any]  # what to answer, but for "pid"
    options: Dict[str, Any]  # of the hello
    limits: Dict[str, Any]  # of the boot message
    workdir: str
