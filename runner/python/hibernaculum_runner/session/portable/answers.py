"""`checkpoint.save` and `checkpoint.load`, served as questions about names are. docs/protocol.md has their answers."""

from __future__ import annotations

import _thread
import json

from ...frames import ProtocolError
from ...hints import Any, Callable, Dict, List, Optional, Set
from ..values import Value
from . import manifest
from .arrival import AbortedError, Arrival
from .context import Context
from .loading import Loading
from .manifest import RefusedError
from .saving import Saving

_encode = json.JSONEncoder(allow_nan=False, check_circular=False, separators=(",", ":")).encode


class Portable:
    """Answers the two requests."""

    def __init__(self, context: Context, tasks: Callable[[], int]) -> None:
        self._context = context
        self._tasks = tasks
        """How many tasks of asyncio are under way."""

    def question(self, method: str, params: Dict[str, Any], text: Callable[[Any], str]) -> Callable[[], Value]:
        """What is asked, ready to be answered. Raises KeyError, TypeError or ProtocolError."""
        if method == "checkpoint.save":
            known, limits = _digests(text(params["have"])), params.get("limits") or {}
            if type(limits) is not dict:
                raise TypeError("`limits` is no object")
            bounds = [_limit(limits.get(name)) for name in ("variable_bytes", "total_bytes")]
            return lambda: self._save(known, *bounds)
        told, mode = text(params["manifest"]), params["mode"]
        if mode not in ("replace", "merge"):
            raise TypeError("`mode` is neither `replace` nor `merge`")
        return lambda: self._load(params["execution"], told, mode == "merge")

    def _save(self, known: Set[str], variable_bytes: Optional[int], total_bytes: Optional[int]) -> Value:
        made = Saving(self._context, known, variable_bytes, total_bytes).run()
        return _answer({"answer": "saved", "warnings": self._not_saved(), "manifest": made})

    def _not_saved(self) -> List[str]:
        """What runs beside the names, and has none."""
        told = []
        threads, tasks = _thread._count(), self._tasks()
        if threads:
            told.append(f"{threads} thread{'s' * (threads > 1)} of the session ran meanwhile, and cannot be saved")
        if tasks:
            told.append(f"{tasks} background task{'s' * (tasks > 1)} of asyncio cannot be saved")
        return told

    def _load(self, execution: int, told: str, is_merge: bool) -> Value:
        try:
            checked = manifest.read(told)
            arrival = Arrival(checked, self._context.connection, self._context.interrupts, execution)
            arrival.receive()
            return _answer(Loading(self._context, checked, arrival, is_merge).run())
        except AbortedError:
            return _answer({"answer": "aborted"})
        except RefusedError as refused:
            return _answer(refused.answer)


def _answer(told: Dict[str, Any]) -> Value:
    return "", _encode(told), "", 0


def _digests(text: str) -> Set[str]:
    try:
        digests = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ProtocolError(f"`have` is no JSON: {problem}") from None
    if type(digests) is not list or not all(type(digest) is str for digest in digests):
        raise TypeError("`have` is no list of digests")
    return set(digests)


def _limit(value: Any) -> Optional[int]:
    if value is not None and (type(value) is not int or value < 0):
        raise TypeError("a limit is no number of bytes")
    return value
