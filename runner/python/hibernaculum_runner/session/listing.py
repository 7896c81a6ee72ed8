"""The names of a session, told without running user code.

Whatever a class may define for itself is left alone: `__repr__`, `__len__`, `__sizeof__`, `__getattr__`, properties,
and what a metaclass makes of them. So an object is told by the *exact* type that it has: a table knows how to tell the
builtin ones, `libraries` numpy's arrays, pandas' frames and series, torch's tensors; everything else is told by its
type's name alone.

```
name ─▶ facts of its type, made once a listing ─▶ teller(value)
        name, module, kind, teller                shape, size, preview, serialisable
```

Text is made directly as JSON: thousands of names are told in some ten milliseconds.
"""

from __future__ import annotations

import _thread
import io
from itertools import islice
from json.encoder import encode_basestring
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodDescriptorType,
    MethodType,
    ModuleType,
    TracebackType,
    WrapperDescriptorType,
)

from ..hints import Any, Dict, FrozenSet, Iterable, List, Tuple
from .libraries import ITEMS, NO, UNKNOWN, YES, Teller, Told, short, teller_of
from .names import module_of, shallow_size, type_name

MOST = 10_000  # names told at most; the rest is counted
PREVIEW = 200  # characters of a preview
_NAME = 200  # characters of a name
_SAMPLE = 200  # elements whose types are looked at
_WEIGHED = 8  # elements whose sizes are
_DIGITS = 600  # bits beyond which an integer is not written out

_mro = type.__dict__["__mro__"].__get__
_module_names = vars(ModuleType)["__dict__"].__get__


def listing(names: Dict[str, Any], hidden: FrozenSet[str], prefix: str, kinds: FrozenSet[str]) -> str:
    """As members of a JSON object: the names that begin with `prefix` and are of one of `kinds` (of any, if empty)."""
    facts_of: Dict[int, _Facts] = {}
    told: List[str] = []
    more = 0
    for name, value in _items(names):
        if type(name) is not str or not name.startswith(prefix) or name in hidden or _is_dunder(name):
            continue
        kind = type(value)
        facts = facts_of.get(id(kind))
        if facts is None:
            facts = facts_of[id(kind)] = _Facts(kind)
        if kinds and facts.kind not in kinds:
            continue
        if len(told) < MOST:
            told.append(facts.entry(name, value))
        else:
            more += 1
    return f'"variables":[{",".join(told)}],"more":{more}'


def _is_dunder(name: str) -> bool:
    return name[:2] == "__" and name[-2:] == "__"


def _items(names: Dict[str, Any]) -> List[Tuple[Any, Any]]:
    while True:
        try:
            return list(names.items())
        except RuntimeError:  # a finalizer or a thread changed it meanwhile
            continue


class _Facts:
    """What all values of one type have in common. Holds the type, so that its address is its own while this lives."""

    __slots__ = ("_head", "_tell", "kind", "type")

    def __init__(self, kind: type) -> None:
        self.type = kind
        name = type_name(kind)
        module = module_of(kind)
        self.kind = _kind_of(kind)
        self._tell = _teller(kind, name, module)
        words = encode_basestring(name[:_NAME]), encode_basestring(module[:_NAME])
        self._head = f'"type":{words[0]},"module":{words[1]},"kind":"{self.kind}",'

    def entry(self, name: str, value: Any) -> str:
        try:
            preview, shape, size, serialisable = self._tell(value)
        except Exception as problem:  # a library's object in a state that it does not expect itself, a released view …
            preview, shape, size, serialisable = f"<{type_name(type(problem))}>", None, None, UNKNOWN
        if len(preview) > PREVIEW:
            preview = preview[: PREVIEW - 1] + "…"
        if size is None:
            size = shallow_size(value)
        dimensions = "null" if shape is None else "[" + ",".join(map(str, shape)) + "]"
        return (
            f'{{"name":{encode_basestring(name[:_NAME])},{self._head}"shape":{dimensions},"size":{size},'
            f'"preview":{encode_basestring(preview)},"serialisable":{serialisable}}}'
        )


# -- kinds -----------------------------------------------------------------------------------------------------------

_CALLABLES = (FunctionType, BuiltinFunctionType, MethodType, MethodDescriptorType, WrapperDescriptorType)


def _kind_of(kind: type) -> str:
    """An object of a class that has `__call__` is data all the same: a model, say."""
    bases = _mro(kind)
    if any(base is ModuleType for base in bases):
        return "module"
    if any(base is type for base in bases):
        return "class"
    return "callable" if any(kind is known for known in _CALLABLES) else "data"


# -- tellers: builtin types ------------------------------------------------------------------------------------------


def _tell_atom(value: Any) -> Told:
    return Told(repr(value), None, None, YES)


def _tell_int(value: int) -> Told:
    bits = value.bit_length()
    return Told(repr(value) if bits <= _DIGITS else f"<int of {bits} bits>", None, None, YES)


def _tell_text(value: Any) -> Told:
    length = len(value)
    short = value if length <= PREVIEW else value[:PREVIEW]
    preview = repr(short)
    return Told(preview if short is value else preview[:-1] + "…", (length,), None, YES)


def _tell_memoryview(value: memoryview) -> Told:
    return Told(f"<memoryview of {value.nbytes} bytes, format {value.format}>", value.shape, value.nbytes, NO)


def _tell_range(value: range) -> Told:
    try:
        return Told(repr(value), (len(value),), None, YES)
    except OverflowError:  # longer than an index can be
        return Told("range(…)", None, None, YES)


