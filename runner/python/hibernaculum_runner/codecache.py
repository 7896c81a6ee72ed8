"""All of the runner's bytecode in one file: finding, opening and checking fifty files costs a cold start 5 to 8 ms.

    a start without it   modules are imported as ever; when the runner is ready, `write` collects their code
    a later start        `install` reads the one file and serves imports of this package from it

It lies beside Python's own cache files and is as trustworthy as they are. It is used only if this very folder still has
the same sources, by name, time and size; whatever is wrong with it, the modules are imported as ever.
"""

from __future__ import annotations

import marshal
import os
import sys
from _frozen_importlib import ModuleSpec
from types import CodeType, ModuleType

from .hints import Any, Dict, List, NamedTuple, Optional, Tuple

_PACKAGE = __name__.rpartition(".")[0]
_FOLDER = os.path.dirname(os.path.abspath(__file__))
_FILE = os.path.join(_FOLDER, "__pycache__", f"all.{sys.implementation.cache_tag}.marshal")


class _Entry(NamedTuple):
    code: CodeType
    file: str
    is_package: bool


class Importer:
    """Finder and loader in one, for `sys.meta_path`."""

    def __init__(self, entries: Dict[str, Tuple[Any, ...]]) -> None:
        self._entries = entries

    def find_spec(self, name: str, path: object = None, target: object = None) -> Optional[ModuleSpec]:
        entry = self._entries.get(name)
        if entry is None:
            return None
        _code, file, is_package = entry
        spec = ModuleSpec(name, self, origin=file, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [os.path.dirname(file)]
        return spec

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._entries[module.__name__][0], module.__dict__)

    def get_source(self, name: str) -> str:
        """For tracebacks."""
        with open(self._entries[name][1], encoding="utf-8") as file:
            return file.read()


def install() -> bool:
    """Serves imports from the cache; whether there is one that may be used."""
    try:
        with open(_FILE, "rb") as file:
            stamps, entries = marshal.loads(file.read())  # noqa: S302  (as trustworthy as the sources)
        if stamps != _stamps([entry[1] for entry in entries.values()]):
            return False
    except Exception:  # none, or a damaged one
        return False
    sys.meta_path.insert(0, Importer(entries))
    return True


def write() -> None:
    """Collects the code of what has been imported. Where that cannot be done, there is no cache."""
    try:
        _write()
    except Exception:  # whatever it is: a cache is not worth a start
        pass


def _write() -> None:
    entries: Dict[str, Tuple[Any, ...]] = {}
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if name.startswith(_PACKAGE) and spec is not None and spec.origin is not None:
            code = spec.loader.get_code(name)
            entries[name] = tuple(_Entry(code, spec.origin, spec.submodule_search_locations is not None))
    temporary = f"{_FILE}.{os.getpid()}"
    with open(temporary, "wb") as file:
        file.write(marshal.dumps((_stamps([entry[1] for entry in entries.values()]), entries)))
    os.rename(temporary, _FILE)


def _stamps(files: List[str]) -> List[Tuple[str, int, int]]:
    """What tells whether the sources are still the same. Raises OSError where one is gone."""
    stamps = []
    for file in files:
        found = os.stat(file)
        stamps.append((file, found.st_mtime_ns, found.st_size))
    stamps.append((_FOLDER, 0, 0))
    return stamps
