"""What the pickles of a checkpoint call: makes again what the other modules took apart.

The names of these methods are part of format 1: pickles have them as `…rebuild.Rebuilder.<name>`, and the loader gives
them one rebuilder. First come those that make a thing, empty where it may refer to itself; `fill_…` puts in the rest.
"""

from __future__ import annotations

import builtins
import collections
import importlib
import marshal
import sys
import types
from importlib.util import MAGIC_NUMBER

from ...hints import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

if TYPE_CHECKING:
    from ..history import History
    from ..inspection import Inspection
    from .sourcetexts import Restored, Source

_set = type.__setattr__


class ForeignError(Exception):
    """What only another version of Python could make again."""


class Rebuilder:
    """For one load, into one session."""

    def __init__(self, names: Dict[str, Any], history: History, restored: Restored, inspection: Inspection) -> None:
        self._names, self._history = names, history
        self._restored, self._inspection = restored, inspection
        self.noted: List[Tuple[type, str]] = []
        self._postponed: List[Tuple[Any, str, Any]] = []

    # -- what is there already ---------------------------------------------------------------------------------------

    def namespace(self) -> Dict[str, Any]:
        return self._names

    def inputs(self) -> Any:
        return self._history.inputs

    def outputs(self) -> Any:
        return self._history.outputs

    def builtins(self) -> Dict[str, Any]:
        return vars(builtins)

    def main_module(self) -> Any:
        return sys.modules["__main__"]

    def module(self, name: str, submodules: Tuple[str, ...]) -> Any:
        found = importlib.import_module(name)
        for each in submodules:  # that somebody had imported; not all are there in every version
            if each not in sys.modules:
                try:
                    importlib.import_module(each)
                except Exception:
                    pass  # its own affair: what needs it says so
        return found

    def globals_of(self, name: str) -> Dict[str, Any]:
        return vars(importlib.import_module(name))

    # -- functions ---------------------------------------------------------------------------------------------------

    def source(self, filename: str, text: str, futures: int) -> Source:
        return self._restored.source(filename, text, futures)

    def code(self, source: Source, path: Any) -> types.CodeType:
        try:
            return self._restored.code(source, path)
        except (SyntaxError, LookupError, ValueError) as problem:
            raise ForeignError(f"{source.filename} cannot be compiled here: {problem}") from None

    def code_in_module(self, module: str, function: str, path: Tuple[str, ...]) -> types.CodeType:
        from .codes import InModule, code_in_module

        importlib.import_module(module)
        try:
            return code_in_module(InModule(module, function, path))
        except LookupError as problem:
            raise ForeignError(str(problem)) from None

    def bytecode(self, magic: bytes, data: bytes, name: str) -> types.CodeType:
        if magic != MAGIC_NUMBER:
            raise ForeignError(f"the bytecode of {name} is another version's")
        return marshal.loads(data)  # type: ignore[no-any-return]  # noqa: S302

    def function(self, code: types.CodeType, space: Any, name: str, free: Tuple[str, ...], closure: Any) -> Any:
        if code.co_freevars != free:  # another version may order them otherwise, and needs no others
            cells = dict(zip(free, closure or ()))
            if not set(code.co_freevars) <= set(cells):
                raise ForeignError(f"the function {name} has other free variables in this version")
            closure = tuple(cells[each] for each in code.co_freevars) or None
        return types.FunctionType(code, space, name, None, closure)

    def fill_function(self, function: Any, state: Dict[str, Any]) -> None:
        function.__module__ = state.get("module")
        function.__qualname__ = state.get("qualname", function.__name__)
        function.__doc__ = state.get("doc")
        function.__defaults__ = state.get("defaults")
        function.__kwdefaults__ = state.get("kwdefaults")
        function.__annotations__ = state.get("annotations", {})
        if "type_params" in state and hasattr(function, "__type_params__"):
            function.__type_params__ = state["type_params"]
        function.__dict__.update(state.get("dict", {}))

    def cell(self) -> Any:
        return types.CellType()

    def fill_cell(self, cell: Any, contents: Tuple[Any]) -> None:
        cell.cell_contents = contents[0]

    # -- classes -----------------------------------------------------------------------------------------------------

    def class_(self, metaclass: Any, maker: Any, name: str, bases: Any, space: Dict[str, Any]) -> Any:
        return maker.__new__(metaclass, name, bases, dict(space))

    def enum(
        self, metaclass: Any, name: str, bases: Any, space: Dict[str, Any], values: Any, boundary: Optional[str]
    ) -> Any:
        import enum

        maker: Any = enum.EnumMeta
        members = maker.__prepare__(name, bases)
        members.update(space)
        for key, value in values:
            members[key] = value
        more: Dict[str, Any] = {}
        if boundary is not None and sys.version_info >= (3, 11):
            more["boundary"] = enum.FlagBoundary[boundary]
        return maker.__new__(metaclass or maker, name, bases, members, **more)

    def namedtuple(self, name: str, fields: Any, defaults: Any, module: str, qualname: str) -> Any:
        make: Any = collections.namedtuple  # noqa: PYI024  (type checkers want its arguments to be literals)
        kind = make(name, fields, defaults=defaults, module=module)
        _set(kind, "__qualname__", qualname)
        return kind

    def fill_class(self, kind: Any, state: Dict[str, Any]) -> None:
        attributes = state["attributes"]
        for name, value in attributes.items():
            if name == "__init_subclass__":
                self._postponed.append((kind, name, value))  # whoever is made in this load has been its subclass before
            else:
                _set(kind, name, value)
        if "dataclass" in state:
            from . import dataclass

            dataclass.apply(kind, state["dataclass"], attributes)
        for each in state.get("registered", ()):
            kind.register(each)
        for name, extra in state.get("members", {}).items():
            vars(kind._member_map_[name]).update(extra)
        if "source" in state:
            self.noted.append((kind, state["source"].filename))

    def member(self, kind: Any, name: str) -> Any:
        return kind._member_map_[name]

    def finish(self) -> None:
        """All is there."""
        for kind, name, value in self._postponed:
            _set(kind, name, value)
        for kind, filename in self.noted:
            self._inspection.note([kind], filename)

    # -- values ------------------------------------------------------------------------------------------------------

    def exception(self, kind: Any, arguments: Tuple[Any, ...]) -> Any:
        made = BaseException.__new__(kind, *arguments) if not issubclass(kind, OSError) else kind(*arguments)
        made.args = arguments
        return made

    def view(self, of: Any, method: str) -> Any:
        return getattr(of, method)()

    def lru_cache(self, function: Any, size: Optional[int], typed: bool, extra: Dict[str, Any]) -> Any:
        import functools

        cached = functools.lru_cache(size, typed)(function)
        vars(cached).update(extra)
        return cached

    def cached_property(self, function: Any, name: Optional[str]) -> Any:
        import functools

        made = functools.cached_property(function)
        made.attrname = name
        return made

    def type_variable(self, name: str, constraints: Tuple[Any, ...], more: Dict[str, Any]) -> Any:
        import typing

        return typing.TypeVar(name, *constraints, **more)

    def type_alias(self, name: str, value: Any, parameters: Tuple[Any, ...]) -> Any:
        import typing

        return typing.TypeAliasType(name, value, type_params=parameters)  # type: ignore[attr-defined, unused-ignore]

    def weak_reference(self, target: Any) -> Any:
        import weakref

        return weakref.ref(target)

    def weak(self, kind: Any, items: Any) -> Any:
        return kind(items)
