"""Keeps the source of executed code, so that tracebacks and `inspect.getsource` can show it.

`linecache` is the place where all of Python looks for source lines, so that is where they go. It must not grow for
ever: code that defines something (a function may be asked for its source years later) has a budget of characters,
other code, which only its own traceback can mention, is forgotten after a number of executions.
"""

from __future__ import annotations

import linecache

from ..hints import Dict, Iterator, List, Tuple

PASSING = 50
"""So many sources without a definition are kept."""

LASTING_CHARACTERS = 16 << 20
"""So many characters of sources with a definition are kept, but never less than the newest source."""


class Sources:
    """What `linecache` knows from this session, oldest first."""

    def __init__(self) -> None:
        self._passing: Dict[str, None] = {}
        self._lasting: Dict[str, int] = {}
        self._lasting_characters = 0

    def add(self, filename: str, code: str, first_line: int = 1) -> None:
        """Notes `code`, whose first line is line `first_line` of `filename`. Cells of one file join in one entry."""
        if first_line == 1 and "\n" not in code:
            lines = [code + "\n"]  # 3.11 places its carets by the newline
        else:
            lines = code.splitlines(True)
            if lines and lines[-1][-1] != "\n":
                lines[-1] += "\n"
        if first_line > 1:
            lines = _merged(filename, lines, first_line)
        linecache.cache[filename] = (len(code), None, lines, filename)
        if "def " in code or "class " in code or "lambda" in code:
            self._keep_long(filename, len(code))
        elif filename not in self._lasting:
            passing = self._passing
            passing[filename] = None
            if len(passing) > PASSING:
                oldest = next(iter(passing))
                del passing[oldest]
                linecache.cache.pop(oldest, None)

    def _keep_long(self, filename: str, characters: int) -> None:
        self._passing.pop(filename, None)
        known = self._lasting.pop(filename, 0)
        self._lasting[filename] = known + characters
        self._lasting_characters += characters
        while self._lasting_characters > LASTING_CHARACTERS and len(self._lasting) > 1:
            oldest = next(iter(self._lasting))
            self._lasting_characters -= self._lasting.pop(oldest)
            linecache.cache.pop(oldest, None)

    def forget(self, filename: str) -> None:
        """As if it had never been added."""
        self._passing.pop(filename, None)
        self._lasting_characters -= self._lasting.pop(filename, 0)
        linecache.cache.pop(filename, None)

    def __contains__(self, filename: str) -> bool:
        return filename in self._lasting or filename in self._passing

    def newest_first(self) -> Iterator[Tuple[str, List[str]]]:
        """Every kept source with a definition, as (file name, lines)."""
        for filename in reversed(list(self._lasting)):
            entry = linecache.cache.get(filename)
            if entry is not None and len(entry) == 4:
                yield filename, entry[2]


def _merged(filename: str, lines: List[str], first_line: int) -> List[str]:
    entry = linecache.cache.get(filename)
    before = list(entry[2]) if entry is not None and len(entry) == 4 else []
    start = first_line - 1
    if len(before) < start:
        before += ["\n"] * (start - len(before))
    before[start : start + len(lines)] = lines
    return before
