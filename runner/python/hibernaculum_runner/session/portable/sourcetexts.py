"""The sources of code, on both sides of a checkpoint.

A code object is saved as a *place*: which source, and where in it. When it is loaded, by this or another version of
Python, the source is compiled, and the code object at that place is taken. The code is not run: what it would
define comes from elsewhere.

A place is a path of steps from the outermost code inwards; a step is the name, the first line, and the how-manieth of
that name on that line. Comprehensions are no steps: whether they have code of their own depends on the version.
"""

from __future__ import annotations

import linecache
import re
from types import CodeType

from ...hints import Any, Dict, Iterator, List, NamedTuple, Optional, Tuple
from ..evaluate import _FUTURES as FUTURES
from ..evaluate import Compiler
from ..sources import Sources

Step = Tuple[str, int, int]
Path = Tuple[Step, ...]

_INLINED = frozenset(("<listcomp>", "<setcomp>", "<dictcomp>"))
_RESTORED = re.compile(r", restored(?: \d+)?>$")
_LONGEST = 4 << 20  # characters of a source at most


class Source(NamedTuple):
    """What must be compiled, how."""

    filename: str
    text: str
    futures: int
    """The flags of `from __future__` imports of earlier executions, which hold in it."""


class Place(NamedTuple):
    """Where a code object is."""

    source: Source
    path: Path


def steps(code: CodeType) -> Iterator[Tuple[Step, CodeType]]:
    """The code objects within one, with the step that leads to each."""
    seen: Dict[Tuple[str, int], int] = {}
    for inner in _within(code):
        key = (inner.co_name, inner.co_firstlineno)
        seen[key] = seen.get(key, -1) + 1
        yield (*key, seen[key]), inner


def _within(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if type(constant) is CodeType:
            if constant.co_name in _INLINED:
                yield from _within(constant)
            else:
                yield constant


def compiled(source: Source) -> List[CodeType]:
    """The outermost code objects of a source. Raises what compiling raises."""
    compiler = Compiler()
    compiler.flags |= source.futures
    body, expression, _waits = compiler.compile(source.text, source.filename)
    return [code for code in (body, expression) if code is not None]


class Known:
    """Finds the places of code objects: the side that saves."""

    def __init__(self) -> None:
        self._sources: Dict[Tuple[str, int], Optional[Dict[CodeType, Place]]] = {}

    def place(self, code: CodeType) -> Optional[Place]:
        """None where no source is known that compiles to exactly this code."""
        key = (code.co_filename, code.co_flags & FUTURES)
        if key not in self._sources:
            self._sources[key] = _places(*key)
        places = self._sources[key]
        return places.get(code) if places is not None else None


def _places(filename: str, futures: int) -> Optional[Dict[CodeType, Place]]:
    text = "".join(linecache.getlines(filename))
    if not text or len(text) > _LONGEST:
        return None
    source = Source(filename, text, futures)
    try:
        outermost = compiled(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None
    found: Dict[CodeType, Place] = {}
    waiting: List[Tuple[Path, CodeType]] = [((), code) for code in outermost]
    while waiting:
        path, code = waiting.pop()
        for step, inner in steps(code):
            found.setdefault(inner, Place(source, (*path, step)))
            waiting.append(((*path, step), inner))
    return found


class Restored:
    """Compiles sources, and files them where tracebacks and `inspect` look: the side that loads."""

    def __init__(self, sources: Sources) -> None:
        self._filed = sources
        self._added: List[str] = []
        self._outermost: Dict[Source, List[CodeType]] = {}

    def source(self, filename: str, text: str, futures: int) -> Source:
        """A source under the name that it has here: its own, unless that is another one's, or may be one day."""
        if "".join(linecache.getlines(filename)) != text:
            filename = self._free_name(filename, text)
        return Source(filename, text, futures)

    def _free_name(self, filename: str, text: str) -> str:
        stem = _RESTORED.sub(">", filename)
        stem = stem[:-1] if stem[:1] == "<" and stem[-1:] == ">" else "<" + stem
        number = 1
        while True:
            name = f"{stem}, restored{f' {number}' if number > 1 else ''}>"
            entry: Any = linecache.cache.get(name)
            if entry is None:
                self._filed.add(name, text)
                self._added.append(name)
                return name
            if len(entry) == 4 and "".join(entry[2]) == text:
                return name
            number += 1

    def code(self, source: Source, path: Path) -> CodeType:
        """The code object at that place. Raises LookupError, or what compiling raises."""
        if source not in self._outermost:
            self._outermost[source] = compiled(source)
        for outermost in self._outermost[source]:
            code: Optional[CodeType] = outermost
            for step in path:
                code = dict(steps(code)).get(step) if code is not None else None
            if code is not None:
                return code
        raise LookupError(f"{source.filename} has no {'.'.join(name for name, _, _ in path)} where it should be")

    def undo(self) -> None:
        """As if none had been filed."""
        for filename in self._added:
            self._filed.forget(filename)
