"""From names to blobs.

```
modules, then functions and classes, then the rest:      each:  pickle ──> its buffers out ──> kept
                                                                   └─ raises, too large ──> taken back, with the reason
history, random state, the order of the names
```

One pickler pickles them all, so that what they share stays shared. What fails is taken back from the stream and from
the pickler's memo, as if it had not been tried. That takes time for each memoized object; so after some failures each
further variable is tried in advance, by a pickler that writes to nowhere.
"""

from __future__ import annotations

import builtins
import pickle
import time
import types

from ...hints import Any, Dict, List, Optional, Set, Tuple
from ..history import KEPT
from ..names import is_class, type_name
from . import pickler, record, surroundings
from .blobs import Blob, Blobs
from .classes import Classes
from .codes import Codes
from .context import Context
from .functions import Functions
from .manifest import Variable, made, python_version
from .reasons import reason_of
from .rebuild import Rebuilder
from .stream import Stream, TooLargeError

OUT_OF_BAND = 64 << 10
"""Buffers of so many bytes go by themselves."""
MOST_BUFFERS = 100_000
_FAILURES = 8  # until variables are tried in advance
_UNLIMITED = 1 << 62
_IGNORED = "__warningregistry__"


class Saving:
    """One save."""

    def __init__(
        self, context: Context, known: Set[str], variable_bytes: Optional[int], total_bytes: Optional[int]
    ) -> None:
        self._context = context
        self._variable_limit = _UNLIMITED if variable_bytes is None else variable_bytes
        self._left = _UNLIMITED if total_bytes is None else total_bytes
        self._total_limit = self._left
        self._blobs = Blobs(context.connection, context.interrupts, known)
        self._stream = Stream(self._blobs)
        self._base = pickler.base()
        self._pickler = self._new_pickler(self._stream, self._out_of_band)
        self._trial: Any = None
        self._waiting: List[memoryview] = []  # the present variable's buffers
        self._waiting_bytes = 0
        self._lengths: List[int] = []
        self._pieces: List[Blob] = []
        self._failures = 0
        self.variables: List[Variable] = []

    def _new_pickler(self, file: Any, buffer_callback: Any) -> Any:
        context, codes = self._context, Codes()
        parts = Functions(context.names), Classes(codes, context.inspection)
        return pickler.new(self._base, file, buffer_callback, codes, *parts)

    def run(self) -> Dict[str, Any]:
        """Saves all; the manifest."""
        context = self._context
        names = [item for item in _items(context.names) if item[0] not in context.own and item[0] != _IGNORED]
        self._stream.begin(_UNLIMITED)
        self._pickler.seed(self._known())
        self._record(record.PATHS, None, surroundings.import_paths(context.workdir))
        saved: Set[Any] = set()
        imports: List[str] = []
        for name, value in sorted(names, key=_turn):
            if self._variable(name, value):
                saved.add(name)
                if _is_module(value):
                    imports.append(_statement(name, value))
        self._save_history()
        self._record(record.RANDOM, None, surroundings.random_state())
        self._record(record.END, None, [name for name, _ in names if name in saved])
        pieces = self._stream.close()
        order = {name: place for place, (name, _) in enumerate(names)}
        self.variables.sort(key=lambda variable: order.get(variable.key, len(order)))
        return made(
            python=python_version(),
            count=context.history.count,
            created=int(time.time() * 1000),
            pieces=pieces,
            buffers=self._pieces,
            lengths=self._lengths,
            binds_version=self._pickler.binds_version,
            variables=self.variables,
            imports=imports,
            cwd=surroundings.current_directory(context.workdir),
        )

    def _known(self) -> List[Tuple[Any, Any]]:
        history = self._context.history
        return [
            (self._context.names, (Rebuilder.namespace, ())),
            (history.inputs, (Rebuilder.inputs, ())),
            (history.outputs, (Rebuilder.outputs, ())),
            (vars(builtins), (Rebuilder.builtins, ())),
        ]

    # -- one variable ------------------------------------------------------------------------------------------------

    def _variable(self, name: Any, value: Any) -> bool:
        kind = type_name(type(value))
        if type(name) is not str:
            self._skip(repr(type(name)), kind, "its name is no string", name)
            return False
        if value is self._context.names:
            self._skip(name, kind, "it is the session's own namespace")
            return False
        return self._value(record.NAME, name, name, value)

    def _value(self, section: int, key: Any, name: str, value: Any) -> bool:
        """Saves one value, or notes why not."""
        limit = min(self._variable_limit, self._left)
        self._stream.begin(limit)
        self._pickler.used.clear()
        entry = [section, key, value]
        is_trial = self._failures >= _FAILURES
        try:
            if is_trial:
                self._try(value)
                is_trial = False
            self._pickler.dump(entry)
            size = self._stream.written + self._waiting_bytes
        except BaseException as problem:
            if self._is_fatal(problem):
                raise
            if not is_trial:
                self._take_back(entry)
            self._skip(name, type_name(type(value)), self._reason(problem), key)
            return False
        self._stream.keep()
        self._send_buffers()
        self._left -= size
        if section == record.NAME:
            used = self._pickler.used
            means = next((each for each in ("bytecode", "cloudpickle", "source") if each in used), "pickle")
            if means == "pickle" and _is_import(value):
                means = "import"
            self.variables.append(Variable(name, type_name(type(value)), size, means, None, key))
        return True

    def _is_fatal(self, problem: BaseException) -> bool:
        """An interrupt of the host's ends the save, and so does what happens in a forked child."""
        if not self._context.ours[0]:
            return True
        return isinstance(problem, KeyboardInterrupt) and self._context.interrupts.hit

    def _reason(self, problem: BaseException) -> str:
        if not isinstance(problem, TooLargeError):
            return reason_of(problem)
        if self._left < self._variable_limit:
            return f"there is no room left for it among the {self._total_limit:,} bytes that a checkpoint may have"
        return f"it takes more than the {self._variable_limit:,} bytes that a variable may have"

    def _take_back(self, entry: Any) -> None:
        self._failures += 1
        self._stream.drop()
        self._pickler.forget_since(entry)
        self._waiting.clear()
        self._waiting_bytes = 0

    def _skip(self, name: str, kind: str, reason: str, key: Any = None) -> None:
        self.variables.append(Variable(name, kind, None, None, reason, name if key is None else key))

    def _try(self, value: Any) -> None:
        """Raises what pickling it raises. What was tried before, in vain or not, is not gone through again."""
        if self._trial is None:
            self._trial = self._new_pickler(_Nowhere(), lambda _buffer: False)
            self._trial.seed(self._known())
        self._trial.dump([value])

    # -- buffers -----------------------------------------------------------------------------------------------------

    def _out_of_band(self, buffer: pickle.PickleBuffer) -> bool:
        """What the pickler calls with each buffer; true where it is to go into the stream."""
        view = buffer.raw()
        if view.nbytes < OUT_OF_BAND or len(self._lengths) + len(self._waiting) >= MOST_BUFFERS:
            return True
        self._waiting.append(view)
        self._waiting_bytes += view.nbytes
        if self._stream.written + self._waiting_bytes > self._stream.limit:
            raise TooLargeError
        return False

    def _send_buffers(self) -> None:
        for view in self._waiting:
            self._lengths.append(view.nbytes)
            self._pieces += self._blobs.put_all(view)
        self._waiting.clear()
        self._waiting_bytes = 0

    # -- the rest ----------------------------------------------------------------------------------------------------

    def _record(self, section: int, key: Any, value: Any) -> None:
        """Plain values of the runner's own, which cannot fail."""
        self._stream.begin(_UNLIMITED)
        self._pickler.dump([section, key, value])
        self._stream.keep()
        if not self._context.ours[0]:
            raise SystemExit(0)

    def _save_history(self) -> None:
        names, history = self._context.names, self._context.history
        for count, value in list(history.outputs.items()):
            if type(count) is int:
                self._value(record.OUTPUT, count, f"Out[{count}]", value)
        for place, (name, last) in enumerate(zip(record.UNDERSCORES, history.lasts)):
            self._silently(record.LAST, place, last)
            if names.get(name) is not last:
                self._silently(record.UNDERSCORE, name, names.get(name))
        inputs = [text if type(text) is str else "" for text in history.inputs[-KEPT:]]
        self._record(record.HISTORY, (history.count, len(history.inputs)), inputs)

    def _silently(self, section: int, key: Any, value: Any) -> None:
        """What fails is one of `Out` or of the names, and has been told there."""
        told = len(self.variables)
        self._value(section, key, "", value)
        del self.variables[told:]


class _Nowhere:
    """A file that forgets."""

    def write(self, data: Any) -> int:
        return len(data)


def _items(names: Dict[str, Any]) -> List[Tuple[Any, Any]]:
    """The names and values of one moment."""
    while True:
        try:
            return list(names.items())
        except RuntimeError:  # a thread changed it meanwhile
            continue


def _is_module(value: Any) -> bool:
    return types.ModuleType in type(value).__mro__


def _turn(item: Tuple[Any, Any]) -> int:
    """Modules first, then what methods of later values may call when these are loaded."""
    value = item[1]
    if _is_module(value):
        return 0
    return 1 if type(value) is types.FunctionType or is_class(value) else 2


def _is_import(value: Any) -> bool:
    """Whether it is nothing but a name of some module."""
    return type(value) in (types.FunctionType, types.BuiltinFunctionType) or is_class(value) or _is_module(value)


def _statement(name: str, module: Any) -> str:
    full = str(vars(module).get("__name__", name))
    return f"import {full}" if full.partition(".")[0] == name else f"import {full} as {name}"
