#!/usr/bin/env python3
"""Find the CPythons that CI tests with, one a minor version, and print `role version executable` lines.

    HIBERNACULUM_PYTHONS, else PATH, ~/.pyenv/versions, /usr/bin
            │ ask each: what are you?           (a shim or a link answers with the real executable)
            │ CPython 3.8 or newer only
            │ one a minor version, first come
            v
    oldest | default | newest | other           (one interpreter may have several roles: `oldest,default`)

The default is what a caller gets who says nothing: HIBERNACULUM_PYTHON, else the `python3` of PATH.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, NamedTuple, Optional, Tuple

OLDEST_SERVED = (3, 8)
PROBE = (
    "import json, platform, sys\n"
    "print(json.dumps([platform.python_implementation(), list(sys.version_info[:3]), sys.executable]))"
)


class Python(NamedTuple):
    """An interpreter that answered."""

    version: Tuple[int, ...]
    executable: str

    @property
    def minor(self) -> Tuple[int, ...]:
        """`(3, 11)`: what the matrix tells apart."""
        return self.version[:2]


def main() -> int:
    """Print the matrix; fail when there is none."""
    found = matrix(candidates())
    if not found:
        print("no CPython 3.8 or newer: apt-get install python3, or set HIBERNACULUM_PYTHONS", file=sys.stderr)
        return 1
    oldest, newest = min(found), max(found)
    default = default_minor(found) or newest
    for minor, python in sorted(found.items()):
        named = [("oldest", oldest), ("default", default), ("newest", newest)]
        roles = ",".join(role for role, which in named if which == minor) or "other"
        print(roles, ".".join(map(str, python.version)), python.executable)
    return 0


def candidates() -> Iterator[str]:
    """Give the executables to ask, the most wanted first."""
    told = os.environ.get("HIBERNACULUM_PYTHONS")
    if told:
        yield from filter(None, told.split(os.pathsep))
        return
    yield from filter(None, [os.environ.get("HIBERNACULUM_PYTHON"), "python3"])
    for folder in filter(None, os.environ.get("PATH", "").split(os.pathsep)):
        yield from named_like_python(Path(folder))
    yield from map(str, sorted(Path.home().glob(".pyenv/versions/*/bin/python3")))
    yield from named_like_python(Path("/usr/bin"))


def named_like_python(folder: Path) -> Iterator[str]:
    """Give `python3.X` of one folder, and nothing else that begins so (`python3.11-config`)."""
    if folder.is_dir():
        for entry in sorted(folder.glob("python3.*")):
            if re.fullmatch(r"python3\.\d+", entry.name):
                yield str(entry)


def matrix(executables: Iterator[str]) -> Dict[Tuple[int, ...], Python]:
    """Keep the first interpreter of each minor version that is fit to be served."""
    found: Dict[Tuple[int, ...], Python] = {}
    asked = set()
    for executable in executables:
        if executable in asked:
            continue
        asked.add(executable)
        python = ask(executable)
        if python and python.minor >= OLDEST_SERVED:
            found.setdefault(python.minor, python)
    return found


def default_minor(found: Dict[Tuple[int, ...], Python]) -> Optional[Tuple[int, ...]]:
    """Tell which of the found ones a caller gets who names none."""
    python = ask(os.environ.get("HIBERNACULUM_PYTHON") or "python3")
    return python.minor if python and python.minor in found else None


def ask(executable: str) -> Optional[Python]:
    """Run an interpreter to learn what it is; None for what does not answer, or is no CPython."""
    command: List[str] = [executable, "-I", "-c", PROBE]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=20, check=True)
        implementation, version, real = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return Python(tuple(version), real) if implementation == "CPython" else None


if __name__ == "__main__":
    sys.exit(main())
