"""Shell commands. They write to file descriptors 1 and 2 themselves, so that their output streams.

A command has a process group of its own: an interrupt ends all of it, first by SIGINT, then by SIGKILL. Its exit code
is kept in `_exit_code`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from types import FrameType

from ...hints import Dict, List, Optional, Sequence, Tuple, Union
from .table import Call, Function, Magics

EXIT_CODE = "_exit_code"
_GRACE = 1.0  # seconds from SIGINT to SIGKILL
_SHELL = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
_piece = re.compile(r"\{\{|\}\}|\$\$|\$\{\w+\}|\{([^{}\n]+)\}|\$([A-Za-z_]\w*)")


class Lines(list):  # type: ignore[type-arg]
    """What a command printed, line by line."""

    @property
    def n(self) -> str:
        """As one text."""
        return "\n".join(self)

    @property
    def s(self) -> str:
        """As one line."""
        return " ".join(self)

    @property
    def l(self) -> List[str]:  # noqa: E743  (its name in IPython)
        """As a list."""
        return list(self)


def expanded(command: str, frame: FrameType) -> str:
    """The command, with the values of `{expression}` and `$name`; what Python cannot tell is left to the shell."""
    names = frame.f_globals if frame.f_locals is frame.f_globals else {**frame.f_globals, **frame.f_locals}

    def value(found: re.Match[str]) -> str:
        text = found[0]
        if text in ("{{", "}}", "$$"):
            return text[0]
        if found[1] is not None:
            try:
                return str(eval(found[1], dict(names)))
            except Exception:
                return text
        return str(names[found[2]]) if found[2] in names else text

    return _piece.sub(value, command)


def run(
    command: Union[str, Sequence[str]], given: Optional[str] = None, output: Optional[int] = None
) -> Tuple[int, bytes]:
    """Runs a command to its end: its exit code, and its output where that was asked for."""
    sys.stdout.flush()
    sys.stderr.flush()
    process = subprocess.Popen(
        [_SHELL, "-c", command] if isinstance(command, str) else list(command),
        stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
        stdout=output,
        start_new_session=True,
    )
    try:
        told, _ = process.communicate(None if given is None else given.encode("utf-8", "surrogateescape"))
    except BaseException:
        end(process)
        raise
    return process.returncode, told or b""


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process and its group: by itself within its grace, or for good, even where that wait is interrupted."""
    try:
        _signal(process, signal.SIGINT)
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except OSError:
        pass


def system(magics: Magics, command: str, frame: FrameType) -> None:
    """`!command`."""
    magics.names[EXIT_CODE], _ = run(expanded(command, frame))


def getoutput(magics: Magics, command: str, frame: FrameType) -> List[str]:
    """`x = !command`."""
    magics.names[EXIT_CODE], told = run(expanded(command, frame), output=subprocess.PIPE)
    return Lines(told.decode("utf-8", "replace").splitlines())


def _alias(call: Call) -> None:
    system(call.magics, f"{call.name} {call.arguments}", call.frame)


def _sx(call: Call) -> List[str]:
    return getoutput(call.magics, call.arguments, call.frame)


def _script(call: Call) -> None:
    program = {"bash": _SHELL, "sh": "/bin/sh"}.get(call.name, sys.executable)
    options, rest = call.flags("", "", ("out=", "err=", "no-raise-error"))
    words = call.words(rest)
    if call.name == "script":
        if not words:
            raise call.wrong("it needs a program, as in `%%script perl`")
        program, words = words[0], words[1:]
    assert call.body is not None
    out = options.get("out")
    if "err" in options:
        raise call.wrong("what it writes to stderr is streamed; it cannot be kept in a name")
    try:
        code, told = run([program, *words], call.body + "\n", subprocess.PIPE if out else None)
    except FileNotFoundError:
        raise call.wrong(f"there is no program {program!r} here") from None
    call.names[EXIT_CODE] = code
    if out:
        call.names[out] = told.decode("utf-8", "replace")
    if code and "no-raise-error" not in options:
        raise subprocess.CalledProcessError(code, f"%%{call.name}", told or None)


_ALIASES = ("ls", "cat", "cp", "mv", "rm", "mkdir", "rmdir", "head", "tail")

LINES: Dict[str, Function] = {**dict.fromkeys(_ALIASES, _alias), "sx": _sx, "system": _sx}
CELLS: Dict[str, Function] = dict.fromkeys(("bash", "sh", "script", "python", "python3"), _script)
