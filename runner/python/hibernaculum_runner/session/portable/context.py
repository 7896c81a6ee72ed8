"""What saving and loading need of the session."""

from __future__ import annotations

from ...hints import Any, Dict, FrozenSet, NamedTuple
from ..connection import Connection
from ..history import History
from ..inspection import Inspection
from ..interrupts import Interrupts
from ..sources import Sources


class Context(NamedTuple):
    """Handed down; nothing in it is replaced."""

    names: Dict[str, Any]
    own: FrozenSet[str]
    """Names that are the runner's, neither saved nor let go."""
    history: History
    sources: Sources
    inspection: Inspection
    connection: Connection
    interrupts: Interrupts
    ours: Any
    """`ours[0]` is 0 in a process that user code forked."""
    workdir: str
