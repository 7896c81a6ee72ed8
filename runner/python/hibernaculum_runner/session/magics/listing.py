"""What a session has: its names, its history, its magics, and what is known of one object."""

from __future__ import annotations

import builtins
import inspect
import json
from types import FrameType

from ...hints import Any, Dict, List
from ..listing import listing
from ..names import type_name
from .rewrite import NAME
from .table import CELL, LINE, Call, Function, Magics, UsageError


def _listed(call: Call) -> List[Dict[str, Any]]:
    """The user's names with their types and previews, told without running user code. `%who int str` chooses types."""
    kinds = call.arguments.split()
    told = json.loads(f"{{{listing(call.names, call.magics.own, '', frozenset())}}}")["variables"]
    chosen = [one for one in told if not one["name"].startswith("_") and (not kinds or one["type"] in kinds)]
    return sorted(chosen, key=lambda one: str(one["name"]))


def _own_names(call: Call) -> List[str]:
    return [one["name"] for one in _listed(call)]


def _who(call: Call) -> None:
    names = _own_names(call)
    print("\t ".join(names) if names else "There are no names yet.")  # noqa: T201


def _who_ls(call: Call) -> List[str]:
    return _own_names(call)


def _whos(call: Call) -> None:
    rows = [("Variable", "Type", "Data/Info")]
    for one in _listed(call):
        rows.append((one["name"], one["type"], one["preview"].replace("\n", " ")[:60]))
    if len(rows) == 1:
        print("There are no names yet.")  # noqa: T201
        return
    first, second = (max([len(row[column]) for row in rows]) for column in (0, 1))
    rows.insert(1, ("-" * (first + second + 20), "", ""))
    for name, kind, info in rows:
        print(f"{name:<{first}}   {kind:<{second}}   {info}".rstrip())  # noqa: T201


def _reset(call: Call) -> None:
    call.flags("f")
    call.magics.clear()


def _history(call: Call) -> None:
    options, rest = call.flags("n", "l")
    inputs = [str(text) for text in call.names.get("In", [])]
    if "l" in options:
        inputs = inputs[-call.number(options["l"], "-l") :]
    elif rest:
        raise call.wrong("it takes -n (numbers) and -l N (the last N)")
    for number, text in enumerate(inputs):
        if text:
            print(f"{number:4d}: {text}" if "n" in options else text)  # noqa: T201


def _lsmagic(call: Call) -> None:
    for kind, sign in ((LINE, "%"), (CELL, "%%")):
        print(f"{kind} magics: " + "  ".join(sign + name for name in sorted(call.magics.known[kind])))  # noqa: T201


def help_about(magics: Magics, name: str, marks: int, frame: FrameType) -> None:
    """`name?` and `name??`: what it is, its documentation, and with two marks its source."""
    first, *rest = name.split(".")
    names = {**vars(builtins), **frame.f_globals, **frame.f_locals}
    if first not in names or first == NAME:
        if not rest and any(first in magics.known[kind] for kind in (LINE, CELL)):
            print(f"%{first} is a magic; the documentation of this session's host lists what it takes")  # noqa: T201
            return
        raise UsageError(f"there is nothing named {first!r}")
    value: Any = names[first]
    for attribute in rest:
        value = getattr(value, attribute)
    told = []
    try:
        told.append(("Signature", f"{rest[-1] if rest else first}{inspect.signature(value)}"))
    except (TypeError, ValueError):
        text = repr(value)
        told.append(("String form", text if len(text) <= 300 else text[:300] + " …"))
    told.append(("Type", type_name(type(value))))
    try:
        told.append(("File", inspect.getfile(value)))
    except (TypeError, OSError):
        pass
    if marks > 1:
        try:
            told.append(("Source", "\n" + inspect.getsource(value).rstrip()))
        except (TypeError, OSError):
            pass
    documentation = inspect.getdoc(value)
    if documentation and marks < 2:
        told.append(("Docstring", documentation))
    for title, text in told:
        print(f"{title + ':':<12} {text}")  # noqa: T201


LINES: Dict[str, Function] = {
    "who": _who,
    "who_ls": _who_ls,
    "whos": _whos,
    "reset": _reset,
    "history": _history,
    "hist": _history,
    "lsmagic": _lsmagic,
}
