"""What belongs to a session besides its names: history, random state, current directory, `sys.path`."""

from __future__ import annotations

import os
import sys

from ...hints import Any, Dict, List, Optional

# -- random ------------------------------------------------------------------------------------------------------------


def random_state() -> Dict[str, Any]:
    """The state of `random`, and of numpy's legacy generator, where they are imported; in plain values."""
    state: Dict[str, Any] = {}
    random, numpy_random = sys.modules.get("random"), sys.modules.get("numpy.random")
    try:
        if random is not None:
            state["random"] = random.getstate()
        if numpy_random is not None:
            name, keys, *rest = numpy_random.get_state(legacy=True)
            state["numpy"] = (name, keys.tobytes(), *rest)
    except Exception:
        pass  # another bit generator, or a module of the user's: it is not reseeded either
    return state


def set_random_state(state: Dict[str, Any]) -> List[str]:
    """Goes on where the saved session was. What could not be set, in sentences."""
    try:
        if "random" in state:
            import random

            random.setstate(state["random"])
        if "numpy" in state:
            import numpy

            name, keys, *rest = state["numpy"]
            numpy.random.set_state((name, numpy.frombuffer(keys, numpy.uint32), *rest))
    except Exception as problem:
        return [f"the state of random numbers could not be restored: {type(problem).__name__}: {problem}"]
    return []


# -- places ------------------------------------------------------------------------------------------------------------


def current_directory(workdir: str) -> Optional[str]:
    """Relative to the workdir; None where it is elsewhere, or gone."""
    try:
        inside = os.path.relpath(os.getcwd(), os.path.realpath(workdir))
    except OSError:
        return None
    return None if inside == ".." or inside.startswith("../") else inside


def set_current_directory(workdir: str, inside: Optional[str]) -> List[str]:
    """Goes there. A sentence, where it is not there."""
    if inside is None:
        return []
    try:
        os.chdir(os.path.join(workdir, inside))
    except OSError as problem:
        return [f"the current directory {inside} is not there: {problem.strerror}"]
    return []


def import_paths(workdir: str) -> List[str]:
    """The entries of `sys.path` below the workdir, relative to it."""
    root = os.path.realpath(workdir)
    found = []
    for entry in sys.path:
        if type(entry) is str and entry:
            inside = os.path.relpath(os.path.realpath(entry), root)
            if inside != "." and inside != ".." and not inside.startswith("../"):
                found.append(inside)
    return found


def add_import_paths(workdir: str, inside: List[str]) -> None:
    """Imports find what the saved session's found, if the files are there."""
    for each in inside:
        entry = os.path.join(workdir, each)
        if entry not in sys.path:
            sys.path.append(entry)