def _tell_list(value: Any) -> Told:
    return _tell_sequence(value, "[", "]")


def _tell_tuple(value: Any) -> Told:
    return _tell_sequence(value, "(", ",)" if len(value) == 1 else ")")


def _tell_set(value: Any) -> Told:
    return _tell_sequence(value, "{", "}") if value else Told("set()", (0,), None, YES)


def _tell_frozenset(value: Any) -> Told:
    return _tell_sequence(value, "frozenset({", "})")


def _tell_sequence(value: Any, opening: str, closing: str) -> Told:
    length = len(value)
    sample = _some(value)
    inside = ", ".join(map(short, sample[:ITEMS]))
    if length > ITEMS:
        inside += ", …"
    return Told(opening + inside + closing, (length,), _estimate(value, length, sample), _saved(sample, length))


def _tell_dict(value: Dict[Any, Any]) -> Told:
    length = len(value)
    keys, values = _some(value), _some(value.values())
    inside = ", ".join([f"{short(key)}: {short(item)}" for key, item in zip(keys[:ITEMS], values)])
    if length > ITEMS:
        inside += ", …"
    size = _estimate(value, length, keys) + _elements(length, values)
    return Told("{" + inside + "}", (length,), size, _saved(keys + values, 2 * length))


def _some(value: Iterable[Any]) -> List[Any]:
    while True:
        try:
            return list(islice(value, _SAMPLE))
        except RuntimeError:  # a thread changed it meanwhile
            continue


_SAVED = frozenset(map(id, (type(None), bool, int, float, complex, str, bytes, bytearray, range)))


def _saved(sample: List[Any], length: int) -> str:
    """Whether all of it can be saved: known where all of it was looked at, and all of it is plain."""
    if length > len(sample):
        return UNKNOWN
    return YES if _SAVED.issuperset(map(id, map(type, sample))) else UNKNOWN


def _estimate(value: Any, length: int, sample: List[Any]) -> int:
    """The container, and what its elements take on their own, reckoned from the first few."""
    kind: Any = type(value)
    return int(kind.__sizeof__(value)) + _elements(length, sample)


def _elements(length: int, sample: List[Any]) -> int:
    weighed = sample[:_WEIGHED]
    return sum(map(shallow_size, weighed)) * length // len(weighed) if weighed else 0


# -- tellers: code ---------------------------------------------------------------------------------------------------


def _tell_module(value: ModuleType) -> Told:
    inside = _module_names(value) or {}
    name, file = inside.get("__name__"), inside.get("__file__")
    shown = name if type(name) is str else "?"
    origin = f" from {file}" if type(file) is str else ""
    return Told(f"<module {shown}{origin}>", None, None, YES)


def _tell_class(value: type) -> Told:
    bases = ", ".join([type_name(base) for base in type.__dict__["__bases__"].__get__(value)])
    return Told(f"class {type_name(value)}({bases})")


_CO_VARARGS, _CO_VARKEYWORDS = 4, 8


def _tell_function(value: FunctionType) -> Told:
    code = value.__code__
    plain, named = code.co_argcount, code.co_kwonlyargcount
    words = list(code.co_varnames[: plain + named + 2])
    arguments = words[:plain]
    rest = words[plain + named :]
    if code.co_flags & _CO_VARARGS:
        arguments.append("*" + rest.pop(0))
    elif named:
        arguments.append("*")
    arguments += words[plain : plain + named]
    if code.co_flags & _CO_VARKEYWORDS:
        arguments.append("**" + rest.pop(0))
    return Told(f"{value.__name__}({', '.join(arguments)})")


def _tell_method(value: MethodType) -> Told:
    function = value.__func__
    return _tell_function(function) if type(function) is FunctionType else Told("<method>")


def _tell_builtin(value: Any) -> Told:
    return Told(f"<built-in {value.__name__}>")


def _tell_fleeting(value: Any) -> Told:
    return Told(f"<{type_name(type(value))}>", None, None, NO)


_TELLERS: Dict[int, Teller] = {
    id(kind): teller
    for kinds, teller in [
        ((type(None), bool, float, complex, type(...), type(NotImplemented)), _tell_atom),
        ((int,), _tell_int),
        ((str, bytes, bytearray), _tell_text),
        ((memoryview,), _tell_memoryview),
        ((range,), _tell_range),
        ((list,), _tell_list),
        ((tuple,), _tell_tuple),
        ((set,), _tell_set),
        ((frozenset,), _tell_frozenset),
        ((dict,), _tell_dict),
        ((FunctionType,), _tell_function),
        ((MethodType,), _tell_method),
        ((BuiltinFunctionType, MethodDescriptorType, WrapperDescriptorType), _tell_builtin),
        (
            (
                *(GeneratorType, CoroutineType, AsyncGeneratorType, FrameType, TracebackType, CodeType),
                *(io.FileIO, io.BufferedReader, io.BufferedWriter, io.BufferedRandom, io.TextIOWrapper),
                *(type(_thread.allocate_lock()), _thread.RLock),
            ),
            _tell_fleeting,
        ),
    ]
    for kind in kinds
}


def _teller(kind: type, name: str, module: str) -> Teller:
    known = _TELLERS.get(id(kind))
    if known is not None:
        return known
    bases = _mro(kind)
    if any(base is ModuleType for base in bases):
        return _tell_module
    if any(base is type for base in bases):
        return _tell_class
    library = teller_of(kind)
    if library is not None:
        return library
    shown = f"<{name} object>" if module in ("builtins", "__main__", "") else f"<{module}.{name} object>"
    return lambda value: Told(shown)
