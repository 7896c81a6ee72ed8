"""Named tuples: made anew by `collections.namedtuple`, whose methods have no source; then what was added to them."""

from __future__ import annotations

import collections
from types import FunctionType

from ...hints import Any, Dict, Tuple
from ..names import type_name
from .importable import module_name, qualified_name
from .rebuild import Rebuilder

_dict_of = type.__dict__["__dict__"].__get__
_bases_of = type.__dict__["__bases__"].__get__

_NONE = compile("", "", "exec")


def is_one(kind: Any) -> bool:
    """Whether it is what `namedtuple` makes, and no subclass of that."""
    members = _dict_of(kind)
    return _bases_of(kind) == (tuple,) and "_make" in members and type(members.get("_fields")) is tuple


def reduced(kind: Any, attributes: Dict[str, Any]) -> Tuple[Any, Tuple[Any, ...]]:
    """How it is made; takes out of the attributes what comes of that."""
    fields = attributes["_fields"]
    defaults = tuple(attributes.get("_field_defaults", {}).values())
    model = collections.namedtuple("model", fields, defaults=defaults)  # type: ignore[misc]  # noqa: PYI024
    for name, made in _dict_of(model).items():
        value = attributes.get(name)
        is_its_own = (
            isinstance(value, FunctionType) and value.__code__.co_code != getattr(made, "__code__", _NONE).co_code
        )
        if not is_its_own and name != "__doc__":
            attributes.pop(name, None)
    arguments = (type_name(kind), fields, defaults, module_name(kind), qualified_name(kind))
    return Rebuilder.namedtuple, arguments
