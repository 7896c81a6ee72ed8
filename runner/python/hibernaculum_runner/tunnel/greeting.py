"""Who is at the other end of a WebSocket, and what for: both sides prove that they know the sandbox's secret.

    tunnel ──> {"tunnel": 1, "nonce": …}
    host   ──> {"stream": id | null, "new": bool, "received": bytes, "nonce": …, "proof": …}
    tunnel ──> {"received": bytes, "proof": …, "ready": {…}, "had_host": bool}    and then the stream's bytes
             | {"refused": why}                                                     and the end

A host that names no stream asks only whether this is the place that it looks for, and whether anybody has had a
stream here: one who adopts keeps away from a sandbox that its maker has yet to come to.
"""

from __future__ import annotations

import json

from .. import proof
from ..hints import Any, Dict, NamedTuple, Optional

ROLE = "tunnel"
_ID_LIMIT = 64


class Hello(NamedTuple):
    stream: str  # "" where none is named
    is_new: bool
    received: int  # how many of the stream's bytes the host has
    answer: str  # our own proof


def challenge(nonce: str) -> Dict[str, Any]:
    return {"tunnel": 1, "nonce": nonce}


def read(text: bytes, nonce: str, secret: bytes) -> Optional[Hello]:
    """The host's hello; None where it cannot be read or proves nothing."""
    try:
        told = json.loads(text.decode())
        stream = told["stream"] or ""
        is_new, received, theirs, claimed = told["new"], told["received"], told["nonce"], told["proof"]
        if not (isinstance(stream, str) and isinstance(theirs, str) and isinstance(claimed, str)):
            return None
        expected = proof.proof(secret, proof.HOST, ROLE, stream, nonce, theirs)
        answer = proof.proof(secret, proof.RUNNER, ROLE, stream, nonce, theirs)
    except (ValueError, KeyError, TypeError):  # not JSON, not an object, not ASCII
        return None
    if not (proof.proves(claimed, expected) and isinstance(is_new, bool) and _is_count(received)):
        return None
    return Hello(stream, is_new, received, answer) if len(stream) <= _ID_LIMIT else None


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0
