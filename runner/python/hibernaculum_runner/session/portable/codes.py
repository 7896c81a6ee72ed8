"""Code objects for pickles: as a place in a source where there is one, else as bytecode, which one version reads.

A function within a function of an importable module (what a decorator of the standard library makes) is a place in
that module: it is looked up there, in whatever version the module has on the other side.
"""

from __future__ import annotations

import linecache
import marshal
import sys
from importlib.util import MAGIC_NUMBER
from types import CodeType, FunctionType, ModuleType

from ...hints import Any, Dict, List, NamedTuple, Optional, Tuple
from .rebuild import Rebuilder
from .sourcetexts import Known, Source, steps


class InModule(NamedTuple):
    """A code object within a function of a module."""

    module: str
    function: str
    path: Tuple[str, ...]


class Codes:
    """Reduces code objects."""

    def __init__(self) -> None:
        self._known = Known()
        self._sources: Dict[Source, _SavedSource] = {}
        self._in_modules: Dict[int, InModule] = {}
        self._modules: Dict[str, Dict[CodeType, InModule]] = {}
        self._alive: List[Any] = []

    def note(self, function: FunctionType) -> None:
        """A function is about to be reduced: its globals may tell where its code is."""
        name = function.__globals__.get("__name__")
        if type(name) is not str or name == "__main__":
            return
        module = sys.modules.get(name)
        if module is None or vars(module) is not function.__globals__:
            return
        if name not in self._modules:
            self._modules[name] = _inner_codes(name, module)
        found = self._modules[name].get(function.__code__)
        if found is not None:
            self._in_modules[id(function.__code__)] = found
            self._alive.append(function.__code__)

    def whole(self, filename: str) -> Any:
        """The source of that name, to be filed where it is loaded."""
        text = "".join(linecache.getlines(filename))
        return self._saved(Source(filename, text, 0)) if text else None

    def _saved(self, source: Source) -> _SavedSource:
        return self._sources.setdefault(source, _SavedSource(source))

    def reduce(self, code: CodeType, mark: Any) -> Any:
        """What `__reduce__` would give. `mark` is told the means."""
        found = self._in_modules.get(id(code))
        if found is not None:
            return Rebuilder.code_in_module, tuple(found)
        place = self._known.place(code)
        if place is None:
            mark("bytecode")
            return Rebuilder.bytecode, (MAGIC_NUMBER, marshal.dumps(code), code.co_name)
        mark("source")
        return Rebuilder.code, (self._saved(place.source), place.path)


class _SavedSource:
    """A source as a pickle has it: once, however many places are in it."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __reduce__(self) -> Any:
        return Rebuilder.source, tuple(self._source)


def _inner_codes(name: str, module: Any) -> Dict[CodeType, InModule]:
    """The code within the functions of a module, and of its classes."""
    found: Dict[CodeType, InModule] = {}
    spaces = [("", vars(module))]
    spaces += [
        (kind.__name__ + ".", vars(kind))
        for kind in vars(module).values()
        if isinstance(kind, type) and kind.__module__ == name
    ]
    for prefix, space in spaces:
        for key, value in space.items():
            function = getattr(value, "__func__", value)
            if type(function) is not FunctionType or function.__globals__ is not vars(module):
                continue
            waiting: List[Tuple[Tuple[str, ...], CodeType]] = [((), function.__code__)]
            while waiting:
                path, code = waiting.pop()
                if path:
                    found.setdefault(code, InModule(name, prefix + key, path))
                waiting += [((*path, step[0]), inner) for step, inner in steps(code)]
    return found


def code_in_module(place: InModule) -> CodeType:
    """The code of a function that a function of a module defines. Raises LookupError."""
    found: Any = sys.modules.get(place.module)
    for name in place.function.split("."):
        found = vars(found).get(name) if isinstance(found, (ModuleType, type)) else None
    function = getattr(found, "__func__", found)
    if type(function) is not FunctionType:
        raise LookupError(f"{place.module} has no function {place.function}")
    code: Optional[CodeType] = function.__code__
    for name in place.path:
        named = [inner for (inner_name, _, _), inner in steps(code) if inner_name == name] if code else []
        code = named[0] if len(named) == 1 else None
    if code is None:
        raise LookupError(f"{place.module}.{place.function} has no {'.'.join(place.path)}")
    return code
