"""From blobs to names: all of them, or none.

```
blobs read, checked ──> names put aside ──> records loaded, one by one ──> history, random state, directory: kept
                                 └──────── anything raised ────────> names put back: nothing has happened
```

Values are bound as they come, in the session's own namespace: what runs while the next one is loaded (a
`__setstate__`, a `__hash__`) finds the functions and modules that it calls.
"""

from __future__ import annotations

import pickle
import sys

from ...hints import Any, Dict, List, Optional, Tuple
from ..interrupts import report
from . import record, surroundings
from .arrival import Arrival
from .context import Context
from .manifest import Manifest, RefusedError
from .reasons import reason_of
from .rebuild import ForeignError, Rebuilder
from .sourcetexts import Restored

_REBUILD = Rebuilder.__module__


class Loading:
    """One load, whose blobs are there."""

    def __init__(self, context: Context, manifest: Manifest, arrival: Arrival, is_merge: bool) -> None:
        self._context, self._manifest, self._is_merge = context, manifest, is_merge
        self._restored = Restored(context.sources)
        self._rebuilder = Rebuilder(context.names, context.history, self._restored, context.inspection)
        self._unpickler = _Unpickler(_Pieces(arrival.pieces), arrival.buffers, self._rebuilder, context.names)
        self._bound: Dict[str, Any] = {}
        self._outputs: Dict[int, Any] = {}
        self._lasts: List[Any] = ["", "", ""]
        self._underscores: Dict[str, Any] = {}
        self._history: Optional[Tuple[Any, Any]] = None
        self._random: Dict[str, Any] = {}
        self._order: List[str] = []
        self._now: str = "what comes first"

    def run(self) -> Dict[str, Any]:
        """Loads all; the answer. Raises RefusedError, or KeyboardInterrupt, and then nothing has happened."""
        names, interrupts = self._context.names, self._context.interrupts
        before, path = dict(names), list(sys.path)
        try:
            if not self._is_merge:
                self._put_aside()
            self._load()
            deferred = interrupts.defer()
            self._rebuilder.finish()
            warnings = self._keep(before)
        except BaseException as problem:
            interrupts.depth = 1
            if not self._context.ours[0]:
                raise
            names.clear()
            names.update(before)
            sys.path[:] = path
            self._restored.undo()
            raise self._told(problem) from None
        self._let_go(before, deferred)
        return {"answer": "restored", "count": len(self._bound), "warnings": warnings}

    def _told(self, problem: BaseException) -> BaseException:
        """What is raised in the place of what ended the load."""
        if isinstance(problem, RefusedError):
            return problem
        if isinstance(problem, KeyboardInterrupt) and self._context.interrupts.hit:
            return problem
        reason = reason_of(problem)
        if isinstance(problem, ForeignError):
            return self._manifest.of_another_version(str(problem))
        if self._manifest.is_foreign:
            return self._manifest.of_another_version(f"{self._now} cannot be loaded: {reason}")
        if isinstance(problem, MemoryError):
            return RefusedError("checkpoint.too_large", f"there is no memory for {self._now}", limit=0)
        if isinstance(problem, (pickle.UnpicklingError, EOFError)):
            return RefusedError("checkpoint.corrupt", f"{self._now} is not what a save writes: {reason}")
        if isinstance(problem, ModuleNotFoundError):
            return RefusedError("checkpoint.refused", f"{self._now} needs the module {problem.name}, which is not here")
        return RefusedError("checkpoint.refused", f"{self._now} cannot be loaded: {reason}")

    def _put_aside(self) -> None:
        own = self._context.own
        for name in list(self._context.names):
            if name not in own:
                del self._context.names[name]

    def _load(self) -> None:
        load, names = self._unpickler.load, self._context.names
        load()  # the seeds
        while True:
            entry = load()
            if type(entry) is not list or len(entry) != 3:
                raise pickle.UnpicklingError("no record")
            section, key, value = entry
            if section == record.NAME:
                if type(key) is not str or key in self._context.own:
                    raise pickle.UnpicklingError("a name that is none")
                self._now = f"what follows the name {key!r}"
                names[key] = self._bound[key] = value
            elif section == record.OUTPUT:
                self._outputs[key] = value
            elif section == record.LAST:
                self._lasts[key] = value
            elif section == record.UNDERSCORE and key in record.UNDERSCORES:
                self._underscores[key] = value
            elif section == record.HISTORY:
                self._history = key, value
            elif section == record.RANDOM:
                self._random = value
            elif section == record.PATHS:
                surroundings.add_import_paths(self._context.workdir, value)
            elif section == record.END:
                if set(value) != set(self._bound):
                    raise pickle.UnpicklingError("names are missing")
                self._order = value
                return

    def _keep(self, before: Dict[str, Any]) -> List[str]:
        """All is there, and stays."""
        names, history = self._context.names, self._context.history
        if not self._is_merge:
            for name in list(names):
                if name not in self._context.own:
                    del names[name]
        for name in self._context.own:  # whatever user code has done to them meanwhile
            if name in before:
                names[name] = before[name]
        for name in self._order:
            names[name] = self._bound[name]
        warnings: List[str] = []
        if not self._is_merge:
            if self._history is not None:
                (count, length), inputs = self._history
                kept = [""] * (length - len(inputs)) + inputs
                history.restore(count, kept, self._outputs, self._lasts)
            for name, last in zip(record.UNDERSCORES, self._lasts):
                names[name] = self._underscores.get(name, last)
            warnings += surroundings.set_random_state(self._random)
            warnings += surroundings.set_current_directory(self._context.workdir, self._manifest.cwd)
        return warnings

    def _let_go(self, before: Dict[str, Any], deferred: bool) -> None:
        """The finalizers of what was there run one by one: one that does not end may be interrupted.

        What was loaded stays, and the answer says so: no interrupt ends anything but a finalizer now, and none comes
        through afterwards.
        """
        interrupts = self._context.interrupts
        try:
            interrupts.resume(deferred)
            _empty(before)
            interrupts.depth = 1
        except BaseException:
            interrupts.depth = 1
            if not self._context.ours[0]:
                raise
            if not interrupts.hit:
                report(*sys.exc_info())  # what a signal handler of the user's raised


