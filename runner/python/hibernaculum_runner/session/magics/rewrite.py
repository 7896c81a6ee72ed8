"""From what IPython understands to Python: `!cmd`, `%magic`, `%%magic`, `name?`, line for line.

A line is one of these only where a statement may begin: not within brackets, within a string of several lines, or after
a backslash. So the text is walked through once, with an eye on strings, comments and brackets. What is found becomes a
call of `NAME`, on the same line, so that every line number stays what it was.

```
!ls -l {folder}          __hibernaculum_magics__.system('ls -l {folder}')
lines = !ls              lines = __hibernaculum_magics__.getoutput('ls')
    %time work()             __hibernaculum_magics__.line('time', 'work()')
%%bash -e                __hibernaculum_magics__.cell('bash', '-e', '…', 2)
work?                    __hibernaculum_magics__.help('work', 1)
```
"""

from __future__ import annotations

import re

from ...hints import NamedTuple, Optional, Set

NAME = "__hibernaculum_magics__"

LONGEST = 1 << 20
"""Characters of a text that is walked through, half a second's work; a longer one may begin with a cell magic."""

_cell = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*%%(\w*)[ \t]*([^\n]*)").match  # comments may stand before it
_line = re.compile(r"(\s*)%(\w+)(?:[ \t]+(.*))?$", re.DOTALL).match
_shell = re.compile(r"(\s*)(!!?)(.*)$", re.DOTALL).match
_assigned = re.compile(r"(\s*[A-Za-z_][\w.\[\]'\", \t]*=[ \t]*)([!%])(?!=)(.*)$", re.DOTALL).match
_asked_before = re.compile(r"(\s*)(\?\??)[ \t]*([A-Za-z_][\w.]*)[ \t]*$").match
_asked_behind = re.compile(r"(\s*)%{0,2}([A-Za-z_][\w.]*)(\?\??)[ \t]*$").match
_prefix = re.compile(r"[A-Za-z]{0,2}$").search


class Rewritten(NamedTuple):
    """Python, and the numbers of the lines (from 1) that were not."""

    text: str
    lines: Set[int]


def rewritten(text: str) -> Optional[Rewritten]:
    """The text as Python; None where there is nothing to rewrite."""
    text = text.replace("\r\n", "\n")
    cell = _cell(text)
    if cell is not None:
        before = text[: cell.start(1)].count("\n")
        body = text[cell.end() + 1 :]
        python = f"{NAME}.cell({cell[1]!r}, {cell[2].strip()!r}, {body!r}, {before + 2})"
        return Rewritten("\n" * before + python, {before + 1})
    if len(text) > LONGEST:
        return None
    lines = text.split("\n")
    found: Set[int] = set()
    walk = _Walk()
    index = 0
    while index < len(lines):
        line = lines[index]
        if walk.is_at_start():
            last = index
            while lines[last].endswith("\\") and last + 1 < len(lines) and _is_ours(line):
                last += 1  # a magic goes on behind a backslash
            call = _call(" ".join([part[:-1] for part in lines[index:last]] + [lines[last]]))
            if call is not None:
                lines[index] = call
                lines[index + 1 : last + 1] = [""] * (last - index)
                found.add(index + 1)
                index = last + 1
                continue
        walk.over(line)
        index += 1
    return Rewritten("\n".join(lines), found) if found else None


def _is_ours(line: str) -> bool:
    return line.lstrip()[:1] in ("!", "%") or _assigned(line) is not None


def _call(line: str) -> Optional[str]:
    """The Python of one line, None where it is Python already."""
    start = line.lstrip()[:1]
    if start == "%":
        asked = _asked_behind(line)
        if asked is not None:
            return f"{asked[1]}{NAME}.help({asked[2]!r}, {len(asked[3])})"
        magic = _line(line)
        return f"{magic[1]}{NAME}.line({magic[2]!r}, {(magic[3] or '').strip()!r})" if magic is not None else None
    if start == "!":
        shell = _shell(line)
        assert shell is not None
        return f"{shell[1]}{NAME}.{'system' if shell[2] == '!' else 'getoutput'}({shell[3].strip()!r})"
    if start == "?":
        asked = _asked_before(line)
        return f"{asked[1]}{NAME}.help({asked[3]!r}, {len(asked[2])})" if asked is not None else None
    if line.rstrip().endswith("?"):
        asked = _asked_behind(line)
        return f"{asked[1]}{NAME}.help({asked[2]!r}, {len(asked[3])})" if asked is not None else None
    assigned = _assigned(line)
    if assigned is None:
        return None
    if assigned[2] == "!":
        return f"{assigned[1]}{NAME}.getoutput({assigned[3].strip()!r})"
    name, _, rest = assigned[3].strip().partition(" ")
    return f"{assigned[1]}{NAME}.line({name!r}, {rest.strip()!r})" if name.isidentifier() else None


class _Walk:
    """Where lines of Python leave off: within a string, within brackets, behind a backslash, or at an end."""

    def __init__(self) -> None:
        self._string = ""  # the quotes that would end the string of several lines that is open
        self._is_raw = False
        self._depth = 0
        self._continues = False

    def is_at_start(self) -> bool:
        return not (self._string or self._depth or self._continues)

    def over(self, line: str) -> None:
        """Goes over one line, without its newline."""
        at = 0
        self._continues = False
        while at < len(line):
            if self._string:
                at = self._over_string(line, at)
                continue
            character = line[at]
            if character == "#":
                return
            if character in "\"'":
                prefix = _prefix(line, 0, at)
                self._is_raw = prefix is not None and "r" in prefix[0].lower()
                self._string = character * 3 if line.startswith(character * 3, at) else character
                at += len(self._string)
                continue
            if character in "([{":
                self._depth += 1
            elif character in ")]}":
                self._depth = max(0, self._depth - 1)
            elif character == "\\" and at == len(line) - 1:
                self._continues = True
            at += 1
        if len(self._string) == 1 and not line.endswith("\\"):
            self._string = ""  # a string of one line that was not closed: Python will say so

    def _over_string(self, line: str, at: int) -> int:
        while at < len(line):
            if line[at] == "\\":
                at += 2
            elif line.startswith(self._string, at):
                at += len(self._string)
                self._string = ""
                return at
            else:
                at += 1
        return at
