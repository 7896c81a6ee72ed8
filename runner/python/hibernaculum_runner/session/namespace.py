"""`namespace.…`: the names of the session, listed, read, bound, deleted.

Each is served like an execution, by number and with an answer of the same shape, since what they let go of may have
finalizers, and a `repr` is user code: an interrupt gets through, and a deadline ends it. What is asked for stands in
the answer's `value.json`, by `answer`:

| answer | with | where |
|---|---|---|
| `listing` | `variables`, `more` | `list` |
| `value` | `value` | `get` |
| `repr` | (in `value.repr`, `value.cut`) | `repr` |
| `done` | `bound`: whether the name was bound before | `set`, `delete`, `clear` |
| `unbound` | | the name is not bound |
| `inexact` | `why` | the value has no exact JSON form |
| `invalid` | `why` | that cannot be a name, or no value |
"""

from __future__ import annotations

import keyword
from json import JSONDecodeError, loads
from json.encoder import encode_basestring

from ..frames import ProtocolError
from ..hints import Any, Callable, Dict, FrozenSet, List
from .listing import listing
from .names import type_name
from .reply import readable
from .values import JSON_DEPTH, JSON_ELEMENTS, Value, bounded, exact_json, shown

VALUE_BYTES = 16 << 20
_VALUE = 64 << 20  # characters of JSON given at most: what one message's transfers may hold
_UNBOUND = object()

Question = Callable[[], Value]


class Namespace:
    """Reads and changes the names of user code; those of the runner are neither listed nor let go."""

    def __init__(self, names: Dict[str, Any], own: FrozenSet[str], forget: Callable[[], None]) -> None:
        self._names = names
        self._own = own
        self._forget = forget

    def question(self, method: str, params: Dict[str, Any], text: Callable[[Any], str]) -> Question:
        """What is asked, ready to be answered. Raises KeyError, TypeError or ProtocolError."""
        if method == "namespace.list":
            prefix, kinds = params.get("prefix") or "", params.get("kinds") or []
            if type(prefix) is not str or type(kinds) is not list or not all(type(kind) is str for kind in kinds):
                raise TypeError("`prefix` or `kinds` has a wrong type")
            return lambda: self._list(prefix, kinds)
        if method == "namespace.clear":
            return self._clear
        name = params["name"]
        if type(name) is not str:
            raise TypeError("`name` is no string")
        if method == "namespace.get":
            return lambda: self._get(name)
        if method == "namespace.repr":
            limit = params.get("value_bytes", VALUE_BYTES)
            if type(limit) is not int or limit < 0:
                raise TypeError("`value_bytes` is no size")
            return lambda: self._repr(name, limit)
        if method == "namespace.set":
            value = text(params["value"])
            return lambda: self._set(name, value)
        if method == "namespace.delete":
            return lambda: self._delete(name)
        raise ProtocolError(f"there is no method {method!r}")

    def _list(self, prefix: str, kinds: List[str]) -> Value:
        return _answer("listing", listing(self._names, self._own, prefix, frozenset(kinds)))

    def _get(self, name: str) -> Value:
        value = self._names.get(name, _UNBOUND)
        if value is _UNBOUND:
            return _answer("unbound")
        exact = "null" if value is None else exact_json(value, _VALUE)
        kind = type_name(type(value))
        if exact is not None:
            return _answer("value", f'"value":{exact}', kind)
        return _answer("inexact", f'"why":{encode_basestring(_why_inexact(value))}', kind)

    def _repr(self, name: str, limit: int) -> Value:
        value = self._names.get(name, _UNBOUND)
        if value is _UNBOUND:
            return _answer("unbound")
        text, cut = bounded(shown(value), limit)
        return text, '{"answer":"repr"}', type_name(type(value)), cut

    def _set(self, name: str, text: str) -> Value:
        if not name.isidentifier() or keyword.iskeyword(name):
            return _answer("invalid", '"why":"must be a Python identifier, and no keyword"')
        if name in self._own or (name[:2] == "__" and name[-2:] == "__"):
            return _answer("invalid", '"why":"must not be one that Python or the session itself uses"')
        try:
            value = loads(text)
        except (JSONDecodeError, RecursionError) as problem:
            return _answer(
                "invalid", f'"why":{encode_basestring(f"must have a value that Python can read: {problem}")}'
            )
        was_bound = name in self._names
        self._names[name] = value
        return _done(was_bound)

    def _delete(self, name: str) -> Value:
        if name in self._own:
            return _answer("invalid", '"why":"must not be one that Python or the session itself uses"')
        return _done(self._names.pop(name, _UNBOUND) is not _UNBOUND)

    def _clear(self) -> Value:
        self._forget()
        return _done(True)


def _answer(kind: str, rest: str = "", type: str = "") -> Value:
    text = f'{{"answer":"{kind}"{"," if rest else ""}{rest}}}'
    return "", readable(text), type, 0


def _done(was_bound: bool) -> Value:
    return _answer("done", f'"bound":{"true" if was_bound else "false"}')


def _why_inexact(value: Any) -> str:
    kind = type(value)
    if kind is list or kind is dict:
        return (
            "it holds something that JSON cannot say exactly (an integer beyond 64 bits is such a thing), is nested "
            f"more than {JSON_DEPTH} deep, or has more than {JSON_ELEMENTS:,} elements"
        )
    if kind is int:
        return "most readers of JSON make an integer beyond 64 bits a float; its `repr` has all digits"
    if kind is float or kind is str:
        return "JSON cannot say this value exactly"
    return f"JSON cannot say a `{type_name(kind)[:200]}` exactly"
