"""Each session its own randomness: a forked copy of the supervisor would else repeat what its siblings draw.

(CPython reseeds `random` in every fork by a hook of its own, where it was imported before; being sure costs nothing.)
"""

from __future__ import annotations

import sys

from ..hints import Any


def reseed() -> None:
    """Seeds `random` and numpy's legacy generator from the kernel, where they are imported."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    reseed_numpy()


def reseed_numpy() -> None:
    """Seeds numpy's legacy generator from the kernel, where it is imported."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def state() -> Any:
    """Where `random` is, for `put_back`; None where it is not imported, or no longer what it was."""
    try:
        return sys.modules["random"]._inst.getstate()
    except Exception:  # whatever user code has made of it
        return None


def put_back(known: Any) -> None:
    """`random` goes on from there: for a copy that takes a session's place, and shall behave as it would have."""
    if known is not None:
        sys.modules["random"]._inst.setstate(known)
