"""Amends modules of the standard library when user code imports them.

A few of them cannot do their job in a session without help (`inspect` finds no file for a class of `__main__`,
`getpass` wants a terminal …). Importing them at start-up to help them would cost each session milliseconds; so a
finder in front of `sys.meta_path` waits for their names, lets the others find the module, and runs the amendment
after the module's own code.

It also tidies up after an import that was interrupted.
"""

from __future__ import annotations

import sys
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType, TracebackType

from ..hints import Any, Callable, Dict, Optional

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
        sys.meta_path.insert(0, self)

    def find_spec(self, name: str, path: Any, target: Optional[ModuleType] = None) -> Optional[ModuleSpec]:
        if name not in self._wanted:
            return None
        for finder in sys.meta_path:
            find = getattr(finder, "find_spec", None)
            spec: Optional[ModuleSpec] = find(name, path, target) if find is not None and finder is not self else None
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, name, self._wanted)  # type: ignore[assignment]
                return spec
        return None


class _Loader:
    """Stands in for a module's loader until the module has run."""

    def __init__(self, loader: Any, name: str, wanted: Dict[str, Amend]) -> None:
        self._loader = loader
        self._name, self._wanted = name, wanted

    def create_module(self, spec: ModuleSpec) -> Optional[ModuleType]:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        # only now: a module that was merely looked for, or whose import was interrupted, is still to be amended
        amend = self._wanted.pop(self._name, None)
        if amend is not None:
            amend(module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def forget_half_imported(tb: Optional[TracebackType]) -> None:
    """Takes the submodules of packages out of `sys.modules` whose own import an interrupt has ended.

    Python forgets such a package and keeps its submodules. The next import finds them there, does not bind them in the
    new package, and fails with a NameError. Extension modules stay: many cannot be loaded twice.
    """
    while tb is not None:
        code = tb.tb_frame.f_code
        if code.co_name == "_find_and_load" and code.co_filename == "<frozen importlib._bootstrap>":
            name = tb.tb_frame.f_locals.get("name")
            if isinstance(name, str) and name not in sys.modules:
                for inner in [inner for inner in list(sys.modules) if _is_below(inner, name)]:
                    spec = getattr(sys.modules.get(inner), "__spec__", None)
                    if not isinstance(getattr(spec, "loader", None), ExtensionFileLoader):
                        sys.modules.pop(inner, None)
        tb = tb.tb_next


def _is_below(inner: Any, name: str) -> bool:
    return isinstance(inner, str) and inner.startswith(name + ".")
