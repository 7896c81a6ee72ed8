"""What an execution did to the namespace: names added, rebound, removed. Told by identity; no user code runs for it.

Between executions the snapshot keeps *addresses*, not references, so that nothing of the user's lives longer than the
user's own names let it. Taking one is three C calls, whatever the number of names: a tuple of the names, a tuple of the
values, and a copy of the latter's item pointers as bytes. Two snapshots are compared as bytes; where they differ, the
lowest set bit of their XOR tells the place.

```
names      (own …, "x", "y", "z" | …)    up to where the names are the same: compare the addresses, by blocks
addresses  b"…………………………………………| …"        from there on (new names; or something went): name by name
```

An address alone can deceive: an object dies, the next one takes its place in memory, and a rebound name looks
untouched (`x += 1` twice). So small immutable values are held, which keeps their address taken, and whatever can be
weakly referenced tells when it dies. What remains: a list, dict or tuple rebound twice in one execution may land on
its old address.
"""

from __future__ import annotations

import struct
from json.encoder import encode_basestring
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple
from weakref import ref

from .names import is_class, shallow_size, type_name

MOST = 1000  # names told at most; the rest is counted
NAME_LENGTH = 200  # characters of a name or type name told

_POINTER = struct.calcsize("P")
_BITS = 8 * _POINTER
_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_IS_ATOM = frozenset(map(id, _ATOMS))  # by address: a metaclass may define `__hash__`
_HELD_SIZE = 4096  # a longer str or bytes is not kept alive for this
_BLOCK = 64  # names compared at once
_weak_offset = type.__dict__["__weakrefoffset__"].__get__


def _addresses_by_id(values: Tuple[Any, ...]) -> bytes:
    return struct.pack(f"{len(values)}P", *map(id, values))


def _choose() -> Callable[[Tuple[Any, ...]], bytes]:
    """The quick way, where this interpreter proves it right. (`ctypes` would cost each cold start 10 ms.)"""
    try:
        import _ctypes

        reference_type = type("Reference", (_ctypes._SimpleCData,), {"_type_": "O"})
        char = type("Char", (_ctypes._SimpleCData,), {"_type_": "c"})
        pointer_type = type("Pointer", (_ctypes._Pointer,), {"_type_": char})
        reference = reference_type()
        memory = pointer_type.from_buffer(reference)  # the same word, seen as the address of bytes
        items = tuple.__basicsize__  # a tuple's item pointers stand behind its header

        def addresses_by_memory(values: Tuple[Any, ...]) -> bytes:
            reference.value = values
            addresses = memory[items : items + len(values) * _POINTER]
            reference.value = ()  # (None would not let go of the last one)
            return addresses

        probe = (_ATOMS, MOST, type)
        if addresses_by_memory(probe) == _addresses_by_id(probe):
            return addresses_by_memory
    except (ImportError, AttributeError, TypeError):
        pass
    return _addresses_by_id


addresses_of = _choose()
"""The addresses of a tuple's items, as bytes."""


class _Watch(ref):
    """Tells of the death of a name's object."""

    __slots__ = ("name",)


class Difference(NamedTuple):
    """Names with their present values (for removed ones, the name)."""

    added: List[Tuple[str, Any]]
    modified: List[Tuple[str, Any]]
    removed: List[str]

    def json(self) -> str:
        """The wire's form, bounded, as text: building and encoding a dict would take as long as all the rest."""
        added, modified, removed = self
        more = len(added) + len(modified) + len(removed) - MOST
        if more > 0:
            added = added[:MOST]
            modified = modified[: MOST - len(added)]
            removed = removed[: MOST - len(added) - len(modified)]
        told, rebound = ",".join(map(_described, added)), ",".join(map(_described, modified))
        gone = ",".join([encode_basestring(name[:NAME_LENGTH]) for name in removed])
        return f'{{"added":[{told}],"modified":[{rebound}],"removed":[{gone}],"more":{max(0, more)}}}'

    def classes(self) -> List[type]:
        """The classes among the new values."""
        return [value for _, value in self.added + self.modified if is_class(value)]


def _described(pair: Tuple[str, Any]) -> str:
    name, value = pair
    kind = encode_basestring(type_name(type(value))[:NAME_LENGTH])
    return f'{{"name":{encode_basestring(name[:NAME_LENGTH])},"type":{kind},"size":{shallow_size(value)}}}'


