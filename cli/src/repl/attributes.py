"""What may stand behind a dot, told without running code of the user's: from dicts, never by `getattr`.

No property is asked, no `__getattr__`, no `__dir__`, no `__eq__` of a metaclass.
"""

import types
from typing import Any, Dict, List

_mro = type.__dict__["__mro__"].__get__
_members = type.__dict__["__dict__"].__get__
_of_module = types.ModuleType.__dict__["__dict__"].__get__
_MOST = 500


def attributes(names: Dict[str, Any], path: str, prefix: str) -> List[str]:
    """The attributes of a dotted name that begin so, or the names themselves; private ones only if asked for."""
    found: Dict[str, Any] = dict(names)
    if path:
        first, *rest = path.split(".")
        thing = names[first]
        for name in rest:
            thing = _own(thing)[name]
        found = {}
        for base in _mro(type(thing)):
            found.update(_members(base))
        found.update(_own(thing))
    told = sorted([name for name in found if type(name) is str and name.startswith(prefix)])
    return [name for name in told if prefix or not name.startswith("_")][:_MOST]


def _own(thing: Any) -> Dict[str, Any]:
    kind = type(thing)
    if kind is types.ModuleType:
        return dict(_of_module(thing))
    if any(base is type for base in _mro(kind)):
        members: Dict[str, Any] = {}
        for base in reversed(_mro(thing)):
            members.update(_members(base))
        return members
    for base in _mro(kind):
        descriptor = _members(base).get("__dict__")
        if descriptor is not None:
            is_plain = type(descriptor) is types.GetSetDescriptorType
            return dict(descriptor.__get__(thing)) if is_plain else {}
    return {}
