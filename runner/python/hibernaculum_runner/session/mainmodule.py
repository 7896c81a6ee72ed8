"""`__main__` is the user's module: what a session defines is found there by pickle, dataclasses and process pools."""

from __future__ import annotations

import builtins
import os
import sys
import types

from ..hints import Any, Dict, List, Optional

PACKAGES = "HIBERNACULUM_PACKAGES"
"""The variable that names the directory for packages of the sandbox's own: see `magics.pip`."""

OWN_PACKAGES = "HIBERNACULUM_OWN_PACKAGES"
"""Where a place keeps them if not beside its socket: what is there is the sandbox's own and goes into its snapshots."""


def own_packages(socket: str) -> str:
    """Where that directory is, unless the variable names another one: beside the supervisor's socket."""
    return os.environ.get(OWN_PACKAGES) or os.path.join(os.path.dirname(os.path.abspath(socket)), "packages")


_runners_main: Optional[types.ModuleType] = None


def install(workdir: str, runner_dir: str) -> Dict[str, Any]:
    """Makes a fresh `__main__`; its dict is the namespace. The workdir comes first on `sys.path`, as for a script."""
    global _runners_main
    _runners_main = sys.modules.get("__main__")  # its globals belong to frames that still run
    module = types.ModuleType("__main__")
    module.__dict__["__builtins__"] = builtins
    sys.modules["__main__"] = module
    sys.argv = [""]
    packages = os.environ.get(PACKAGES, "")
    sys.path[:] = [workdir] + [entry for entry in sys.path if entry not in (runner_dir, workdir, packages)]
    if packages:
        places = [at for at, entry in enumerate(sys.path) if entry.endswith(("site-packages", "dist-packages"))]
        sys.path.insert(places[0] if places else len(sys.path), packages)
    return module.__dict__


def run_as_file(names: Dict[str, Any], filename: str, argv: List[str]) -> None:
    """What a script sees of itself: `sys.argv`, `__file__`, and its folder first on `sys.path`."""
    sys.argv = list(argv)
    names["__file__"] = filename
    folder = os.path.dirname(os.path.abspath(filename))
    if not sys.path or sys.path[0] != folder:
        sys.path.insert(0, folder)
