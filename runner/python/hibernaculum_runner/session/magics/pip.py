"""`%pip`: packages for the whole sandbox, and for nobody else.

`install` puts them into a directory of the sandbox's own (`--target`), which is on the `sys.path` of every session of
it, in front of the Python's own packages. So nothing outside of the sandbox changes, and what was installed can be
imported at once. pip's words are passed on as they come.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections import deque

from ...hints import Deque, Dict, List, Tuple
from ..mainmodule import PACKAGES
from .shell import EXIT_CODE, end, expanded
from .table import Call, Function, UsageError

_UNREACHABLE = "the package index cannot be reached from here; install from files: `--no-index --find-links DIRECTORY`"
_NO_SUCH = "there is no such package, or none for this Python"
_WHY = (
    (
        ("No space left on device", "Errno 28", "Disk quota exceeded", "Errno 122", "File too large", "Errno 27"),
        "there is no room left where packages go",
    ),
    (
        ("Failed to establish a new connection", "Failed to resolve", "name resolution", "Name or service not known",
         "Network is unreachable", "No route to host", "Connection refused", "Connection reset", "timed out",
         "TimeoutError", "ProxyError", "SSLError", "Max retries exceeded"),
        _UNREACHABLE,
    ),
    (("No matching distribution found", "Could not find a version that satisfies"), _NO_SUCH),
    (("ResolutionImpossible", "conflicting dependencies"), "what was asked for does not go together"),
    (("is not a supported wheel",), "the wheel is for another Python or another machine"),
    (("Permission denied", "Read-only file system"), "the directory for packages cannot be written"),
)  # fmt: skip


def _pip(call: Call) -> None:
    words = call.words(expanded(call.arguments, call.frame))
    if not words:
        raise call.wrong("it needs a command, as in `%pip install requests`")
    if importlib.util.find_spec("pip") is None:
        raise UsageError(
            "%pip: this Python has no pip; give it one (`python3 -m ensurepip`), or make packages part of the sandbox"
        )
    directory = os.environ.get(PACKAGES, "")
    if not directory:
        raise UsageError(f"%pip: there is no directory for packages: {PACKAGES} is not set in the environment")
    command, rest = words[0], words[1:]
    if command == "uninstall":
        rest = [word for word in rest if word not in ("-y", "--yes")]
        gone = [name for name in rest if _remove(directory, name)]
        rest = [name for name in rest if name not in gone]
        importlib.invalidate_caches()
        if not rest:
            call.names[EXIT_CODE] = 0
            return
        rest.insert(0, "--yes")
    options = ["--no-input", "--disable-pip-version-check"]
    if command == "install":
        os.makedirs(directory, exist_ok=True)
        if not any(word.split("=")[0] in ("--target", "-t", "--user", "--prefix", "--root") for word in rest):
            options += ["--target", directory, "--upgrade"]
    code, last = _stream([sys.executable, "-m", "pip", command, *options, *rest])
    call.names[EXIT_CODE] = code
    _tidy(directory)
    _see(directory)
    if code:
        raise UsageError(f"%pip {command} failed: {_why(last) or f'pip ended with {code}'}")


def _see(directory: str) -> None:
    """What lies there can be imported now, here and in programs that are started from here."""
    importlib.invalidate_caches()
    sys.path_importer_cache.pop(directory, None)
    others = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry and entry != directory]
    os.environ["PYTHONPATH"] = os.pathsep.join([directory, *others])


def _stream(command: List[str]) -> Tuple[int, List[str]]:
    """Runs pip and prints what it says; its exit code, and its last lines."""
    environment = {"PIP_RETRIES": "2", "PIP_DEFAULT_TIMEOUT": "5", "PIP_ROOT_USER_ACTION": "ignore", **os.environ}
    last: Deque[str] = deque(maxlen=100)
    sys.stdout.flush()
    process = subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            text = line.decode("utf-8", "replace")
            if "already exists. Specify --upgrade" not in text:
                last.append(text)
                sys.stdout.write(text)
                sys.stdout.flush()
        return process.wait(), list(last)
    except BaseException:
        end(process)
        raise


def _why(last: List[str]) -> str:
    """What pip's own words say went wrong; what it prints of packages and their builds is not asked.

    The last one counts, but for one: an index that was not reached has no packages either.
    """
    told = [line.strip() for line in reversed(last)]
    told = [line for line in told if line.startswith(("ERROR:", "WARNING:", "OSError:"))]
    found = [why for line in told for signs, why in _WHY if any(sign in line for sign in signs)]
    if not found:
        return next((line[6:].strip() for line in told if line.startswith("ERROR:")), "")
    saw_versions = any("(from versions: " in line and "(from versions: none)" not in line for line in told)
    return _UNREACHABLE if found[0] is _NO_SUCH and _UNREACHABLE in found and not saw_versions else found[0]


def _tidy(directory: str) -> None:
    """Removes what pip leaves of a package's former version where it installs with `--target`: its metadata."""
    newest: Dict[str, str] = {}
    for entry in os.scandir(directory) if os.path.isdir(directory) else ():
        if not entry.name.endswith(".dist-info"):
            continue
        name = _plain(entry.name.split("-")[0])
        other = newest.setdefault(name, entry.path)
        if other != entry.path:
            stale, newest[name] = sorted((other, entry.path), key=os.path.getmtime)
            shutil.rmtree(stale, ignore_errors=True)


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def _remove(directory: str, name: str) -> bool:
    """Removes a package that was installed here; False where it was not."""
    from importlib.metadata import Distribution

    for found in Distribution.discover(path=[directory]):
        if _plain(found.metadata["Name"] or "") != _plain(name):
            continue
        version, folders = found.version, set()
        for file in found.files or []:
            path = os.path.normpath(os.path.join(directory, str(file)))
            if path.startswith(directory + os.sep):
                folders.add(os.path.dirname(path))
                try:
                    os.remove(path)
                except OSError:
                    pass
        for folder in sorted(folders, key=len, reverse=True):
            while folder.startswith(directory + os.sep):
                _drop_cache(folder)
                try:
                    os.rmdir(folder)
                except OSError:
                    break
                folder = os.path.dirname(folder)
        print(f"Uninstalled {name}-{version}")  # noqa: T201
        return True
    return False


def _drop_cache(folder: str) -> None:
    cache = os.path.join(folder, "__pycache__")
    if os.path.isdir(cache):
        shutil.rmtree(cache, ignore_errors=True)


def _conda(call: Call) -> None:
    raise UsageError("%conda is not here; use %pip")


LINES: Dict[str, Function] = {"pip": _pip, "conda": _conda, "mamba": _conda, "uv": _conda}
