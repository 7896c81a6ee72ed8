"""Values of the standard library that pickle does not take but that can be made again; and what it should not take."""

from __future__ import annotations

import _weakref
import io
import types

from ...hints import Any, Callable, Dict
from .rebuild import Rebuilder

Reducer = Callable[[Any], Any]


def _property(value: Any) -> Any:
    return property, (value.fget, value.fset, value.fdel, value.__doc__)


def _wrapper(value: Any) -> Any:
    return type(value), (value.__func__,)


def _mapping_proxy(value: Any) -> Any:
    return types.MappingProxyType, (dict(value),)


def builtin_type(value: Any) -> Any:
    """`type(None)`'s like: a type that is in no module under its name."""
    for name, each in vars(types).items():
        if each is value:
            return getattr, (types, name)
    return NotImplemented


def _refused(what: str) -> Reducer:
    def refuse(value: Any) -> Any:
        raise TypeError(f"{what} belongs to its process")

    return refuse


def _keys(value: Any) -> Any:
    return Rebuilder.view, (dict.fromkeys(value), "keys")


def _items(value: Any) -> Any:
    return Rebuilder.view, (dict(value), "items")


def _values(value: Any) -> Any:
    return Rebuilder.view, (dict(enumerate(value)), "values")


def _cached_function(value: Any) -> Any:
    if hasattr(value, "cache_parameters"):  # 3.9
        told = value.cache_parameters()
        size, typed = told["maxsize"], told["typed"]
    else:
        size, typed = value.cache_info().maxsize, False
    extra = {name: each for name, each in vars(value).items() if name not in ("__wrapped__", "cache_parameters")}
    return Rebuilder.lru_cache, (value.__wrapped__, size, typed, extra)


def _cached_property(value: Any) -> Any:
    return Rebuilder.cached_property, (value.func, value.attrname)


def _type_variable(value: Any) -> Any:
    kind = type(value)
    if kind.__name__ != "TypeVar":
        return kind, (value.__name__,)
    if value.__bound__ is not None:
        more = {"bound": value.__bound__}
    else:
        more = {}
    return Rebuilder.type_variable, (
        value.__name__,
        value.__constraints__,
        {**more, "covariant": value.__covariant__, "contravariant": value.__contravariant__},
    )


def _type_alias(value: Any) -> Any:
    return Rebuilder.type_alias, (value.__name__, value.__value__, value.__type_params__)


def _weak_reference(value: Any) -> Any:
    target = value()
    if target is None:
        raise TypeError("a weak reference to what is gone")
    return Rebuilder.weak_reference, (target,)


def _weak_mapping(value: Any) -> Any:
    return Rebuilder.weak, (type(value), dict(value.items()))


def _weak_set(value: Any) -> Any:
    return Rebuilder.weak, (type(value), list(value))


BY_TYPE: Dict[type, Reducer] = {
    property: _property,
    classmethod: _wrapper,
    staticmethod: _wrapper,
    types.MappingProxyType: _mapping_proxy,
    type({}.keys()): _keys,
    type({}.values()): _values,
    type({}.items()): _items,
    io.TextIOWrapper: _refused("an open file"),
    io.BufferedReader: _refused("an open file"),
    io.BufferedWriter: _refused("an open file"),
    io.BufferedRandom: _refused("an open file"),
    io.FileIO: _refused("an open file"),
    _weakref.ref: _weak_reference,
    types.GeneratorType: _refused("a generator, with its frame,"),
    types.CoroutineType: _refused("a coroutine, with its frame,"),
    types.AsyncGeneratorType: _refused("an asynchronous generator, with its frame,"),
    types.FrameType: _refused("a frame"),
    types.TracebackType: _refused("a traceback, with its frames,"),
}
"""Reducers of types that are always there."""

BY_NAME: Dict[str, Dict[str, Reducer]] = {
    "functools": {"_lru_cache_wrapper": _cached_function, "cached_property": _cached_property},
    "weakref": {"WeakSet": _weak_set, "WeakKeyDictionary": _weak_mapping, "WeakValueDictionary": _weak_mapping},
    "_weakrefset": {"WeakSet": _weak_set},
    "typing": {
        "TypeVar": _type_variable,
        "ParamSpec": _type_variable,
        "TypeVarTuple": _type_variable,
        "TypeAliasType": _type_alias,
    },
}
"""Reducers of types that are looked up by module and name, lest the module be imported for it."""
