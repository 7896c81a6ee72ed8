"""Names of types and sizes of objects, read without running user code.

A metaclass may define `__name__`, a class `__sizeof__`, as whatever it likes; the descriptors of `type` and `object`
themselves tell the truth.
"""

from __future__ import annotations

from ..hints import Any, Callable

type_name: Callable[[type], str] = type.__dict__["__name__"].__get__
"""The name of a type, as its definition gave it."""

_type_module = type.__dict__["__module__"].__get__
_flags_of = type.__dict__["__flags__"].__get__
_HEAP_TYPE = 1 << 9
_TYPE_SUBCLASS = 1 << 31


def module_of(kind: type) -> str:
    """A type's module, as its definition gave it; nothing where it gave no text."""
    try:
        module = _type_module(kind)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def is_class(value: Any) -> bool:
    """`isinstance(value, type)`, without asking the value's `__class__` or a metaclass' `__eq__`."""
    return bool(_flags_of(type(value)) & _TYPE_SUBCLASS)


def is_heap_type(kind: type) -> bool:
    """Whether a class was made at run time, and not by C code alone."""
    return bool(_flags_of(kind) & _HEAP_TYPE)


def shallow_size(value: Any) -> int:
    """Bytes of the object alone: what a type of C says; of a type of Python only the fixed part."""
    kind: Any = type(value)
    if _flags_of(kind) & _HEAP_TYPE:
        return object.__sizeof__(value)
    try:
        return int(kind.__sizeof__(value))
    except Exception:
        return object.__sizeof__(value)
