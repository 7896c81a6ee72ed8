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
from sys import getrefcount
from types import CodeType, FunctionType, ModuleType

from ..hints import Any, List

_IMMORTAL = 0xFFFFFFFF  # the count of an immortal object, where a word has 64 bits
_PACKAGE = __name__.partition(".")[0]
_WORD = 8
_ATOMS = frozenset((bool, bytes, float, int, str, type(None)))


def immortalise(root: Any) -> int:
    """Makes `root`, the package, and what is theirs immortal; how many objects that were, 0 where it cannot be done.

    It touches all of them, so it is done once, before there are clones.
    """
    words = _memory()
    if words is None or not _are_counts(words):
        return 0
    others = {id(getattr(module, "__dict__", None)) for name, module in sys.modules.items() if not _is_ours(name)}
    done = 0
    level: List[Any] = [root, *(module for name, module in sys.modules.items() if _is_ours(name))]
    while level:
        kinds, containers, deeper = set(), [], []
        for thing in level:
            if getrefcount(thing) == _IMMORTAL or id(thing) in others:
                continue
            words[id(thing) // _WORD] = _IMMORTAL
            done += 1
            kind = type(thing)
            kinds.add(kind)
            if kind is CodeType:
                deeper.append(thing.co_consts)
            elif kind is FunctionType:  # one of others, too: ours call it
                deeper += (thing.__code__, thing.__defaults__, thing.__kwdefaults__, thing.__closure__)
            elif issubclass(kind, type) and not _is_ours(thing.__module__):  # it has instances here
                deeper += thing.__mro__
            elif kind not in _ATOMS and not (kind is ModuleType and not _is_ours(thing.__name__)):
                containers.append(thing)
        level = [*kinds, *deeper, *gc.get_referents(*containers)]  # at once: each call is told to the audit hooks
    return done


def _memory() -> Any:
    """All of this process's memory, as words by their number. None where an interpreter arranged its internals anew."""
    try:
        import _ctypes

        class Word(_ctypes._SimpleCData):  # type: ignore[type-arg]
            _type_ = "Q"

        class Words(_ctypes.Array):  # type: ignore[type-arg]
            _type_, _length_ = Word, (1 << 47) // _WORD

        return Words.from_address(0)
    except (ImportError, AttributeError, TypeError, ValueError, OverflowError):
        return None


def _are_counts(words: Any) -> bool:
    """Whether counts are where they are thought to be, and immortals have the one that is thought: later versions and
    builds with free threading arranged that anew."""
    thing = object()
    others = [thing, thing]
    return getrefcount(None) == _IMMORTAL and words[id(thing) // _WORD] == 1 + len(others)


def _is_ours(name: Any) -> bool:
    return isinstance(name, str) and name.partition(".")[0] == _PACKAGE
