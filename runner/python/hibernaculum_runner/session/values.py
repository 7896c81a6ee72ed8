"""The value of a trailing expression, as it travels: a bounded repr, JSON where that is exact, the type's name.

JSON is *exact* when reading it back gives an equal value of the same types: None, bool, int of 64 bits (-2**63 to
2**64 - 1: the host reads a longer one as a float), finite float, str without lone surrogates, and lists and dicts (with
str keys) of those, of exactly these types. A tuple is not (JSON would make it a list), NaN is not, a subclass of int is
not. Finding out runs no user code.
"""

from __future__ import annotations

import json
from math import isfinite

from ..hints import Any, List, Optional, Tuple
from .names import type_name

JSON_ELEMENTS = 1_000_000  # a longer value has no JSON: nobody should wait for it unasked
_PIECE = 1 << 20  # characters that are encoded at once to count their bytes: a text may have a billion
JSON_DEPTH = 100  # the host reads 128 levels
_LEAST, _MOST = -(2**63), 2**64 - 1

_repr = repr  # user code may rebind it
# by address: a metaclass may define `__hash__` and `__eq__`
_INT, _STR, _LIST, _DICT = id(int), id(str), id(list), id(dict)
_ATOMS = frozenset(map(id, (type(None), bool, int, float, str)))
_EXACT = _ATOMS | {_LIST, _DICT}
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, check_circular=False, separators=(",", ":")).encode


AS_REPR = ""  # in the place of a JSON, which is never empty: it is the repr, but for its quotes
_LONG = 4096  # characters


Value = Tuple[str, Optional[str], str, int]
"""The repr, the JSON (None where none is exact), the type's name, and how many bytes of the repr were left out. The
first two may be huge. (A plain tuple: a named one takes five times as long to make.)
"""


def capture(value: Any, limit: int) -> Value:
    """Describes `value`, which is not None. Runs its `__repr__`; an interrupt may end that, nothing else."""
    kind = type(value)
    exact: Optional[str]
    if kind is int and _LEAST <= value <= _MOST:
        text = exact = _repr(value)
        name = "int"
    else:
        text = shown(value)
        if kind is str and _LONG < len(text) <= limit and _is_like_json(text):
            exact = AS_REPR
        else:
            exact = exact_json(value, limit) if id(kind) in _EXACT else None
        name = type_name(kind)
    cut = 0
    if len(text) > limit >> 2:  # at most 4 bytes a character
        text, cut = bounded(text, limit)
    return text, exact, name, cut


def _is_like_json(text: str) -> bool:
    """Whether the repr of a str is its JSON but for the quotes around it: nothing in it is escaped, or would be.

    To look for one character takes a hundredth of the time of encoding all of them.
    """
    return text[0] == "'" and "\\" not in text and '"' not in text


def bounded(text: str, limit: int) -> Tuple[str, int]:
    """The whole characters within the first `limit` bytes of its UTF-8, and how many bytes are left out."""
    if text.isascii():
        return text[:limit], max(0, len(text) - limit)
    data = text[:limit].encode("utf-8", "backslashreplace")  # at least a byte a character
    kept = data[:limit].decode("utf-8", "ignore")
    whole = sum([len(text[at : at + _PIECE].encode("utf-8", "backslashreplace")) for at in range(0, len(text), _PIECE)])
    return kept, whole - len(kept.encode())


def shown(value: Any) -> str:
    """`repr(value)`; where that fails, a text that says so."""
    try:
        text = _repr(value)
    except Exception as error:
        return f"<{type_name(type(value))} object; repr failed: {described(error)}>"
    return text if type(text) is str else str.__str__(text)


def described(error: BaseException) -> str:
    """`Type: message`, whatever the exception's own `__str__` does."""
    name = type_name(type(error))
    try:
        message = str(error)
    except Exception:
        message = f"<unprintable {name} object>"
    return name + ": " + message if message else name


def exact_json(value: Any, limit: int) -> Optional[str]:
    """The JSON of a value, or None where it has no exact one, or one longer than `limit` characters."""
    kind = type(value)
    if kind is float:
        return float.__repr__(value) if isfinite(value) else None
    if kind is bool:
        return "true" if value else "false"
    if kind is int:
        return int.__repr__(value) if _LEAST <= value <= _MOST else None
    if kind is list or kind is dict:
        if not _is_exact(value):
            return None
    elif id(kind) not in _ATOMS:
        return None
    try:
        text = _encode(value)
        text.encode()
    except (ValueError, RecursionError, MemoryError):  # NaN, a lone surrogate
        return None
    return text if len(text) <= limit else None


def _is_exact(value: Any) -> bool:
    """Looks at types and at the sizes of ints, level by level; without a Python step for each element, but where ints
    stand among other things."""
    level, elements = [value], 0
    for _ in range(JSON_DEPTH):
        deeper: List[Any] = []
        for container in level:
            elements += len(container)
            if elements > JSON_ELEMENTS:
                return False
            if type(container) is dict:
                if not set(map(id, map(type, container))) <= {_STR}:
                    return False
                container = list(container.values())
            kinds = set(map(id, map(type, container)))
            if not kinds <= _EXACT:
                return False
            if _INT in kinds:
                ints = container if len(kinds) == 1 else [item for item in container if type(item) is int]
                if min(ints) < _LEAST or max(ints) > _MOST:
                    return False
            if _LIST in kinds or _DICT in kinds:
                deeper += [item for item in container if type(item) is list or type(item) is dict]
        if not deeper:
            return True
        level = deeper
    return False
