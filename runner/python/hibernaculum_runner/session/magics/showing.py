"""What is shown, and how; and magics that need nothing here."""

from __future__ import annotations

import contextlib
import io
import sys

from ...hints import Any, Dict
from .table import Call, Function

_FORMS = {
    "html": "text/html",
    "HTML": "text/html",
    "markdown": "text/markdown",
    "latex": "text/latex",
    "svg": "image/svg+xml",
    "SVG": "image/svg+xml",
    "javascript": "application/javascript",
    "js": "application/javascript",
}


class Captured:
    """What `%%capture name` leaves: the texts, and `show()`."""

    def __init__(self) -> None:
        self.stdout = self.stderr = ""

    def show(self) -> None:
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)

    __call__ = show

    def __str__(self) -> str:
        return self.stdout


def _capture(call: Call) -> None:
    options, rest = call.flags("", "", ("no-stdout", "no-stderr", "no-display"))
    name = rest.strip()
    if name and not name.isidentifier():
        raise call.wrong(f"{name!r} is no name")
    captured, out, err = Captured(), io.StringIO(), io.StringIO()
    try:
        with contextlib.ExitStack() as stack:
            if "no-stdout" not in options:
                stack.enter_context(contextlib.redirect_stdout(out))
            if "no-stderr" not in options:
                stack.enter_context(contextlib.redirect_stderr(err))
            call.magics.run(call.body or "", call.frame, call.first_line, 0)
    finally:
        captured.stdout, captured.stderr = out.getvalue(), err.getvalue()
        if name:
            call.names[name] = captured


def _form(call: Call) -> None:
    call.magics.displays.send({_FORMS[call.name]: call.body or "", "text/plain": f"<%%{call.name}>"}, {}, None, False)


def _matplotlib(call: Call) -> None:
    words = [word for word in call.arguments.split() if not word.startswith("-")]
    if words and words[0] not in ("inline", "agg", "Agg", "auto"):
        _nothing(call, f"there is no screen for `{words[0]}` here: figures are shown as images all the same")


def _nothing(call: Call, why: str = "") -> None:
    print(f"%{call.name} does nothing here{': ' + why if why else ''}", file=sys.stderr)  # noqa: T201


def _extension(call: Call) -> None:
    _nothing(call, "extensions of IPython need IPython; a module that was changed is loaded by importlib.reload")


LINES: Dict[str, Function] = {
    "matplotlib": _matplotlib,
    "load_ext": _extension,
    "reload_ext": _extension,
    "autoreload": _extension,
    "config": _nothing,
    "pdb": _nothing,
    "precision": _nothing,
}
CELLS: Dict[str, Any] = {"capture": _capture, **dict.fromkeys(_FORMS, _form)}
