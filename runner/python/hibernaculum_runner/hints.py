"""What annotations and named tuples are made of, without the import of `typing`, which is a tenth of a cold start.

Who checks types finds `typing`'s own names here. As the program runs nobody looks at an annotation (every module has
`from __future__ import annotations`), so the names stand for nothing; `NamedTuple` is made of `collections.namedtuple`,
and its annotations are not compiled to be looked at either.
"""

# ruff: noqa: F401 (names for others)
from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False  # type checkers take this name for true, wherever it is from
if TYPE_CHECKING:
    from typing import (
        IO,
        Any,
        Callable,
        Deque,
        Dict,
        FrozenSet,
        Generator,
        Iterable,
        Iterator,
        List,
        NamedTuple,
        NoReturn,
        Optional,
        Sequence,
        Set,
        Tuple,
        Union,
    )
else:

    class _Anything:
        """A hint: `Dict[str, Any]` is one as `Dict` is."""

        def __class_getitem__(cls, parameters: object) -> type:
            return cls

    IO = Any = Callable = Deque = Dict = FrozenSet = Generator = Iterable = Iterator = _Anything
    List = NoReturn = Optional = Sequence = Set = Tuple = Union = _Anything

    class _NamedTuples(type):
        """Makes a named tuple of a class with annotated fields, which may have defaults, and methods."""

        def __new__(cls, name: str, bases: tuple, body: dict) -> type:
            if not bases:
                return super().__new__(cls, name, bases, body)
            fields = tuple(body.pop("__annotations__"))
            defaults = [body.pop(field) for field in fields if field in body]
            made = namedtuple(name, fields, defaults=defaults, module=body.pop("__module__"))  # noqa: PYI024
            for attribute, value in body.items():
                setattr(made, attribute, value)
            return made

    class NamedTuple(metaclass=_NamedTuples):
        """A base of classes whose annotated names are fields, as `typing.NamedTuple` is."""
