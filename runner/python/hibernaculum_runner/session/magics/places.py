"""Where code runs, and the files that it runs or writes."""

from __future__ import annotations

import os
import sys

from ...hints import Any, Dict, Optional
from .shell import expanded
from .table import Call, Function

_LAST = "cd"  # where `%cd -` goes back to


def _path(call: Call, text: str) -> str:
    text = expanded(text, call.frame).strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1]
    return os.path.expanduser(text)


def _cd(call: Call) -> None:
    path = _path(call, call.arguments) or os.path.expanduser("~")
    if path == "-":
        path = call.magics.state.get(_LAST, "")
        if not path:
            raise call.wrong("there is no directory to go back to")
    before = os.getcwd()
    try:
        os.chdir(path)
    except OSError as error:
        raise call.wrong(f"{path}: {error.strerror}") from None
    call.magics.state[_LAST] = before
    print(os.getcwd())  # noqa: T201


def _pwd(call: Call) -> str:
    return os.getcwd()


def _env(call: Call) -> Any:
    if not call.arguments:
        return dict(os.environ)
    name, sign, value = call.arguments.partition("=")
    if not sign:
        name, sign, value = call.arguments.partition(" ")
    name = name.strip()
    if not sign and call.name == "env":
        if name not in os.environ:
            raise call.wrong(f"there is no variable {name!r} in the environment")
        return os.environ[name]
    if not name or not sign:
        raise call.wrong("it takes a name and a value, as in `%env NAME=value`")
    try:
        os.environ[name] = value = expanded(value.strip(), call.frame)
    except ValueError as error:
        raise call.wrong(str(error)) from None
    print(f"env: {name}={value}")  # noqa: T201
    return None


def _run(call: Call) -> None:
    options, rest = call.flags("in")
    words = call.words(expanded(rest, call.frame))
    if not words:
        raise call.wrong("it needs a file, as in `%run train.py --fast`")
    path = os.path.expanduser(words[0])
    if not os.path.exists(path) and os.path.exists(path + ".py"):
        path += ".py"
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise call.wrong(f"{path}: {error.strerror}") from None
    names = call.names
    before = {name: names.get(name) for name in ("__file__", "__name__")}
    argv, folder = sys.argv, os.path.dirname(os.path.abspath(path))
    space: Dict[str, Any] = names if "i" in options else {"__builtins__": names["__builtins__"]}
    stem = os.path.splitext(os.path.basename(path))[0]
    space["__file__"], space["__name__"] = path, stem if "n" in options else "__main__"
    sys.argv = [path, *words[1:]]
    sys.path.insert(0, folder)
    try:
        exec(compile(source, path, "exec", 0, True), space)
    except SystemExit as end:
        if end.code not in (None, 0):
            raise
    finally:
        sys.argv = argv
        if folder in sys.path:
            sys.path.remove(folder)
        for name, value in before.items():
            if value is None:
                names.pop(name, None)
            else:
                names[name] = value
        if space is not names:
            names.update({name: value for name, value in space.items() if not name.startswith("__")})


def _writefile(call: Call) -> None:
    options, rest = call.flags("a")
    path = _path(call, rest)
    if not path:
        raise call.wrong("it needs a path, as in `%%writefile tool.py`")
    assert call.body is not None
    text = call.body if call.body.endswith("\n") else call.body + "\n"
    existed = os.path.exists(path)
    try:
        with open(path, "a" if "a" in options else "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
    except OSError as error:
        raise call.wrong(f"{path}: {error.strerror}") from None
    done: Optional[str] = "Appending to" if "a" in options and existed else "Overwriting" if existed else "Writing"
    print(f"{done} {path}")  # noqa: T201


LINES: Dict[str, Function] = {"cd": _cd, "pwd": _pwd, "env": _env, "set_env": _env, "run": _run}
CELLS: Dict[str, Function] = {"writefile": _writefile, "file": _writefile}
