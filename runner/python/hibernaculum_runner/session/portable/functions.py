"""Functions by their parts: code, cells, defaults, attributes. Nothing is run again, no decorator, no default.

A function of the session has the session's own dict for its globals, here and where it is loaded: what is rebound there
later, it sees. Cells are parts of their own: two closures that shared one share one again.
"""

from __future__ import annotations

import sys
from types import CodeType, FunctionType

from ...hints import Any, Dict, Set, Tuple
from .rebuild import Rebuilder


class ModuleGlobals:
    """The dict of an importable module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> Any:
        return Rebuilder.globals_of, (self._name,)


class Functions:
    """Reduces functions and cells."""

    def __init__(self, names: Dict[str, Any]) -> None:
        self._names = names
        self._globals: Dict[str, ModuleGlobals] = {}
        self._excerpts: Dict[int, Tuple[FunctionType, Dict[str, Any]]] = {}

    def reduce(self, function: FunctionType) -> Any:
        code = function.__code__
        arguments = (
            code,
            self._globals_of(function),
            function.__name__,
            code.co_freevars,
            function.__closure__,
        )
        state = {
            "module": function.__module__,
            "qualname": function.__qualname__,
            "doc": function.__doc__,
            "defaults": function.__defaults__,
            "kwdefaults": function.__kwdefaults__,
            "annotations": dict(function.__annotations__),
            "dict": dict(function.__dict__),
        }
        parameters = getattr(function, "__type_params__", None)
        if parameters:
            state["type_params"] = parameters
        state = {name: value for name, value in state.items() if value}
        return Rebuilder.function, arguments, state, None, None, Rebuilder.fill_function

    def _globals_of(self, function: FunctionType) -> Any:
        space = function.__globals__
        if space is self._names:
            return space
        name = space.get("__name__")
        if name == "__main__":
            return self._excerpt(function)
        module = sys.modules.get(name) if type(name) is str else None
        if module is None or vars(module) is not space:
            return space
        return self._globals.setdefault(str(name), ModuleGlobals(str(name)))

    def _excerpt(self, function: FunctionType) -> Dict[str, Any]:
        """Of a copy of the session's names, which attrs makes for what it generates: what the function uses."""
        if id(function) not in self._excerpts:
            space = function.__globals__
            used = _names_of(function.__code__) | {"__name__", "__builtins__"}
            self._excerpts[id(function)] = function, {name: space[name] for name in used if name in space}
        return self._excerpts[id(function)][1]


def _names_of(code: CodeType) -> Set[str]:
    """The globals that code may use, that within it included."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if type(constant) is CodeType:
            names |= _names_of(constant)
    return names


def reduce_cell(cell: Any) -> Any:
    """A cell of a closure."""
    try:
        contents = (cell.cell_contents,)
    except ValueError:  # empty
        return Rebuilder.cell, ()
    return Rebuilder.cell, (), contents, None, None, Rebuilder.fill_cell
