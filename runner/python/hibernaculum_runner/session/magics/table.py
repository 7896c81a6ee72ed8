"""The calls that magics become, and which function each name is."""

from __future__ import annotations

import builtins
import difflib
import shlex
import sys
from types import FrameType

from ...hints import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Tuple
from ..displays import Displays
from .rewrite import NAME

LINE, CELL = "line", "cell"


class UsageError(Exception):
    """A magic that is not known, or whose arguments are wrong. The message says what to do instead."""

    __module__ = "builtins"


class Call(NamedTuple):
    """One use of a magic."""

    magics: Magics
    name: str
    arguments: str
    """The rest of the line."""
    body: Optional[str]
    """The lines below, for a cell magic."""
    first_line: int
    """The number of the body's first line; of a line magic, its own."""
    frame: FrameType
    """Whose names count."""

    @property
    def names(self) -> Dict[str, Any]:
        """The session's names."""
        return self.magics.names

    def wrong(self, how: str) -> UsageError:
        """What is raised for wrong arguments."""
        return UsageError(f"{self.sign}{self.name}: {how}")

    @property
    def sign(self) -> str:
        return "%" if self.body is None else "%%"

    def flags(self, letters: str, valued: str = "", words: Tuple[str, ...] = ()) -> Tuple[Dict[str, str], str]:
        """The options at the begin of the line, and what follows them.

        Letters may stand together; those in `valued`, and words that end in `=`, have a value.
        """
        options: Dict[str, str] = {}
        rest = self.arguments
        while rest.startswith("-"):
            option, _, after = rest.partition(" ")
            after = after.lstrip()
            if option == "--":
                return options, after
            name, is_given, value = option.lstrip("-").partition("=")
            if option.startswith("--") and name in words and not is_given:
                options[name] = ""
            elif option.startswith("--") and name + "=" in words:
                if not is_given:
                    value, _, after = after.partition(" ")
                    after = after.lstrip()
                options[name] = value
            elif option[1:2] and option[1] in valued:
                value = option[2:]
                if not value:
                    value, _, after = after.partition(" ")
                    after = after.lstrip()
                options[option[1]] = value
            elif option[1:] and all(letter in letters for letter in option[1:]):
                options.update(dict.fromkeys(option[1:], ""))
            else:
                known = [f"-{letter}" for letter in letters + valued] + [f"--{word}" for word in words]
                raise self.wrong(f"there is no option {option!r}; it takes {', '.join(known) or 'none'}")
            rest = after
        return options, rest

    def words(self, text: str) -> List[str]:
        """A line as a shell would cut it."""
        try:
            return shlex.split(text)
        except ValueError as problem:  # a quote that is not closed, a backslash at the end
            raise self.wrong(f"{text!r} is no line of words: {str(problem).lower()}") from None

    def number(self, value: str, option: str) -> int:
        """A whole number above 0, for an option."""
        try:
            number = int(value)
        except ValueError:
            number = 0
        if number < 1:
            raise self.wrong(f"{option} takes a whole number above 0, not {value!r}")
        return number


Function = Callable[[Call], Any]


def known() -> Dict[str, Dict[str, Function]]:
    """Every magic: by kind, by name."""
    from . import listing, pip, places, shell, showing, timing

    tables: Dict[str, Dict[str, Function]] = {LINE: {}, CELL: {}}
    for module in (shell, timing, places, listing, showing, pip):
        tables[LINE].update(module.LINES)
        tables[CELL].update(getattr(module, "CELLS", {}))
    return tables


class Magics:
    """What the rewritten lines call. It stands in `builtins`, since user code owns its own names."""

    def __init__(
        self,
        names: Dict[str, Any],
        own: FrozenSet[str],
        run: Callable[[str, FrameType, int, int], Any],
        clear: Callable[[], None],
        displays: Displays,
    ) -> None:
        self.names, self.own = names, own
        self.run = run
        """`run(text, frame, first_line, column)`: executes code within this execution; its value."""
        self.clear = clear
        """Lets the session's names go."""
        self.displays = displays
        self.known = known()
        self.state: Dict[str, Any] = {}
        """What a magic remembers until it is used again."""

    def install(self) -> None:
        setattr(builtins, NAME, self)

    def system(self, command: str) -> None:
        from .shell import system

        system(self, command, sys._getframe(1))

    def getoutput(self, command: str) -> List[str]:
        from .shell import getoutput

        return getoutput(self, command, sys._getframe(1))

    def help(self, name: str, marks: int) -> None:
        from .listing import help_about

        help_about(self, name, marks, sys._getframe(1))

    def line(self, name: str, arguments: str) -> Any:
        frame = sys._getframe(1)
        return self._function(LINE, name)(Call(self, name, arguments, None, frame.f_lineno, frame))

    def cell(self, name: str, arguments: str, body: str, first_line: int) -> Any:
        frame = sys._getframe(1)
        return self._function(CELL, name)(Call(self, name, arguments, body, first_line, frame))

    def _function(self, kind: str, name: str) -> Function:
        function = self.known[kind].get(name)
        if function is not None:
            return function
        sign, other = ("%", CELL) if kind == LINE else ("%%", LINE)
        if name in self.known[other]:
            where = "at the top of a cell of its own" if kind == LINE else "on a line of its own"
            raise UsageError(f"{sign}{name} is no magic, but {'%%' if kind == LINE else '%'}{name} is one, {where}")
        near = difflib.get_close_matches(name, self.known[kind], 1, 0.5) or ["lsmagic" if kind == LINE else "bash"]
        every = "" if near == ["lsmagic"] else "; %lsmagic lists them all"
        raise UsageError(f"there is no magic {sign}{name}; the nearest is {sign}{near[0]}{every}")
