"""`inspect.getsource` of classes.

A function knows its file; a class knows only its module, and `__main__` has none. So the file in which a class was
defined is noted when an execution ends; for one that is asked about earlier, its methods know, and else the newest
source that has such a class.
"""

from __future__ import annotations

import functools
import re
from types import FunctionType, ModuleType
from weakref import ref

from ..hints import Any, Dict, List, Optional, Tuple
from .sources import Sources

_members_of = type.__dict__["__dict__"].__get__


class Inspection:
    """Which source a class came from."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._files: Dict[int, Tuple[Any, str]] = {}  # by address: a metaclass may define `__hash__`

    def note(self, classes: List[type], filename: str) -> None:
        """These are bound to names since the execution of `filename`; it defined those that are new."""
        for kind in classes:
            module = _members_of(kind).get("__module__")
            if type(module) is str and module == "__main__" and id(kind) not in self._files:
                self._files[id(kind)] = (ref(kind, functools.partial(self._forget, id(kind))), filename)

    def _forget(self, address: int, _dead: Any) -> None:
        self._files.pop(address, None)

    def file_of(self, kind: type) -> Optional[str]:
        """The name of the source that defines a class of `__main__`."""
        for member in _members_of(kind).values():
            function = getattr(member, "__func__", getattr(member, "fget", member))
            if not isinstance(function, FunctionType) or not function.__qualname__.startswith(kind.__qualname__ + "."):
                continue
            if function.__code__.co_filename in self._sources:
                return function.__code__.co_filename
        known = self._files.get(id(kind))
        if known is not None:
            return known[1]
        definition = re.compile(rf"\s*class\s+{re.escape(kind.__name__)}\b")
        for filename, lines in self._sources.newest_first():
            if any(map(definition.match, lines)):
                return filename
        return None

    def amend(self, inspect: ModuleType) -> None:
        """Teaches `inspect.getfile` about classes of `__main__`."""
        python_getfile: Any = inspect.getfile

        @functools.wraps(python_getfile)
        def getfile(object: Any) -> str:
            if isinstance(object, type) and object.__module__ == "__main__":
                filename = self.file_of(object)
                if filename is not None:
                    return filename
            return python_getfile(object)  # type: ignore[no-any-return]

        inspect.getfile = getfile  # type: ignore[attr-defined]
