"""What can be imported by name on the other side, and what is of this session alone."""

from __future__ import annotations

import sys

from ...hints import Any
from ..names import type_name

_MISSING = object()


def is_importable(value: Any, module: Any, qualname: Any) -> bool:
    """Whether `module` is one that can be imported, and has this very value under that name."""
    if type(module) is not str or type(qualname) is not str or module in ("__main__", "__mp_main__"):
        return False
    found: Any = sys.modules.get(module, _MISSING)
    if found is _MISSING:
        return False
    for name in qualname.split("."):
        try:
            found = getattr(found, name, _MISSING)
        except Exception:
            return False
    return found is value


def is_importable_class(kind: type) -> bool:
    """The same of a class, without asking its metaclass."""
    return is_importable(kind, module_name(kind), qualified_name(kind))


def module_name(kind: type) -> Any:
    """The `__module__` of a class."""
    try:
        return _module(kind)
    except AttributeError:
        return None


qualified_name = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__


def full_name(kind: type) -> str:
    """`module.Name`, for people."""
    module = module_name(kind)
    name = type_name(kind)
    return name if module in ("builtins", "__main__") else f"{module}.{name}"
