"""Dataclasses: the methods that `dataclass` wrote are not saved but written anew, by the version that loads them.

What it wrote has no source, and its bytecode fits one version of Python only. So its parameters and the fields are
saved; and after the class has its own attributes, `dataclass` is applied to it again.
"""

from __future__ import annotations

import sys
from types import FunctionType

from ...hints import Any, Dict, Tuple

_dict_of = type.__dict__["__dict__"].__get__

_PARAMETERS = ("init", "repr", "eq", "order", "unsafe_hash", "frozen", "match_args", "kw_only")
_OF_FIELD = ("init", "repr", "hash", "compare", "kw_only")
_WRITTEN = frozenset(
    "__init__ __repr__ __eq__ __lt__ __le__ __gt__ __ge__ __hash__ __setattr__ __delattr__ __replace__".split()  # noqa: SIM905
)


Spec = Tuple[Dict[str, bool], Dict[str, Dict[str, Any]]]
"""What `dataclass` was told; and for each field of the class' own what `field` is to be told."""


def is_one(kind: type) -> bool:
    """Whether `dataclass` was applied to this very class."""
    members = _dict_of(kind)
    return "__dataclass_fields__" in members and "__dataclass_params__" in members


def taken_from(kind: type, attributes: Dict[str, Any]) -> Spec:
    """What it was told; takes out of the attributes what it made of that."""
    dataclasses = sys.modules["dataclasses"]
    missing = dataclasses.MISSING
    parameters = attributes.pop("__dataclass_params__")
    fields = attributes.pop("__dataclass_fields__")
    told = {name: getattr(parameters, name) for name in _PARAMETERS if hasattr(parameters, name)}
    if "__match_args__" not in attributes and "match_args" in told:
        told["match_args"] = False
    own = {}
    for name in attributes.get("__annotations__", {}):
        field = fields.get(name)
        if field is None or field._field_type.name == "_FIELD_CLASSVAR":
            continue
        told_of = {key: getattr(field, key) for key in _OF_FIELD if hasattr(field, key)}
        if told_of.get("kw_only") is missing:
            del told_of["kw_only"]
        for key in ("default", "default_factory"):
            if getattr(field, key) is not missing:
                told_of[key] = getattr(field, key)
        if field.metadata:
            told_of["metadata"] = dict(field.metadata)
        own[name] = told_of
    for name in [name for name, value in attributes.items() if name in _WRITTEN and _is_written(value)]:
        del attributes[name]
    if attributes.get("__hash__", 0) is None:
        del attributes["__hash__"]
    return told, own


def _is_written(value: Any) -> bool:
    """Whether a method is `dataclass`' own work: such code comes from no file, or from its own module."""
    inner = getattr(value, "__wrapped__", value)  # `__repr__` is wrapped against recursion
    if not isinstance(inner, FunctionType):
        return False
    return inner.__code__.co_filename == "<string>" or inner.__name__ == "_replace"


def apply(kind: Any, spec: Spec, attributes: Dict[str, Any]) -> None:
    """Makes a class that has its attributes a dataclass again."""
    import dataclasses
    import inspect

    known = inspect.signature(dataclasses.dataclass).parameters
    parameters, fields = spec
    can = inspect.signature(dataclasses.field).parameters
    for name, told in fields.items():
        type.__setattr__(kind, name, dataclasses.field(**{key: told[key] for key in told if key in can}))
    late = {name: attributes[name] for name in attributes if name in _WRITTEN}
    for name in late:
        type.__delattr__(kind, name)
    dataclasses.dataclass(**{key: told for key, told in parameters.items() if key in known})(kind)
    for name, value in late.items():
        type.__setattr__(kind, name, value)
    for name in fields:
        if name in attributes:
            type.__setattr__(kind, name, attributes[name])