class Changes:
    """Compares the namespace with what it was when last asked."""

    def __init__(self, names: Dict[str, Any]) -> None:
        self._namespace = names
        self._own = tuple(names)  # the runner's names; they stand first
        self._hidden = frozenset(self._own)
        self._held: Dict[str, Any] = {}
        self._watched: Dict[str, _Watch] = {}
        self._died: List[_Watch] = []
        self._names, self._addresses = self._snapshot()

    def _snapshot(self) -> Tuple[Tuple[str, ...], bytes]:
        namespace = self._namespace
        while True:
            try:
                names, values = tuple(namespace), tuple(namespace.values())
            except RuntimeError:  # a finalizer or a thread changed it meanwhile
                continue
            if len(names) == len(values):
                return names, addresses_of(values)

    def since(self) -> Optional[Difference]:
        """What changed since the last call, None where nothing did. From now on that is the state to compare with."""
        old_names, old = self._names, self._addresses
        names, new = self._names, self._addresses = self._snapshot()
        alike, own = len(old_names), len(self._own)
        if names == old_names:
            if new[own * _POINTER :] == old[own * _POINTER :] and not self._died:
                return None
        elif names[:alike] != old_names:
            alike = _in_common(old_names, names)
        modified = [names[index] for index in _differing(old, new, min(own, alike), alike)]
        added, removed = names[alike:], old_names[alike:]
        if removed:  # something went: what stood behind it has moved up
            before = dict(zip(removed, memoryview(old)[alike * _POINTER :].cast("P")))
            now = dict(zip(added, memoryview(new)[alike * _POINTER :].cast("P")))
            modified += [name for name, address in now.items() if before.get(name, address) != address]
            added = tuple([name for name in added if name not in before])
            removed = tuple([name for name in removed if name not in now])
        if self._died:
            died = {watch.name for watch in self._died if self._watched.get(watch.name) is watch}
            self._died.clear()
            modified += died.difference(modified, removed)  # rebound, although the address is the same
        return self._told(added, modified, removed)

    def _told(self, added: Iterable[str], modified: Iterable[str], removed: Iterable[str]) -> Optional[Difference]:
        for name in removed:
            self._held.pop(name, None)
            self._watched.pop(name, None)
        difference = Difference(
            self._kept(added) if added else [],
            self._kept(modified) if modified else [],
            [name for name in removed if self._is_told(name)] if removed else [],
        )
        return difference if difference.added or difference.modified or difference.removed else None

    def _kept(self, names: Iterable[str]) -> List[Tuple[str, Any]]:
        """Pairs names with their values, and sees to it that the values' addresses stay meaningful."""
        pairs = []
        for name in names:
            value = self._namespace.get(name)
            kind = type(value)
            self._held.pop(name, None)
            self._watched.pop(name, None)
            if id(kind) in _IS_ATOM:
                if (kind is not str and kind is not bytes) or len(value) <= _HELD_SIZE:
                    self._held[name] = value
            elif _weak_offset(kind):
                self._watched[name] = watch = _Watch(value, self._died.append)
                watch.name = name
            if self._is_told(name):
                pairs.append((name, value))
        return pairs

    def _is_told(self, name: Any) -> bool:
        return type(name) is str and name not in self._hidden and not (name[:2] == "__" and name[-2:] == "__")


def _differing(old: bytes, new: bytes, low: int, high: int) -> List[int]:
    """The indices from `low` below `high` at which two rows of pointers differ."""
    found = []
    for start in range(low, high, _BLOCK):
        end = min(start + _BLOCK, high)
        ours, theirs = old[start * _POINTER : end * _POINTER], new[start * _POINTER : end * _POINTER]
        if ours != theirs:
            bits = int.from_bytes(ours, "little") ^ int.from_bytes(theirs, "little")
            while bits:
                index = ((bits & -bits).bit_length() - 1) // _BITS
                found.append(start + index)
                start += index + 1
                bits >>= (index + 1) * _BITS
    return found


def _in_common(old: Tuple[str, ...], new: Tuple[str, ...]) -> int:
    """With how many names both begin: found by halving."""
    same, other = 0, min(len(old), len(new)) + 1  # the first `same` are alike, the first `other` are not
    while other - same > 1:
        middle = (same + other) // 2
        if old[same:middle] == new[same:middle]:
            same = middle
        else:
            other = middle
    return same
