"""Amends modules of the standard library when user code imports them.

A few of them cannot do their job in a session without help (`inspect` finds no file for a class of `__main__`,
`getpass` wants a terminal …). Importing them at start-up to help them would cost each session milliseconds; so a
finder in front of `sys.meta_path` waits for their names, lets the others find the module, and runs the amendment
after the module's own code.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Callable, Dict, Optional

Amend = Callable[[ModuleType], None]


class Amendments:
    """A finder that finds nothing by itself."""

    def __init__(self, wanted: Dict[str, Amend]) -> None:
        self._wanted = dict(wanted)

    def install(self) -> None:
        """Amends what is imported already (preloaded), and waits for the rest."""
        for name in list(self._wanted):
            module = sys.modules.get(name)
            if module is not None:
                self._wanted.pop(name)(module)
        sys.meta_path.insert(0, self)  # type: ignore[arg-type]

    def find_spec(self, name: str, path: Any, target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        if name not in self._wanted:
            return None
        amend = self._wanted.pop(name)
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None and finder is not self else None
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, amend)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """Stands in for a module's loader until the module has run."""

    def __init__(self, loader: Any, amend: Amend) -> None:
        self._loader = loader
        self._amend = amend

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._amend(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
