"""Who pickles what: plain values Python's own pickler in C, the session's functions and classes this package, the
rest cloudpickle, where the sandbox has it.

`reducer_override` is asked for everything but plain values. What it does with a value depends on its type alone, so
each type is looked at once.
"""

from __future__ import annotations

import builtins
import copyreg
import pickle
import sys
import types

from ...hints import Any, Callable, Dict, List, Set, Tuple
from ..names import is_class, is_heap_type, type_name
from . import classes, enums, functions, library
from .classes import Classes
from .codes import Codes
from .functions import Functions
from .importable import is_importable, is_importable_class, module_name
from .rebuild import Rebuilder

PROTOCOL = 5
_RUNNER = __name__.partition(".")[0]
_THIS = __name__.rpartition(".")[0]
_mro_of = type.__dict__["__mro__"].__get__

Plan = Callable[[Any], Any]


def _default(_value: Any) -> Any:
    return NotImplemented


class Stand:
    """Stands in for an object that the other side has already: see `Reducing.seed`."""

    def __init__(self, reduced: Any) -> None:
        self._reduced = reduced

    def __reduce__(self) -> Any:
        return self._reduced


class Reducing:
    """The half of a pickler that is ours."""

    memo: Any

    def prepare(self, codes: Codes, functions: Functions, classes: Classes) -> None:
        self._codes, self._functions, self._classes = codes, functions, classes
        self._plans: Dict[int, Plan] = {}
        self._types: List[type] = []  # kept, for the plans go by address: a metaclass may define `__hash__`
        self.used: Set[str] = set()
        """The means that were used since somebody emptied it."""
        self.binds_version = False

    def dump(self, value: Any) -> None:
        """Python's own: cloudpickle's dresses up what is raised, and fails at that."""
        pickle.Pickler.dump(self, value)  # type: ignore[arg-type]

    def seed(self, known: List[Tuple[Any, Any]]) -> None:
        """From now on these objects are references to what their reductions give on the other side."""
        stands = [Stand(reduced) for _, reduced in known]
        self.dump(stands)
        memo = self.memo.copy()
        for (value, _), stand in zip(known, stands):
            memo[id(value)] = (memo.pop(id(stand))[0], value)
        self.memo = memo

    def forget_since(self, first: Any) -> None:
        """Takes back what was memoized from this object on."""
        memo = self.memo.copy()
        if id(first) in memo:
            start = memo[id(first)][0]
            self.memo = {address: entry for address, entry in memo.items() if entry[0] < start}

    def mark(self, means: str) -> None:
        self.used.add(means)
        if means in ("bytecode", "cloudpickle"):
            self.binds_version = True

    def reducer_override(self, value: Any) -> Any:
        plan = self._plans.get(id(type(value))) or self._new_plan(type(value))
        return NotImplemented if plan is _default else plan(value)

    def _new_plan(self, kind: type) -> Plan:
        self._types.append(kind)
        plan = self._plans[id(kind)] = self._plan(kind)
        return plan

    def _plan(self, kind: type) -> Plan:
        if type in _mro_of(kind):
            return self._class
        if kind is types.FunctionType:
            return self._function
        if types.ModuleType in _mro_of(kind):
            return self._module
        if kind is types.CodeType:
            return lambda code: self._codes.reduce(code, self.mark)
        if kind is types.CellType:
            return functions.reduce_cell
        if kind is types.MethodType:
            return self._method
        found = library.BY_TYPE.get(kind)
        module = module_name(kind)
        if found is None and type(module) is str:
            found = library.BY_NAME.get(module, {}).get(type_name(kind))
            if found is None and module.partition(".")[0] == _RUNNER and not module.startswith(_THIS):
                return self._of_the_runner
        if found is not None:
            return found
        if is_heap_type(kind) and (not is_importable_class(kind) or _says_itself(kind)):
            return self._instance
        table = getattr(self, "dispatch_table", None)  # cloudpickle's
        if table is not None and kind in table and kind not in copyreg.dispatch_table:
            return self._by_cloudpickle
        return _default

    # -- plans -------------------------------------------------------------------------------------------------------

    def _class(self, kind: Any) -> Any:
        if not is_class(kind) or is_importable_class(kind):
            return NotImplemented
        if module_name(kind) == "builtins":
            return library.builtin_type(kind)
        made_by = classes.maker(kind)
        if classes.is_simple(made_by):
            self.mark("source")
            return self._classes.reduce(kind)
        if self._has_cloudpickle():
            self.mark("cloudpickle")
            return super().reducer_override(kind)  # type: ignore[misc]
        raise TypeError(
            f"the class {type_name(kind)} has the metaclass {module_name(made_by)}.{type_name(made_by)}: "
            "that takes cloudpickle, which is not installed in the sandbox"
        )

    def _function(self, function: Any) -> Any:
        name = function.__qualname__
        if is_importable(function, function.__module__, name) and function.__module__.partition(".")[0] != _RUNNER:
            return NotImplemented
        if function.__module__ == Rebuilder.__module__:
            return NotImplemented
        plain = function.__name__
        if vars(builtins).get(plain) is function:
            return getattr, (builtins, plain)
        if _is_of_the_runner(function.__module__):
            return self._of_the_runner(function)
        self._codes.note(function)
        return self._functions.reduce(function)

    def _method(self, method: Any) -> Any:
        name = method.__func__.__name__ if isinstance(method.__func__, types.FunctionType) else None
        if name is not None and vars(builtins).get(name) is method:
            return getattr, (builtins, name)
        if name is not None and not is_importable_class(type(method.__self__)):
            return types.MethodType, (method.__func__, method.__self__)
        return NotImplemented

    def _module(self, module: Any) -> Any:
        name = vars(module).get("__name__")
        if name == "__main__" and sys.modules.get(name) is module:
            return Rebuilder.main_module, ()
        if type(name) is str and sys.modules.get(name) is module and not _is_of_the_runner(name):
            below = name + "."
            inner = sorted(each for each in list(sys.modules) if type(each) is str and each.startswith(below))
            return Rebuilder.module, (name, tuple(inner))
        if self._has_cloudpickle() and not _is_of_the_runner(name):
            self.mark("cloudpickle")
            return NotImplemented
        raise TypeError("a module that is made at run time and cannot be imported")

    def _of_the_runner(self, value: Any) -> Any:
        for name in ("stdin", "stdout", "stderr"):
            if getattr(sys, name, None) is value:
                return getattr, (sys, name)
        raise TypeError("it belongs to this session's own process")

    def _by_cloudpickle(self, _value: Any) -> Any:
        self.mark("cloudpickle")
        return NotImplemented

    def _instance(self, value: Any) -> Any:
        """A value of a class of the session, or one that has its own word in it: never by a name in the session."""
        kind = type(value)
        if kind in copyreg.dispatch_table:
            return NotImplemented
        if enums.is_metaclass(type(kind)):
            name = value._name_
            if type(name) is str and kind._member_map_.get(name) is value:
                return Rebuilder.member, (kind, name)
        reduced = value.__reduce_ex__(PROTOCOL)
        if type(reduced) is str:
            if is_importable(value, getattr(value, "__module__", None), reduced):
                return NotImplemented
            return copyreg.__newobj__, (kind,), getattr(value, "__dict__", None)  # type: ignore[attr-defined]
        if isinstance(value, BaseException) and type(reduced) is tuple and reduced[0] is kind and len(reduced) < 4:
            return (Rebuilder.exception, (kind, value.args), *reduced[2:])
        return reduced

    def _has_cloudpickle(self) -> bool:
        return not type(self).__mro__[2].__module__.startswith("_pickle")


def _says_itself(kind: type) -> bool:
    """Whether a class written in Python reduces its values: it may give the name of a global."""
    for each in _mro_of(kind):
        for name in ("__reduce_ex__", "__reduce__"):
            found = vars(each).get(name)
            if found is not None:
                return type(found) is types.FunctionType
    return False


def _is_of_the_runner(module: Any) -> bool:
    return type(module) is str and module.partition(".")[0] == _RUNNER


def base() -> Any:
    """cloudpickle's pickler where there is one, else Python's."""
    try:
        import cloudpickle

        found = cloudpickle.CloudPickler
        if issubclass(found, pickle.Pickler) and hasattr(found, "reducer_override"):
            return found
    except Exception:
        pass  # not installed, too old, or a module of the user's of that name
    return pickle.Pickler


def new(base: Any, file: Any, buffer_callback: Any, codes: Codes, functions: Functions, classes: Classes) -> Any:
    """A pickler over `file`, of what `base` gave."""
    kind: Any = type("Pickler", (Reducing, base), {})
    pickler = kind(file, protocol=PROTOCOL, buffer_callback=buffer_callback)
    pickler.prepare(codes, functions, classes)
    return pickler
