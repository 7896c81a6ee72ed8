"""Classes by their parts: metaclass, bases, attributes. Their bodies, decorators and metaclasses are not run again.

```
new ─> (metaclass, name, bases, what its creation needs)     first: an empty class, which its own methods can refer to
fill ─> attributes, registered subclasses                    then: what is in it
```

The metaclass' `__new__` is the nearest importable one: `type`'s, `ABCMeta`'s. A metaclass of a library that does more
than those is left to cloudpickle, where that is installed.
"""

from __future__ import annotations

import abc
import sys
from types import GetSetDescriptorType, MemberDescriptorType

from ...hints import Any, Dict, List, Optional
from ..inspection import Inspection
from ..names import type_name
from . import dataclass, enums, namedtuples
from .codes import Codes
from .importable import is_importable_class, module_name, qualified_name
from .rebuild import Rebuilder

_dict_of = type.__dict__["__dict__"].__get__
_bases_of = type.__dict__["__bases__"].__get__
_mro_of = type.__dict__["__mro__"].__get__

_NOT_COPIED = frozenset(("__dict__", "__weakref__", "_abc_impl", "__module__", "__slots__"))


def maker(kind: type) -> type:
    """The nearest importable metaclass of a class."""
    for metaclass in _mro_of(type(kind)):
        if is_importable_class(metaclass):
            return metaclass  # type: ignore[no-any-return]
    return type


def is_simple(metaclass: type) -> bool:
    """Whether classes of this metaclass are no more than their parts."""
    if metaclass in (type, abc.ABCMeta) or enums.is_metaclass(metaclass):
        return True
    return module_name(metaclass) == "typing" and type_name(metaclass) == "_ProtocolMeta"


class Classes:
    """Reduces classes."""

    def __init__(self, codes: Codes, inspection: Inspection) -> None:
        self._codes, self._inspection = codes, inspection

    def reduce(self, kind: Any) -> Any:
        made_by = maker(kind)
        attributes = _attributes(kind)
        state: Dict[str, Any] = {"attributes": attributes}
        source = self._source_of(kind)
        if source is not None:
            state["source"] = source
        if namedtuples.is_one(kind):
            return (*namedtuples.reduced(kind, attributes), state, None, None, Rebuilder.fill_class)
        if enums.is_metaclass(made_by):
            return (*enums.reduced(kind, made_by, attributes, state), state, None, None, Rebuilder.fill_class)
        if dataclass.is_one(kind):
            state["dataclass"] = dataclass.taken_from(kind, attributes)
        registered = _registered(kind)
        if registered:
            state["registered"] = registered
        members = _dict_of(kind)
        at_creation = {name: members[name] for name in ("__slots__", "__orig_bases__") if name in members}
        at_creation["__module__"] = members.get("__module__", "__main__")
        at_creation["__qualname__"] = qualified_name(kind)
        arguments = (type(kind), made_by, type_name(kind), _bases_of(kind), at_creation)
        return Rebuilder.class_, arguments, state, None, None, Rebuilder.fill_class

    def _source_of(self, kind: Any) -> Optional[Any]:
        """The source that defines it, for `inspect.getsource`."""
        try:
            filename = self._inspection.file_of(kind)
        except Exception:
            return None
        return self._codes.whole(filename) if filename is not None else None


def _attributes(kind: Any) -> Dict[str, Any]:
    copied = {}
    for name, value in _dict_of(kind).items():
        if name in _NOT_COPIED:
            continue
        if type(value) in (MemberDescriptorType, GetSetDescriptorType) and value.__objclass__ is kind:
            continue  # a slot: creation makes it
        copied[name] = value
    return copied


def _registered(kind: Any) -> List[Any]:
    """What `ABC.register` was told."""
    if "_abc_impl" not in _dict_of(kind):
        return []
    dump = getattr(sys.modules.get("_abc"), "_get_dump", None)
    references = dump(kind)[0] if dump is not None else ()
    return [each for each in (reference() for reference in references) if each is not None]
