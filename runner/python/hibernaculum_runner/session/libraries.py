"""Arrays, frames and tensors, told for a listing of names, without running user code.

A library's classes are taken from it as it is imported (`hold`, an amendment): what user code binds to their names
later is another class, and told by its name alone. What a frame or a series is made of may be a user's: array classes
of their own, time zones, fill values. So only what the library itself laid out is looked at, never asked to describe
itself; where one part of it is somebody else's, there are no details.

```
frame ─▶ its blocks: all arrays of numpy's and pandas' own? ─no─▶ <pandas.DataFrame object>
                      └ yes ─▶ shape, bytes, the words of the first few dtypes
```
"""

from __future__ import annotations

from itertools import islice
from types import ModuleType

from ..hints import Any, Callable, Dict, List, NamedTuple, Optional, Tuple
from .names import module_of, type_name

YES, NO, UNKNOWN = '"yes"', '"no"', '"unknown"'

ITEMS = 20  # elements that a preview looks at
_BLOCKS = 1000  # blocks of a frame beyond which it is not taken apart: a listing has other names, too


class Told(NamedTuple):
    """What a teller knows of a value. `serialisable` is JSON already."""

    preview: str
    shape: Optional[Tuple[int, ...]] = None
    size: Optional[int] = None
    serialisable: str = UNKNOWN


Teller = Callable[[Any], Told]

_module_names = vars(ModuleType)["__dict__"].__get__
_held: Dict[int, Tuple[type, Teller]] = {}


def hold(module: ModuleType) -> None:
    """Remembers the classes of a library that has just been imported."""
    inside = _module_names(module)
    for name, teller in LIBRARIES.get(inside.get("__name__"), {}).items():
        kind = inside.get(name)
        if isinstance(kind, type):
            _held[id(kind)] = (kind, teller)


def teller_of(kind: type) -> Optional[Teller]:
    """How to tell of a library's class, if it is one."""
    held = _held.get(id(kind))
    return held[1] if held is not None else None


def short(item: Any) -> str:
    """An element of a container: an atom as it is, anything else by its type."""
    kind = type(item)
    if kind is int:
        return repr(item) if item.bit_length() <= 64 else "<int>"
    if kind is str or kind is bytes:
        return repr(item) if len(item) <= 24 else repr(item[:24])[:-1] + "…"
    if kind is float or kind is bool or item is None or kind is complex:
        return repr(item)
    closed = _CLOSED.get(id(kind))
    return closed if closed is not None else f"<{type_name(kind)}>"


_CLOSED = {id(list): "[…]", id(tuple): "(…)", id(dict): "{…}", id(set): "{…}"}


# -- numpy, torch ----------------------------------------------------------------------------------------------------


def _tell_array(value: Any) -> Told:
    shape, dtype = value.shape, value.dtype
    preview = f"{dtype} array"
    if dtype.kind in "biufc" and value.size:
        first = value.flat[:ITEMS].tolist()
        preview += " [" + ", ".join(map(repr, first)) + (", …]" if value.size > ITEMS else "]")
    return Told(preview, shape, value.nbytes, UNKNOWN if dtype.hasobject else YES)


def _tell_tensor(value: Any) -> Told:
    preview = f"{value.dtype} tensor on {value.device}"
    return Told(preview, tuple(value.shape), value.element_size() * value.nelement())


# -- pandas ----------------------------------------------------------------------------------------------------------


def _tell_frame(value: Any) -> Told:
    laid_out = _laid_out(value)
    if laid_out is None:
        return Told("<pandas.DataFrame object>")
    manager, arrays, size = laid_out
    columns, rows = manager.axes
    words = [_word(arrays[number]) for number in manager.blknos[:ITEMS].tolist()]
    told = ", ".join([f"{_label(label)} {word}" for label, word in zip(_labels(columns), words)])
    return Told(told + (", …" if len(columns) > ITEMS else ""), (len(rows), len(columns)), size)


def _tell_series(value: Any) -> Told:
    laid_out = _laid_out(value)
    if laid_out is None:
        return Told("<pandas.Series object>")
    manager, arrays, size = laid_out
    return Told(f"{_word(arrays[0])} series", (len(manager.axes[0]),), size)


def _laid_out(value: Any) -> Optional[Tuple[Any, List[Any], int]]:
    """The manager of a frame's or series' blocks, their arrays, and how many bytes those have; None where one of them,
    or of the labels, is of a class of somebody else's."""
    manager = value._mgr
    if not _is_librarys(manager):
        return None
    blocks = manager.blocks
    if len(blocks) > _BLOCKS or not all(map(_is_librarys, blocks)) or not all(map(_is_plain, manager.axes)):
        return None
    arrays = [block.values for block in blocks]
    if not all(map(_is_librarys, arrays)):
        return None
    return manager, arrays, sum(map(_bytes, arrays))


def _is_librarys(value: Any) -> bool:
    return module_of(type(value)).partition(".")[0] in ("numpy", "pandas")


def _is_plain(axis: Any) -> bool:
    """Whether the labels of an axis can be counted without asking them."""
    if not _is_librarys(axis):
        return False
    name = type_name(type(axis))
    return name in ("RangeIndex", "MultiIndex") or _is_librarys(axis._data)


def _labels(columns: Any) -> List[Any]:
    """The first labels; none where they are made of other objects on the way."""
    if type_name(type(columns)) not in ("RangeIndex", "Index", "DatetimeIndex", "Int64Index", "Float64Index"):
        return ["?"] * ITEMS
    return list(islice(columns[:ITEMS], ITEMS))


def _label(label: Any) -> str:
    return label if type(label) is str else short(label)


def _bytes(array: Any) -> int:
    inner = array._ndarray if hasattr(type(array), "_ndarray") else array  # of categories: their codes
    return int(inner.nbytes)


_WORDS = {
    "BooleanDtype": "boolean",
    "CategoricalDtype": "category",
    "DatetimeTZDtype": "datetime64[tz]",
    "StringDtype": "string",
}


def _word(array: Any) -> str:
    """What an array's elements are. A dtype of pandas may hold a user's time zone or fill value: its name tells."""
    dtype = array.dtype
    if module_of(type(dtype)).partition(".")[0] == "numpy":
        return str(dtype)
    name = type_name(type(dtype))
    return _WORDS.get(name) or (name[:-5] if name.endswith("Dtype") else name)


# the module that has the classes -> how to tell of each
LIBRARIES: Dict[Any, Dict[str, Teller]] = {
    "numpy": {"ndarray": _tell_array},
    "pandas": {"DataFrame": _tell_frame, "Series": _tell_series},
    "torch": {"Tensor": _tell_tensor},
}
