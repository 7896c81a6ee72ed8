"""What the supervisor and those who are sessions already, but for whom they serve, say to each other.

```
supervisor ── [session, request, result, options] + connection, channel, two pipes, page ──> zygote, or clone in reserve
           <── "ready", once; a pid, or an error number, for each order ──
           ── "reserve" + where that one's orders come from ──> zygote
```
"""

from __future__ import annotations

import array
import json
import socket

from ..descriptors import receive_with_pid
from ..hints import TYPE_CHECKING, Optional, Sequence, Tuple

if TYPE_CHECKING:
    from .opening import Place

READY = b"ready"
RESERVE = b"reserve"
PATIENCE = 2.0  # seconds for an answer
_LONGEST = 64 << 10


def of(place: Place) -> Tuple[bytes, Sequence[int]]:
    """The order of a session, and the descriptors that go with it."""
    wanted = place.wanted
    message = json.dumps([wanted.session, wanted.request, wanted.result, wanted.options]).encode()
    return message, (wanted.connection, *place.theirs, place.page.descriptor)


def send(descriptor: int, message: bytes, fds: Sequence[int]) -> bool:
    """Whether the other end has it, or will."""
    if len(message) > _LONGEST:
        return False
    other = socket.socket(fileno=descriptor)
    try:
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        return other.sendmsg([message], rights, socket.MSG_DONTWAIT) == len(message)
    except OSError:  # full, or gone: its end will be told
        return False
    finally:
        other.detach()


def hear(descriptor: int) -> Tuple[bytes, Optional[int]]:
    """A message, and the pid of who sent it: 0 where there will be none any more, None where there is none now."""
    try:
        return receive_with_pid(descriptor)
    except BlockingIOError:
        return b"", None
    except OSError:
        return b"", 0
