"""Objects whose count of references is never written again, so that clones share the pages they lie on.

A function that is called has its count go up, and down again. In a clone the first of the two copies the page, which
takes 2 to 3 microseconds and 4 kB that stay, although nothing has changed in the end: so it was with 174 of the 375
pages that an idle session had of its own. CPython 3.12 and 3.13 know objects without a count, the immortal ones
(PEP 683, which was made for processes that fork), and offer no call that makes an object one of them. It takes one word
at the object's begin, which is written here.

Only the runner's own is made immortal, which lives as long as its process in any case: the modules of this package and
the session that is cloned, with all that they refer to, as far as it is no module or class of others. What was
preloaded for user code, and all that this makes, lives and dies as ever.
"""

from __future__ import annotations

import gc
import sys
from types import CodeType, FunctionType, ModuleType

from ..hints import Any, List

_IMMORTAL = 0xFFFFFFFF  # the count of an immortal object, where a word has 64 bits
_PACKAGE = __name__.partition(".")[0]


def immortalise(root: Any) -> int:
    """Makes `root`, the package, and what is theirs immortal; how many objects that were, 0 where it cannot be done.

    It touches all of them, so it is done once, before there are clones.
    """
    try:
        import _ctypes

        class Count(_ctypes._SimpleCData):  # type: ignore[misc, name-defined]
            _type_ = "Q"

        count_at = Count.from_address
    except (ImportError, AttributeError, TypeError):  # an interpreter that arranged its internals anew
        return 0
    if not _is_known(count_at):
        return 0
    package = [module for name, module in sys.modules.items() if _is_of_package(name)]
    others = {id(getattr(module, "__dict__", None)) for name, module in sys.modules.items() if not _is_of_package(name)}
    seen = set()
    found: List[Any] = [root, *package]
    while found:
        thing = found.pop()
        if id(thing) in seen or id(thing) in others:
            continue
        seen.add(id(thing))
        count = count_at(id(thing))
        if count.value < _IMMORTAL:
            count.value = _IMMORTAL
        found += _belongings(thing)
    return len(seen)


def _is_known(count_at: Any) -> bool:
    """Whether counts are where they are thought to be, and immortals have the one that is thought: later versions and
    builds with free threading arranged that anew."""
    thing = object()
    others = [thing, thing]
    return sys.getrefcount(None) == _IMMORTAL and count_at(id(thing)).value == 1 + len(others)


def _is_of_package(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] == _PACKAGE


def _belongings(thing: Any) -> List[Any]:
    """What is touched with it. Functions of others are called here, and their classes have instances."""
    if isinstance(thing, CodeType):
        return [thing.co_consts, *thing.co_consts]
    if isinstance(thing, ModuleType):
        return gc.get_referents(thing) if _is_of_package(thing.__name__) else []
    if isinstance(thing, FunctionType) and not _is_of_package(thing.__module__):
        return [thing.__code__, thing.__defaults__, thing.__closure__]
    if isinstance(thing, type) and not _is_of_package(thing.__module__):
        return list(thing.__mro__)
    return [type(thing), *gc.get_referents(thing)]