def _empty(names: Dict[str, Any]) -> None:
    """A function of its own: where CPython 3.13 looks for signals at the end of a loop, no `except` around that loop
    hears of what they raise."""
    while names:
        names.popitem()


class _Unpickler(pickle.Unpickler):
    """Knows who rebuilds, and the names that have been loaded."""

    def __init__(self, file: Any, buffers: List[Any], rebuilder: Rebuilder, names: Dict[str, Any]) -> None:
        super().__init__(file, buffers=buffers)
        self._rebuilder, self._names = rebuilder, names

    def find_class(self, module: str, name: str) -> Any:
        if module == _REBUILD and name.startswith("Rebuilder.") and not name.startswith("Rebuilder._"):
            return getattr(self._rebuilder, name[len("Rebuilder.") :])
        if module == "__main__":
            first, *rest = name.split(".")
            if first not in self._names:
                raise AttributeError(f"the session has no {first}")
            found = self._names[first]
            for each in rest:
                found = getattr(found, each)
            return found
        return super().find_class(module, name)


class _Pieces:
    """The pieces of the pickle stream as a file; each is let go once it has been read."""

    def __init__(self, pieces: List[Optional[bytearray]]) -> None:
        self._pieces = pieces
        self._index = 0
        self._at = 0

    def readinto(self, target: Any) -> int:
        view = memoryview(target).cast("B")
        done = 0
        while done < len(view):
            piece = self._piece()
            if piece is None:
                break
            step = min(len(view) - done, len(piece) - self._at)
            view[done : done + step] = memoryview(piece)[self._at : self._at + step]
            self._at += step
            done += step
        return done

    def read(self, size: int) -> bytes:
        piece = self._piece()
        if piece is not None and size <= len(piece) - self._at:
            self._at += size
            return bytes(memoryview(piece)[self._at - size : self._at])
        left = sum(len(each) for each in self._pieces[self._index :] if each is not None) - self._at
        if size > left:
            raise EOFError("the pickle stream ends too early")
        data = bytearray(size)
        self.readinto(data)
        return bytes(data)

    def readline(self) -> bytes:
        raise pickle.UnpicklingError("an opcode of protocol 0")

    def _piece(self) -> Optional[bytearray]:
        while self._index < len(self._pieces):
            piece = self._pieces[self._index]
            if piece is not None and self._at < len(piece):
                return piece
            self._pieces[self._index] = None
            self._index += 1
            self._at = 0
        return None
