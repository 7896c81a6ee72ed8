"""What an execution did to the namespace: names added, rebound, removed. Told by identity; no user code runs for it.

Between executions the snapshot keeps *addresses*, not references, so that nothing of the user's lives longer than the
user's own names let it. Taking one is three C calls, whatever the number of names: a list of the names, a tuple of
the values, and a copy of the latter's item pointers as bytes. Two snapshots are compared as numbers, long ones as
bytes, block by block; the lowest set bit of their XOR tells the place.

```
names      [own …, "x", "y", "z" | …]    up to where the names are the same: compare the addresses, by blocks
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
from weakref import ref

from ..hints import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple
from .names import is_class, shallow_size, type_name

MOST = 1000  # names told at most; the rest is counted
NAME_LENGTH = 200  # characters of a name or type name told

_POINTER = struct.calcsize("P")
_BITS = 8 * _POINTER
_ATOMS = (type(None), bool, int, float, complex, str, bytes)
_IS_ATOM = frozenset(map(id, _ATOMS))  # by address: a metaclass may define `__hash__`
_HELD_SIZE = 4096  # a longer str or bytes is not kept alive for this
_BLOCK = 128  # names compared at once
_number = int.from_bytes
_weak_offset = type.__dict__["__weakrefoffset__"].__get__


def _addresses_by_id(values: Tuple[Any, ...]) -> bytes:
    return struct.pack(f"{len(values)}P", *map(id, values))


def _choose() -> Callable[[Tuple[Any, ...]], bytes]:
    """The quick way, where this interpreter proves it right. (`ctypes` would cost each cold start 10 ms.)"""
    try:
        import _ctypes

        reference_type = type("Reference", (_ctypes._SimpleCData,), {"_type_": "O"})
        char = type("Char", (_ctypes._SimpleCData,), {"_type_": "c"})
        pointer_type: Any = type("Pointer", (_ctypes._Pointer,), {"_type_": char})
        reference = reference_type()
        memory = pointer_type.from_buffer(reference)  # the same word, seen as the address of bytes
        items = tuple.__basicsize__  # a tuple's item pointers stand behind its header

        def addresses_by_memory(values: Tuple[Any, ...]) -> bytes:
            reference.value = values
            addresses: bytes = memory[items : items + len(values) * _POINTER]
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


class _Watch(ref):  # type: ignore[type-arg]
    """Tells of the death of a name's object."""

    __slots__ = ("name",)
    name: str


class Difference(NamedTuple):
    """Names with their present values (for removed ones, the name)."""

    added: List[Tuple[str, Any]]
    modified: List[Tuple[str, Any]]
    removed: List[str]

    def json(self) -> str:
        """The wire's form, bounded, as text: building and encoding a dict would take as long as all the rest.

        What is empty is left out.
        """
        added, modified, removed = self
        more = len(added) + len(modified) + len(removed) - MOST
        members = []
        if more > 0:
            added = added[:MOST]
            modified = modified[: MOST - len(added)]
            removed = removed[: MOST - len(added) - len(modified)]
            members.append(f'"more":{more}')
        if added:
            members.append(f'"added":[{",".join([_described(name, value) for name, value in added])}]')
        if modified:
            members.append(f'"modified":[{",".join([_described(name, value) for name, value in modified])}]')
        if removed:
            members.append(f'"removed":[{",".join([encode_basestring(name[:NAME_LENGTH]) for name in removed])}]')
        return f"{{{','.join(members)}}}"

    def classes(self) -> List[type]:
        """The classes among the new values."""
        return [value for _, value in self.added + self.modified if is_class(value)]


def _described(name: str, value: Any) -> str:
    kind = encode_basestring(type_name(type(value))[:NAME_LENGTH])
    return f'{{"name":{encode_basestring(name[:NAME_LENGTH])},"type":{kind},"size":{shallow_size(value)}}}'


