"""The end of everything below the supervisor, and of itself. The keeper looks after it, and after what this misses."""

from __future__ import annotations

import os

from .. import processes
from ..hints import TYPE_CHECKING, Callable, NoReturn, Optional

if TYPE_CHECKING:
    from .service import Supervisor

_PATIENCE = 10.0  # seconds; the keeper has more


def end(supervisor: Supervisor, last_word: Optional[Callable[[], None]] = None) -> NoReturn:
    """Blocks, which is right here alone: there is nobody left to serve. `last_word` is said when all are gone."""
    try:
        if supervisor.listener is not None:
            supervisor.listener.close()
        os.unlink(supervisor.boot["socket"])
    except OSError:
        pass
    processes.end_descendants(_PATIENCE)
    if supervisor.control is not None and last_word is not None:
        last_word()
        supervisor.control.finish()
    os._exit(0)
