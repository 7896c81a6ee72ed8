"""Enumerations: made anew from their members' names and values; then what else is in the class and on the members."""

from __future__ import annotations

import sys
from types import FunctionType

from ...hints import Any, Dict, Tuple
from ..names import type_name
from .importable import is_importable_class, module_name, qualified_name
from .rebuild import Rebuilder

_dict_of = type.__dict__["__dict__"].__get__
_bases_of = type.__dict__["__bases__"].__get__
_mro_of = type.__dict__["__mro__"].__get__

_MADE = frozenset(
    [
        "_member_names_",
        "_member_map_",
        "_value2member_map_",
        "_unhashable_values_",
        "_hashable_values_",
        "_unhashable_values_map_",
        "_member_type_",
        "_value_repr_",
        "_use_args_",
        "_flag_mask_",
        "_singles_mask_",
        "_all_bits_",
        "_inverted_",
        "_boundary_",
        "__new__",
        "_new_member_",
        "__new_member__",
        "_generate_next_value_",
        "__reduce_ex__",
        "_ignore_",
        "_order_",
        "_sunder_",
    ]
)
_MADE_OF_MEMBER = frozenset(("_value_", "_name_", "__objclass__", "_sort_order_", "name", "value"))


def is_metaclass(kind: type) -> bool:
    """Whether it is the metaclass of enumerations."""
    enum = sys.modules.get("enum")
    return enum is not None and issubclass(kind, enum.EnumMeta)


def reduced(kind: Any, made_by: type, attributes: Dict[str, Any], state: Dict[str, Any]) -> Tuple[Any, Tuple[Any, ...]]:
    """How it is made; takes out of the attributes what comes of that."""
    members = attributes["_member_map_"]
    _check_news(kind, attributes.get("_member_type_", object), bool(members))
    boundary = attributes.get("_boundary_")
    for name, value in list(attributes.items()):
        if name in _MADE or name in members or getattr(value, "__module__", None) == "enum":
            del attributes[name]
    values = [(name, member._value_) for name, member in members.items()]
    state["members"] = {
        name: extra
        for name, member in members.items()
        for extra in [{key: value for key, value in vars(member).items() if key not in _MADE_OF_MEMBER}]
        if extra
    }
    at_creation = {"__module__": module_name(kind), "__qualname__": qualified_name(kind)}
    metaclass = None if type(kind) is made_by else type(kind)  # its name depends on the version
    named = None if boundary is None else boundary.name
    arguments = (metaclass, type_name(kind), _bases_of(kind), at_creation, values, named)
    return Rebuilder.enum, arguments


def _check_news(kind: Any, mixin: type, has_members: bool) -> None:
    """Members are made from their values. A `__new__` of the session's may want something else."""
    for each in _mro_of(kind):
        if is_importable_class(each):
            continue
        members = _dict_of(each)
        new = members.get("__new_member__", members.get("_new_member_", members.get("__new__")))
        is_own = isinstance(new, FunctionType) and new.__module__ not in ("enum", "typing")
        if is_own and has_members and (each is not kind or mixin is not object):
            raise TypeError(f"the enumeration {type_name(kind)} makes its members by a `__new__` of its own")