class Changes:
    """Compares the namespace with what it was when last asked."""

    def __init__(self, names: Dict[str, Any]) -> None:
        self._namespace = names
        self._hidden = frozenset(names)
        self._own = len(names)
        """How many of the runner's names stand first: all, until user code deletes one."""
        self._held: Dict[str, Any] = {}
        self._watched: Dict[str, _Watch] = {}
        self._died: List[_Watch] = []
        self._values = names.values()
        self._names, self._addresses = self._snapshot()
        self._row = b""
        """The addresses behind the runner's own, whose names are rebound all the time."""
        self._row_number: Optional[int] = None
        """The row as one number, the quickest way to tell where two differ; None until that is asked."""

    def _snapshot(self) -> Tuple[List[str], bytes]:
        while True:
            try:
                names, values = [*self._namespace], tuple(self._values)  # a list is made faster
            except RuntimeError:  # a finalizer or a thread changed it meanwhile
                continue
            if len(names) == len(values):
                return names, addresses_of(values)

    def since(self) -> Optional[Difference]:
        """What changed since the last call, None where nothing did. From now on that is the state to compare with."""
        old_names, old, old_row = self._names, self._addresses, self._row
        names, new = self._names, self._addresses = self._snapshot()
        is_alike, own = names == old_names, self._own
        if not is_alike:
            self._own = next((at for at, name in enumerate(names) if not self._is_own(name)), len(names))
            own = min(own, self._own)
        row = self._row = new[self._own * _POINTER :]
        if is_alike and row == old_row and not self._died:
            return None
        number, self._row_number = self._row_number, None
        alike = len(old_names)
        if is_alike and len(row) <= _BLOCK * _POINTER:  # (of a long row a number would take too long)
            if number is None:
                number = _number(old_row, "little")
            self._row_number = _number(row, "little")
            indices = _words(number ^ self._row_number, own)
        else:
            if not is_alike and names[:alike] != old_names:
                alike = _in_common(old_names, names)
            indices = _differing(old, new, min(own, alike), alike)
        modified = [names[index] for index in indices]
        added, removed = names[alike:], old_names[alike:]
        if removed:  # something went: what stood behind it has moved up
            before = dict(zip(removed, memoryview(old)[alike * _POINTER :].cast("P")))
            now = dict(zip(added, memoryview(new)[alike * _POINTER :].cast("P")))
            modified += [name for name, address in now.items() if before.get(name, address) != address]
            added = [name for name in added if name not in before]
            removed = [name for name in removed if name not in now]
        if self._died:
            died = {watch.name for watch in self._died if self._watched.get(watch.name) is watch}
            self._died.clear()
            modified += died.difference(modified, removed)  # rebound, although the address is the same
        return self._told(added, modified, removed)

    def _told(self, added: Iterable[str], modified: Iterable[str], removed: Iterable[str]) -> Optional[Difference]:
        for name in removed:
            self._held.pop(name, None)
            self._watched.pop(name, None)
        told = self._kept(added) if added else []
        rebound = self._kept(modified) if modified else []
        gone = [name for name in removed if self._is_told(name)] if removed else []
        return Difference(told, rebound, gone) if told or rebound or gone else None

    def _kept(self, names: Iterable[str]) -> List[Tuple[str, Any]]:
        """Pairs names with their values, and sees to it that the values' addresses stay meaningful."""
        pairs = []
        for name in names:
            value: Any = self._namespace.get(name)
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

    def _is_own(self, name: Any) -> bool:
        return type(name) is str and name in self._hidden

    def _is_told(self, name: Any) -> bool:
        return type(name) is str and name not in self._hidden and not (name[:2] == "__" and name[-2:] == "__")


def _differing(old: bytes, new: bytes, low: int, high: int) -> List[int]:
    """The indices from `low` below `high` at which two rows of pointers differ."""
    found: List[int] = []
    for start in range(low, high, _BLOCK):
        first, last = start * _POINTER, min(start + _BLOCK, high) * _POINTER
        ours, theirs = old[first:last], new[first:last]
        if ours != theirs:
            found += _words(_number(ours, "little") ^ _number(theirs, "little"), start)
    return found


def _words(bits: int, first: int) -> List[int]:
    """Which words are not zero, lowest first; the lowest of all is called `first`."""
    found = []
    while bits:
        index = ((bits & -bits).bit_length() - 1) // _BITS
        first += index
        found.append(first)
        first += 1
        bits >>= (index + 1) * _BITS
    return found


def _in_common(old: List[str], new: List[str]) -> int:
    """With how many names both begin: found by halving."""
    same, other = 0, min(len(old), len(new)) + 1  # the first `same` are alike, the first `other` are not
    while other - same > 1:
        middle = (same + other) // 2
        if old[same:middle] == new[same:middle]:
            same = middle
        else:
            other = middle
    return same
